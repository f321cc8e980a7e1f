"""Serves the demo shop under Hypercorn until told to stop."""

import asyncio
import signal

import structlog
from hypercorn.asyncio import serve as hypercorn_serve

from waitroom.config import Config
from waitroom.demo.app import create_demo
from waitroom.web.servers.under_hypercorn import hypercorn_config

#: How long open requests may take after the order to stop, seconds.
GRACEFUL_S = 2.0

log = structlog.get_logger()


async def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; then stop within a few seconds.

    Args:
        config: This installation's settings, with its secrets.

    Raises:
        ConfigError: If a secret is missing.
        OSError: If the port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = hypercorn_config(f"{config.host}:{config.demo_port}")
    server.graceful_timeout = GRACEFUL_S
    app = create_demo(config)
    log.info("demo_starting", host=config.host, port=config.demo_port)

    async def stopped() -> None:
        await stop.wait()
        await app.drain()

    await hypercorn_serve(app, server, shutdown_trigger=stopped)  # type: ignore[arg-type]
    log.info("demo_stopped")
