"""Coming in and going out: the first password, the sign-in, the sign-out."""

from quart import Blueprint, Response, request

from waitroom.accounts import guard
from waitroom.accounts.errors import (
    AccountNameError,
    BusyError,
    CodeNeededError,
    LinkError,
    PasswordError,
    SignInError,
    ThrottledError,
)
from waitroom.console.door import accounts, keep, signed_in
from waitroom.console.pages import Note, go, page
from waitroom.web.requests import see_other


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/sign-in", view_func=sign_in, methods=["GET", "POST"])
    console.add_url_rule("/welcome", view_func=welcome, methods=["GET", "POST"])
    console.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])


async def sign_in() -> Response:
    """Show the form, or sign somebody in."""
    form = await request.form
    asked = guard.next_path(form.get("next") or request.args.get("next"))
    if request.method == "GET":
        return go("rooms") if signed_in() else await _form("", asked, [])
    name = form.get("name", "")
    try:
        made = await accounts().sign_in(
            name,
            form.get("password", ""),
            form.get("code", ""),
            guard.address(),
            browser=guard.browser(),
        )
    except CodeNeededError as e:
        return await _form(name, asked, [Note(e.detail, "warn")], status=e.status, code=True)
    except (SignInError, ThrottledError, BusyError) as e:
        return await _form(name, asked, [Note(e.detail, "wrong")], status=e.status)
    return await keep(see_other(asked), made)


async def welcome() -> Response:
    """Show the form for a new password, or set it and sign in."""
    if request.method == "GET":
        return await _welcome_form("", "", [])
    form = await request.form
    link, name, password = (form.get(each, "") for each in ("link", "name", "password"))
    if password != form.get("again", ""):
        return await _welcome_form(link, name, [Note("The two passwords differ.", "wrong")], 422)
    try:
        made = await accounts().accept(_value(link), password, name)
    except (LinkError, AccountNameError, PasswordError, BusyError) as e:
        return await _welcome_form(link, name, [Note(e.detail, "wrong")], e.status)
    if made is None:
        return go("sign_in", done="welcome")
    return await keep(see_other("/console/rooms?done=welcome"), made)


async def sign_out() -> Response:
    """End the sign-in."""
    await accounts().sign_out(guard.cookie())
    response = go("sign_in", done="signed-out")
    guard.forget(response)
    return response


async def _form(
    name: str, asked: str, notes: list[Note], *, status: int = 200, code: bool = False
) -> Response:
    shown = {"name": name, "next": asked, "code": code, "owned": await accounts().has_owner()}
    return page("sign_in.html", status=status, notes=notes, **shown)


async def _welcome_form(link: str, name: str, notes: list[Note], status: int = 200) -> Response:
    # Only the first owner chooses a name; whoever was invited has one.
    first = not await accounts().has_owner()
    return page("welcome.html", status=status, notes=notes, link=link, name=name, first=first)


def _value(link: str) -> str:
    """Return the value of a link, of which somebody may have pasted all."""
    return link.strip().rpartition("#")[2]
