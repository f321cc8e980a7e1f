"""What a visitor's browser asks, under ``/__waitroom/``: design section 6."""

import gzip
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from quart import Blueprint, Response, request

from waitroom import clock
from waitroom.errors import RequestError, ReturnToError
from waitroom.return_to import PREFIX, checked_return_to
from waitroom.room import Room, Standing
from waitroom.tokens import NOBODY, Ticket
from waitroom.web.requests import (
    check_body,
    drop_ticket,
    find_room,
    forget_tokens,
    found_ticket,
    held_pass,
    json_response,
    keep_pass,
    keep_ticket,
    see_other,
    shown_ticket,
    sign_pass,
    stand,
    token_mode,
    wants_page,
)
from waitroom.web.services import services

#: Made once a second and edge, so quick rather than small.
BOARD_ZIP_LEVEL = 1
#: How often the page without scripts asks again, seconds.
PLAIN_REFRESH_MIN_S = 5
#: Life of a pass to a room that lets everybody through: until all edges know, milliseconds.
SUSPENDED_PASS_MS = 15_000

visitor = Blueprint("visitor", __name__, url_prefix=PREFIX.rstrip("/"))


@visitor.before_request
async def _limit() -> None:
    check_body()


@visitor.get("/assets/<version>/<name>")
async def asset(version: str, name: str) -> Response:
    """Return a file of the splash page."""
    found = services().splash.asset(version, name)
    if found is None:
        raise RequestError("There is no such file.", code="not_found", status=404)
    return found


@visitor.get("/waitroom-fetch.js")
async def fetch_wrapper() -> Response:
    """Return the ``fetch`` wrapper for single-page apps."""
    return services().splash.fetch_wrapper()


@visitor.get("/<name>")
async def splash(name: str) -> Response:
    """Return the splash page; with ``nojs=1`` the personal page for browsers without scripts."""
    room = await find_room(name)
    if request.args.get("nojs") == "1":
        return await _plain_page(room)
    checked_return_to(request.args.get("return_to"))
    return services().splash.page(room.settings.queueing_status_code)


@visitor.post("/<name>/enter")
async def enter(name: str) -> Response:
    """Take a place, or find the one the visitor has."""
    room = await find_room(name)
    standing = await _seat_of_pass(room) or await stand(room, found_ticket(room))
    return await _standing_response(room, standing)


@visitor.get("/<name>/status")
async def status(name: str) -> Response:
    """Return the same answer for the ticket shown; counts as a heartbeat."""
    room = await find_room(name)
    standing = await _seat_of_pass(room) or await stand(room, shown_ticket(room))
    return await _standing_response(room, standing)


@visitor.get("/<name>/board")
async def board(name: str) -> Response:
    """Return the board, public and cacheable for one second."""
    room = await find_room(name)
    text = await room.board_text()
    headers = {"Cache-Control": "public, max-age=1", "Vary": "Accept-Encoding"}
    if request.accept_encodings.quality("gzip"):
        # The first thing that a page asks for; a long line's points are many digits.
        text, headers["Content-Encoding"] = gzip.compress(text, BOARD_ZIP_LEVEL), "gzip"
    return Response(text, headers=headers, content_type="application/json")


@visitor.get("/<name>/go")
async def go(name: str) -> Response:
    """Take an admitted visitor to the site, with a pass; anybody else back to the splash."""
    room = await find_room(name)
    return_to = checked_return_to(request.args.get("return_to"))
    standing = await _seat_of_pass(room)
    if standing is None:
        ticket = found_ticket(room)
        if ticket is None:
            return _to_splash(room, return_to=return_to)
        standing = await stand(room, ticket)
    if standing.state == "suspended":
        response = see_other(return_to)
        # An edge that has not heard of it yet would send the visitor back here.
        keep_pass(response, room, NOBODY, clock.now_ms() + SUSPENDED_PASS_MS)
        return response
    deadline_ms = await room.claim(standing.visitor) if standing.state == "seated" else 0
    if not deadline_ms:
        response = _to_splash(room, return_to=return_to)
        keep_ticket(response, room, standing)
        return response
    response = see_other(return_to)
    # A ticket is given up at the door: were Redis to lose its data, an old one would count again.
    drop_ticket(response, room)
    keep_pass(response, room, standing.visitor, deadline_ms)
    return response


@visitor.post("/<name>/leave")
async def leave(name: str) -> Response:
    """Give up place or seat; repeating it changes nothing."""
    room = await find_room(name)
    ticket, held = found_ticket(room), held_pass(room)
    left = await room.leave(ticket.visitor) if ticket else ""
    if held is not None:
        left = await room.leave(held.visitor) or left
    if wants_page():
        texts = services().splash.texts()
        response = services().splash.error_page(200, "left", texts["detail_left"])
    else:
        response = json_response({"room": room.name, "left": left or None})
    forget_tokens(response, room)
    return response


async def _seat_of_pass(room: Room) -> Standing | None:
    """Find the seat of the pass that a browser holds; one that Redis has lost comes back."""
    held = held_pass(room)
    return None if held is None else await room.seat_of(held.visitor, held.deadline_ms)


async def _standing_response(room: Room, standing: Standing) -> Response:
    answer = await services().hub.answer(room, standing)
    if token_mode():
        if standing.state != "closed":
            answer |= await _tokens(room, standing)
        response = json_response(answer)
    else:
        response = json_response(answer)
        keep_ticket(response, room, standing)
    if answer["status"] != "admitted":
        response.headers["Retry-After"] = str(answer["poll_after_s"])
    return response


async def _tokens(room: Room, standing: Standing) -> dict[str, Any]:
    """Return ticket and, once admitted, pass, for apps without cookies."""
    found: dict[str, Any] = {}
    if standing.place:
        ticket = Ticket(room.name, standing.visitor, standing.place)
        found["ticket"] = services().tokens.sign_ticket(ticket)
    if standing.state == "seated":
        deadline_ms = await room.claim(standing.visitor)
        if deadline_ms:
            found["pass"] = sign_pass(room, standing.visitor, deadline_ms)
    return found


def _to_splash(room: Room, **query: str) -> Response:
    return see_other(f"{PREFIX}{room.name}?{urlencode(query)}")


async def _plain_page(room: Room) -> Response:
    asked = _plain_query()
    if request.args.get("return_to") is None:
        # From now on the address itself says where the visitor wants to go.
        return _to_splash(room, **asked)
    standing = await _seat_of_pass(room) or await stand(room, found_ticket(room))
    answer = await services().hub.answer(room, standing)
    if answer["status"] == "admitted":
        query = urlencode({"return_to": asked["return_to"]})
        response = see_other(f"{PREFIX}{room.name}/go?{query}")
    else:
        response = services().splash.personal_page(
            "nojs.html",
            room.settings.queueing_status_code,
            room=room.name,
            title=room.settings.title,
            status=answer["status"],
            state=answer["state"],
            position=answer["position"],
            waiting=answer["waiting"],
            wait_s=answer["wait_s"],
            wait_text=_wait_text(answer["wait_s"]),
            message=answer["message"],
            unsent="unsent" in asked,
            refresh_s=max(PLAIN_REFRESH_MIN_S, answer["poll_after_s"]),
            self_url=f"{PREFIX}{room.name}?{urlencode(asked)}",
            leave_url=f"{PREFIX}{room.name}/leave",
        )
    keep_ticket(response, room, standing)
    return response


def _plain_query() -> dict[str, str]:
    """Return the query of the plain page: the address says it, else the page they came from.

    Raises:
        ReturnToError: If the address itself names a bad ``return_to``.
    """
    return_to, unsent = request.args.get("return_to"), request.args.get("unsent")
    if return_to is None:
        try:
            came_from = parse_qs(urlsplit(request.headers.get("Referer", "")).query)
            return_to = checked_return_to(came_from.get("return_to", [None])[0])
            unsent = came_from.get("unsent", [None])[0]
        except (ValueError, ReturnToError):
            return_to = "/"
    asked = {"return_to": checked_return_to(return_to), "nojs": "1"}
    # A form met the line, and what it sent was not kept.
    return asked | {"unsent": "1"} if unsent == "1" else asked


def _wait_text(wait_s: dict[str, int] | None) -> str:
    if wait_s is None:
        return ""
    low, high = wait_s["low"] // 60, -(-wait_s["high"] // 60)
    return str(services().splash.texts()["wait_minutes"]).format(low=low, high=high)
