"""The console's door: who is signed in, and that a form comes from our own page.

Whoever is not signed in is shown the way in and brought back afterwards. What a page asks by
itself does not keep a sign-in alive. Roles are asked for by what the views call.
"""

from contextlib import suppress
from urllib.parse import quote

from quart import Response, g, request

from waitroom.accounts import guard
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import UnauthorizedError
from waitroom.accounts.signins import SignedIn, SignIn, csrf_token
from waitroom.accounts.who import Who
from waitroom.errors import StoreError
from waitroom.web.requests import see_other

#: Views for those who are not signed in.
OPEN = frozenset(("console.sign_in", "console.welcome"))
#: What pages ask by themselves, beside those that load themselves `again`.
BY_ITSELF = frozenset(
    ("console.figures", "console.charts", "console.rooms_fragment", "console.effect")
)
_READING = ("GET", "HEAD", "OPTIONS")


def accounts() -> Accounts:
    """Return all accounts."""
    return guard.accounts()


def who() -> Who:
    """Return who is signed in.

    Raises:
        UnauthorizedError: If nobody is.
    """
    found = signed_in()
    if found is None:
        raise UnauthorizedError
    return found.who


def signed_in() -> SignedIn | None:
    """Return the sign-in of this request, or None."""
    found: SignedIn | None = g.get("signed_in")
    return found


def form_token() -> str:
    """Return what the forms of this page carry; empty when nobody is signed in."""
    return csrf_token(guard.cookie()) if signed_in() else ""


async def check() -> Response | None:
    """Look who asks, before every view of the console.

    Returns:
        The way to the sign-in for whoever has to; else None.

    Raises:
        CsrfError: If a form comes from elsewhere; nothing was done.
        UnauthorizedError: If a script asks without a sign-in.
        StoreError: If Redis failed.
    """
    endpoint = request.endpoint or ""
    if endpoint == "console.asset":
        return None
    touch = endpoint not in BY_ITSELF and "again" not in request.args
    g.signed_in = await guard.accounts().who_of_cookie(guard.cookie(), touch=touch)
    reading = request.method in _READING
    if endpoint in OPEN:
        # An old tab with the form of the sign-in knows no token.
        if not reading:
            guard.check_origin()
        return None
    if signed_in():
        if not reading:
            await guard.check_csrf()
        return None
    if not touch:
        raise UnauthorizedError
    return _to_sign_in()


async def keep(response: Response, made: SignIn) -> Response:
    """Give the browser a new sign-in; the one that it had before counts no more.

    Args:
        response: The answer to the form.
        made: The new sign-in.
    """
    # It ends by itself when nobody uses it: no reason to refuse the new one.
    with suppress(StoreError):
        await accounts().sign_out(guard.cookie())
    guard.keep(response, made)
    return response


def _to_sign_in() -> Response:
    here = request.full_path.rstrip("?") if request.method == "GET" else ""
    where = f"{guard.SIGN_IN}?next={quote(here, safe='/')}" if here else guard.SIGN_IN
    return see_other(where)
