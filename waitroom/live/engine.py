"""The library's Engine.IO server for connections of pages, and its list of who is connected.

One task asks after all pages, in the order they are due; the library has one sleep for each. And
the list knows no rooms of the library: with one for each connection, as it comes, every
disconnect walks over all of them, and all sockets of a process may drop at once.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import engineio
import socketio
from engineio import packet

from waitroom import clock
from waitroom.live.connection import PageSocket
from waitroom.live.frames import Frames

#: How often is looked whether pings are due, seconds.
LOOK_S = 0.25
#: Longest wait for a page to go once it was told to, and for one that can't be told, seconds.
DRAIN_S, DEAF_S = 30.0, 1.0


class PageEngine(engineio.AsyncServer):  # type: ignore[misc]
    """An Engine.IO server whose sockets are WebSockets of pages."""

    start_service_task: bool

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        #: Who is asked next, and when: the interval is the same for all, so they are in order.
        self._to_ask: deque[tuple[float, PageSocket]] = deque()
        #: Who has been asked, when.
        self._asked: deque[tuple[float, PageSocket]] = deque()

    def ping_later(self, page: PageSocket) -> None:
        """Ask after a page when the interval is over."""
        self._to_ask.append((clock.monotonic_s() + self.ping_interval, page))

    async def _handle_connect(
        self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None
    ) -> Any:
        """Serve a connection from its handshake to its end."""
        if environ["asgi.scope"]["type"] != "websocket":
            # The server has not taken it for a handshake, as in HTTP/1.0.
            return self._bad_request("Invalid websocket upgrade")
        if self.start_service_task:
            self.start_service_task = False
            self.service_task_handle = self.start_background_task(self._service_task)
        sid = self.generate_id()
        page = self.sockets[sid] = PageSocket(self, sid)
        hello = {
            "sid": sid,
            "upgrades": [],
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        page.push(packet.Packet(packet.OPEN, hello).encode())
        await self._trigger_event("connect", sid, environ, run_async=False)
        send, receive = environ["asgi.send"], cast(Frames, environ["asgi.receive"])
        # Kept by those who wait for the end of the connection: some kilobytes of headers, twice.
        environ["asgi.scope"]["headers"] = []
        environ.clear()
        page.schedule_ping()
        try:
            await page.serve(send, receive)
        finally:
            self.sockets.pop(sid, None)
        await receive.drain(DEAF_S if page.deaf else DRAIN_S)
        # An answer that is already given.
        return ""

    async def _service_task(self) -> None:
        """Ask after pages, and close those that do not answer, until the server is shut down."""
        stop = self.service_task_event = asyncio.Event()
        while not stop.is_set():
            self.look(clock.monotonic_s())
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)

    def look(self, now_s: float) -> None:
        """Send the pings that are due, and end connections that left one unanswered.

        Args:
            now_s: Monotonic seconds.
        """
        while self._to_ask and self._to_ask[0][0] <= now_s:
            _, page = self._to_ask.popleft()
            if not page.ended:
                page.ping(now_s)
                self._asked.append((now_s, page))
        while self._asked and self._asked[0][0] + self.ping_timeout <= now_s:
            asked_s, page = self._asked.popleft()
            if page.last_ping == asked_s:
                page.end()


class _Names(set[str]):
    """Names, kept as the library keeps a list of them."""

    append = set.add


class PageManager(socketio.AsyncManager):  # type: ignore[misc]
    """Who is connected; each can be named, but there are no rooms."""

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        """Note a connection; a room of its own is not made."""
        if room is None:
            super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """Note who is about to go: many at once, while Redis is told of each."""
        self.pending_disconnect.setdefault(namespace, _Names()).append(sid)
        return cast("str | None", self.eio_sid_from_sid(sid, namespace))

    def get_participants(self, namespace: str, room: str) -> Iterator[tuple[str, str]]:
        """Yield the connection that a room would stand for."""
        eio_sid = self.eio_sid_from_sid(room, namespace)
        if eio_sid is not None:
            yield room, eio_sid
