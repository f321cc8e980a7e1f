"""Live figures over Socket.IO: a server of the console's own, as strict as that of the visitors.

Its path is below the console's, so only its sockets see the cookie of a sign-in. Whether that
still counts is looked at before anything is sent, so whoever signed out, or lost the room, is told
nothing more and is cut off within a second; a socket never keeps a sign-in alive.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from waitroom import clock
from waitroom.accounts import cookies
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import UnauthorizedError
from waitroom.accounts.who import Who
from waitroom.console.live import Live
from waitroom.errors import ForbiddenError, RoomNotFoundError, StoreError, WaitroomError
from waitroom.live.connection import PageSocket
from waitroom.live.packets import PageServer
from waitroom.live.updates import event_packet
from waitroom.room.settings import ROOM_NAME

PATH = "/console/socket.io/"
#: How often figures are sent, seconds.
EVERY_S = 1.0
#: Most sockets of one process, and of one person, who has one for each open tab.
MAX_OPEN, MAX_OPEN_EACH = 500, 50
#: Largest packet that a page may send, bytes.
MAX_PACKET_BYTES = 512

log = structlog.get_logger()


@dataclass(slots=True)
class Looker:
    """One open room page.

    Attributes:
        page: What packets go out by.
        cookie: Of the sign-in, untrusted until looked at.
        room: The room it shows; empty until it said so.
        name: Whose sign-in it is.
    """

    page: PageSocket
    cookie: str
    room: str = ""
    name: str = ""


class _Server(PageServer):
    """The strict server, which keeps the sign-in's cookie of a handshake and nothing else."""

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        kept = {"page": self.eio.sockets[eio_sid], "cookie": cookie_of(environ["asgi.scope"])}
        await super(PageServer, self)._handle_eio_connect(eio_sid, kept)


class ConsoleSockets:
    """All sockets of the console in one process.

    Args:
        accounts: Knows who is signed in.
        live: Reads the figures.
    """

    def __init__(self, accounts: Accounts, live: Live) -> None:
        self._accounts = accounts
        self._live = live
        self._open: dict[str, Looker] = {}
        self.server = _Server(
            lambda: None,
            max_http_buffer_size=MAX_PACKET_BYTES,
            ping_interval=25,
            ping_timeout=20,
        )
        self.server.on("connect", self._connect)
        self.server.on("watch", self._watch)
        self.server.on("disconnect", self._disconnect)

    def __len__(self) -> int:
        """Return how many room pages are open."""
        return len(self._open)

    async def run(self) -> None:
        """Send figures until cancelled; no fault stops it."""
        while True:
            started_s = clock.monotonic_s()
            try:
                await self.round()
            except Exception:
                log.exception("console_round_failed")
            await asyncio.sleep(max(0.05, EVERY_S - (clock.monotonic_s() - started_s)))

    async def round(self) -> None:
        """Send everybody the figures of this moment, once; end whoever is signed out."""
        for sid, looker in list(self._open.items()):
            if looker.page.ended:
                # It went while it was let in, so nobody says so.
                self._open.pop(sid, None)
            else:
                await self._tell(sid, looker)

    async def close(self) -> None:
        """End all sockets."""
        self.server.closed = True
        for looker in list(self._open.values()):
            looker.page.end()
        await self.server.shutdown()

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> bool:
        looker = Looker(environ["page"], environ["cookie"])
        with suppress(WaitroomError):
            looker.name = (await self._who(looker)).name
        # Counted after the wait: many who come at once do not slip past.
        names = [each.name for each in self._open.values()]
        if len(names) >= MAX_OPEN or names.count(looker.name) >= MAX_OPEN_EACH or not looker.name:
            return False
        self._open[sid] = looker
        return True

    async def _disconnect(self, sid: str, reason: str) -> None:
        self._open.pop(sid, None)

    async def _watch(self, sid: str, payload: Any = None, *_: Any) -> dict[str, Any]:
        looker = self._open.get(sid)
        room = payload.get("room") if isinstance(payload, dict) else None
        if looker is None or not isinstance(room, str) or not ROOM_NAME.fullmatch(room):
            return {"error": "bad_request", "detail": "watch takes {room}."}
        # One a socket: whoever shouts is answered by the next round.
        first = not looker.room
        looker.room = room
        if first:
            await self._tell(sid, looker)
        return {"ok": True}

    async def _tell(self, sid: str, looker: Looker) -> None:
        try:
            who = await self._who(looker)
            told = await self._live.told(who, looker.room) if looker.room else None
        except (UnauthorizedError, ForbiddenError, RoomNotFoundError):
            looker.page.push(event_packet("gone", {}))
            self._open.pop(sid, None)
            await self.server.end(sid)
        except StoreError as e:
            looker.page.push(event_packet("fault", {"code": e.code, "detail": e.detail}))
        else:
            if told and not looker.page.busy:
                looker.page.push(event_packet("figures", told))

    async def _who(self, looker: Looker) -> Who:
        found = await self._accounts.who_of_cookie(looker.cookie, touch=False)
        if found is None:
            raise UnauthorizedError
        return found.who


class Door:
    """Sends sockets of the console to their server, and everything else on.

    Args:
        app: The application behind; has ``extensions``.
        sockets: Of the console.
    """

    def __init__(self, app: Any, sockets: ConsoleSockets) -> None:
        self._app = app
        self._sockets = sockets
        #: Of the Quart application.
        self.extensions: dict[str, Any] = app.extensions

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, socket or lifespan."""
        if scope["type"] in ("http", "websocket") and scope["path"].startswith(PATH):
            await self._sockets.server.handle_request(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def cookie_of(scope: Any) -> str:
    """Return the value of the sign-in's cookie of a handshake, untrusted; empty for none."""
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, []).append(value)
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    proto = headers.get(b"x-forwarded-proto", [])
    secure = cookies.is_secure(scheme, proto[0].decode("latin-1") if proto else None)
    # HTTP/2 sends cookies in several headers.
    whole = b"; ".join(headers.get(b"cookie", [])).decode("latin-1")
    return cookies.shown(whole, secure=secure)[0]
