"""Servers that outlive one test: an event loop of their own, in a thread of its own.

`Origin` is the site and notes all that reaches it. `Cache` keeps what the Worker's Cache API
stores, and speaks workerd's protocol: GET, PUT of a whole answer as text, PURGE.
"""

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import WSMsgType, web
from multidict import CIMultiDict, CIMultiDictProxy

from waitroom.clock import monotonic_s

T = TypeVar("T")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Background:
    """An event loop that runs beside the tests."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], limit_s: float = 30.0) -> T:
        """Do something there and return what came of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(limit_s)

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Server:
    """An HTTP server in the background, on one port for life; stopped means refused."""

    def __init__(self, background: Background) -> None:
        self.background = background
        self.port = 0
        self._runner: web.ServerRunner | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve."""
        self.background.run(self._start())

    def stop(self) -> None:
        """Close the port and all connections at once."""
        self.background.run(self._stop())

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        raise NotImplementedError

    async def _start(self) -> None:
        server = web.Server(self.handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@dataclass(frozen=True)
class Reached:
    """One request that reached the origin."""

    method: str
    #: As it came over the wire, query included.
    path: str
    #: Without port.
    host: str
    headers: CIMultiDictProxy[str]
    body: bytes


class Origin(Server):
    """The site. Whatever reaches it is noted; every page says `the site`."""

    def __init__(self, background: Background) -> None:
        super().__init__(background)
        self.reached: list[Reached] = []
        #: Path -> headers of its answer.
        self.answers: dict[str, dict[str, str]] = {}
        #: Path -> status of its answer; 200 if it is not here.
        self.statuses: dict[str, int] = {}
        #: Path -> what its page holds besides.
        self.pages: dict[str, str] = {}

    def of(self, host: str) -> list[Reached]:
        """Return what reached one host, in order."""
        return [each for each in self.reached if each.host == host]

    def forget(self) -> None:
        """Forget what reached it and what it was told to answer."""
        self.reached.clear()
        for told in (self.answers, self.statuses, self.pages):
            told.clear()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Note a request and show the page."""
        if request.raw_path == "/favicon.ico":
            # Browsers ask for it by themselves, now or later.
            return web.Response(status=404)
        self.reached.append(
            Reached(
                request.method,
                request.raw_path,
                (request.host or "").partition(":")[0].rstrip(".").lower(),
                request.headers,
                await request.read(),
            )
        )
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _echo(request)
        path = request.raw_path
        own = self.answers.get(path, {"Content-Type": "text/html"})
        page = f"<!doctype html><title>site</title><h1>the site</h1>{self.pages.get(path, '')}"
        zipped = own.get("Content-Encoding") == "gzip"
        body = gzip.compress(page.encode()) if zipped else page.encode()
        return web.Response(status=self.statuses.get(path, 200), body=body, headers=own)


async def _echo(request: web.BaseRequest) -> web.StreamResponse:
    found = web.WebSocketResponse()
    await found.prepare(request)
    async for message in found:
        if message.type is WSMsgType.TEXT:
            await found.send_str(f"the site heard {message.data}")
    return found


@dataclass
class _Kept:
    until_s: float
    status: int
    headers: "CIMultiDict[str]"
    body: bytes


@dataclass
class _Put:
    key: str
    headers: "CIMultiDict[str]"
    body: bytes = field(repr=False)


class Cache(Server):
    """What stands behind `caches.default`."""

    def __init__(self, background: Background) -> None:
        super().__init__(background)
        self.kept: dict[str, _Kept] = {}
        self.puts: list[_Put] = []
        #: Refuse all with 500.
        self.broken = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Look up, keep or drop."""
        if self.broken:
            return web.Response(status=500)
        key = f"{request.host}{request.raw_path}"
        if request.method == "PUT":
            return self._put(key, await request.read())
        if request.method == "PURGE":
            return web.Response(status=200 if self.kept.pop(key, None) else 404)
        found = self.kept.get(key)
        if found is None or found.until_s <= monotonic_s():
            return web.Response(status=504, headers={"CF-Cache-Status": "MISS"})
        headers = CIMultiDict({**found.headers, "CF-Cache-Status": "HIT"})
        return web.Response(status=found.status, headers=headers, body=found.body)

    def _put(self, key: str, text: bytes) -> web.Response:
        head, _, body = text.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in lines]
        headers: CIMultiDict[str] = CIMultiDict((name, value.strip()) for name, _, value in pairs)
        self.puts.append(_Put(key, headers, body))
        lasts_s = _shared_age_s(headers.get("Cache-Control", ""))
        if lasts_s <= 0 or "Set-Cookie" in headers:
            return web.Response(status=413)
        for name in ("Content-Length", "Transfer-Encoding"):
            headers.popall(name, None)
        self.kept[key] = _Kept(monotonic_s() + lasts_s, int(first.split()[1]), headers, body)
        return web.Response(status=204)


def _shared_age_s(cache_control: str) -> int:
    said = dict(
        part.strip().lower().partition("=")[::2] for part in cache_control.split(",") if part
    )
    if "no-store" in said or "private" in said:
        return 0
    return int(said.get("s-maxage") or said.get("max-age") or 0)
