"""The library's Socket.IO server, stricter: what no page sends ends the connection.

As it comes, the library logs a traceback for each broken packet, leaves a connection half open
after a broken frame, collects as many binary parts as a packet announces, and lets a page call
the handlers of ``connect`` and ``disconnect`` like any other.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import socketio
import socketio.packet
import structlog

Receive = Callable[[], Awaitable[dict[str, Any]]]

#: Types of Engine.IO packets, the first character of a frame: open to noop.
_FRAME_TYPES = frozenset("0123456")
_PACKET_TYPES = frozenset(
    (
        socketio.packet.CONNECT,
        socketio.packet.DISCONNECT,
        socketio.packet.EVENT,
        socketio.packet.ACK,
    )
)
END: dict[str, Any] = {"type": "websocket.disconnect", "code": 1003}
#: Longest wait for a page to go once it was told to, seconds.
DRAIN_S = 30.0
_RESERVED = frozenset(("connect", "disconnect"))

log = structlog.get_logger()


class PagePacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet of a splash page: text, in the one namespace there is."""

    uses_binary_events = False

    def decode(self, encoded_packet: str) -> int:
        """Read a packet.

        Raises:
            ValueError: If no page sends such a one.
        """
        parts: int = super().decode(encoded_packet)
        if parts or self.packet_type not in _PACKET_TYPES or self.namespace not in (None, "/"):
            raise ValueError("not a packet of a page")
        if self.packet_type == socketio.packet.EVENT and not _is_call(self.data):
            raise ValueError("not an event")
        return 0


class Frames:
    """The frames of one connection, up to the first one that is no packet.

    Args:
        receive: The connection's own ``receive``.
        bad_packet: Called when a frame is no packet.
        max_length: Longest frame, characters.
    """

    def __init__(self, receive: Receive, bad_packet: Callable[[], None], max_length: int) -> None:
        self._receive = receive
        self._bad_packet = bad_packet
        self._max_length = max_length
        #: Whether the server is done with the connection; a page may ignore a polite goodbye.
        self.ended = False

    async def __call__(self) -> dict[str, Any]:
        """Return the next frame, or the end."""
        if self.ended:
            return END
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        text = message.get("text") or ""
        if text[:1] in _FRAME_TYPES and len(text) <= self._max_length:
            return message
        self._bad_packet()
        self.ended = True
        return END

    async def drain(self) -> None:
        """After an end of ours, read on to the page's own.

        Hypercorn waits for ever to hand over frames that nobody takes, and never closes then.
        """
        while self.ended and (await self._receive())["type"] == "websocket.receive":
            pass


class PageServer(socketio.AsyncServer):  # type: ignore[misc]
    """A Socket.IO server for splash pages.

    Args:
        bad_packet: Called for each connection that ends because of what it sent.
        options: Options of the library.
    """

    def __init__(self, bad_packet: Callable[[], None], **options: Any) -> None:
        super().__init__(
            serializer=PagePacket,
            async_mode="asgi",
            # Named here, or the library adds handlers of its own: lines past all formatting and
            # masking.
            logger=logging.getLogger("socketio.server"),
            engineio_logger=logging.getLogger("engineio.server"),
            **options,
        )
        self._bad_packet = bad_packet

    async def handle_request(self, scope: Any, receive: Receive, send: Any) -> Any:
        """Serve one connection; a frame that is no packet ends it."""
        frames = Frames(receive, self._bad_packet, self.eio.max_http_buffer_size)
        answer = await super().handle_request(scope, frames, send)
        with suppress(TimeoutError):
            await asyncio.wait_for(frames.drain(), DRAIN_S)
        return answer

    async def end(self, sid: str) -> None:
        """Tell a page that it is not to come back by itself, and close its connection.

        Only while a packet of that connection is being handled.
        """
        self._end(self.manager.eio_sid_from_sid(sid, "/"))
        await self.disconnect(sid)

    def _end(self, eio_sid: str | None) -> None:
        if eio_sid in self.environ:
            self.environ[eio_sid]["asgi.receive"].ended = True

    async def _handle_eio_message(self, eio_sid: str, data: str) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except Exception as e:
            log.debug("bad_packet", kind=type(e).__name__)
            self._bad_packet()
            self._end(eio_sid)


def _is_call(data: Any) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], str)
        and data[0] not in _RESERVED
    )
