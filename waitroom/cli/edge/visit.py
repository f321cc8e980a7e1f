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
_SOCKET_QUERY = {"EIO": "4", "transport": "websocket"}
_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "d2FpdHJvb20gY2hlY2sgMQ==",
}

#: Faults that are not those of a connection alone.
NO_NAME = "its name cannot be looked up"
NO_HTTPS = "this port does not speak https"

#: What OpenSSL calls an answer that is not TLS, or its lack.
_NOT_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "HTTP_REQUEST",
        "UNEXPECTED_EOF_WHILE_READING",
    }
)


def _no_headers() -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict())


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the site.

    Attributes:
        status: HTTP status; 0 when there was no answer.
        headers: As they came.
        body: Its first part.
        fault: Why there was no answer, or none of the right kind; else empty.
    """

    status: int
    headers: CIMultiDictProxy[str] = field(default_factory=_no_headers, repr=False)
    body: bytes = field(default=b"", repr=False)
    fault: str = ""

    @property
    def failed(self) -> bool:
        """Whether whoever answered says that they could not."""
        return self.status >= 500

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

    async def socket(self) -> Answer:
        """Open the WebSocket of the splash page.

        Returns:
            Status 101 without a fault when the waiting room itself was at the other end; else
            what came in its place.
        """
        url = self._own("socket.io/").with_query(_SOCKET_QUERY)
        try:
            async with (
                asyncio.timeout(TIME_LIMIT_S),
                # Browsers name their site, and servers may refuse those that come from others.
                self._http.ws_connect(url, origin=str(self.url.origin())) as socket,
            ):
                hello = await socket.receive()
        except aiohttp.WSServerHandshakeError:
            # Asked once more for the words of the refusal, which do not come with this error.
            return await self.ask("GET", url, {}, _UPGRADE)
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            return Answer(0, fault=_fault(e))
        if hello.type is aiohttp.WSMsgType.TEXT and str(hello.data).startswith("0{"):
            return Answer(101)
        return Answer(101, fault="opened, but somebody else is at the other end")

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
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return _handshake(error.os_error)
    if isinstance(error, ssl.SSLError):
        return _handshake(error)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NO_NAME
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionResetError | ConnectionAbortedError):
            return "the connection was closed at once"
        return f"no connection ({error.os_error.strerror or 'refused'})"
    return f"the connection broke ({type(error).__name__})"


def _certificate(error: Exception) -> str:
    why = getattr(error, "verify_message", "")
    return "its certificate does not verify" + (f" ({why})" if why else "")


def _handshake(error: Exception) -> str:
    if isinstance(error, ssl.CertificateError):
        return _certificate(error)
    reason = getattr(error, "reason", None) or type(error).__name__
    if reason in _NOT_TLS:
        return NO_HTTPS
    # Such as a server that has no certificate for this name.
    return f"it refuses the TLS handshake ({reason})"
