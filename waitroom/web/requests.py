"""What visitors' requests have in common: mode, tokens shown, cookies set, errors."""

from typing import Any

import orjson
from quart import Response, request
from werkzeug.datastructures import MultiDict
from werkzeug.urls import iri_to_uri

from waitroom import clock
from waitroom.errors import RequestError, RoomNotFoundError, TokenError, WaitroomError
from waitroom.identity import (
    SCHEME,
    cookies,
    pass_cookie,
    read_held_pass,
    read_ticket,
    ticket_cookie,
    ticket_cookie_name,
)
from waitroom.room import Room, Standing
from waitroom.room.settings import ROOM_NAME
from waitroom.tokens import CLOCK_SKEW_MS, Pass, Ticket
from waitroom.web.services import services

#: Largest body a visitor may send, bytes; nothing of ours has one.
MAX_BODY = 4_096
#: Seconds after which a page asks again when Redis is away.
RETRY_AFTER_S = 3


def token_mode() -> bool:
    """Whether the visitor is an app without cookies."""
    return request.headers.get("Waitroom-Mode", "").lower() == "token"


def secure() -> bool:
    """Whether the visitor came by https, as far as the last proxy says."""
    forwarded = request.headers.get("X-Forwarded-Proto", request.scheme)
    return forwarded.split(",")[0].strip().lower() == "https"


def wants_page() -> bool:
    """Whether the visitor is a browser that opens a page."""
    return "text/html" in request.headers.get("Accept", "")


def cookie_header() -> str:
    """Return all cookies of the request; HTTP/2 sends them in several headers."""
    return "; ".join(request.headers.getlist("Cookie"))


def shown_cookies() -> "MultiDict[str, str]":
    """Return all cookies of the request, read."""
    return cookies(cookie_header())


async def find_room(name: str) -> Room:
    """Return the room that an address or a body names.

    Raises:
        RoomNotFoundError: If there is none; Redis is not asked for what no room can be called.
        StoreError: If Redis failed.
    """
    if not ROOM_NAME.fullmatch(name):
        raise RoomNotFoundError(name)
    return await services().hub.room(name)


async def stand(room: Room, ticket: Ticket | None) -> Standing:
    """Find the place or seat of a ticket; without one, take a place."""
    if ticket is None:
        return await room.enter(clock.new_visitor())
    return await room.enter(ticket.visitor, ticket.place)


def shown_ticket(room: Room) -> Ticket:
    """Return the ticket that a request shows.

    Raises:
        TokenError: If there is none that verifies.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == SCHEME:
        shown = [token.strip()]
    else:
        shown = shown_cookies().getlist(ticket_cookie_name(room.name))
    return read_ticket(services().tokens, room.name, shown)


def found_ticket(room: Room) -> Ticket | None:
    """Return the ticket that a request shows, or None where a new one may be taken.

    A cookie that does not verify is replaced: the visitor can't mend it. A token sent on purpose
    is refused, so that an app notices. Browsers also send an Authorization header of their own,
    to a site with a password; it is not meant for us.

    Raises:
        TokenError: If a token in a header does not verify.
    """
    try:
        return shown_ticket(room)
    except TokenError:
        scheme = request.headers.get("Authorization", "").partition(" ")[0]
        if scheme.lower() == SCHEME or (scheme and token_mode()):
            raise
        return None


def held_pass(room: Room) -> Pass | None:
    """Return the pass for a seat that a browser holds, or None when none verifies."""
    return read_held_pass(
        services().tokens,
        room.name,
        cookie_header(),
        epoch=room.settings.epoch,
        now_ms=clock.now_ms(),
    )


def json_response(body: dict[str, Any], status: int = 200) -> Response:
    """Return an answer that nobody may cache."""
    response = Response(orjson.dumps(body), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def see_other(address: str) -> Response:
    """Return a redirect that makes a GET of whatever came before, and that nobody may cache."""
    headers = {"Location": iri_to_uri(address), "Cache-Control": "no-store"}
    return Response("", 303, headers)


def keep_ticket(response: Response, room: Room, standing: Standing) -> None:
    """Give the browser the ticket of a standing, if it has a place of its own."""
    if standing.state == "closed" or not standing.place:
        return
    token = services().tokens.sign_ticket(Ticket(room.name, standing.visitor, standing.place))
    _add_cookie(response, ticket_cookie(room.name, token, secure=secure()))


def drop_ticket(response: Response, room: Room) -> None:
    """Have the browser delete the ticket."""
    _add_cookie(response, ticket_cookie(room.name, "", secure=secure()))


def keep_pass(response: Response, room: Room, visitor: str, deadline_ms: int) -> None:
    """Give the browser a pass."""
    _add_pass(response, room, sign_pass(room, visitor, deadline_ms), deadline_ms)


def forget_tokens(response: Response, room: Room) -> None:
    """Have the browser delete ticket and pass."""
    drop_ticket(response, room)
    _add_pass(response, room, "", 0)


def sign_pass(room: Room, visitor: str, deadline_ms: int) -> str:
    """Return a pass for a claimed seat.

    It ends early by the skew that edges allow, so that by no clock it outlives the seat.
    """
    ends_ms = deadline_ms - CLOCK_SKEW_MS
    granted = Pass(room.name, visitor, ends_ms, room.settings.epoch)
    return services().tokens.sign_pass(granted)


def check_body() -> None:
    """Refuse a body that is larger than anything a visitor has to send.

    Raises:
        RequestError: ``body_too_large``.
    """
    if (request.content_length or 0) > MAX_BODY:
        raise RequestError("The body is too large.", code="body_too_large", status=413)


async def error_response(error: WaitroomError) -> Response:
    """Return what an error looks like outside: a page for browsers, JSON for programs."""
    error = services().hub.named(error)
    services().metrics.error(error.code)
    if wants_page():
        # A page that asks for nothing but itself comes back by itself; Redis will be back soon.
        again = error.status == 503 and request.method == "GET"
        response = services().splash.error_page(
            error.status, error.code, error.detail, refresh_s=RETRY_AFTER_S if again else 0
        )
    else:
        response = json_response({"error": error.code, "detail": error.detail}, error.status)
    if error.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _add_pass(response: Response, room: Room, token: str, deadline_ms: int) -> None:
    value = pass_cookie(
        room.name,
        token,
        left_ms=deadline_ms - clock.now_ms(),
        session_duration_s=room.settings.session_duration_s,
        secure=secure(),
    )
    _add_cookie(response, value)


def _add_cookie(response: Response, value: str) -> None:
    response.headers.add("Set-Cookie", value)
