"""The library's Socket.IO server, stricter: what no page sends ends the connection.

As it comes, the library logs a traceback for each broken packet, leaves a connection half open
after a broken frame, warns of each event before the handshake and of each answer to nothing,
collects as many binary parts as a packet announces, and lets a page call the handlers of
``connect`` and ``disconnect`` like any other.
"""

import logging
from collections.abc import Callable
from typing import Any

import orjson
import socketio
import socketio.packet
import structlog

from waitroom.live.engine import PageEngine, PageManager
from waitroom.live.frames import Frames, Receive

_PACKET_TYPES = frozenset(
    (
        socketio.packet.CONNECT,
        socketio.packet.DISCONNECT,
        socketio.packet.EVENT,
    )
)
#: How the names of our cookies begin.
COOKIE_PREFIX = "waitroom_"
_RESERVED = frozenset(("connect", "disconnect"))

log = structlog.get_logger()


class _Json:
    """JSON as the library asks for it, strict and quick."""

    loads = staticmethod(orjson.loads)

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Return the shortest text, whatever the library asks for."""
        return orjson.dumps(value).decode()


class PagePacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet of a splash page: text, in the one namespace there is."""

    uses_binary_events = False
    json = _Json

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


class PageServer(socketio.AsyncServer):  # type: ignore[misc]
    """A Socket.IO server for splash pages.

    Args:
        bad_packet: Called for each connection that ends because of what it sent.
        options: Options of the library.
    """

    def __init__(self, bad_packet: Callable[[], None], **options: Any) -> None:
        super().__init__(
            client_manager=PageManager(),
            serializer=PagePacket,
            async_mode="asgi",
            transports=["websocket"],
            # One after another, in the order of the packets.
            async_handlers=False,
            # Named here, or the library adds handlers of its own: lines past all formatting and
            # masking.
            logger=logging.getLogger("socketio.server"),
            engineio_logger=logging.getLogger("engineio.server"),
            **options,
        )
        self._bad_packet = bad_packet
        #: Whether new connections are refused.
        self.closed = False

    def _engineio_server_class(self) -> type[PageEngine]:
        return PageEngine

    async def handle_request(self, scope: Any, receive: Receive, send: Any) -> Any:
        """Serve one connection; a frame that is no packet ends it."""
        if self.closed and scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close"})
        frames = Frames(receive, self._bad_packet, self.eio.max_http_buffer_size)
        return await super().handle_request(scope, frames, send)

    async def end(self, sid: str) -> None:
        """Tell a page that it is not to come back by itself, and close its connection."""
        page = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, "/"))
        await self.disconnect(sid)
        if page is not None:
            page.end()

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        # All that is kept of a handshake; a page may connect to its namespace more than once.
        kept = {"page": self.eio.sockets[eio_sid], "cookie": own_cookies(environ["asgi.scope"])}
        await super()._handle_eio_connect(eio_sid, kept)

    async def _handle_eio_message(self, eio_sid: str, data: str) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except Exception as e:
            log.debug("bad_packet", kind=type(e).__name__)
            self._bad_packet()
            if eio_sid in self.eio.sockets:
                self.eio.sockets[eio_sid].end()

    async def _handle_event(
        self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]
    ) -> None:
        if self.manager.sid_from_eio_sid(eio_sid, "/") is None:
            raise ValueError("an event before the handshake")
        await super()._handle_event(eio_sid, namespace, id, data)


def own_cookies(scope: Any) -> str:
    """Return the Cookie header of a handshake, untrusted, without other people's cookies."""
    # Not the library's: it leaves out what is not UTF-8 and joins several headers with commas.
    header = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return "; ".join(
        cookie
        for cookie in header.decode("latin-1").split("; ")
        if cookie.lstrip().startswith(COOKIE_PREFIX)
    )


def _is_call(data: Any) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], str)
        and data[0] not in _RESERVED
    )
