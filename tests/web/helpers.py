"""What tests of the web process share: the application under its real server, and plain visitors.

`Page` speaks Socket.IO packet by packet, so that a test can also send what no page would.
"""

import asyncio
import itertools
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import SimpleCookie
from typing import Any, cast

import aiohttp
import httpx
import orjson

from waitroom.clock import monotonic_s
from waitroom.config import Config
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.web.app import create_app
from waitroom.web.serve import GRACEFUL_S, listen
from waitroom.web.servers import choose
from waitroom.web.services import EXTENSION, Services

#: Longest wait for something that a test expects, seconds.
PATIENCE_S = 20.0
SOCKET_PATH = "/__waitroom/socket.io/?EIO=4&transport=websocket"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TOKEN_MODE = {"Waitroom-Mode": "token"}


@dataclass(frozen=True)
class Site:
    """A web process inside the test's own event loop."""

    url: str
    services: Services


@dataclass(frozen=True)
class WebProcess:
    """A real `waitroom web`."""

    url: str
    child: subprocess.Popen[bytes]


Serve = Callable[..., Awaitable[Site]]


@asynccontextmanager
async def serving(config: Config, port: int) -> AsyncIterator[Site]:
    """Serve the application on a port of the loopback, under the configured server."""
    app = create_app(config)
    services = cast(Services, app.other_asgi_app.extensions[EXTENSION])
    stop = asyncio.Event()
    run = choose(config.server)
    server = asyncio.create_task(run(app, listen("127.0.0.1", port), stop=stop, grace_s=GRACEFUL_S))
    site = Site(f"http://127.0.0.1:{port}", services)
    try:
        async with httpx.AsyncClient() as http:
            await eventually(lambda: answers(http, f"{site.url}/healthz"))
        yield site
    finally:
        stop.set()
        await server


async def answers(http: httpx.AsyncClient, url: str) -> bool:
    """Return whether an address answers 200."""
    try:
        return (await http.get(url)).status_code == 200
    except httpx.TransportError:
        return False


async def end(task: "asyncio.Task[Any]") -> None:
    """End a task, however often it has to be told: redis-py swallows some cancellations."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
    if not task.cancelled():
        task.result()


async def eventually(
    condition: Callable[[], Awaitable[Any]], patience_s: float = PATIENCE_S
) -> Any:
    """Ask again and again until the answer is true, and return it; or fail the test."""
    deadline = monotonic_s() + patience_s
    while not (found := await condition()):
        assert monotonic_s() < deadline, f"it did not come true in {patience_s} s"
        await asyncio.sleep(0.02)
    return found


async def eventually_true(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Like `eventually`, for what is known without asking anybody."""

    async def ask() -> Any:
        return condition()

    return await eventually(ask, patience_s)


def no_cookies() -> CookieJar:
    """Return a jar that takes nothing: a test names the cookies that it shows."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def crowd() -> aiohttp.ClientSession:
    """Return what opens any number of sockets, and takes no cookies."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
    )


def cookie_of(response: httpx.Response, name: str) -> Any:
    """Return one cookie that an answer sets, with its attributes; None when it sets no such one."""
    jar = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        jar.load(line)
    return jar.get(name)


def ticket_of(response: httpx.Response, room: str = "shop") -> str:
    """Return the ticket that an answer sets as a cookie."""
    return str(cookie_of(response, ticket_cookie_name(room)).value)


def ticket_cookie(ticket: str, room: str = "shop") -> dict[str, str]:
    """Return the header of a request that shows a ticket as a cookie."""
    return {"Cookie": f"{ticket_cookie_name(room)}={ticket}"}


def pass_of(response: httpx.Response, room: str = "shop") -> str:
    """Return the pass that an answer sets as a cookie."""
    return str(cookie_of(response, pass_cookie_name(room)).value)


def shown(ticket: str) -> dict[str, str]:
    """Return the headers of an app that shows its ticket."""
    return TOKEN_MODE | {"Authorization": f"Ticket {ticket}"}


class GoneError(Exception):
    """The server closed the socket."""


@dataclass
class Page:
    """A splash page's socket."""

    ws: aiohttp.ClientWebSocketResponse
    heard: list[tuple[str, Any]] = field(default_factory=list)
    closed: bool = False
    _acks: dict[int, Any] = field(default_factory=dict)
    _ids: Any = field(default_factory=itertools.count)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _reader: "asyncio.Task[None] | None" = None

    @classmethod
    async def open(
        cls,
        http: aiohttp.ClientSession,
        url: str,
        *,
        ticket: str = "",
        query: str = "",
        **headers: str,
    ) -> "Page":
        """Connect as a page does; with the ticket's cookie if one is given."""
        if ticket:
            headers |= ticket_cookie(ticket)
        page = cls(await http.ws_connect(url + SOCKET_PATH + query, headers=headers))
        assert (await page.ws.receive_str()).startswith("0{")
        await page.ws.send_str("40")
        assert (await page.ws.receive_str()).startswith("40{")
        page._reader = asyncio.create_task(page._read())
        return page

    async def send(self, packet: str) -> None:
        """Send one packet as it is; nothing when the socket is closed already."""
        if not self.closed:
            try:
                await self.ws.send_str(packet)
            except ConnectionError:
                self.closed = True

    async def emit(self, name: str, *payload: Any) -> int:
        """Emit an event that asks for an acknowledgement; return its number."""
        number: int = next(self._ids)
        await self.send(f"42{number}{orjson.dumps([name, *payload]).decode()}")
        return number

    async def ask(self, name: str, *payload: Any) -> Any:
        """Emit an event and return what it was acknowledged with."""
        number = await self.emit(name, *payload)
        await self._until(lambda: number in self._acks)
        return self._acks.pop(number)

    async def register(self, room: str = "shop", **more: Any) -> Any:
        """Register and return the acknowledgement."""
        return await self.ask("register", {"room": room, **more})

    async def hear(self, name: str, *, patience_s: float = PATIENCE_S) -> Any:
        """Wait for an event, take everything up to it, and return its payload."""
        await self._until(lambda: any(heard == name for heard, _ in self.heard), patience_s)
        while True:
            heard, payload = self.heard.pop(0)
            if heard == name:
                return payload

    def count(self, name: str) -> int:
        """Return how many events of a name have come and were not taken yet."""
        return sum(heard == name for heard, _ in self.heard)

    async def close(self) -> None:
        """Close the connection."""
        await self.ws.close()
        if self._reader is not None:
            await self._reader

    def break_off(self) -> None:
        """Lose the connection without a close frame, as a phone does."""
        transport = self.ws.get_extra_info("socket")
        transport.shutdown(socket.SHUT_RDWR)

    async def until_closed(self) -> None:
        """Wait until the server has closed the connection."""
        await eventually_true(lambda: self.closed)

    async def _until(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        deadline = monotonic_s() + patience_s
        while not condition():
            if self.closed:
                raise GoneError(f"closed with code {self.ws.close_code}")
            self._news.clear()
            left_s = deadline - monotonic_s()
            assert left_s > 0, f"not heard in time; heard: {self.heard}"
            try:
                await asyncio.wait_for(self._news.wait(), left_s)
            except TimeoutError:
                continue

    async def _read(self) -> None:
        async for message in self.ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._take(message.data)
            self._news.set()
        self.closed = True
        self._news.set()

    async def _take(self, packet: str) -> None:
        if packet == "2":
            await self.ws.send_str("3")
        elif packet.startswith("42"):
            name, payload = orjson.loads(packet[2:])
            self.heard.append((name, payload))
        elif packet.startswith("43"):
            number, bracket, rest = packet[2:].partition("[")
            self._acks[int(number)] = orjson.loads(bracket + rest)[0]
        elif packet.startswith("41"):
            self.closed = True
