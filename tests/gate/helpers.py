"""A real site behind the gate, and a small real service: both on loopback, both counting."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from yarl import URL

from waitroom import clock
from waitroom.gate import WSGIGateMiddleware
from waitroom.gate.gate import Gate
from waitroom.gate.service import PROBE_ROOM, Service
from waitroom.tokens import Pass, Ticket, Tokens

KEYS = ["old-key-of-at-least-32-characters-0000", "new-key-of-at-least-32-characters-0001"]
EDGE_TOKEN = "edge-token-of-at-least-32-characters-00"
PAGE = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
VISITOR = "AAECAwQFBgcICQoLDA0ODw"
PATIENCE_S = 10.0
#: As the real service says it.
PUBLIC = {
    "Cache-Control": "public, max-age=0, s-maxage=60, must-revalidate",
    "Vary": "Accept-Encoding, Accept-Language",
    "ETag": 'W/"splash"',
}
_PUBLIC_PATH = re.compile(r"/__waitroom/([a-z]+(/board|/theme/.*)?|assets/.*|waitroom-fetch\.js)")


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - it looks at others' counters
            await asyncio.sleep(0.01)


async def listening(port: int) -> None:
    """Wait until a server takes connections."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return


@dataclass
class FakeService:
    """Speaks the edge API and a little of ``/__waitroom/``; counts what it was asked."""

    rooms: list[dict[str, Any]] = field(default_factory=list)
    entered: dict[str, Any] = field(default_factory=dict)
    #: "" works; else 500, garbage, empty, long, hang, lost, deleted or unauthorized.
    fault: str = ""
    #: Which verbs the fault touches.
    faulty: tuple[str, ...] = ("rooms", "enter", "renew", "page")
    renewed: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=lambda: ["ar", "de", "en"])
    #: Headers of what is public; tests change them.
    public: dict[str, str] = field(default_factory=lambda: dict(PUBLIC))
    public_status: int = 200
    #: Makes pages long enough to be compressed.
    filling: str = ""
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
        if self.fault == "lost":
            return web.json_response({"error": "not_found"}, status=404)
        if self.fault == "deleted":
            return web.json_response({"error": "room_not_found"}, status=404)
        return web.Response(status=401 if self.fault == "unauthorized" else 500)

    async def _edge(self, request: web.Request) -> web.StreamResponse:
        verb = request.match_info["verb"]
        assert request.headers["Authorization"] == f"Bearer {EDGE_TOKEN}"
        body = json.loads(await request.read() or b"null")
        probe = verb == "enter" and body["room"] == PROBE_ROOM
        self.calls.append(("probe" if probe else verb, body))
        if (answer := await self._fault(verb)) is not None:
            return answer
        if verb == "rooms":
            text = json.dumps({"rooms": self.rooms, "languages": self.languages})
            etag = f'"{hash(text)}"'
            same = request.headers.get("If-None-Match") == etag
            self.etags.append(304 if same else 200)
            if same:
                return web.Response(status=304)
            return web.Response(text=text, headers={"ETag": etag}, content_type="application/json")
        if probe:
            return web.json_response({"error": "room_not_found"}, status=404)
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
        if request.query.get("drip"):
            response = web.StreamResponse()
            await response.prepare(request)
            while not self.hanging.is_set():
                await response.write(b"drop")
                await asyncio.sleep(0.01)
            return response
        if length := request.query.get("head"):
            return web.Response(status=302, headers={"Location": "/" + "x" * int(length)})
        lang = request.headers.get("Accept-Language", "none")
        response = web.Response(
            text=f'<html lang="{lang}"><a href="?nojs=1">splash</a>{self.filling}</html>',
            content_type="text/html",
            headers={"Content-Security-Policy": "default-src 'self'", "ETag": '"splash"'},
        )
        found = _PUBLIC_PATH.fullmatch(request.path)
        if found and request.method in ("GET", "HEAD") and "nojs" not in request.query:
            response.set_status(self.public_status)
            response.headers.update(self.public)
            return response
        response.headers.add("Set-Cookie", "a=1; Path=/")
        response.headers.add("Set-Cookie", "b=2; Path=/; HttpOnly")
        return response

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.pages.append(request)
        if request.query.get("refuse"):
            return web.json_response({"error": "no"}, status=429)
        if length := request.query.get("head"):
            return web.Response(headers={"Location": "/" + "x" * int(length)})
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
    """The site: notes every request that reaches it."""

    def __init__(self) -> None:
        self.reached: list[dict[str, Any]] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.live: list[str] = []

    @property
    def paths(self) -> list[str]:
        """Return the paths as the app routes on them."""
        return [scope["path"] for scope in self.reached]

    @property
    def queries(self) -> list[str]:
        return [scope["query_string"].decode() for scope in self.reached]

    def header(self, name: str) -> list[str]:
        """Return all values of a header of the last request, in any spelling of its name."""
        pairs = self.reached[-1]["headers"]
        plain = [(key.decode().lower().replace("_", "-"), value) for key, value in pairs]
        return [value.decode() for key, value in plain if key == name]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return None
        assert unquote(scope["raw_path"].decode()) == scope["path"]
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


class WSGIOrigin(Origin):
    """The same site for a WSGI server."""

    @property
    def paths(self) -> list[str]:
        found = [environ["SCRIPT_NAME"] + environ["PATH_INFO"] for environ in self.reached]
        return [path.encode("latin-1").decode() for path in found]

    @property
    def queries(self) -> list[str]:
        return [environ["QUERY_STRING"] for environ in self.reached]

    def header(self, name: str) -> list[str]:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ = self.reached[-1]
        return [value for found, value in environ.items() if found.upper() == key]

    def __call__(self, environ: Any, start_response: Any) -> Any:  # type: ignore[override]
        self.reached.append(environ)
        pairs = [(name.decode(), value.decode()) for name, value in self.headers]
        start_response("200 OK", pairs)
        return [b"the site"]


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
    gate: Any
    tokens: Tokens = field(default_factory=lambda: Tokens(KEYS))

    @property
    def link(self) -> Service:
        """Return the gate's link to the service."""
        threaded = isinstance(self.gate, WSGIGateMiddleware)
        gate: Gate = self.gate._gates.running().lived if threaded else self.gate._gate
        return gate.service

    async def get(self, path: str = "/shop", **headers: str) -> Answer:
        return await self.ask("GET", path, headers=PAGE | headers)

    async def ask(self, method: str, path: str, *, headers: Any, data: Any = None) -> Answer:
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self.http.request(
            method, url, headers=headers, data=data, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    async def tell(self, **changes: Any) -> None:
        """Change the room's settings, and wait until the gate has heard of it."""
        self.service.rooms = [self.service.rooms[0] | changes]
        seen = len(self.service.etags)
        # The second pull from now was certainly asked after the change.
        await eventually(lambda: len(self.service.etags) >= seen + 2)

    async def queue(self, **changes: Any) -> None:
        """Let the room queue."""
        await self.tell(queueing=True, **changes)

    def seat(self, left_s: float = 200, room: str = "shop", epoch: int = 0) -> str:
        """Return a pass that is still good for some seconds."""
        deadline_ms = clock.now_ms() + int(left_s * 1000)
        return self.tokens.sign_pass(Pass(room, VISITOR, deadline_ms, epoch))

    def ticket(self, room: str = "shop", place: int = 7) -> str:
        return self.tokens.sign_ticket(Ticket(room, VISITOR, place))
