"""Granian: HTTP and WebSocket in Rust, the application in Python.

Three things it can't be told, as of 2.8: to put together no message over a size (it stops at 64
MiB; only then the application ends the connection), to accept nobody while sockets end, and to end
although a page keeps its connection. The last one is done here.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from waitroom.web.servers.counted import Counted
from waitroom.web.servers.lifespan import lifespan
from waitroom.web.servers.limits import BACKLOG, KEEP_ALIVE_S, MAX_HEADERS, App

#: Longest wait for connections that nobody is served by any more, seconds.
GOODBYE_S = 1.0
#: Its words go to our log; only what is an error.
_LOGGING = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}

log = structlog.get_logger()


async def run(app: App, listener: socket.socket, *, stop: asyncio.Event, grace_s: float) -> None:
    """Serve under Granian; see ``Run``."""
    host, port = listener.getsockname()[:2]
    # It makes sockets of its own; this one has shown that the port is free.
    listener.close()
    log.warning("granian_takes_long_messages", most_bytes=64 << 20)
    counted = Counted(app)
    server = Server(
        _Mended(counted),
        host,
        port,
        interface=Interfaces.ASGINL,
        # No HTTP/2 without TLS: see `_WithoutH2C`.
        http=HTTPModes.http1,
        # Proxies keep connections for up to 60 s; whoever closes first must not be the server.
        http1_settings=HTTP1Settings(
            header_read_timeout=KEEP_ALIVE_S * 1000, max_buffer_size=MAX_HEADERS
        ),
        backlog=BACKLOG,
        # More than this many open requests and sockets are not accepted; nobody else limits them.
        backpressure=1 << 20,
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
    )
    async with lifespan(app):
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            await counted.end(grace_s)
        stopping.cancel()
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait([serving], timeout=GOODBYE_S)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


class _Mended:
    """Says only what the server understands, and leaves no room for its own name in an answer."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection or request."""

        async def named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"server", b"")]}
            await send(message)

        if scope["type"] == "websocket":
            # It offers to refuse a socket with an answer, and raises when that is done.
            await self._app({**scope, "extensions": {}}, receive, send)
        else:
            await self._app(scope, receive, named)
