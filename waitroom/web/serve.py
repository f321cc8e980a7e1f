"""Serves the application under the chosen server until told to stop."""

import asyncio
import signal
import socket

import structlog

from waitroom.config import Config
from waitroom.errors import ConfigError
from waitroom.live.drain import Drain
from waitroom.web.app import create_app
from waitroom.web.open_files import allow_many
from waitroom.web.servers import choose
from waitroom.web.services import EXTENSION, Services

#: How long open requests may take after the sockets have ended, seconds.
GRACEFUL_S = 3.0

log = structlog.get_logger()


async def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; then stop within ``drain_s`` and a few seconds.

    Args:
        config: This installation's settings, with its secrets.

    Raises:
        ConfigError: If the application can't be made, the server is not installed, or the port
            is taken.
    """
    allow_many()
    run = choose(config.server)
    app = create_app(config)
    made: Services = app.other_asgi_app.extensions[EXTENSION]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, made.drain.tell)
    try:
        listener = listen(config.host, config.port, shared=config.web_processes > 1)
    except OSError as e:
        where = f"{config.host}:{config.port}"
        raise ConfigError(
            f"WAITROOM_PORT={config.port}: cannot listen on {where} ({e.strerror})"
        ) from e
    log.info("web_starting", host=config.host, port=config.port, server=config.server)
    stop = asyncio.Event()
    leaving = asyncio.create_task(_leave(made.drain, config.drain_s, stop))
    await run(app, listener, stop=stop, grace_s=GRACEFUL_S)
    leaving.cancel()
    log.info("web_stopped")


async def _leave(drain: Drain, spread_s: float, stop: asyncio.Event) -> None:
    # Whoever sends visitors here has this time to read at /readyz that it should not.
    try:
        await drain.until_over(spread_s)
    finally:
        stop.set()


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a socket bound to an address; it takes no connection yet.

    Args:
        host: Name or number of the address.
        port: 0 takes a free one.
        shared: Whether other processes may listen on the port too. Only those of the same owner
            can, and the kernel gives each of them its share of the connections.

    Raises:
        OSError: If the port is taken, or there is no such address.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Connections have it from the socket they come by; an answer is sent in pieces.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
