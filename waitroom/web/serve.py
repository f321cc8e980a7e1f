"""Serves the application under Hypercorn until told to stop."""

import asyncio
import logging
import signal

import h11
import structlog
from hypercorn import protocol
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from hypercorn.protocol import ws_stream
from hypercorn.protocol.h11 import H11Protocol
from wsproto.extensions import PerMessageDeflate

from waitroom.config import Config
from waitroom.web.app import create_app

#: Longest request line with its headers, bytes: what nginx passes on by default, 42 kB, and some
#: more. Hypercorn looks at it after each read of 64 kB, so it has to be well below that.
MAX_HEADERS = 49_152
#: How long open requests may take after the order to stop, seconds. Sockets end then too, and
#: pages reconnect with growing, jittered delays, so a restart is no stampede.
GRACEFUL_S = 3.0
#: Largest WebSocket message that is put together at all, bytes; `live/sockets.py` takes less.
MAX_WEBSOCKET_MESSAGE = 65_536

log = structlog.get_logger()


async def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; then stop within a few seconds.

    Args:
        config: This installation's settings, with its secrets.

    Raises:
        ConfigError: If the application can't be made.
        OSError: If the port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("web_starting", host=config.host, port=config.port)
    server = hypercorn_config(config.host, config.port)
    await hypercorn_serve(create_app(config), server, shutdown_trigger=stop.wait)
    log.info("web_stopped")


def hypercorn_config(host: str, port: int) -> HypercornConfig:
    """Return Hypercorn's settings for one address.

    Args:
        host: Address to listen on.
        port: Port to listen on.
    """
    vars(ws_stream)["PerMessageDeflate"] = _Uncompressed
    vars(protocol)["H11Protocol"] = _WithoutH2C
    found = HypercornConfig()
    found.websocket_max_message_size = MAX_WEBSOCKET_MESSAGE
    found.bind = [f"{host}:{port}"]
    found.graceful_timeout = GRACEFUL_S
    found.h11_max_incomplete_size = MAX_HEADERS
    found.keep_alive_timeout = 75
    found.accesslog = None
    # What escapes the application is a defect of ours, and has to be found in the log.
    found.errorlog = logging.getLogger("hypercorn.error")
    found.include_server_header = False
    return found


class _Uncompressed(PerMessageDeflate):
    """Declines compression: 300 kB a socket to save some bytes of messages under 300 bytes.

    Hypercorn accepts it from every browser and has no setting to the contrary.
    """

    def accept(self, offer: str) -> None:
        """Decline."""


class _WithoutH2C(H11Protocol):
    """Answers ``Upgrade: h2c`` in HTTP/1.1, as any server may.

    A proxy that hands the upgrade on would see one request, and none of those that follow in the
    same connection: they could ask for pages that the proxy keeps off the public host. Hypercorn
    has no setting to the contrary.
    """

    async def _check_protocol(self, event: h11.Request) -> None:
        if all(name != b"upgrade" for name, _ in event.headers):
            await super()._check_protocol(event)
