"""The accounts: who may look after which rooms, invitations, and the trail of all that."""

from typing import Any

from quart import Blueprint, Response, request

from waitroom.accounts.account import Account, access, role_of
from waitroom.accounts.errors import AccountError
from waitroom.accounts.links import Link
from waitroom.accounts.trail import TrailRow
from waitroom.accounts.who import ROLES
from waitroom.console import forms
from waitroom.console.door import accounts as book
from waitroom.console.door import who
from waitroom.console.pages import Note, go, page
from waitroom.errors import ConflictError, RequestError, VersionError
from waitroom.web.services import services

TRAIL = 30


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/people", endpoint="accounts", view_func=people)
    console.add_url_rule("/people/invite", view_func=invite, methods=["POST"])
    console.add_url_rule("/people/change", view_func=change_person, methods=["POST"])
    console.add_url_rule("/people/link", view_func=person_link, methods=["POST"])
    console.add_url_rule("/people/delete", view_func=delete_person, methods=["POST"])


async def people() -> Response:
    """List the accounts."""
    return await _page([])


async def invite() -> Response:
    """Make an account, and show the link for its first password once."""
    form = await request.form
    try:
        role, rooms = role_of(form.get("role", "")), rooms_of(form.getlist("rooms"))
        link = await book().invite(who(), form.get("name", ""), role, rooms)
    except (AccountError, ConflictError) as e:
        return await _page([Note(e.detail, "wrong")], e.status)
    return await _page([], link=link)


async def change_person() -> Response:
    """Give an account another role or other rooms."""
    form = await request.form
    try:
        role, rooms = role_of(form.get("role", "")), rooms_of(form.getlist("rooms"))
        name, seen = form.get("name", ""), forms.read_seen(form)
        await book().change(who(), name, role, rooms, seen=seen)
    except ConflictError as e:
        return await _page([_met(e)], e.status, typed={"name": name, "role": role, "rooms": rooms})
    except AccountError as e:
        return await _page([Note(e.detail, "wrong")], e.status)
    return go("accounts", done="saved")


async def person_link() -> Response:
    """Make a link for a new password, and show it once."""
    form = await request.form
    drop = form.get("drop_totp") == "1"
    try:
        link = await book().reset_link(who(), form.get("name", ""), drop_totp=drop)
    except AccountError as e:
        return await _page([Note(e.detail, "wrong")], e.status)
    return await _page([], link=link)


async def delete_person() -> Response:
    """Delete an account."""
    form = await request.form
    try:
        await book().delete(who(), form.get("name", ""), version=forms.read_version(form))
    except (AccountError, VersionError) as e:
        return await _page([Note(e.detail, "wrong")], e.status)
    return go("accounts", done="deleted")


def rooms_of(chosen: list[str]) -> list[str] | None:
    """Return the rooms that a form names; None, which is all of them, when it says so.

    Raises:
        RequestError: If it says nothing: all rooms are given to nobody by mistake.
    """
    if not chosen:
        raise RequestError("Choose the rooms, or all rooms. Nothing was changed.")
    return [name for name in chosen if name] or None


def _met(error: ConflictError) -> Note:
    now = "all rooms" if error.value is None else _value(error.value)
    by = f" by {error.who}" if error.who else ""
    return Note(
        f"{error.field.capitalize()}: changed meanwhile{by}, now {now}. Nothing was saved. "
        "Save again to put yours in its place.",
        "wrong",
    )


async def _page(
    notes: list[Note],
    status: int = 200,
    link: Link | None = None,
    typed: dict[str, Any] | None = None,
) -> Response:
    asker = who()
    return page(
        "people.html",
        status=status,
        notes=notes,
        section="accounts",
        accounts=[_row(each, typed or {}) for each in await book().accounts(asker)],
        rooms=await services().directory.names(),
        roles=ROLES,
        link=link,
        address=link.address(services().config.service_url or request.host_url) if link else "",
        trail=[_trail(row) for row in await book().audit(asker, limit=TRAIL)],
    )


def _row(account: Account, typed: dict[str, Any]) -> dict[str, Any]:
    """Return an account as the page shows it, with what was typed into its form."""
    mine = typed if typed.get("name") == account.name else {}
    return {
        "account": account,
        "seen": forms.written_seen(access(account)),
        "role": mine.get("role", account.role),
        "rooms": mine.get("rooms", account.rooms),
        "typed": bool(mine),
    }


def _trail(row: TrailRow) -> dict[str, Any]:
    return {
        "at_ms": row.at_ms,
        "who": row.who,
        "about": row.about,
        "changes": [
            f"{field.replace('_', ' ')}: {_value(before)} → {_value(after)}"
            for field, (before, after) in row.changes.items()
        ],
    }


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_value(part)}" for key, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
