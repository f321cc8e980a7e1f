"""API tokens: make one and see it once, see when each was last used, revoke."""

from quart import Blueprint, Response, request

from waitroom.accounts.account import role_of
from waitroom.accounts.errors import AccountError
from waitroom.accounts.tokens import NewToken
from waitroom.accounts.who import ROLES
from waitroom.console import forms
from waitroom.console.door import accounts as book
from waitroom.console.door import who
from waitroom.console.pages import Note, go, page
from waitroom.console.views.people import rooms_of
from waitroom.errors import VersionError
from waitroom.web.services import services

#: How long a token counts: text -> days; 0 is until it is revoked.
LIVES = (("30 days", 30), ("90 days", 90), ("a year", 365), ("until I revoke it", 0))
_DAY_S = 86_400


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/tokens", view_func=tokens)
    console.add_url_rule("/tokens/make", view_func=make_token, methods=["POST"])
    console.add_url_rule("/tokens/revoke", view_func=revoke_token, methods=["POST"])


async def tokens() -> Response:
    """List the tokens."""
    return await _page([])


async def make_token() -> Response:
    """Make a token, and show its value once."""
    form = await request.form
    days = next((days for _, days in LIVES if str(days) == form.get("days")), LIVES[1][1])
    try:
        made = await book().tokens.make(
            who(),
            form.get("name", "").strip(),
            role_of(form.get("role", "")),
            rooms=rooms_of(form.getlist("rooms")),
            life_s=days * _DAY_S if days else None,
        )
    except AccountError as e:
        return await _page([Note(e.detail, "wrong")], e.status)
    return await _page([], made=made)


async def revoke_token() -> Response:
    """Revoke a token."""
    form = await request.form
    try:
        await book().tokens.revoke(who(), form.get("name", ""), version=forms.read_version(form))
    except (AccountError, VersionError) as e:
        return await _page([Note(e.detail, "wrong")], e.status)
    return go("tokens", done="revoked")


async def _page(notes: list[Note], status: int = 200, made: NewToken | None = None) -> Response:
    return page(
        "tokens.html",
        status=status,
        notes=notes,
        section="tokens",
        tokens=await book().tokens.list(who()),
        rooms=await services().directory.names(),
        roles=ROLES,
        lives=LIVES,
        made=made,
    )
