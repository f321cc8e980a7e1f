"""Everything that is asked of a guarded site, and what came back.

Two visitors come by: one without cookies, who is held or seated, and one with a pass. What the
first one took is given back.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from waitroom import clock
from waitroom.cli.edge.seen import Seen, see
from waitroom.cli.edge.visit import Answer, Visitor
from waitroom.gate.paths import PathError, canonical_host, canonical_path
from waitroom.gate.rooms import EdgeRoom, Rooms
from waitroom.gate.visit import Visit
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.tokens import NOBODY, Pass, Tokens

#: Life of the pass that is shown, milliseconds.
PASS_MS = 15_000
#: Good at a gate of any epoch, where the room's own is not known.
ANY_EPOCH = 2_000_000_000
#: A WebSocket with the waiting room at its other end.
OPENED = Answer(101)


@dataclass(frozen=True, slots=True)
class Known:
    """What this installation knows.

    Attributes:
        rooms: Its rooms; None when they cannot be read here.
        tokens: Its keys; None when they are not known here.
        why: Why the rooms cannot be read, as the beginning of a sentence.
    """

    rooms: Sequence[EdgeRoom] | None
    tokens: Tokens | None
    why: str = "Redis cannot be reached from here"

    def room(self, name: str) -> EdgeRoom | None:
        """Return the room of a name."""
        return next((room for room in self.rooms or () if room.name == name), None)

    def at(self, url: URL) -> EdgeRoom | None:
        """Return the room that should stand in front of a page."""
        try:
            path = canonical_path(url.raw_path)
            return Rooms(self.rooms or ()).find(canonical_host(url.raw_host or ""), path)
        except PathError:
            return None


@dataclass(frozen=True, slots=True)
class View:
    """What was seen of a site.

    Attributes:
        url: The page that was visited.
        known: What this installation knows.
        expected: The room that should stand there; None if none or not known.
        room: The room's name: as seen, else as named, else as expected; may be empty.
        page: A new visitor's page.
        program: What a program gets, with that visitor's cookies.
        own: The page again, with a pass of this installation; None if there was none to show.
        forged: The same with a pass of nobody's keys.
        board: The room's board; None without a room.
        socket: What came when the splash page's WebSocket was opened.
        left: What came back when seats and places were given back.
    """

    url: URL
    known: Known
    expected: EdgeRoom | None
    room: str
    page: Seen
    program: Seen
    own: Seen | None = None
    forged: Seen | None = None
    board: Answer | None = None
    socket: Answer = OPENED
    left: tuple[Answer, ...] = ()

    @property
    def personal(self) -> list[Seen]:
        """Answers that were made for one visitor."""
        seen = (self.page, self.program, self.forged, self.own)
        return [one for one in seen if one is not None and (one.held or one.answer.cookies())]


async def look(visitor: Visitor, known: Known, named: str) -> View:
    """Visit a site.

    Args:
        visitor: Who asks.
        known: What this installation knows.
        named: The room that should stand there, as the owner says; may be empty.
    """
    page = see(await visitor.page({}))
    if page.kind == "none":
        return View(visitor.url, known, None, named, page, page)
    cookies = _cookies(page)
    program = see(await visitor.program(cookies))
    expected = known.room(named) if named else known.at(visitor.url)
    room = page.room or program.room or named or (expected.name if expected else "")
    board = await visitor.board(room) if room else None
    socket = await visitor.socket()
    own = forged = None
    if room:
        forged = await _show(visitor, room, known, Tokens([secrets.token_urlsafe(48)]), cookies)
        if known.tokens is not None:
            own = await _show(visitor, room, known, known.tokens, {})
    taken = [seen for seen in (page, program, forged, own) if seen is not None]
    left = await _give_back(visitor, room, taken)
    return View(visitor.url, known, expected, room, page, program, own, forged, board, socket, left)


def bypassed(room: EdgeRoom, url: URL) -> bool:
    """Say whether one of a room's rules lets a page through for everybody."""
    try:
        path = canonical_path(url.raw_path)
    except PathError:
        return False
    return room.bypasses(Visit("GET", url.raw_host or "", url.raw_path), path)


async def _show(
    visitor: Visitor, room: str, known: Known, tokens: Tokens, cookies: dict[str, str]
) -> Seen:
    """Ask for the page with a pass; the ticket that a visitor has keeps others from being taken."""
    found = known.room(room)
    epoch = ANY_EPOCH if found is None else found.epoch
    shown = tokens.sign_pass(Pass(room, NOBODY, clock.now_ms() + PASS_MS, epoch))
    ticket = {name: value for name, value in cookies.items() if name == ticket_cookie_name(room)}
    return see(await visitor.page({**ticket, pass_cookie_name(room): shown}))


async def _give_back(visitor: Visitor, room: str, taken: list[Seen]) -> tuple[Answer, ...]:
    shown = [cookies for seen in taken if (cookies := _cookies(seen))]
    return tuple([await visitor.leave(room, cookies) for cookies in shown])


def _cookies(seen: Seen) -> dict[str, str]:
    return {name: cookie.value for name, cookie in seen.answer.cookies().items()}
