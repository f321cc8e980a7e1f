"""What a request shows of who sends it: the console's cookies and CSRF token, the API's bearer.

The API takes an API token and nothing else, so no other site's form reaches it.
"""

import re

from quart import Response, current_app, g, request

from waitroom.accounts import cookies
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import CsrfError, UnauthorizedError
from waitroom.accounts.signins import SignIn, csrf_fits
from waitroom.accounts.who import Who

#: Where ``Accounts`` hangs in the Quart application.
EXTENSION = "waitroom.accounts"
#: Where one signs in.
SIGN_IN = "/console/sign-in"
#: Name of the field of a form that holds the CSRF token.
CSRF_FIELD = "csrf"
#: The header in which a script sends it.
CSRF_HEADER = "X-CSRF-Token"
#: A page of the console, in plain characters.
_PAGE = re.compile(r"/console(?:[/?][!-\[\]-~]*)?")


def accounts() -> Accounts:
    """Return the accounts of the application that handles this request."""
    found: Accounts = current_app.extensions[EXTENSION]
    return found


def who() -> Who:
    """Return who sends this request; for views of the API."""
    found: Who = g.waitroom_who
    return found


async def who_of_bearer() -> Who:
    """Return who shows an API token with this request.

    Raises:
        UnauthorizedError: If there is none that counts.
        StoreError: If Redis failed.
    """
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    value = shown.strip() if scheme.lower() == "bearer" else ""
    found = await accounts().who_of_token(value)
    if found is None:
        raise UnauthorizedError("The API token is missing, wrong, expired or revoked.")
    return found


async def check_csrf() -> None:
    """Return if this request was sent from a page of its sign-in.

    Raises:
        CsrfError: If it was not.
    """
    check_origin()
    shown = request.headers.get(CSRF_HEADER) or (await request.form).get(CSRF_FIELD, "")
    if not csrf_fits(cookie(), shown):
        raise CsrfError


def check_origin() -> None:
    """Return if the browser says that a page of this site sent this request.

    Enough for forms without a sign-in, such as that of the sign-in itself. Every browser says so
    with every form, so whoever leaves it out is refused: nobody is signed in to a stranger's
    account by one that was made to keep silent.

    Raises:
        CsrfError: If it was sent from elsewhere, or from nowhere.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CsrfError
        return
    if request.headers.get("Origin", "").partition("://")[2] != request.host:
        raise CsrfError


def cookie() -> str:
    """Return the value of the sign-in's cookie; empty when there is none."""
    return _cookies()[0]


def browser() -> str:
    """Return what the browser kept from its last sign-in; for ``Accounts.sign_in``."""
    return _cookies()[1]


def secure() -> bool:
    """Return whether the browser came by https."""
    return cookies.is_secure(request.scheme, request.headers.get("X-Forwarded-Proto"))


def address() -> str:
    """Return the address that this request comes from; for ``Accounts.sign_in``."""
    return cookies.address_of(
        request.remote_addr or "",
        ",".join(request.headers.getlist("X-Forwarded-For")),
        accounts().trusted_proxies,
    )


def keep(response: Response, sign_in: SignIn) -> None:
    """Give the browser a sign-in; the one before it has to be ended first.

    Args:
        response: The answer to the form.
        sign_in: What ``Accounts`` returned.
    """
    for value in (
        cookies.sign_in_cookie(sign_in.cookie, secure=secure()),
        cookies.browser_cookie(sign_in.browser, secure=secure()),
    ):
        response.headers.add("Set-Cookie", value)
    response.headers["Cache-Control"] = "no-store"


def forget(response: Response) -> None:
    """Have the browser delete the sign-in's cookie; it stays known."""
    response.headers.add("Set-Cookie", cookies.sign_in_cookie("", secure=secure()))
    response.headers["Cache-Control"] = "no-store"


def next_path(value: str | None) -> str:
    """Return where to go after signing in: a page of the console and nothing else.

    Args:
        value: What the address or the form says, untrusted.
    """
    if value is None or not _PAGE.fullmatch(value) or ".." in value:
        return "/console"
    return value


def _cookies() -> tuple[str, str]:
    # HTTP/2 sends them in several headers.
    header = "; ".join(request.headers.getlist("Cookie"))
    return cookies.shown(header, secure=secure())
