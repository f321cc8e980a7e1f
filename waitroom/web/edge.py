"""What an edge asks the service: design section 7. JSON, and a bearer token of the installation."""

from hmac import compare_digest
from typing import Any

import orjson
from quart import Blueprint, Response, request

from waitroom import clock
from waitroom.errors import RequestError, RoomNotFoundError, StoreError, TokenError
from waitroom.identity import read_pass
from waitroom.room import Room, Standing
from waitroom.tokens import NOBODY, Pass, Ticket
from waitroom.web.requests import find_room, json_response, sign_pass, stand
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
    "message",
    "epoch",
)

edge = Blueprint("edge", __name__, url_prefix="/api/edge")


@edge.before_request
async def _authorise() -> None:
    expected = services().config.edge_token
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    if (
        expected is None
        or scheme.lower() != "bearer"
        or not compare_digest(shown.strip().encode(), expected.get_secret_value().encode())
    ):
        raise RequestError("The edge token is missing or wrong.", code="unauthorized", status=401)


@edge.get("/rooms")
async def rooms() -> Response:
    """Return all rooms as an edge needs them; 304 while nothing changed."""
    if not services().ticker.loaded:
        # An empty list would tell the edge to protect nothing.
        raise StoreError("The rooms have not been read yet.")
    found = [await _describe(room) for room in services().directory.known.values()]
    body = {"rooms": sorted(found, key=lambda room: str(room["name"]))}
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
    room = await find_room(name)
    ticket, lapsed = _ticket(room, token), _lapsed(room, body.get("pass"))
    if lapsed and (deadline_ms := await room.claim(lapsed.visitor)):
        # The seat goes on: it was extended through another edge.
        standing = Standing("seated", lapsed.visitor, 0, 0, deadline_ms)
    else:
        standing = await stand(room, ticket)
        deadline_ms = await room.claim(standing.visitor) if standing.state == "seated" else 0
    answer: dict[str, Any] = {
        "room": room.name,
        "status": standing.state,
        "ticket": None,
        "pass": None,
        "deadline_ms": None,
    }
    if deadline_ms:
        answer["status"] = "admitted"
        answer["pass"] = sign_pass(room, standing.visitor, deadline_ms)
        answer["deadline_ms"] = deadline_ms
    elif standing.state in ("seated", "waiting"):
        answer["status"] = "waiting"
        place = Ticket(room.name, standing.visitor, standing.place)
        answer["ticket"] = services().tokens.sign_ticket(place)
    return json_response(answer)


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
        for i, text in await _renew_room(name, [(i, shown[i].get("pass")) for i in indexes]):
            answers[i] = text
    return json_response({"passes": answers})


async def _renew_room(name: str, shown: list[tuple[int, Any]]) -> list[tuple[int, str]]:
    try:
        room = await find_room(name)
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
        (i, sign_pass(room, seat.visitor, deadline_ms))
        for (i, seat), deadline_ms in zip(held, deadlines, strict=True)
        if deadline_ms
    ]


async def _describe(room: Room) -> dict[str, Any]:
    board = await services().hub.board(room)
    chosen = room.settings.model_dump(mode="json", include=set(EDGE_SETTINGS))
    return {
        "name": room.name,
        "queueing": board.queueing,
        # Edges then renew every pass they see, which brings back seats that Redis lost.
        "recovering": board.state == "recovering",
        **chosen,
    }


def _ticket(room: Room, token: str | None) -> Ticket | None:
    """Return the ticket shown at the edge, or None: one that does not verify is replaced."""
    if token is None:
        return None
    try:
        return services().tokens.read_ticket(token, room.name)
    except TokenError:
        return None


def _lapsed(room: Room, token: Any) -> Pass | None:
    """Return a pass that ran out less than a session ago, or None."""
    return read_pass(
        services().tokens,
        room.name,
        [token] if isinstance(token, str) else [],
        epoch=room.settings.epoch,
        now_ms=clock.now_ms(),
        grace_ms=room.settings.session_duration_s * 1000,
    )


async def _body() -> dict[str, Any]:
    try:
        body = orjson.loads(await request.get_data())
    except orjson.JSONDecodeError as e:
        raise RequestError("The body is not JSON.") from e
    if not isinstance(body, dict):
        raise RequestError("The body is not a JSON object.")
    return body
