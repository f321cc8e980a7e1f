"""Hypercorn, the default: pure Python, and as strict as it is told to be."""

import asyncio
import logging
import socket
from dataclasses import replace
from typing import Any, cast

import h11
from hypercorn import protocol
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from hypercorn.protocol import h11 as h11_protocol
from hypercorn.protocol import ws_stream
from hypercorn.protocol.events import Body, Data, Event, Request
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from wsproto.extensions import PerMessageDeflate

from waitroom.web.servers.handshake import ascii_handshake
from waitroom.web.servers.limits import (
    BACKLOG,
    KEEP_ALIVE_S,
    MAX_HEADERS,
    MAX_WEBSOCKET_MESSAGE,
    App,
)


async def run(app: App, listener: socket.socket, *, stop: asyncio.Event, grace_s: float) -> None:
    """Serve under Hypercorn; see ``Run``."""
    server = hypercorn_config(f"fd://{listener.detach()}")
    server.graceful_timeout = grace_s
    asyncio.get_running_loop().set_exception_handler(_without_endings)
    await hypercorn_serve(cast(Any, app), server, shutdown_trigger=cast(Any, stop.wait))


def hypercorn_config(bind: str) -> HypercornConfig:
    """Return Hypercorn's settings for one address.

    Args:
        bind: Address and port, or ``fd://`` and the number of a bound socket.
    """
    vars(ws_stream)["PerMessageDeflate"] = _Uncompressed
    vars(protocol)["H11Protocol"] = _WithoutH2C
    vars(h11_protocol)["WSStream"] = _Unmoved
    found = HypercornConfig()
    found.websocket_max_message_size = MAX_WEBSOCKET_MESSAGE
    found.bind = [bind]
    found.backlog = BACKLOG
    found.h11_max_incomplete_size = MAX_HEADERS
    found.keep_alive_timeout = KEEP_ALIVE_S
    found.accesslog = None
    # What escapes the application is a defect of ours, and has to be found in the log.
    found.errorlog = logging.getLogger("hypercorn.error")
    found.include_server_header = False
    return found


def _without_endings(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # Python 3.11 logs a traceback for each connection that is broken off at the end:
    # https://github.com/python/cpython/issues/113538
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


class _Uncompressed(PerMessageDeflate):
    """Declines compression: 300 kB a socket to save some bytes of messages under 300 bytes.

    Hypercorn accepts it from every browser and has no setting to the contrary.
    """

    def accept(self, offer: str) -> None:
        """Decline."""


class _Unmoved(WSStream):
    """Ignores what comes after a refusal, and reads any handshake.

    Hypercorn would refuse once more, which raises: anybody could fill the log with tracebacks.
    """

    async def handle(self, event: Event) -> None:
        """Take what came."""
        if isinstance(event, Request):
            event = replace(event, headers=ascii_handshake(event.headers))
        refused = self.state in (ASGIWebsocketState.RESPONSE, ASGIWebsocketState.HTTPCLOSED)
        if not (refused and isinstance(event, Body | Data)):
            await super().handle(event)


class _WithoutH2C(H11Protocol):
    """Answers ``Upgrade: h2c`` in HTTP/1.1, as any server may.

    A proxy that hands the upgrade on would see one request, and none of those that follow in the
    same connection: they could ask for pages that the proxy keeps off the public host. Hypercorn
    has no setting to the contrary.
    """

    async def _check_protocol(self, event: h11.Request) -> None:
        if all(name != b"upgrade" for name, _ in event.headers):
            await super()._check_protocol(event)
