"""What stands before the views of the console and of the API.

``require`` is for views of the console: a cookie, and for whatever is no GET a CSRF token.
``bearer`` is for views of the API: an API token and nothing else, so no other site's form reaches
it. Both check the role, in the room that the view's address names, and keep answers out of caches.
"""

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import quote

from quart import Response, current_app, g, make_response, redirect, request

from waitroom.accounts import cookies
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import CsrfError, UnauthorizedError
from waitroom.accounts.signins import SignedIn, SignIn, csrf_fits, csrf_token
from waitroom.accounts.who import Role, Who

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
_READING = ("GET", "HEAD", "OPTIONS")

P = ParamSpec("P")
View = Callable[P, Awaitable[Any]]
Guarded = Callable[P, Awaitable[Response]]


def accounts() -> Accounts:
    """Return the accounts of the application that handles this request."""
    found: Accounts = current_app.extensions[EXTENSION]
    return found


def who() -> Who:
    """Return who sends this request; for views behind ``require`` or ``bearer``."""
    found: Who = g.waitroom_who
    return found


def signed_in() -> SignedIn:
    """Return the sign-in of this request; for views behind ``require``."""
    found: SignedIn = g.waitroom_signed_in
    return found


def csrf() -> str:
    """Return the CSRF token for the forms of this page; for views behind ``require``."""
    return csrf_token(cookie())


def require(
    role: Role, *, room: str | None = None, touch: bool = True
) -> Callable[[View[P]], Guarded[P]]:
    """Let a view of the console be seen by those who may.

    Args:
        role: The least powerful role that may.
        room: Name of the view's argument that names a room, which has to be theirs; None when
            the view is about the whole installation. A viewer of some rooms may see a page of
            role ``viewer``: it has to leave out the other rooms.
        touch: Whether asking is a use of the sign-in; False for what a page does by itself.

    Returns:
        A decorator for async views. Raises ``UnauthorizedError`` where a page is not redirected to
        the sign-in, ``CsrfError`` and ``ForbiddenError``.
    """

    def decorate(view: View[P]) -> Guarded[P]:
        @wraps(view)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            found = await accounts().who_of_cookie(cookie(), touch=touch)
            if found is None:
                return _uncached(_to_sign_in())
            if request.method not in _READING:
                await check_csrf()
            found.who.require(role, None if room is None else str(kwargs[room]))
            g.waitroom_who, g.waitroom_signed_in = found.who, found
            return _uncached(await make_response(await view(*args, **kwargs)))

        return guarded

    return decorate


def bearer(role: Role, *, room: str | None = None) -> Callable[[View[P]], Guarded[P]]:
    """Let a view of the API be asked by those who may.

    Args:
        role: The least powerful role that may.
        room: Name of the view's argument that names a room, which has to be the token's; None
            when the view is about the whole installation.

    Returns:
        A decorator for async views. Raises ``UnauthorizedError`` and ``ForbiddenError``.
    """

    def decorate(view: View[P]) -> Guarded[P]:
        @wraps(view)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            found = await who_of_bearer()
            found.require(role, None if room is None else str(kwargs[room]))
            g.waitroom_who = found
            return _uncached(await make_response(await view(*args, **kwargs)))

        return guarded

    return decorate


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
    """Return unless the browser says that another site sent this request.

    Enough for forms without a sign-in, such as that of the sign-in itself.

    Raises:
        CsrfError: If it was sent from elsewhere.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CsrfError
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
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
    _uncached(response)


def forget(response: Response) -> None:
    """Have the browser delete the sign-in's cookie; it stays known."""
    response.headers.add("Set-Cookie", cookies.sign_in_cookie("", secure=secure()))
    _uncached(response)


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


def _to_sign_in() -> Response:
    if "text/html" not in request.headers.get("Accept", ""):
        raise UnauthorizedError
    here = request.full_path.rstrip("?") if request.method == "GET" else ""
    where = f"{SIGN_IN}?next={quote(here, safe='/')}" if here else SIGN_IN
    found: Any = redirect(where, 303)
    return found  # type: ignore[no-any-return]


def _uncached(response: Any) -> Response:
    response.headers["Cache-Control"] = "no-store"
    found: Response = response
    return found
