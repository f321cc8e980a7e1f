"""The application of a web process: Quart for HTTP, Socket.IO beside it, one ticker."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import socketio
import structlog
from quart import Quart, Response, has_websocket_context, request
from werkzeug.exceptions import HTTPException

from waitroom.accounts import guard
from waitroom.alerts import Watch
from waitroom.api import api, describe_app, is_owner_api, problem_response
from waitroom.config import Config
from waitroom.console.blueprint import console
from waitroom.console.sockets import Door
from waitroom.embedded import redis_url
from waitroom.errors import RequestError, WaitroomError
from waitroom.jobs.health import job_health
from waitroom.live.listener import listen
from waitroom.return_to import PREFIX
from waitroom.web.check import check
from waitroom.web.edge import edge
from waitroom.web.lane import Lane
from waitroom.web.ops import ops
from waitroom.web.requests import error_response, json_response
from waitroom.web.services import EXTENSION, Services, make_services
from waitroom.web.visitor import visitor

#: Largest body of any request, bytes: a full batch of renewals.
MAX_BODY = 262_144

#: A task that does not end is told again after so long, seconds.
END_AGAIN_S = 0.2

log = structlog.get_logger()


def create_app(config: Config) -> socketio.ASGIApp:
    """Return the ASGI application of a web process.

    Args:
        config: This installation's settings, with its secrets.

    Raises:
        ConfigError: If no Redis is named and the embedded one does not run, or the splash page
            is missing.
    """
    made = make_services(config, redis_url(config))
    app = Quart("waitroom", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # An odd path is a 404, not a redirect to an address made of the Host header.
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = made
    app.extensions[guard.EXTENSION] = made.accounts
    for blueprint in (visitor, edge, check, ops, api, console):
        app.register_blueprint(blueprint)
    describe_app(app)
    app.register_error_handler(WaitroomError, _refusal)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _defect)

    @app.while_serving
    async def _run() -> AsyncGenerator[None, None]:
        async for _ in _serve(made):
            yield

    return socketio.ASGIApp(
        made.sockets.server,
        Door(Lane(app, made), made.console.sockets),
        socketio_path=f"{PREFIX.strip('/')}/socket.io",
    )


async def _serve(made: Services) -> AsyncGenerator[None, None]:
    tasks = [
        asyncio.create_task(made.ticker.run(made.config.tick_ms)),
        asyncio.create_task(listen(made.store, made.hub)),
        asyncio.create_task(_watch(made).run()),
        asyncio.create_task(made.themes.run()),
        asyncio.create_task(made.console.sockets.run()),
    ]
    try:
        yield
    finally:
        for task in tasks:
            await _end(task)
        await made.ticker.last_beats()
        await made.sockets.server.shutdown()
        await made.console.sockets.close()
        await made.edges.end()
        await made.store.close()


def _watch(made: Services) -> Watch:
    """Return what checks the conditions of alerts while no worker does."""
    return Watch(made.store, made.config, partial(job_health, made.config), made.ticker.name)


async def _end(task: asyncio.Task[None]) -> None:
    """End a task, however often it has to be told: redis-py swallows some cancellations."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=END_AGAIN_S)


async def _refusal(error: WaitroomError) -> Response:
    """Answer a request, or a WebSocket to an address that has none."""
    if has_websocket_context():
        return json_response({"error": error.code, "detail": error.detail}, error.status)
    if is_owner_api(request.path):
        return problem_response(error)
    return await error_response(error)


async def _http_error(error: HTTPException) -> Response:
    """Give the framework's own refusals our shape."""
    code = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
    status = error.code or 500
    detail = error.description or error.name
    response = await _refusal(
        RequestError(detail, code=code.get(status, "bad_request"), status=status)
    )
    if status == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


async def _defect(error: Exception) -> Response:
    """Answer a defect of ours without a word about its inside; the log has it."""
    log.error("defect", exc_info=error)
    return await _refusal(WaitroomError("Something went wrong here. Please try again."))
