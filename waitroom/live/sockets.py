"""Socket.IO events: what a splash page says and what it hears.

Identity comes from the signed pass or ticket, never from the page. A disconnect is not a leave.
Events of one socket are handled one after another, so a page that shouts only holds up itself.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from waitroom import clock
from waitroom.errors import RequestError, StoreError, WaitroomError
from waitroom.identity import cookies, read_held_pass, read_ticket, ticket_cookie_name
from waitroom.live.budget import Budget
from waitroom.live.connection import PageSocket
from waitroom.live.gauges import Gauges
from waitroom.live.holders import Holders
from waitroom.live.hub import Hub
from waitroom.live.packets import PageServer
from waitroom.live.updates import event_packet
from waitroom.room import Room, Standing
from waitroom.room.settings import ROOM_NAME
from waitroom.tokens import MAX_TOKEN_LENGTH, Tokens

#: Largest packet a page may send, bytes; a register with a ticket is under 400.
MAX_PACKET_BYTES = 2_048
PING_INTERVAL_S, PING_TIMEOUT_S = 25, 20

log = structlog.get_logger()

Handler = Callable[..., Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class Socket:
    """One connection of a page.

    Attributes:
        page: What packets go out by.
        cookie: The Cookie header of its handshake, untrusted.
        budget: Messages it may still send.
        room: The room it registered for, or None.
        visitor: Who it is, once registered.
    """

    page: PageSocket
    cookie: str
    budget: Budget
    room: Room | None = None
    visitor: str = ""


class Sockets:
    """All Socket.IO connections of one process.

    Args:
        tokens: Reads tickets.
        gauges: Counts errors.
    """

    def __init__(self, tokens: Tokens, gauges: Gauges) -> None:
        self._tokens = tokens
        self._gauges = gauges
        self._open: dict[str, Socket] = {}
        self.server = PageServer(
            lambda: gauges.error("bad_packet"),
            max_http_buffer_size=MAX_PACKET_BYTES,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
        )
        self.server.on("connect", self._connect)
        self.server.on("register", self._guarded(self._register))
        self.server.on("heartbeat", self._guarded(self._heartbeat))
        self.server.on("disconnect", self._disconnect)
        self._hub: Hub | None = None
        self._holders: Holders | None = None

    def attach(self, hub: Hub, holders: Holders) -> None:
        """Name the hub and the holders; once, before the first connection."""
        self._hub, self._holders = hub, holders

    def __len__(self) -> int:
        """Return how many sockets are open."""
        return len(self._open)

    def pages(self) -> list[PageSocket]:
        """Return all connections, those too that have not said anything yet."""
        return list(self.server.eio.sockets.values())

    def close_door(self) -> None:
        """Take no new connections."""
        self.server.closed = True

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        # One budget a connection, however often the page connects to its namespace.
        budget = environ.setdefault("budget", Budget(clock.monotonic_s()))
        self._open[sid] = Socket(environ["page"], environ["cookie"], budget)

    async def _disconnect(self, sid: str, reason: str) -> None:
        found = self._open.pop(sid, None)
        if found is not None:
            await self._let_go(found, sid)

    async def _let_go(self, found: Socket, sid: str) -> None:
        """End what the socket was registered for. The visitor keeps the place."""
        if found.room is None or self._hub is None or self._holders is None:
            return
        self._hub.unwatch(found.room.name, found.visitor, found.page)
        # Without Redis it lapses by itself.
        with suppress(StoreError):
            await self._holders.release(found.room, found.visitor, sid)

    async def _register(self, sid: str, payload: Any = None, *_: Any) -> dict[str, Any]:
        found = await self._afford(sid)
        if found is None or self._hub is None or self._holders is None:
            return _failure(RequestError("Too many messages.", code="too_many_messages"))
        try:
            name, ticket_text = _read_register(payload)
            room = await self._hub.room(name)
            standing = await self._standing(found, room, ticket_text)
            await self._holders.hold(room, standing.visitor, sid)
            answer = await self._hub.answer(room, standing)
        except WaitroomError as e:
            return self._fail(sid, e)
        if found.room is not None and (found.room.name, found.visitor) != (name, standing.visitor):
            await self._let_go(found, sid)
        found.room, found.visitor = room, standing.visitor
        if sid not in self._open:
            # It broke off while Redis was asked.
            await self._let_go(found, sid)
            return {"ok": True}
        admitted = answer["status"] == "admitted"
        if not admitted:
            self._hub.watch(room, standing, found.page)
        found.page.push(event_packet("queue_update", answer))
        if admitted:
            found.page.push(event_packet("admitted", {"go_by_s": room.settings.claim_ttl_s}))
        return {"ok": True}

    async def _heartbeat(self, sid: str, *_: Any) -> dict[str, Any]:
        found = await self._afford(sid)
        if found is None or self._hub is None or self._holders is None:
            return _failure(RequestError("Too many messages.", code="too_many_messages"))
        if found.room is None:
            return self._fail(sid, RequestError("Register before the first heartbeat."))
        self._hub.heard(found.room.name, found.visitor)
        try:
            await self._holders.renew(found.room, found.visitor, sid)
        except WaitroomError as e:
            return self._fail(sid, e)
        return {"ok": True}

    def _guarded(self, handler: Handler) -> Handler:
        """Return the handler, with a defect of ours logged and answered like any other error."""

        async def handle(sid: str, *payload: Any) -> dict[str, Any]:
            try:
                return await handler(sid, *payload)
            except Exception as e:
                log.error("defect", exc_info=e)
                return self._fail(sid, WaitroomError("Something went wrong here."))

        return handle

    async def _standing(self, found: Socket, room: Room, text: str | None) -> Standing:
        """Find the seat of the pass that a browser holds, else what its ticket has.

        A page of another site that sends a form here shows no cookies: the gate gives a seat
        holder a ticket then, which must not become a second place.

        Raises:
            TokenError: If neither verifies.
            RequestError: If the ticket is spent.
        """
        now_ms, epoch = clock.now_ms(), room.settings.epoch
        held = read_held_pass(self._tokens, room.name, found.cookie, epoch=epoch, now_ms=now_ms)
        if held and (seated := await room.seat_of(held.visitor, held.deadline_ms)):
            return seated
        shown = cookies(found.cookie).getlist(ticket_cookie_name(room.name))
        ticket = read_ticket(self._tokens, room.name, [text] if text is not None else shown)
        standing = await room.enter(ticket.visitor, ticket.place)
        if standing.visitor != ticket.visitor:
            raise RequestError("The ticket is spent.", code="bad_token", status=401)
        return standing

    async def _afford(self, sid: str) -> Socket | None:
        """Return the socket if it may speak; one that shouts is shown the door."""
        found = self._open.get(sid)
        if found is None:
            return None
        if found.budget.spend(clock.monotonic_s()):
            return found
        self._fail(sid, RequestError("Too many messages.", code="too_many_messages"))
        await self.server.end(sid)
        return None

    def _fail(self, sid: str, error: WaitroomError) -> dict[str, Any]:
        error = self._hub.named(error) if self._hub else error
        self._gauges.error(error.code)
        failure = _failure(error)
        if found := self._open.get(sid):
            payload = {"code": failure["error"], "detail": failure["detail"]}
            found.page.push(event_packet("error", payload))
        return failure


def _failure(error: WaitroomError) -> dict[str, Any]:
    return {"error": error.code, "detail": error.detail}


def _read_register(payload: Any) -> tuple[str, str | None]:
    """Return room and ticket of a register.

    Raises:
        RequestError: If it is not ``{"room": …, "ticket": …}``.
    """
    if isinstance(payload, dict) and set(payload) <= {"room", "ticket"}:
        room, ticket = payload.get("room"), payload.get("ticket")
        known = isinstance(room, str) and ROOM_NAME.fullmatch(room)
        if known and (ticket is None or isinstance(ticket, str)):
            if ticket is not None and len(ticket) > MAX_TOKEN_LENGTH:
                raise RequestError("The ticket is too long.", code="bad_token", status=401)
            return str(room), ticket
    raise RequestError("register takes {room} or {room, ticket}.")
