"""What an edge asks the service: design section 7. JSON, and a bearer token of the installation."""

from hashlib import sha1
from hmac import compare_digest
from typing import Any

import orjson
from quart import Blueprint, Response, request

from waitroom import clock
from waitroom.errors import RequestError, RoomNotFoundError, StoreError, TokenError
from waitroom.gate.rooms import refusal
from waitroom.gate.service import Entered
from waitroom.identity import read_pass
from waitroom.room import Board, Room
from waitroom.tokens import NOBODY, Pass, Ticket
from waitroom.web.asking import find_room, pass_for, stand
from waitroom.web.requests import json_response
from waitroom.web.services import services

#: Most passes in one renewal.
RENEW_MAX = 500
#: Settings that an edge needs.
EDGE_SETTINGS = (
    "title",
    "routes",
    "bypass",
    "delivery",
    "queueing_status_code",
    "when_unavailable",
    "session_duration_s",
    "disable_session_renewal",
    "suspended",
    "closed",
    "draining",
    "message",
    "epoch",
    "theme",
)

edge = Blueprint("edge", __name__, url_prefix="/api/edge")


@edge.before_request
async def _authorise() -> None:
    if not is_edge_token(bearer(request.headers.get("Authorization", ""))):
        raise RequestError("The edge token is missing or wrong.", code="unauthorized", status=401)


@edge.get("/rooms")
async def rooms() -> Response:
    """Return all rooms as an edge needs them; 304 while nothing changed."""
    services().edges.heard(_edge_name())
    if not services().ticker.loaded:
        # An empty list would tell the edge to protect nothing.
        raise StoreError("The rooms have not been read yet.")
    known = sorted(services().directory.known.items())
    found = [describe(room, await services().hub.board(room)) for _, room in known]
    body = {"rooms": found, "languages": services().splash.languages}
    response = json_response(body)
    response.headers["Cache-Control"] = "private, no-cache"
    await response.add_etag()
    return await response.make_conditional(request)


@edge.post("/enter")
async def enter() -> Response:
    """Give a visitor of an edge a seat, already claimed, or a place."""
    body = await _body()
    name, token = body.get("room"), body.get("ticket")
    if not isinstance(name, str) or not (token is None or isinstance(token, str)):
        raise RequestError("enter takes {room, ticket}; ticket may be null.")
    room = await find_room(services(), name)
    found = await let_in(room, read_ticket(room, token), read_lapsed(room, body.get("pass")))
    return json_response({"room": room.name} | found.model_dump(by_alias=True))


@edge.post("/renew")
async def renew() -> Response:
    """Extend seats for the passes shown; null where there is no seat any more."""
    shown = (await _body()).get("passes")
    if not isinstance(shown, list) or len(shown) > RENEW_MAX:
        raise RequestError(f"renew takes {{passes: [{{room, pass}}]}}, at most {RENEW_MAX}.")
    answers: list[str | None] = [None] * len(shown)
    by_room: dict[str, list[int]] = {}
    for i, item in enumerate(shown):
        if not isinstance(item, dict) or not isinstance(item.get("room"), str):
            raise RequestError("each pass is {room, pass}.")
        by_room.setdefault(item["room"], []).append(i)
    for name, indexes in by_room.items():
        for i, text in await renew_room(name, [(i, shown[i].get("pass")) for i in indexes]):
            answers[i] = text
    return json_response({"passes": answers})


def _edge_name() -> str:
    """Return what the edge calls itself, or else what kind of edge it seems to be."""
    if name := request.headers.get("Waitroom-Edge"):
        return name
    # Cloudflare names the zone that a Worker belongs to, in each of its calls.
    if zone := request.headers.get("CF-Worker"):
        return f"worker.{zone}"
    agent = request.headers.get("User-Agent", "")
    return "gate" if "aiohttp" in agent else "worker" if agent in ("", "node") else "edge"


def bearer(header: str) -> str:
    """Return the token of an Authorization header; empty if it holds another kind of thing."""
    scheme, _, shown = header.partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else ""


def is_edge_token(shown: str) -> bool:
    """Say whether this is the installation's edge token; without one, nothing is."""
    expected = services().config.edge_token
    return expected is not None and compare_digest(
        shown.encode(), expected.get_secret_value().encode()
    )


def describe(room: Room, board: Board) -> dict[str, Any]:
    """Return a room as an edge needs it.

    Args:
        room: The room.
        board: Its board as last read.
    """
    return {
        "name": room.name,
        "queueing": board.queueing,
        # Edges then renew every pass they see, which brings back seats that Redis lost.
        "recovering": board.state == "recovering",
        **room.settings.model_dump(mode="json", include=set(EDGE_SETTINGS)),
        **refusal(room.settings),
    }


async def let_in(room: Room, ticket: Ticket | None, lapsed: Pass | None) -> Entered:
    """Give a visitor a seat, already claimed, or a place.

    Args:
        room: The room.
        ticket: The visitor's; None for a new one.
        lapsed: A pass that ran out lately, whose seat may go on. Without a ticket its holder has
            one seat or place after it, however many requests ask at once.

    Returns:
        A pass when admitted, a ticket when waiting, else neither.

    Raises:
        RoomNotFoundError: If the room is not there any more.
        StoreError: If Redis failed. The visitor may have been seated: ask again with the same
            ticket.
    """
    if lapsed and lapsed.visitor != NOBODY:
        # The seat may go on: another edge may have extended it.
        if deadline_ms := await room.claim(lapsed.visitor):
            return _admitted(room, lapsed.visitor, deadline_ms)
        ticket = ticket or Ticket(room.name, _successor(lapsed.visitor), 0)
    standing = await stand(room, ticket)
    if standing.state == "closed" or standing.state == "suspended":
        return Entered(status=standing.state)
    if standing.state == "seated" and (deadline_ms := await room.claim(standing.visitor)):
        return _admitted(room, standing.visitor, deadline_ms)
    place = Ticket(room.name, standing.visitor, standing.place)
    return Entered(status="waiting", ticket=services().tokens.sign_ticket(place))


async def renew_room(name: str, shown: list[tuple[int, Any]]) -> list[tuple[int, str]]:
    """Extend the seats of passes of one room.

    Args:
        name: The room's name.
        shown: Number of a pass in the request, and the pass as it came, untrusted.

    Returns:
        Number and new pass, without those that do not verify or have no seat any more.

    Raises:
        StoreError: If Redis failed. Asking again is safe.
    """
    try:
        room = await find_room(services(), name)
    except RoomNotFoundError:
        return []
    held = []
    for i, text in shown:
        try:
            found = services().tokens.read_pass(
                text if isinstance(text, str) else "",
                room.name,
                epoch=room.settings.epoch,
                now_ms=clock.now_ms(),
            )
        except TokenError:
            continue
        if found.visitor != NOBODY:
            held.append((i, found))
    deadlines = await room.renew([(seat.visitor, seat.deadline_ms) for _, seat in held])
    return [
        (i, pass_for(services().tokens, room, seat.visitor, deadline_ms))
        for (i, seat), deadline_ms in zip(held, deadlines, strict=True)
        if deadline_ms
    ]


def read_ticket(room: Room, token: str | None) -> Ticket | None:
    """Return the ticket shown at an edge, or None: one that does not verify is replaced."""
    if token is None:
        return None
    try:
        return services().tokens.read_ticket(token, room.name)
    except TokenError:
        return None


def read_lapsed(room: Room, token: Any) -> Pass | None:
    """Return a pass that ran out less than a session ago, or None."""
    return read_pass(
        services().tokens,
        room.name,
        [token] if isinstance(token, str) else [],
        epoch=room.settings.epoch,
        now_ms=clock.now_ms(),
        grace_ms=room.settings.session_duration_s * 1000,
    )


def _admitted(room: Room, visitor: str, deadline_ms: int) -> Entered:
    granted = pass_for(services().tokens, room, visitor, deadline_ms)
    return Entered(status="admitted", deadline_ms=deadline_ms, **{"pass": granted})


def _successor(visitor: str) -> str:
    """Return whom the holder of a spent seat is from now on: the same as ``enter.lua``."""
    return sha1(visitor.encode(), usedforsecurity=False).hexdigest()[:22]


async def _body() -> dict[str, Any]:
    try:
        body = orjson.loads(await request.get_data())
    except orjson.JSONDecodeError as e:
        raise RequestError("The body is not JSON.") from e
    if not isinstance(body, dict):
        raise RequestError("The body is not a JSON object.")
    return body
