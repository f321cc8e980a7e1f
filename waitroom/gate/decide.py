"""The gate's decision about one request: pure, the same in Python and TypeScript.

In this order: canonical path, the waiting room's own pages, the room by host and path, bypass
rules, a suspended room, a valid pass, a closed room, the service away, a queueing room, and
last an open room, where the service is asked. ``tests/vectors/decisions.json`` pins it.

An open room is asked even for a visitor with a ticket, so that an open room never shows a
splash page. A room without its service is judged before its line, because a splash page
that nobody serves would hold visitors for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from waitroom.errors import TokenError
from waitroom.gate.paths import Path, PathError, canonical_host, canonical_path, printable
from waitroom.gate.rooms import EdgeRoom, Rooms
from waitroom.gate.visit import Visit
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.return_to import MAX_LENGTH, PREFIX
from waitroom.tokens import Pass, Tokens

#: A queueing room whose service is away stays held this long before ``open`` lets everybody in,
#: so that a restart of the service is no flood; milliseconds.
PATIENCE_MS = 10_000
#: With these, ``quote`` escapes exactly what JavaScript's encodeURIComponent escapes.
_COMPONENT = "!'()*"

#: How a held visitor is answered: a redirect to the splash page, the splash page in place, JSON
#: for a program, or a refused WebSocket.
Answer = Literal["redirect", "inline", "json", "socket"]


@dataclass(frozen=True, slots=True)
class Known:
    """What an edge knows when a request comes.

    Attributes:
        rooms: None until the service was heard for the first time.
        away_since_ms: Since when the service is away; None while it answers.
        renewed: Pass as shown -> the pass that has taken its place.
    """

    rooms: Rooms | None
    away_since_ms: int | None = None
    renewed: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Forward:
    """Let the request go to the origin."""

    page: str
    reason: Literal["no_room", "bypass", "suspended", "pass", "away"]
    room: str | None = None
    #: The pass is past half its life; ask for a longer one in the background.
    renew: bool = False
    #: The pass that counted.
    token: str = field(default="", repr=False)
    deadline_ms: int = 0


@dataclass(frozen=True, slots=True)
class ToService:
    """Hand the request to the waiting room itself."""

    page: str


@dataclass(frozen=True, slots=True)
class Splash:
    """Send the visitor to the splash page, or tell a program that it is queued."""

    room: str
    answer: Answer
    location: str
    #: Give a ticket stamped with the time of arrival.
    issue_ticket: bool
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Enter:
    """Ask the service for a seat; ``entered`` or ``away`` decide then."""

    page: str
    room: str
    #: The visitor's ticket, if one was shown.
    ticket: str | None = field(repr=False)
    splash: Splash
    #: A pass that ran out lately; its seat may have been extended through another gate.
    lapsed: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """The service is away: ask the visitor to come again in a few seconds."""

    room: str | None
    answer: Answer
    issue_ticket: bool


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request has no clear meaning."""

    status: int
    code: Literal["bad_path", "bad_host"]


Decision = Forward | ToService | Enter | Splash | Hold | Refuse


def decide(visit: Visit, known: Known, tokens: Tokens) -> Decision:
    """Decide what becomes of a request.

    Args:
        visit: What the request shows, untrusted.
        known: What this edge knows of rooms and service.
        tokens: The keys that passes and tickets are verified with.

    Returns:
        The decision. ``Enter`` has to be followed by ``entered`` or ``away``.
    """
    try:
        path = canonical_path(visit.path)
    except PathError:
        return Refuse(400, "bad_path")
    if f"{path.page}/".startswith(PREFIX):
        return ToService(path.page)
    try:
        host = canonical_host(visit.host)
    except PathError:
        return Refuse(400, "bad_host")
    if known.rooms is None:
        return Hold(None, _answer(visit, "redirect"), issue_ticket=False)
    room = known.rooms.find(host, path)
    if room is None:
        return Forward(path.page, "no_room")
    return _decide_in(room, visit, path, known, tokens)


def entered(
    asked: Enter, status: Literal["admitted", "waiting", "closed", "suspended"]
) -> Forward | Splash:
    """Decide after the service has answered ``Enter``; its ticket and pass are the caller's."""
    if status == "admitted":
        return Forward(asked.page, "pass", asked.room)
    if status == "suspended":
        return Forward(asked.page, "suspended", asked.room)
    splash = asked.splash
    return Splash(splash.room, splash.answer, splash.location, False, closed=status == "closed")


def away(room: EdgeRoom, visit: Visit, page: str, since_ms: int, *, ticket: bool) -> Forward | Hold:
    """Decide for a visitor without a pass while the service is away.

    Args:
        room: The room in front of the page.
        visit: What the request shows.
        page: The canonical page.
        since_ms: Since when the service is away.
        ticket: The visitor holds a valid ticket.
    """
    policy = room.when_unavailable
    away_ms = max(0, visit.now_ms - since_ms)
    patient = room.queueing and away_ms < PATIENCE_MS
    in_time = away_ms < policy.open_limit_s * 1000
    refused = room.refuses(ticket=ticket)
    if policy.action == "open" and in_time and not patient and not refused:
        return Forward(page, "away", room.name)
    return Hold(room.name, _answer(visit, "redirect"), issue_ticket=not ticket and not refused)


def _decide_in(room: EdgeRoom, visit: Visit, path: Path, known: Known, tokens: Tokens) -> Decision:
    if room.bypasses(visit, path):
        return Forward(path.page, "bypass", room.name)
    if room.suspended:
        return Forward(path.page, "suspended", room.name)
    if found := _best_pass(room, visit, known, tokens):
        granted, token = found
        left_ms = granted.deadline_ms - visit.now_ms
        past_half = left_ms * 2 < room.session_duration_s * 1000
        # A recovering room has lost its seats; the passes bring them back.
        renew = (past_half and not room.disable_session_renewal) or room.recovering
        return Forward(path.page, "pass", room.name, renew, token, granted.deadline_ms)
    ticket = _first_ticket(room, visit, tokens)
    if known.away_since_ms is not None:
        return away(room, visit, path.page, known.away_since_ms, ticket=ticket is not None)
    refused = room.refuses(ticket=ticket is not None)
    issue = ticket is None and not refused
    splash = Splash(
        room.name, _answer(visit, room.delivery), _location(room, visit, path), issue, refused
    )
    if visit.websocket:
        return splash
    lapsed = _lapsed_pass(room, visit, tokens)
    if lapsed is None and (refused or room.queueing):
        return splash
    return Enter(path.page, room.name, ticket, splash, lapsed)


def _best_pass(
    room: EdgeRoom, visit: Visit, known: Known, tokens: Tokens
) -> tuple[Pass, str] | None:
    best: tuple[Pass, str] | None = None
    for shown in visit.cookies(pass_cookie_name(room.name)):
        token = known.renewed.get(shown, shown)
        try:
            found = tokens.read_pass(token, room.name, epoch=room.epoch, now_ms=visit.now_ms)
        except TokenError:
            continue
        if best is None or found.deadline_ms > best[0].deadline_ms:
            best = found, token
    return best


def _lapsed_pass(room: EdgeRoom, visit: Visit, tokens: Tokens) -> str | None:
    """Return a pass that ran out less than a session ago; the browser drops it after that."""
    for token in visit.cookies(pass_cookie_name(room.name)):
        try:
            tokens.read_pass(
                token,
                room.name,
                epoch=room.epoch,
                now_ms=visit.now_ms,
                grace_ms=room.session_duration_s * 1000,
            )
        except TokenError:
            continue
        return token
    return None


def _first_ticket(room: EdgeRoom, visit: Visit, tokens: Tokens) -> str | None:
    for shown in visit.cookies(ticket_cookie_name(room.name)):
        try:
            tokens.read_ticket(shown, room.name)
        except TokenError:
            continue
        return shown
    return None


def _answer(visit: Visit, delivery: Literal["redirect", "inline"]) -> Answer:
    if visit.websocket:
        return "socket"
    return delivery if visit.is_page() else "json"


def _location(room: EdgeRoom, visit: Visit, path: Path) -> str:
    # A backslash is one more spelling of a slash to browsers; escaped it means the same here.
    query = printable(visit.query).replace("\\", "%5C")
    page = f"{path.page}?{query}" if query else path.page
    if len(page) > MAX_LENGTH:
        # The service refuses longer ones, and a page without its query is better than none.
        page = path.page if len(path.page) <= MAX_LENGTH else "/"
    location = f"{PREFIX}{room.name}?return_to={quote(page, safe=_COMPONENT)}"
    # What a form sent is not kept, and the splash page can say so.
    return location if visit.method in ("GET", "HEAD") else f"{location}&unsent=1"
