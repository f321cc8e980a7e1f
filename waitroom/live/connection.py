"""One connection of a page: the library's Engine.IO socket, without its queue and its tasks.

The library hands each packet through a queue to a task that writes, reads each frame in a task of
its own, and sleeps between pings in a third: most of what a waiting visitor costs. Here a packet
is written at once where that needs no waiting, which is nearly always; the order is that of the
calls. While a page does not read, packets wait in a short backlog, and one that lets it fill is
cut off: it comes back, and reading what is true then costs less than all it has missed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import Any

from engineio import packet
from engineio.async_socket import AsyncSocket

from waitroom.live.frames import Receive

Send = Callable[[dict[str, Any]], Awaitable[None]]

#: Packets that wait for a page to read. Before that, 64 kB are in the server's own buffer, and
#: more in the kernel's.
MAX_BACKLOG = 32
#: Longest wait for a page to read what it was told last, seconds.
GOODBYE_S = 2.0
_MESSAGE, _PONG, _CLOSE = str(packet.MESSAGE), str(packet.PONG), str(packet.CLOSE)
_PING = str(packet.PING)


class PageSocket(AsyncSocket):  # type: ignore[misc]
    """An Engine.IO socket over one WebSocket.

    Args:
        server: The Engine.IO server.
        sid: Its name.
    """

    closed: bool
    closing: bool
    last_ping: float | None

    def __init__(self, server: Any, sid: str) -> None:
        super().__init__(server, sid)
        # Never used: nothing waits here for a task that writes.
        self.queue = None
        self._send: Send | None = None
        #: Packets that wait; None while none has to.
        self._backlog: deque[str] | None = deque()
        self._writer: asyncio.Task[None] | None = None
        self._reading: asyncio.Timeout | None = None
        #: Whether this side is done with the connection.
        self.ended = False
        #: Whether the page did not even take the goodbye.
        self.deaf = False

    @property
    def busy(self) -> bool:
        """Whether a packet still waits to be written."""
        return self._backlog is not None

    def push(self, text: str) -> None:
        """Send a packet, after all earlier ones; nothing when the connection has ended.

        Args:
            text: The packet as it goes out.
        """
        if self.ended:
            return
        if self._backlog is None:
            self._begin(text)
        elif len(self._backlog) < MAX_BACKLOG:
            self._backlog.append(text)
        else:
            self.end()

    async def send(self, pkt: packet.Packet) -> None:
        """Send a packet of the library."""
        self.push(pkt.encode())

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """Close the connection, and say so to the layer above.

        Args:
            wait: Ignored; nothing is waited for.
            abort: Say nothing to the page.
            reason: Why, in the library's words.
        """
        if self.closed or self.closing:
            return
        self.closing = True
        reason = reason or self.server.reason.SERVER_DISCONNECT
        await self.server._trigger_event("disconnect", self.sid, reason, run_async=False)
        if not abort:
            self.push(_CLOSE)
        self.closed = True
        self.end()

    def end(self) -> None:
        """Take nothing more from the page, and send it nothing new."""
        if self.ended:
            # The wait for a frame can't be told again while it is being broken off.
            return
        self.ended = True
        if self._reading is not None:
            self._reading.reschedule(0)

    def ping(self, now_s: float) -> None:
        """Ask whether the page is there.

        Args:
            now_s: Monotonic seconds.
        """
        self.last_ping = now_s
        self.push(_PING)

    def schedule_ping(self) -> None:
        """The page was there just now: ask again after the interval."""
        if self.last_ping:
            self.last_ping = None
            self.server.ping_later(self)

    async def serve(self, send: Send, receive: Receive) -> None:
        """Accept the connection and read it to its end.

        Args:
            send: The connection's own.
            receive: The connection's own; its first message has been taken.
        """
        self.connected = self.upgraded = True
        try:
            await send({"type": "websocket.accept"})
            self._send = send
            self._writer = asyncio.create_task(self._write_backlog())
            await self._read(receive)
        finally:
            self.ended = True
            await self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            await self._finish(send)
            # All of the server's connection hangs on it, and this one on the list of pings.
            self._send = None

    async def _read(self, receive: Receive) -> None:
        on_message = self.server.handlers["message"]
        while not self.ended:
            message = await self._next(receive)
            if message is None or message["type"] != "websocket.receive":
                return
            # Only text comes through `Frames`, and never without a first character.
            text = message["text"]
            kind = text[0]
            if kind == _MESSAGE:
                await on_message(self.sid, text[1:])
            elif kind == _PONG:
                self.schedule_ping()
            elif kind == _CLOSE:
                return await self.close(abort=True, reason=self.server.reason.CLIENT_DISCONNECT)

    async def _next(self, receive: Receive) -> dict[str, Any] | None:
        # Only this wait is broken off by `end`, never what a packet has set off.
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as self._reading:
                try:
                    return await receive()
                finally:
                    self._reading = None
        return None

    def _begin(self, text: str) -> None:
        """Write a packet now; have a task go on with it if that takes waiting."""
        writing = self._send({"type": "websocket.send", "text": text}).__await__()  # type: ignore[misc]
        try:
            waits_for = next(writing)
        except StopIteration:
            return
        except Exception:
            # Whatever the server raises then: the page is gone.
            self.end()
        else:
            self._backlog = deque()
            self._writer = asyncio.create_task(self._write_backlog(_Begun(writing, waits_for)))

    async def _write_backlog(self, begun: Awaitable[None] | None = None) -> None:
        try:
            if begun is not None:
                await begun
            while self._backlog and self._send is not None:
                await self._send({"type": "websocket.send", "text": self._backlog.popleft()})
        except Exception:
            self.end()
        self._backlog = None
        self._writer = None

    async def _finish(self, send: Send) -> None:
        """Have the last packets written, if the page reads; then close."""
        writer = self._writer
        try:
            async with asyncio.timeout(GOODBYE_S):
                if writer is not None:
                    await asyncio.wait([writer])
                with suppress(Exception):
                    # It is closed already when the page went first.
                    await send({"type": "websocket.close"})
        except TimeoutError:
            self.deaf = True
        if writer is not None:
            writer.cancel()


class _Begun:
    """Goes on with what has begun outside of any task and now waits.

    Args:
        begun: What has begun.
        waits_for: The first thing that it has yielded.
    """

    def __init__(self, begun: Generator[Any, Any, Any], waits_for: Any) -> None:
        self._begun = begun
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waits_for
            yield from self._begun
        finally:
            # Granian's awaitables have nothing to close.
            if hasattr(self._begun, "close"):
                self._begun.close()
