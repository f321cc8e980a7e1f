"""Who a request comes from: the ticket and the pass that it shows, and the cookies that hold them.

Everything here is untrusted until ``Tokens`` has read it. Two cookies of one name can arrive
(another path, an older deployment); the first that verifies counts.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from werkzeug.datastructures import MultiDict
from werkzeug.http import dump_cookie, parse_cookie

from waitroom import clock
from waitroom.errors import TokenError, TokenMissingError
from waitroom.tokens import NOBODY, Pass, Ticket, Tokens

#: How long a browser keeps a ticket, seconds. The place itself lapses much earlier.
TICKET_COOKIE_S = 86_400
#: The scheme of an Authorization header that holds a ticket, in lower case.
SCHEME = "ticket"

#: Stands for a token; tokens are of letters that no cookie quotes.
_HOLE = "{token}"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def ticket_cookie_name(room: str) -> str:
    """Return the name of the cookie that holds a room's ticket."""
    return f"waitroom_ticket_{room}"


def pass_cookie_name(room: str) -> str:
    """Return the name of the cookie that holds a room's pass."""
    return f"waitroom_pass_{room}"


def cookies(header: str | None) -> "MultiDict[str, str]":
    """Return all cookies of a request, several of one name included."""
    # Ours are ASCII. Bytes of other people's cookies must not cost the visitor the ticket.
    return parse_cookie(_NOT_ASCII.sub("?", header or ""))


def cookies_named(header: str | None, name: str) -> list[str]:
    """Return the values of all cookies of one name."""
    # Most requests have no such cookie, and to read all of them takes a while.
    return cookies(header).getlist(name) if header and name in header else []


def read_ticket(tokens: Tokens, room: str, shown: Iterable[str]) -> Ticket:
    """Return the first ticket that verifies.

    Args:
        tokens: The keys.
        room: The room it must be for.
        shown: Tokens as they came, untrusted.

    Raises:
        TokenMissingError: If none was shown.
        TokenError: If none verifies; the first one's defect.
    """
    defect: TokenError | None = None
    for token in shown:
        try:
            return tokens.read_ticket(token, room)
        except TokenError as e:
            defect = defect or e
    raise defect or TokenMissingError("no ticket was shown")


def read_pass(
    tokens: Tokens,
    room: str,
    shown: Iterable[str],
    *,
    epoch: int,
    now_ms: int,
    grace_ms: int = 0,
) -> Pass | None:
    """Return the first pass that verifies, or None.

    Args:
        tokens: The keys.
        room: The room it must be for.
        shown: Tokens as they came, untrusted.
        epoch: The room's epoch.
        now_ms: Milliseconds since the epoch.
        grace_ms: Accept one that ran out this long ago; see ``Tokens.read_pass``.
    """
    for token in shown:
        try:
            return tokens.read_pass(token, room, epoch=epoch, now_ms=now_ms, grace_ms=grace_ms)
        except TokenError:
            continue
    return None


def read_held_pass(
    tokens: Tokens, room: str, header: str | None, *, epoch: int, now_ms: int
) -> Pass | None:
    """Return the pass for a seat that a browser holds, or None when none verifies.

    Args:
        tokens: The keys.
        room: The room it must be for.
        header: The Cookie header, untrusted.
        epoch: The room's epoch.
        now_ms: Milliseconds since the epoch.
    """
    shown = cookies_named(header, pass_cookie_name(room))
    found = read_pass(tokens, room, shown, epoch=epoch, now_ms=now_ms)
    return None if found is None or found.visitor == NOBODY else found


def ticket_cookie(room: str, token: str, *, secure: bool) -> str:
    """Return the Set-Cookie value that gives a browser a ticket; an empty one takes it away.

    Args:
        room: The room's name.
        token: The ticket.
        secure: Whether the visitor came by https.
    """
    max_age_s = TICKET_COOKIE_S if token else 0
    return _cookie(ticket_cookie_name(room), token, max_age_s, secure)


def pass_cookie(
    room: str, token: str, *, left_ms: int, session_duration_s: int, secure: bool
) -> str:
    """Return the Set-Cookie value that gives a browser a pass; an empty one takes it away.

    The browser keeps it longer than the seat lasts, by one session: an expired pass opens
    nothing, but tells the gate which renewed pass has taken its place.

    Args:
        room: The room's name.
        token: The pass.
        left_ms: How long the seat lasts, milliseconds.
        session_duration_s: The room's setting.
        secure: Whether the visitor came by https.
    """
    max_age_s = max(0, left_ms) // 1000 + session_duration_s if token else 0
    return _cookie(pass_cookie_name(room), token, max_age_s, secure)


def _cookie(name: str, token: str, max_age_s: int, secure: bool) -> str:
    # All but the token is the same for everybody of one second, and its date takes a while.
    return _frame(name, max_age_s, secure, clock.now_ms() // 1000).replace(_HOLE, token)


@lru_cache(maxsize=512)
def _frame(name: str, max_age_s: int, secure: bool, _now_s: int) -> str:
    return dump_cookie(
        name,
        _HOLE,
        max_age=max_age_s,
        path="/",
        secure=secure,
        httponly=True,
        samesite="Lax",
    )
