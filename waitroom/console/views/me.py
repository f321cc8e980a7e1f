"""One's own account: password, second factor with its QR code, open sign-ins."""

from markupsafe import Markup
from quart import Blueprint, Response, request

from waitroom.accounts import guard
from waitroom.accounts.errors import (
    BusyError,
    PasswordError,
    SecondFactorError,
    SignInError,
    ThrottledError,
)
from waitroom.accounts.signins import SignIn, csrf_token
from waitroom.console.door import accounts, keep, who
from waitroom.console.pages import Note, go, page
from waitroom.errors import WaitroomError

_WRONG = (SignInError, ThrottledError, BusyError, PasswordError, SecondFactorError)


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/me", view_func=me)
    console.add_url_rule("/me/password", view_func=password, methods=["POST"])
    console.add_url_rule("/me/totp", view_func=totp_begin, methods=["POST"])
    console.add_url_rule("/me/totp/confirm", view_func=totp_confirm, methods=["POST"])
    console.add_url_rule("/me/totp/remove", view_func=totp_remove, methods=["POST"])
    console.add_url_rule("/me/everywhere", view_func=everywhere, methods=["POST"])


async def me() -> Response:
    """Show one's own account."""
    return await _page([])


async def password() -> Response:
    """Change the password."""
    form = await request.form
    if form.get("password", "") != form.get("again", ""):
        return await _page([Note("The two new passwords differ.", "wrong")], 422)
    try:
        made = await accounts().change_password(who(), form.get("old", ""), form["password"])
    except _WRONG as e:
        return await _page([_wrong(e)], _status(e))
    return await keep(go("me", done="password"), made)


async def totp_begin() -> Response:
    """Show the QR code of a new second factor."""
    form = await request.form
    try:
        offer = await accounts().totp.begin(who(), form.get("password", ""))
    except _WRONG as e:
        return await _page([_wrong(e)], _status(e))
    return page(
        "totp.html",
        svg=Markup(offer.svg),  # noqa: S704 - drawn by our own library from our own text
        secret=" ".join(offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4)),
        codes=None,
    )


async def totp_confirm() -> Response:
    """Have the second factor count, and show its recovery codes once."""
    try:
        codes, made = await accounts().totp.confirm(who(), (await request.form).get("code", ""))
    except SecondFactorError as e:
        detail = f"{e.detail} Begin again: the picture is shown once."
        return await _page([Note(detail, "wrong")], e.status)
    return await keep(_codes(codes, made), made)


async def totp_remove() -> Response:
    """Take the second factor away."""
    try:
        made = await accounts().totp.remove(who(), (await request.form).get("password", ""))
    except _WRONG as e:
        return await _page([_wrong(e)], _status(e))
    return await keep(go("me", done="totp-off"), made)


async def everywhere() -> Response:
    """End all sign-ins of one's own, this one too."""
    await accounts().sign_out_everywhere(who(), who().name)
    response = go("sign_in", done="signed-out")
    guard.forget(response)
    return response


def _codes(codes: list[str], made: SignIn) -> Response:
    # Forms of this page are sent with the cookie that comes with it.
    token = csrf_token(made.cookie)
    return page("totp.html", svg=None, secret="", codes=codes, csrf_token=token)


async def _page(notes: list[Note], status: int = 200) -> Response:
    account = await accounts().account(who(), who().name)
    return page("me.html", status=status, notes=notes, section="me", account=account)


def _wrong(error: WaitroomError) -> Note:
    if isinstance(error, SignInError):
        return Note("The password does not fit. Nothing was changed.", "wrong")
    return Note(error.detail, "wrong")


def _status(error: WaitroomError) -> int:
    return 422 if isinstance(error, SignInError) else error.status
