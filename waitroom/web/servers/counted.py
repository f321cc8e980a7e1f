"""Who is with the application, for servers that end sockets the moment they stop, or never."""

import asyncio
from typing import Any

from waitroom.web.servers.limits import App


class Counted:
    """The application, and the tasks of open requests and sockets.

    What a server cancels at its end goes quietly: it would be logged as a defect.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._open: set[asyncio.Task[Any] | None] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection or request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        task = asyncio.current_task()
        self._open.add(task)
        self._idle.clear()
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            if not self._open:
                self._idle.set()

    async def end(self, patience_s: float) -> None:
        """Wait until nobody is served; break off whatever takes longer than so many seconds."""
        waiting = asyncio.create_task(self._idle.wait())
        await asyncio.wait([waiting], timeout=patience_s)
        waiting.cancel()
        for task in self._open:
            if task is not None:
                task.cancel()
