"""A real site behind the gate, and a small real service: both on loopback, both counting."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig
from yarl import URL

from waitroom import clock
from waitroom.gate import GateMiddleware, service
from waitroom.tokens import Pass, Ticket, Tokens

KEYS = ["old-key-of-at-least-32-characters-0000", "new-key-of-at-least-32-characters-0001"]
EDGE_TOKEN = "edge-token-of-at-least-32-characters-00"
PAGE = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
VISITOR = "AAECAwQFBgcICQoLDA0ODw"
PATIENCE_S = 10.0


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - it looks at others' counters
            await asyncio.sleep(0.01)


@dataclass
class FakeService:
    """Speaks the edge API and a little of ``/__waitroom/``; counts what it was asked."""

    rooms: list[dict[str, Any]] = field(default_factory=list)
    entered: dict[str, Any] = field(default_factory=dict)
    #: "" works; else 500, garbage, empty, long, hang or unauthorized.
    fault: str = ""
    #: Which verbs the fault touches.
    faulty: tuple[str, ...] = ("rooms", "enter", "renew", "page")
    renewed: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    pages: list[web.BaseRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    sockets: int = 0
    etags: list[int] = field(default_factory=list)
    port: int = 0
    runner: web.AppRunner | None = None
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, verb: str) -> list[Any]:
        return [body for called, body in self.calls if called == verb]

    async def start(self) -> None:
        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/api/edge/{verb}", self._edge)
        app.router.add_get("/__waitroom/socket.io/", self._socket)
        app.router.add_route("*", "/{path:.*}", self._page)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        self.hanging.set()
        if self.runner is not None:
            await self.runner.cleanup()
        self.runner = None
        self.hanging = asyncio.Event()

    async def _fault(self, verb: str) -> web.Response | None:
        if verb not in self.faulty or not self.fault:
            return None
        if self.fault == "hang":
            await self.hanging.wait()
        if self.fault == "garbage":
            return web.Response(text="<html>It works!</html>", content_type="text/html")
        if self.fault == "long":
            return web.Response(body=b" " * (5 * 1024 * 1024))
        if self.fault == "empty":
            return web.json_response({})
        return web.Response(status=401 if self.fault == "unauthorized" else 500)

    async def _edge(self, request: web.Request) -> web.StreamResponse:
        verb = request.match_info["verb"]
        assert request.headers["Authorization"] == f"Bearer {EDGE_TOKEN}"
        body = json.loads(await request.read() or b"null")
        self.calls.append((verb, body))
        if (answer := await self._fault(verb)) is not None:
            return answer
        if verb == "rooms":
            text = json.dumps({"rooms": self.rooms})
            etag = f'"{hash(text)}"'
            same = request.headers.get("If-None-Match") == etag
            self.etags.append(304 if same else 200)
            if same:
                return web.Response(status=304)
            return web.Response(text=text, headers={"ETag": etag}, content_type="application/json")
        if verb == "enter":
            return web.json_response({"room": body["room"]} | self.entered)
        passes = [self.renewed.get(entry["pass"]) for entry in body["passes"]]
        return web.json_response({"passes": passes})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self.pages.append(request)
        self.bodies.append(await request.read())
        if (answer := await self._fault("page")) is not None:
            return answer
        if request.query.get("stream"):
            response = web.StreamResponse(headers={"X-Kind": "stream"})
            await response.prepare(request)
            await response.write(b"first,")
            await self.hanging.wait()
            await response.write(b"second")
            return response
        response = web.Response(
            text='<html lang="en"><a href="?nojs=1">splash</a></html>',
            content_type="text/html",
            headers={"Content-Security-Policy": "default-src 'self'", "ETag": '"splash"'},
        )
        response.headers.add("Set-Cookie", "a=1; Path=/")
        response.headers.add("Set-Cookie", "b=2; Path=/; HttpOnly")
        return response

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.pages.append(request)
        if request.query.get("refuse"):
            return web.json_response({"error": "no"}, status=429)
        socket = web.WebSocketResponse(protocols=("b", "a"))
        await socket.prepare(request)
        self.sockets += 1
        async for message in socket:
            if message.data == "close":
                await socket.close(code=4001)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data.upper())
            else:
                await socket.send_bytes(message.data[::-1])
        self.sockets -= 1
        return socket


class Origin:
    """The site: notes every scope that reaches it."""

    def __init__(self) -> None:
        self.reached: list[dict[str, Any]] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.live: list[str] = []

    @property
    def paths(self) -> list[str]:
        return [scope["raw_path"].decode() for scope in self.reached]

    def header(self, name: str) -> list[str]:
        pairs = self.reached[-1]["headers"]
        return [value.decode() for key, value in pairs if key.decode().lower() == name]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return None
        self.reached.append(scope)
        message = await receive()
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})
            return None
        while message.get("more_body"):
            message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"the site"})
        return None

    async def _lifespan(self, receive: Any, send: Any) -> None:
        for step in ("startup", "shutdown"):
            await receive()
            self.live.append(step)
            await send({"type": f"lifespan.{step}.complete"})


@dataclass
class Answer:
    """What a visitor got."""

    status: int
    headers: Any
    text: str

    def cookies(self) -> dict[str, str]:
        pairs = [
            line.split(";")[0].partition("=") for line in self.headers.getall("Set-Cookie", [])
        ]
        return {name: value for name, _, value in pairs}


@dataclass
class Site:
    """The guarded site, as visitors reach it."""

    origin: Origin
    service: FakeService
    http: aiohttp.ClientSession
    port: int
    gate: GateMiddleware
    tokens: Tokens = field(default_factory=lambda: Tokens(KEYS))

    async def get(self, path: str = "/shop", **headers: str) -> Answer:
        return await self.ask("GET", path, headers=PAGE | headers)

    async def ask(self, method: str, path: str, *, headers: Any, data: Any = None) -> Answer:
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self.http.request(
            method, url, headers=headers, data=data, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    def seat(self, left_s: float = 200, room: str = "shop", epoch: int = 0) -> str:
        """Return a pass that is still good for some seconds."""
        deadline_ms = clock.now_ms() + int(left_s * 1000)
        return self.tokens.sign_pass(Pass(room, VISITOR, deadline_ms, epoch))

    def ticket(self, room: str = "shop", place: int = 7) -> str:
        return self.tokens.sign_ticket(Ticket(room, VISITOR, place))


@pytest.fixture
def fake_service() -> FakeService:
    return FakeService(rooms=[{"name": "shop", "routes": [{"host": "*", "path": "/shop"}]}])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what runs in the background run much more often."""
    monkeypatch.setattr(service, "PULL_S", 0.02)
    monkeypatch.setattr(service, "PROBE_S", 0.02)
    monkeypatch.setattr(service, "FIRST_PROBE_S", 0.02)
    monkeypatch.setattr(service, "RENEW_S", 0.02)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        yield session


@pytest.fixture
async def open_site(
    fake_service: FakeService, free_port: Callable[[], int], http: aiohttp.ClientSession
) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Return a function that opens a site behind the gate, under Hypercorn."""
    ending = asyncio.Event()
    servers = []

    async def start(app: Any = None, *, with_service: bool = True, whole: bool = False) -> Site:
        if whole:
            fake_service.rooms = [{"name": "shop", "routes": [{"host": "*", "path": "/"}]}]
        fake_service.port = fake_service.port or free_port()
        if with_service:
            await fake_service.start()
        origin = Origin()
        gate = GateMiddleware(
            app or origin, service_url=fake_service.url, edge_token=EDGE_TOKEN, secret_keys=KEYS
        )
        port = free_port()
        settings = ServerConfig.from_mapping(bind=f"127.0.0.1:{port}", graceful_timeout=0.2)
        settings.errorlog = settings.accesslog = None
        running = serve(gate, settings, shutdown_trigger=ending.wait)  # type: ignore[arg-type]
        servers.append(asyncio.create_task(running))
        site = Site(origin, fake_service, http, port, gate)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.close()
                await writer.wait_closed()
                return site

    yield start
    ending.set()
    await asyncio.gather(*servers)
    await fake_service.stop()


@pytest.fixture
async def site(open_site: Callable[..., Awaitable[Site]], quick: None) -> Site:
    """Return a site whose room covers ``/shop``; the service lets nobody in."""
    found = await open_site()
    found.service.entered = {"status": "waiting", "ticket": found.ticket()}
    return found
