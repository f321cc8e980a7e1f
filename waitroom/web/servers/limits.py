"""What every server is told."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

#: Longest request line with its headers, bytes: what nginx passes on by default, 42 kB, and some
#: more. Hypercorn looks at it after each read of 64 kB, so it has to be well below that.
MAX_HEADERS = 49_152
#: Largest WebSocket message that is put together at all, bytes; `live/sockets.py` takes less.
MAX_WEBSOCKET_MESSAGE = 65_536
#: How long a connection without a request is kept, seconds.
KEEP_ALIVE_S = 75
#: Connections that may wait to be accepted. The kernel has its own limit, often 4096.
BACKLOG = 2_048

#: An ASGI application.
App = Callable[[Any, Any, Any], Awaitable[None]]


class Run(Protocol):
    """Serves an application under one server."""

    async def __call__(
        self, app: App, listener: socket.socket, *, stop: asyncio.Event, grace_s: float
    ) -> None:
        """Serve until told to stop; then let open requests and sockets end.

        Args:
            app: The application; its lifespan is run.
            listener: Bound to its address already.
            stop: Ends the server: nobody new is accepted from then on, if the server can do that.
            grace_s: How long open requests and sockets may take after that, seconds.
        """
