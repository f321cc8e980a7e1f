"""The application's start and end, for a server that would skip the end when it is in a hurry."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from waitroom.web.servers.limits import App


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[None]:
    """Start the application, and end it when the block ends.

    Args:
        app: The application.

    Raises:
        RuntimeError: If it does not start.
    """
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def send(message: Any) -> None:
        heard.put_nowait(message["type"])

    async def expect(answer: str) -> None:
        hearing = asyncio.create_task(heard.get())
        await asyncio.wait([running, hearing], return_when=asyncio.FIRST_COMPLETED)
        if not hearing.done() or hearing.result() != answer:
            hearing.cancel()
            raise RuntimeError(f"the application did not say {answer}")

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    running = asyncio.create_task(_run(app, scope, told.get, send))
    told.put_nowait({"type": "lifespan.startup"})
    await expect("lifespan.startup.complete")
    try:
        yield
    finally:
        told.put_nowait({"type": "lifespan.shutdown"})
        await expect("lifespan.shutdown.complete")
        await running


async def _run(app: App, scope: Any, receive: Any, send: Any) -> None:
    await app(scope, receive, send)
