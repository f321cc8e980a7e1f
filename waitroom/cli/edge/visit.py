"""Asks a guarded site as its visitors do.

Nothing is raised for a site that does not answer: that, too, is something seen.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from waitroom import __version__
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.return_to import PREFIX

#: Longest wait for one answer, seconds.
TIME_LIMIT_S = 5.0
#: As much of a body is read, bytes.
BODY_MAX = 256 * 1024

BROWSER = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
}
PROGRAM = {"Accept": "application/json"}

_OURS = (ticket_cookie_name(""), pass_cookie_name(""))
_SOCKET = f"{PREFIX}socket.io/"
_SOCKET_QUERY = {"EIO": "4", "transport": "websocket"}


def _no_headers() -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict())


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the site.

    Attributes:
        status: HTTP status; 0 when there was no answer.
        headers: As they came.
        body: Its first part.
        fault: Why there was no answer; empty when there was one.
    """

    status: int
    headers: CIMultiDictProxy[str] = field(default_factory=_no_headers, repr=False)
    body: bytes = field(default=b"", repr=False)
    fault: str = ""

    def cookies(self) -> dict[str, "Morsel[str]"]:
        """Return the tickets and passes that it sets, by the cookies' names."""
        found: dict[str, Morsel[str]] = {}
        for line in self.headers.getall("Set-Cookie", []):
            with suppress(CookieError):
                found |= SimpleCookie(line)
        return {name: one for name, one in found.items() if name.startswith(_OURS) and one.value}

    def json(self) -> dict[str, Any]:
        """Return the body if it is a JSON object, else an empty one."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def says(self, directive: str) -> bool:
        """Say whether Cache-Control holds a directive."""
        stored = self.headers.get("Cache-Control", "").lower().split(",")
        return directive in (part.strip() for part in stored)


class Visitor:
    """One who asks one site, without keeping cookies.

    Args:
        http: The connections.
        url: The page that is visited.
    """

    def __init__(self, http: aiohttp.ClientSession, url: URL) -> None:
        self._http = http
        self.url = url

    async def page(self, cookies: Mapping[str, str], **headers: str) -> Answer:
        """Open the page as a browser does."""
        return await self.ask("GET", self.url, cookies, BROWSER | headers)

    async def program(self, cookies: Mapping[str, str]) -> Answer:
        """Ask for the page as a program that wants JSON does."""
        return await self.ask("GET", self.url, cookies, PROGRAM)

    async def board(self, room: str) -> Answer:
        """Ask for a room's board on the site's own host."""
        return await self.ask("GET", self._own(f"{room}/board"), {}, PROGRAM)

    async def leave(self, room: str, cookies: Mapping[str, str]) -> Answer:
        """Give up the place or the seat that cookies stand for."""
        return await self.ask("POST", self._own(f"{room}/leave"), cookies, PROGRAM)

    async def socket(self) -> str:
        """Open the WebSocket of the splash page.

        Returns:
            What went wrong; empty when the waiting room itself was at the other end.
        """
        url = self._own("socket.io/").with_query(_SOCKET_QUERY)
        try:
            async with (
                asyncio.timeout(TIME_LIMIT_S),
                # Browsers name their site, and servers may refuse those that come from others.
                self._http.ws_connect(url, origin=str(self.url.origin())) as socket,
            ):
                hello = await socket.receive()
        except aiohttp.WSServerHandshakeError as e:
            return f"answered with {e.status}" if e.status != 200 else "answered like a page"
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            return _fault(e)
        if hello.type is aiohttp.WSMsgType.TEXT and str(hello.data).startswith("0{"):
            return ""
        return "opened, but somebody else is at the other end"

    async def ask(
        self,
        method: str,
        url: URL,
        cookies: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        verify: bool = True,
    ) -> Answer:
        """Send one request; redirects are not followed.

        Args:
            method: HTTP method.
            url: Whom to ask.
            cookies: What is shown.
            headers: What else is said.
            verify: Whether the server's certificate has to be good.
        """
        said = dict(headers)
        if cookies:
            said["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        deadline = asyncio.get_running_loop().time() + TIME_LIMIT_S
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._http.request(
                    method, url, headers=said, allow_redirects=False, ssl=verify
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            return Answer(0, fault=_fault(e))
        async with response:
            body = await _beginning(response, deadline)
        return Answer(response.status, response.headers, body)

    def _own(self, path: str) -> URL:
        return self.url.origin() / f"{PREFIX}{path}".removeprefix("/")


@asynccontextmanager
async def visiting(url: URL) -> AsyncIterator[Visitor]:
    """Yield who asks the site at an address."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"waitroom-edge-check/{__version__}"},
    ) as http:
        yield Visitor(http, url)


async def _beginning(response: aiohttp.ClientResponse, deadline: float) -> bytes:
    body = bytearray()
    # A page that never ends, or breaks off, has shown enough by its head.
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout_at(deadline):
            while len(body) < BODY_MAX and (chunk := await response.content.read(BODY_MAX)):
                body += chunk
    return bytes(body)


def _fault(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIME_LIMIT_S:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        return "its certificate does not verify"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be looked up"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection ({error.os_error.strerror or 'refused'})"
    return f"the connection broke ({type(error).__name__})"
