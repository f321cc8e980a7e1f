"""What the page, the board, ``enter`` and ``status`` answer, whatever carries the request.

These are what every visitor asks for, and all that a surge asks for.
"""

import gzip
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

import orjson

from waitroom import clock
from waitroom.errors import RoomNotFoundError
from waitroom.identity import ticket_cookie
from waitroom.return_to import checked_return_to
from waitroom.room import Room, Standing
from waitroom.room.settings import ROOM_NAME
from waitroom.tokens import CLOCK_SKEW_MS, Pass, Ticket, Tokens
from waitroom.web.reply import Reply
from waitroom.web.services import Services
from waitroom.web.shown import Shown

#: Made once a second and edge, so quick rather than small.
BOARD_ZIP_LEVEL = 1

#: What is done for a visitor, given the services, the request and the room's name; None leaves the
#: answer to somebody else.
Verb = Callable[[Services, Shown, str], Awaitable[Reply | None]]


async def page(made: Services, shown: Shown, name: str) -> Reply | None:
    """Return the splash page; None when the one for browsers without scripts is asked for.

    Args:
        made: The services of this process.
        shown: The request.
        name: Of the room, as the address says, untrusted.

    Raises:
        WaitroomError: If there is no such room, ``return_to`` is no path, or Redis failed.
    """
    room = await find_room(made, name)
    query = shown.query
    if query.get("nojs") == "1":
        return None
    checked_return_to(query.get("return_to"))
    settings = room.settings
    look = await made.themes.look(room) if settings.theme else None
    return made.splash.page(shown.accepts, settings.queueing_status_code, settings.title, look)


async def board(made: Services, shown: Shown, name: str) -> Reply:
    """Return the board, public and cacheable for one second. As ``page``."""
    room = await find_room(made, name)
    text = await room.board_text()
    headers = [
        ("content-type", "application/json"),
        ("cache-control", "public, max-age=1"),
        ("vary", "Accept-Encoding"),
    ]
    if shown.accepts.gzip:
        # The first thing that a page asks for; a long line's points are many digits.
        return Reply(200, [*headers, ("content-encoding", "gzip")], _zipped(text))
    return Reply(200, headers, text)


async def enter(made: Services, shown: Shown, name: str) -> Reply:
    """Take a place, or find the one the visitor has.

    Args:
        made: The services of this process.
        shown: The request.
        name: Of the room, as the address says, untrusted.

    Raises:
        WaitroomError: If there is no such room, a token sent on purpose does not verify, or Redis
            failed. Asking again is safe.
    """
    room = await find_room(made, name)
    standing = await seat_of_pass(room, shown) or await stand(room, shown.ticket_if_any(room))
    return await _reply(made, shown, room, standing)


async def status(made: Services, shown: Shown, name: str) -> Reply:
    """Return the same answer for the ticket shown; counts as a heartbeat. As ``enter``."""
    room = await find_room(made, name)
    standing = await seat_of_pass(room, shown) or await stand(room, shown.ticket(room))
    return await _reply(made, shown, room, standing)


#: Method and what follows the room's name -> what is done.
VERBS: dict[tuple[str, str], Verb] = {
    ("GET", ""): page,
    ("GET", "/board"): board,
    ("POST", "/enter"): enter,
    ("GET", "/status"): status,
}


async def find_room(made: Services, name: str) -> Room:
    """Return the room that an address or a body names.

    Raises:
        RoomNotFoundError: If there is none; Redis is not asked for what no room can be called.
        StoreError: If Redis failed.
    """
    if not ROOM_NAME.fullmatch(name):
        raise RoomNotFoundError(name)
    return await made.hub.room(name)


async def stand(room: Room, ticket: Ticket | None) -> Standing:
    """Find the place or seat of a ticket; without one, take a place."""
    if ticket is None:
        return await room.enter(clock.new_visitor())
    return await room.enter(ticket.visitor, ticket.place)


async def seat_of_pass(room: Room, shown: Shown) -> Standing | None:
    """Find the seat of the pass that a browser holds; one that Redis has lost comes back."""
    held = shown.held_pass(room)
    return None if held is None else await room.seat_of(held.visitor, held.deadline_ms)


def ticket_of(tokens: Tokens, room: Room, standing: Standing) -> str | None:
    """Return the ticket of a standing, if it has a place of its own."""
    if standing.state == "closed" or not standing.place:
        return None
    return tokens.sign_ticket(Ticket(room.name, standing.visitor, standing.place))


def pass_for(tokens: Tokens, room: Room, visitor: str, deadline_ms: int) -> str:
    """Return a pass for a claimed seat.

    It ends early by the skew that edges allow, so that by no clock it outlives the seat.
    """
    ends_ms = deadline_ms - CLOCK_SKEW_MS
    return tokens.sign_pass(Pass(room.name, visitor, ends_ms, room.settings.epoch))


async def _reply(made: Services, shown: Shown, room: Room, standing: Standing) -> Reply:
    answer = await made.hub.answer(room, standing)
    headers = [("content-type", "application/json"), ("cache-control", "no-store")]
    if shown.token_mode:
        if standing.state != "closed":
            answer |= await _tokens(made.tokens, room, standing)
    elif ticket := ticket_of(made.tokens, room, standing):
        headers.append(("set-cookie", ticket_cookie(room.name, ticket, secure=shown.secure)))
    if answer["status"] != "admitted":
        headers.append(("retry-after", str(answer["poll_after_s"])))
    return Reply(200, headers, orjson.dumps(answer))


async def _tokens(tokens: Tokens, room: Room, standing: Standing) -> dict[str, Any]:
    """Return ticket and, once admitted, pass, for apps without cookies."""
    found: dict[str, Any] = {}
    if ticket := ticket_of(tokens, room, standing):
        found["ticket"] = ticket
    if standing.state == "seated":
        deadline_ms = await room.claim(standing.visitor)
        if deadline_ms:
            found["pass"] = pass_for(tokens, room, standing.visitor, deadline_ms)
    return found


@lru_cache(maxsize=64)
def _zipped(text: bytes) -> bytes:
    # Many ask for the same one.
    return gzip.compress(text, BOARD_ZIP_LEVEL)
