"""What visitors' requests have in common: mode, tokens shown, cookies set, errors."""

from pathlib import Path
from typing import Any

import orjson
from quart import Response, request, send_file
from werkzeug.datastructures import Headers
from werkzeug.urls import iri_to_uri

from waitroom import clock
from waitroom.errors import RequestError, WaitroomError
from waitroom.identity import pass_cookie, ticket_cookie
from waitroom.room import Room, Standing
from waitroom.web.asking import pass_for, ticket_of
from waitroom.web.reply import Reply
from waitroom.web.services import services
from waitroom.web.shown import Shown

#: Largest body a visitor may send, bytes; nothing of ours has one.
MAX_BODY = 4_096
#: Seconds after which a page asks again when Redis is away.
RETRY_AFTER_S = 3


def shown() -> Shown:
    """Return what the request of this moment shows."""
    return Shown(request.scope, services().tokens)


def wants_page() -> bool:
    """Whether the visitor is a browser that opens a page."""
    return "text/html" in request.headers.get("Accept", "")


def json_response(body: dict[str, Any], status: int = 200) -> Response:
    """Return an answer that nobody may cache."""
    response = Response(orjson.dumps(body), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def responded(reply: Reply) -> Response:
    """Return an answer as Quart sends it."""
    response = Response(reply.body, reply.status, Headers(reply.headers))
    if reply.status == 304:
        # Of what the browser has, not of nothing.
        del response.headers["Content-Type"], response.headers["Content-Length"]
    return response


async def attachment(path: Path, name: str, mimetype: str) -> Response:
    """Return a file to be saved, which nobody else may keep and no browser may show.

    Args:
        path: The file.
        name: What it is to be called.
        mimetype: Its media type, without a charset.
    """
    found = await send_file(path, mimetype, as_attachment=True, attachment_filename=name)
    assert isinstance(found, Response)
    found.headers["Cache-Control"] = "private, no-store"
    found.headers["X-Content-Type-Options"] = "nosniff"
    found.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return found


def see_other(address: str) -> Response:
    """Return a redirect that makes a GET of whatever came before, and that nobody may cache."""
    headers = {"Location": iri_to_uri(address), "Cache-Control": "no-store"}
    return Response("", 303, headers)


def keep_ticket(response: Response, room: Room, standing: Standing) -> None:
    """Give the browser the ticket of a standing, if it has a place of its own."""
    if token := ticket_of(services().tokens, room, standing):
        _add_cookie(response, ticket_cookie(room.name, token, secure=shown().secure))


def drop_ticket(response: Response, room: Room) -> None:
    """Have the browser delete the ticket."""
    _add_cookie(response, ticket_cookie(room.name, "", secure=shown().secure))


def keep_pass(response: Response, room: Room, visitor: str, deadline_ms: int) -> None:
    """Give the browser a pass."""
    _add_pass(response, room, pass_for(services().tokens, room, visitor, deadline_ms), deadline_ms)


def forget_tokens(response: Response, room: Room) -> None:
    """Have the browser delete ticket and pass."""
    drop_ticket(response, room)
    _add_pass(response, room, "", 0)


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
        secure=shown().secure,
    )
    _add_cookie(response, value)


def _add_cookie(response: Response, value: str) -> None:
    response.headers.add("Set-Cookie", value)
