"""The gate as ASGI middleware: the outermost layer of the site that it guards.

    app = GateMiddleware(app, service_url="http://127.0.0.1:8000", edge_token=…, secret_keys=…)

Requests below ``/__waitroom/`` go to the service, WebSockets too. The origin sees no request
that was held. A room whose route names a host guards that host alone, so an app that answers to
any name wants a room for the host ``*``.
"""

import asyncio
from collections.abc import Sequence

from waitroom.gate.decide import ToService
from waitroom.gate.gate import Gate, Onward
from waitroom.gate.origin import EDGE_NAMES
from waitroom.gate.proxy import BODY_MAX, ask
from waitroom.gate.replies import Reply
from waitroom.gate.scopes import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    forwarded,
    header_pairs,
    read_body,
    send_reply,
    visit_from,
    with_headers,
)
from waitroom.gate.sockets import proxy_websocket
from waitroom.gate.visit import Visit

_DROPPED = frozenset(name.encode() for name in EDGE_NAMES)


class GateMiddleware:
    """Guards an ASGI app.

    Args:
        app: The origin.
        service_url: Where the waiting room's web process is.
        edge_token: The installation's ``WAITROOM_EDGE_TOKEN``.
        secret_keys: The installation's signing keys, oldest first.
        name: What the console and alerts call this gate; gates without one share an entry there.
    """

    def __init__(
        self,
        app: App,
        *,
        service_url: str,
        edge_token: str,
        secret_keys: Sequence[str],
        name: str = "",
    ) -> None:
        self._app = app
        self._gate = Gate(
            service_url=service_url, edge_token=edge_token, secret_keys=secret_keys, name=name
        )
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
        outcome = await self._gate.outcome(visit)
        if isinstance(outcome, Onward):
            onward = forwarded(scope, outcome.page, outcome.headers, _DROPPED)
            await self._app(onward, receive, with_headers(send, outcome.cookies))
        elif isinstance(outcome, Reply):
            await send_reply(scope, receive, send, outcome)
        elif visit.websocket:
            await proxy_websocket(self._gate.service, visit, outcome.page, scope, receive, send)
        else:
            await self._proxy(outcome, visit, scope, receive, send)

    async def drain(self) -> None:
        """End the WebSockets of waiting visitors, so that the server can stop at once.

        To be called when the order to stop has come, before the server waits for open requests.
        """
        await self._gate.service.drain()

    async def _proxy(
        self, asked: ToService, visit: Visit, scope: Scope, receive: Receive, send: Send
    ) -> None:
        body = await read_body(receive, BODY_MAX)
        answer = await ask(self._gate.service, visit, asked.page, header_pairs(scope), body)
        await send_reply(scope, receive, send, answer)

    async def _start(self) -> None:
        if self._started:
            return
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if not self._started:
                await self._gate.start()
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
            await self._gate.stop()


async def _bare_lifespan(heard: list[Message], receive: Receive, send: Send) -> None:
    message = heard[0] if heard else await receive()
    while message["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
        message = await receive()
    await send({"type": "lifespan.shutdown.complete"})
