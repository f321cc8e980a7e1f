"""The cookies of the console, and the address that a request comes from.

Lax and not Strict: alerts and reports link to the console, and with Strict whoever follows such
a link from a mail would find themselves signed out. What changes something is a POST with a CSRF
token, and no POST of another site brings a Lax cookie.
"""

from werkzeug.http import dump_cookie

from waitroom.accounts.browsers import LIFE_MS
from waitroom.identity import cookies_named

_SIGN_IN = "waitroom_console"
_BROWSER = "waitroom_browser"


def _name(name: str, secure: bool) -> str:
    # No other host, no page without TLS and no path of the site can set one with this prefix.
    return f"__Host-{name}" if secure else name


def shown(header: str | None, *, secure: bool) -> tuple[str, str]:
    """Return the values of a request's cookies: of the sign-in, and of the browser.

    Args:
        header: The Cookie header, untrusted.
        secure: Whether the request came by https.

    Returns:
        The first of each name; empty where there is none.
    """
    sign_in, browser = (
        next(iter(cookies_named(header, _name(name, secure))), "") for name in (_SIGN_IN, _BROWSER)
    )
    return sign_in, browser


def sign_in_cookie(value: str, *, secure: bool) -> str:
    """Return the Set-Cookie value that keeps a sign-in; an empty one takes it away.

    Args:
        value: The cookie's.
        secure: Whether the request came by https.
    """
    # Until the browser is closed: how long it counts is for the server to say.
    return _cookie(_SIGN_IN, value, None if value else 0, secure)


def browser_cookie(value: str, *, secure: bool) -> str:
    """Return the Set-Cookie value by which the browser is known next time.

    Args:
        value: The cookie's.
        secure: Whether the request came by https.
    """
    return _cookie(_BROWSER, value, LIFE_MS // 1000, secure)


def is_secure(scheme: str, forwarded: str | None) -> bool:
    """Say whether the browser came by https, as far as the last proxy says.

    Args:
        scheme: Of the connection to this process.
        forwarded: The header X-Forwarded-Proto.
    """
    return (forwarded or scheme).partition(",")[0].strip().lower() == "https"


def address_of(peer: str, forwarded: str, proxies: int) -> str:
    """Return the address that a request comes from.

    Args:
        peer: Who opened the connection to this process.
        forwarded: The header X-Forwarded-For; anybody can write what they like before what our
            own proxies add at its end.
        proxies: How many proxies of ours each add an address; 0 believes nobody.
    """
    if proxies < 1:
        return peer
    named = [part.strip() for part in forwarded.split(",") if part.strip()]
    return named[-proxies] if len(named) >= proxies else peer


def _cookie(name: str, value: str, max_age_s: int | None, secure: bool) -> str:
    return dump_cookie(
        _name(name, secure),
        value,
        max_age=max_age_s,
        path="/",
        secure=secure,
        httponly=True,
        samesite="Lax",
    )
