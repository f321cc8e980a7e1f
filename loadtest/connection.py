"""One Socket.IO connection of a page over a real WebSocket, for ten thousand of them at once.

The library ``websockets`` reads and writes the frames; here are only the event loop's side and
the few packets that a page uses. Once connected no greenlet waits on it: the loop calls when
something has come, which costs a tenth of a greenlet and no stack.
"""

import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import gevent
import gevent.socket
import gevent.ssl
import orjson
from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

PATH = "/__waitroom/socket.io/?EIO=4&transport=websocket"
#: As in splash/live.js, seconds.
CONNECT_TIMEOUT_S = 10.0
_READ = 1
_CHUNK = 65_536


class RefusedError(Exception):
    """The connection did not come up; its text says why, in a few words."""


class Listener(Protocol):
    """What a page does with what comes. Called by the event loop: must not block."""

    def on_event(self, name: str, payload: Any) -> None:
        """An event of the server."""

    def on_ack(self, number: int, answer: Any) -> None:
        """The answer to an emit of ours."""

    def on_close(self, why: str) -> None:
        """The connection is gone, and not because of us."""


class Link:
    """One connection; used once.

    Args:
        listener: Hears what comes.
    """

    __slots__ = ("_listener", "_sock", "_protocol", "_watcher", "_number", "connected")

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._sock: Any = None
        self._protocol: Any = None
        self._watcher: Any = None
        self._number = 0
        self.connected = False

    def open(self, base_url: str, cookie: str, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """Connect, up to Socket.IO's own greeting; blocks this greenlet.

        Args:
            base_url: The site or the service, as in http://127.0.0.1:8000.
            cookie: The Cookie header.
            timeout_s: For all of it.

        Raises:
            RefusedError: If it does not come up.
        """
        limit = gevent.Timeout.start_new(timeout_s, RefusedError("timeout"))
        try:
            self._greet(base_url, cookie)
        except RefusedError:
            self.close()
            raise
        except (OSError, WebSocketException, ValueError) as e:
            self.close()
            raise RefusedError(type(e).__name__) from e
        finally:
            limit.close()

    def emit(self, name: str, *payload: Any) -> int:
        """Send an event.

        Returns:
            Its number, which the answer carries; 0 when it could not be sent.
        """
        self._number += 1
        text = orjson.dumps([name, *payload]).decode()
        return self._number if self._send(f"42{self._number}{text}") else 0

    def deafen(self) -> None:
        """Hear and say nothing any more, as a phone that was locked or lost its network."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        self.connected = False

    def close(self) -> None:
        """End it from this side; without a close frame, as networks do."""
        self.deafen()
        if self._sock is not None:
            self._sock.close()
            self._sock = self._protocol = None

    def _greet(self, base_url: str, cookie: str) -> None:
        address = urlsplit(base_url)
        secure = address.scheme == "https"
        port = address.port or (443 if secure else 80)
        sock = gevent.socket.create_connection((address.hostname, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            sock = _tls().wrap_socket(sock, server_hostname=address.hostname)
        self._sock = sock
        uri = parse_uri(f"{'wss' if secure else 'ws'}://{address.netloc}{PATH}")
        self._protocol = ClientProtocol(uri, origin=base_url.rstrip("/"))  # type: ignore[arg-type]
        request = self._protocol.connect()
        request.headers["Cookie"] = cookie
        self._protocol.send_request(request)
        self._flush(sock.sendall)
        while not self.connected:
            self._read(sock.recv(_CHUNK))
        sock.settimeout(0.0)
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), _READ)
        self._watcher.start(self._readable)

    def _read(self, data: bytes) -> None:
        if not data:
            raise RefusedError("closed")
        self._protocol.receive_data(data)
        if self._protocol.handshake_exc is not None:
            raise RefusedError(str(self._protocol.handshake_exc)[:80])
        self._handle()

    def _readable(self) -> None:
        try:
            while self._sock is not None:
                data = self._sock.recv(_CHUNK)
                if not data:
                    return self._lost("transport close")
                self._protocol.receive_data(data)
                self._handle()
                if len(data) < _CHUNK:
                    return
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            self._lost("transport error")

    def _handle(self) -> None:
        for found in self._protocol.events_received():
            if not isinstance(found, Frame):
                continue
            if found.opcode is Opcode.TEXT:
                self._packet(bytes(found.data))
            elif found.opcode is Opcode.CLOSE:
                return self._lost("transport close")
            if self._sock is None:
                return

    def _packet(self, text: bytes) -> None:
        kind = text[:2]
        if kind == b"42":
            name, *payload = orjson.loads(text[2:])
            self._listener.on_event(name, payload[0] if payload else None)
        elif kind == b"43":
            start = text.index(b"[")
            answer = orjson.loads(text[start:])
            self._listener.on_ack(int(text[2:start]), answer[0] if answer else None)
        elif kind[:1] == b"2":
            self._send("3")
        elif kind[:1] == b"0":
            self._send("40")
        elif kind == b"40":
            self.connected = True
        elif kind == b"44":
            raise RefusedError("refused")
        elif kind == b"41":
            self._lost("io server disconnect")
        elif kind[:1] == b"1":
            self._lost("transport close")

    def _send(self, text: str) -> bool:
        if self._protocol is None or self._protocol.state is not State.OPEN:
            return False
        self._protocol.send_text(text.encode())
        try:
            self._flush(self._sock.send)
        except OSError:
            # Forty bytes that do not fit: the other side has not read for a long time.
            gevent.get_hub().loop.run_callback(self._lost, "transport error")
            return False
        return True

    def _flush(self, send: Callable[[bytes], Any]) -> None:
        for part in self._protocol.data_to_send():
            if part:
                send(part)

    def _lost(self, why: str) -> None:
        if self._sock is None:
            return
        was_connected = self.connected
        self.close()
        if not was_connected:
            raise RefusedError(why)
        self._listener.on_close(why)


_context: Any = None


def _tls() -> Any:
    global _context
    if _context is None:
        # Made once: reading the certificates takes longer than a handshake.
        _context = gevent.ssl.create_default_context()
    return _context
