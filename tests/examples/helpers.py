"""What tests of the examples share: a site that counts, its waiting room, and plain visitors."""

import asyncio
import http.client
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.conftest import SECRET_KEY
from waitroom.clock import monotonic_s, now_ms
from waitroom.room import Directory, Room
from waitroom.tokens import Pass, Tokens

EXAMPLES = Path(__file__).parents[2] / "edge" / "examples"
HOST = "shop.example"
PAGE = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
PROGRAM = {"Accept": "application/json"}
VISITOR = "AAAAAAAAAAAAAAAAAAAAAA"
TOKENS = Tokens([SECRET_KEY])
#: What a visitor may not say in our name.
SMUGGLED = {
    "Waitroom-Gate": "fair",
    "Waitroom-Origin": "forged",
    "waitroom_gate": "fair",
    "WAITROOM_ORIGIN": "forged",
    "Waitroom_Gate": "fair",
    "Waitroom-Ticket-Cookie": "forged=1",
    "Waitroom-Edge-Token": "forged",
    "Waitroom-Mode": "auth_request",
    "X-Original-URL": "/free",
    "X_Rewrite_URL": "/free",
    "x-rewrite-url": "/free",
    "X_Forwarded_Host": "free.example",
    "X-Forwarded-Uri": "/free",
    "X-Forwarded-Host": "free.example",
    "X-Forwarded-Method": "OPTIONS",
    "X-Forwarded-For": "198.51.100.9",
}
#: Longest wait for something that a test expects, seconds.
PATIENCE_S = 20.0


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Ask again and again until the answer is true, and return it; or fail the test."""
    deadline = monotonic_s() + PATIENCE_S
    while not (found := await condition()):
        assert monotonic_s() < deadline, "it did not come true in time"
        await asyncio.sleep(0.05)
    return found


@dataclass(frozen=True)
class Reached:
    """A request as the origin saw it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Return the values of a header, by its name with `-` or `_`."""
        return [value for key, value in self.headers if key.lower().replace("_", "-") == name]


@dataclass
class Origin:
    """The site: notes whatever reaches it. Runs in the test's own loop."""

    port: int
    reached: list[Reached] = field(default_factory=list)
    #: What it answers with.
    status: int = 200
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.raw_headers]
        body = await request.read()
        self.reached.append(Reached(request.method, request.raw_path, headers, body))
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _echo(request)
        response = web.Response(text="the site", status=self.status)
        response.headers["Cache-Control"] = "public, max-age=60"
        response.headers.add("Set-Cookie", "basket=1; Path=/")
        return response


async def _echo(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data.upper())
    return socket


@dataclass(frozen=True)
class Answer:
    """What a visitor got."""

    status: int
    headers: Message
    text: str

    def cookies(self) -> "SimpleCookie":
        """Return the cookies that it sets."""
        jar: SimpleCookie = SimpleCookie()
        for line in self.headers.get_all("Set-Cookie", []):
            jar.load(line)
        return jar


@dataclass
class Site:
    """A guarded site: proxy or server at `port`, its waiting room and what is behind it."""

    port: int
    origin: Origin
    room: Room
    directory: Directory
    service: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(
        self,
        path: str = "/shop",
        *,
        method: str = "GET",
        body: bytes | None = None,
        host: str = HOST,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request whose path goes over the wire exactly as it is written here."""
        return await asyncio.to_thread(_send, self.port, method, path, host, headers or {}, body)

    async def page(self, path: str = "/shop", *, host: str = HOST, **headers: str) -> Answer:
        """Open a page as a browser does."""
        return await self.ask(path, host=host, headers=PAGE | headers)

    async def program(self, path: str = "/shop", **headers: str) -> Answer:
        """Ask as a program does."""
        return await self.ask(path, headers=PROGRAM | headers)

    async def fill(self) -> None:
        """Take all seats away and have somebody wait, until the line is known."""
        await self.directory.update("shop", {"total_active_users": 0}, who="test")
        await self.room.enter("B" * 22)

        async def held() -> bool:
            return (await self.page("//shop")).status == 302

        await eventually(held)
        self.origin.reached.clear()

    def seat(self, left_s: float = 250) -> str:
        """Return the header of a visitor with a pass."""
        granted = Pass("shop", VISITOR, now_ms() + int(left_s * 1000), 0)
        return f"waitroom_pass_shop={TOKENS.sign_pass(granted)}"


def _send(
    port: int, method: str, path: str, host: str, headers: Mapping[str, str], body: bytes | None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None and "Transfer-Encoding" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


def filled_in(name: str, changes: dict[str, str]) -> str:
    """Return an example with its placeholders filled in.

    Args:
        name: The file in `edge/examples/`.
        changes: What stands there exactly once, and what takes its place.
    """
    text = (EXAMPLES / name).read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        text = text.replace(old, new)
    return text


def find_server(name: str) -> str:
    """Return where a server is installed; `.ci/proxies` sees to it that it is."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found, f"{name} is missing: run .ci/proxies"
    return found


def as_nobody() -> dict[str, Any]:
    """Return what makes a child of root a plain user."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


async def served(port: int, child: subprocess.Popen[bytes]) -> None:
    """Wait until a child listens on a port."""
    deadline = monotonic_s() + PATIENCE_S
    while True:
        assert child.poll() is None, "it ended at once"
        assert monotonic_s() < deadline, f"nobody listens on {port}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        return
