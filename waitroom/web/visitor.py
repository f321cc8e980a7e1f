"""What a visitor's browser asks, under ``/__waitroom/``: design section 6."""

from types import TracebackType
from typing import cast
from urllib.parse import parse_qs, urlencode, urlsplit

from quart import Blueprint, Response, request

from waitroom import clock
from waitroom.errors import RequestError, ReturnToError
from waitroom.return_to import PREFIX, checked_return_to
from waitroom.room import Room
from waitroom.tokens import NOBODY
from waitroom.web import asking
from waitroom.web.asking import find_room, seat_of_pass, stand
from waitroom.web.blob import FOR_EVER
from waitroom.web.lane import FAILURE
from waitroom.web.reply import Reply
from waitroom.web.requests import (
    check_body,
    drop_ticket,
    forget_tokens,
    json_response,
    keep_pass,
    keep_ticket,
    responded,
    see_other,
    shown,
    wants_page,
)
from waitroom.web.services import services

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
    found = services().splash.asset(shown().accepts, version, name)
    if found is None:
        raise RequestError("There is no such file.", code="not_found", status=404)
    return responded(found)


@visitor.get("/<name>/theme/<file>")
async def theme_file(name: str, file: str) -> Response:
    """Return a file of a room's theme."""
    found = await services().themes.file(await find_room(services(), name), file)
    if found is None:
        raise RequestError("There is no such file.", code="not_found", status=404)
    return responded(found.file(shown().accepts, FOR_EVER))


@visitor.get("/waitroom-fetch.js")
async def fetch_wrapper() -> Response:
    """Return the ``fetch`` wrapper for single-page apps."""
    return responded(services().splash.fetch_wrapper(shown().accepts))


@visitor.get("/<name>")
async def splash(name: str) -> Response:
    """Return the splash page; with ``nojs=1`` the personal page for browsers without scripts."""
    reply = await _reply(asking.page, name)
    return responded(reply) if reply else await _plain_page(await find_room(services(), name))


@visitor.post("/<name>/enter")
async def enter(name: str) -> Response:
    """Take a place, or find the one the visitor has."""
    return await _asked(asking.enter, name)


@visitor.get("/<name>/status")
async def status(name: str) -> Response:
    """Return the same answer for the ticket shown; counts as a heartbeat."""
    return await _asked(asking.status, name)


@visitor.get("/<name>/board")
async def board(name: str) -> Response:
    """Return the board, public and cacheable for one second."""
    return await _asked(asking.board, name)


@visitor.get("/<name>/go")
async def go(name: str) -> Response:
    """Take an admitted visitor to the site, with a pass; anybody else back to the splash."""
    room = await find_room(services(), name)
    return_to = checked_return_to(request.args.get("return_to"))
    standing = await seat_of_pass(room, shown())
    if standing is None:
        ticket = shown().ticket_if_any(room)
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
    room = await find_room(services(), name)
    ticket, held = shown().ticket_if_any(room), shown().held_pass(room)
    left = await room.leave(ticket.visitor) if ticket else ""
    if held is not None:
        left = await room.leave(held.visitor) or left
    if wants_page():
        texts = services().splash.texts()
        look = await services().themes.look(room)
        response = services().splash.error_page(
            200, "left", str(texts["detail_left"]), room=room, look=look
        )
    else:
        response = json_response({"room": room.name, "left": left or None})
    forget_tokens(response, room)
    return response


async def _asked(verb: asking.Verb, name: str) -> Response:
    reply = await _reply(verb, name)
    assert reply is not None
    return responded(reply)


async def _reply(verb: asking.Verb, name: str) -> Reply | None:
    """Answer what did not go by the fast lane, or failed there."""
    if failed := request.scope.get(FAILURE):
        failure, arose = cast(tuple[Exception, TracebackType], failed)
        raise failure.with_traceback(arose)
    return await verb(services(), shown(), name)


def _to_splash(room: Room, **query: str) -> Response:
    return see_other(f"{PREFIX}{room.name}?{urlencode(query)}")


async def _plain_page(room: Room) -> Response:
    asked = _plain_query()
    if request.args.get("return_to") is None:
        # From now on the address itself says where the visitor wants to go.
        return _to_splash(room, **asked)
    standing = await seat_of_pass(room, shown()) or await stand(room, shown().ticket_if_any(room))
    answer = await services().hub.answer(room, standing)
    if answer["status"] == "admitted":
        query = urlencode({"return_to": asked["return_to"]})
        response = see_other(f"{PREFIX}{room.name}/go?{query}")
    else:
        response = services().splash.personal_page(
            "nojs.html",
            room.settings.queueing_status_code,
            look=await services().themes.look(room),
            title=room.settings.title,
            status=answer["status"],
            state=answer["state"],
            position=answer["position"],
            waiting=answer["waiting"],
            wait_s=answer["wait_s"],
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
