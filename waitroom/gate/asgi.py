"""The gate as ASGI middleware: the outermost layer of the site that it guards.

    app = GateMiddleware(app, service_url="http://127.0.0.1:8000", edge_token=…, secret_keys=…)

A visitor with a pass costs one signature check, no call. Requests below ``/__waitroom/`` go to
the service. The origin sees no request that was held.
"""

import asyncio
from collections.abc import Sequence

from waitroom import clock
from waitroom.errors import ServiceError
from waitroom.gate.decide import (
    Decision,
    Enter,
    Forward,
    Hold,
    Refuse,
    Splash,
    ToService,
    away,
    decide,
    entered,
)
from waitroom.gate.inline import InlinePages
from waitroom.gate.proxy import proxy_http
from waitroom.gate.replies import (
    Reply,
    hold_reply,
    refuse_reply,
    splash_reply,
)
from waitroom.gate.rooms import EdgeRoom
from waitroom.gate.scopes import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    forwarded,
    is_secure,
    send_reply,
    visit_from,
    with_headers,
)
from waitroom.gate.service import Service
from waitroom.gate.sockets import proxy_websocket
from waitroom.gate.visit import Visit
from waitroom.identity import pass_cookie, pass_cookie_name, ticket_cookie
from waitroom.tokens import Ticket, Tokens

_Cookies = list[tuple[str, str]]


class GateMiddleware:
    """Guards an ASGI app.

    Args:
        app: The origin.
        service_url: Where the waiting room's web process is.
        edge_token: The installation's ``WAITROOM_EDGE_TOKEN``.
        secret_keys: The installation's signing keys, oldest first.
    """

    def __init__(
        self, app: App, *, service_url: str, edge_token: str, secret_keys: Sequence[str]
    ) -> None:
        self._app = app
        self._tokens = Tokens(secret_keys)
        self._service = Service(service_url, edge_token)
        self._pages = InlinePages(self._service)
        self._started = False
        self._starting: asyncio.Lock | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to the origin or to the service."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        # Some servers know no lifespan; then the first request starts what runs beside.
        await self._start()
        visit = visit_from(scope)
        decision = decide(visit, self._service.known(), self._tokens)
        cookies: _Cookies = []
        if isinstance(decision, Enter):
            decision, cookies = await self._enter(decision, visit, is_secure(scope))
        await self._carry_out(decision, cookies, visit, scope, receive, send)

    async def drain(self) -> None:
        """End the WebSockets of waiting visitors, so that the server can stop at once.

        To be called when the order to stop has come, before the server waits for open requests.
        """
        await self._service.drain()

    async def _carry_out(
        self,
        decision: Decision,
        cookies: _Cookies,
        visit: Visit,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        if isinstance(decision, Forward):
            cookies += self._renew(decision, visit, is_secure(scope))
            passed = decision.room if decision.reason == "pass" else None
            onward = forwarded(scope, decision.page, passed)
            await self._app(onward, receive, with_headers(send, cookies))
        elif isinstance(decision, ToService):
            relay = proxy_websocket if visit.websocket else proxy_http
            await relay(self._service, visit, decision.page, scope, receive, send)
        else:
            reply = await self._reply(decision, cookies, visit, is_secure(scope))
            await send_reply(scope, receive, send, reply)

    async def _reply(
        self, decision: Decision, cookies: _Cookies, visit: Visit, secure: bool
    ) -> Reply:
        if isinstance(decision, Splash | Hold) and decision.issue_ticket and decision.room:
            cookies = [*cookies, self._new_ticket(decision.room, secure)]
        if isinstance(decision, Splash):
            reply = await self._splash(decision, visit)
        elif isinstance(decision, Hold):
            reply = hold_reply(decision, has_ticket=decision.room is not None)
        else:
            assert isinstance(decision, Refuse)
            reply = refuse_reply(decision)
        return Reply(reply.status, (*reply.headers, *cookies), reply.body)

    async def _splash(self, splash: Splash, visit: Visit) -> Reply:
        room = self._room(splash.room)
        if splash.answer != "inline":
            return splash_reply(splash, room)
        try:
            return await self._pages.reply(splash, room, visit.headers.get("accept-language", ""))
        except ServiceError:
            return hold_reply(Hold(room.name, "redirect", False), has_ticket=not splash.closed)

    async def _enter(
        self, asked: Enter, visit: Visit, secure: bool
    ) -> tuple[Forward | Splash | Hold, _Cookies]:
        room = self._room(asked.room)
        try:
            answer = await self._service.enter(asked.room, asked.ticket, asked.lapsed)
        except ServiceError:
            since_ms = self._service.known().away_since_ms
            held = asked.ticket is not None
            since_ms = visit.now_ms if since_ms is None else since_ms
            return away(room, visit, asked.page, since_ms, ticket=held), []
        cookies = []
        if answer.status == "admitted":
            # A ticket is given up at the door, as in the service's own `go`.
            if asked.ticket is not None:
                cookies.append(_set(ticket_cookie(room.name, "", secure=secure)))
        elif answer.ticket is not None and answer.ticket != asked.ticket:
            cookies.append(_set(ticket_cookie(room.name, answer.ticket, secure=secure)))
        if answer.status == "admitted" and answer.granted is not None:
            left_ms = (answer.deadline_ms or 0) - visit.now_ms
            cookies.append(_pass(room, answer.granted, left_ms, secure))
        return entered(asked, answer.status), cookies

    def _renew(self, decision: Forward, visit: Visit, secure: bool) -> _Cookies:
        if not decision.token or decision.room is None:
            return []
        room = self._room(decision.room)
        if decision.renew:
            forget_ms = decision.deadline_ms + room.session_duration_s * 1000
            self._service.renewals.ask(room.name, decision.token, forget_ms)
        if decision.token in visit.cookies(pass_cookie_name(room.name)):
            return []
        left_ms = decision.deadline_ms - visit.now_ms
        return [_pass(room, decision.token, left_ms, secure)]

    def _new_ticket(self, room: str, secure: bool) -> tuple[str, str]:
        ticket = Ticket(room, clock.new_visitor(), clock.now_us())
        token = self._tokens.sign_ticket(ticket)
        return _set(ticket_cookie(room, token, secure=secure))

    def _room(self, name: str) -> EdgeRoom:
        rooms = self._service.known().rooms
        found = rooms.get(name) if rooms is not None else None
        # Deleted while this request was on its way.
        return found if found is not None else EdgeRoom(name=name)

    async def _start(self) -> None:
        if self._started:
            return
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if not self._started:
                await self._service.start()
                self._started = True

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._start()
        heard: list[Message] = []
        answered: list[Message] = []

        async def noted_receive() -> Message:
            heard.append(await receive())
            return heard[-1]

        async def noted_send(message: Message) -> None:
            answered.append(message)
            # Servers may end this task as soon as they have heard that all is done.
            if message["type"] != "lifespan.startup.complete":
                await self._stop()
            await send(message)

        try:
            await self._app(scope, noted_receive, noted_send)
        except Exception:
            if answered:
                raise
            # An app without lifespan raises at once; the gate has one all the same.
            await _bare_lifespan(heard, receive, noted_send)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        if self._started:
            self._started = False
            await self._service.stop()


async def _bare_lifespan(heard: list[Message], receive: Receive, send: Send) -> None:
    message = heard[0] if heard else await receive()
    while message["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
        message = await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _set(value: str) -> tuple[str, str]:
    return "set-cookie", value


def _pass(room: EdgeRoom, token: str, left_ms: int, secure: bool) -> tuple[str, str]:
    duration_s = room.session_duration_s
    return _set(
        pass_cookie(room.name, token, left_ms=left_ms, session_duration_s=duration_s, secure=secure)
    )
