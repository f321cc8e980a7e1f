"""Uvicorn with the same two parsers as Hypercorn: h11 for its limit of headers, wsproto."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from waitroom.web.servers.counted import Counted
from waitroom.web.servers.handshake import ascii_handshake
from waitroom.web.servers.limits import (
    BACKLOG,
    KEEP_ALIVE_S,
    MAX_HEADERS,
    MAX_WEBSOCKET_MESSAGE,
    App,
)

#: Most that is read before the head is measured, bytes.
READ_MAX = 65_536


async def run(app: App, listener: socket.socket, *, stop: asyncio.Event, grace_s: float) -> None:
    """Serve under Uvicorn; see ``Run``."""
    counted = Counted(app)
    config = uvicorn.Config(
        cast(Any, counted),
        http=_InPieces,
        ws="wsproto",
        lifespan="on",
        h11_max_incomplete_event_size=MAX_HEADERS,
        ws_max_size=MAX_WEBSOCKET_MESSAGE,
        ws_per_message_deflate=False,
        # Socket.IO has pings of its own.
        ws_ping_interval=None,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
        backlog=BACKLOG,
        access_log=False,
        # Its loggers hand what they have to ours; a line for each broken request would be many.
        log_config=None,
        log_level="error",
        server_header=False,
        # `web/requests.py` reads what the last proxy says; nobody else's word counts here.
        proxy_headers=False,
    )
    server = _Server(config, counted, grace_s)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


class _InPieces(H11Protocol):
    """Reads no more at once than Hypercorn: a head is measured only when it is not complete.

    And no longer: Uvicorn itself waits for ever for a first request, and for the rest of any.
    """

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._forget_limit()

    def data_received(self, data: bytes) -> None:
        """Take what came, piece by piece."""
        for start in range(0, len(data), READ_MAX):
            # It is another one from an upgrade on.
            protocol = cast(asyncio.Protocol, self.transport.get_protocol())
            receive = super().data_received if protocol is self else protocol.data_received
            if not self.transport.is_closing():
                receive(data[start : start + READ_MAX])
        self._limit()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Go on as a socket."""
        self.headers = ascii_handshake(self.headers)
        super().handle_websocket_upgrade(event)

    def _limit(self) -> None:
        if self._served():
            self._forget_limit()
        elif self._patience is None:
            self._patience = self.loop.call_later(KEEP_ALIVE_S, self._give_up)

    def _served(self) -> bool:
        """Say whether nobody waits for the other side: a request is answered, or it is a socket."""
        protocol = cast(asyncio.Protocol, self.transport.get_protocol())
        answering = self.cycle is not None and not self.cycle.response_complete
        return answering or protocol is not self or self.transport.is_closing()

    def _forget_limit(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        if not self._served():
            self.timeout_keep_alive_handler()


class _Server(uvicorn.Server):
    """Stops when told, not by signals, and lets sockets end before it ends them."""

    def __init__(self, config: uvicorn.Config, counted: Counted, grace_s: float) -> None:
        super().__init__(config)
        self._counted = counted
        self._grace_s = grace_s

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the server."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nobody new, wait for whoever is here, then close what is left.

        Uvicorn itself closes every WebSocket at once, and all pages would come back at once.
        """
        for server in self.servers:
            server.close()
        await self._counted.end(self._grace_s)
        await super().shutdown(sockets)
