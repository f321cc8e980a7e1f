"""A visitor's browser as far as HTTP goes: a cookie jar of its own, requests that are timed.

Connections are kept alive and shared by the visitors of one process, as those of an edge are;
what is personal is in the jar.
"""

import base64
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import gevent
import orjson
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed

#: Most connections of a process to one address. So many that nobody waits for one: that would
#: hold back a crowd which no edge holds back.
CONNECTIONS = 4_000
#: As in splash/asking.js, seconds.
TIMEOUT_S = 10.0
_AGENT = "Mozilla/5.0 (waitroom load test)"
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
JSON = {"Accept": "application/json"}

#: Takes kind, name, seconds and what went wrong; fed into Locust's own statistics.
Note = Callable[[str, str, float, str], None]


class UnreachableError(Exception):
    """No answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status.
        location: Where to go on, if it says so.
        retry_s: What ``Retry-After`` asks for; 0 = nothing.
        body: As it came.
    """

    status: int
    location: str
    retry_s: float
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, or None when it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


class Connections:
    """The kept-alive connections of one process, by address."""

    def __init__(self) -> None:
        self._clients: dict[str, HTTPClient] = {}

    def to(self, origin: str) -> HTTPClient:
        """Return the connections to one address."""
        found = self._clients.get(origin)
        if found is None:
            found = self._clients[origin] = HTTPClient.from_url(
                origin,
                concurrency=CONNECTIONS,
                connection_timeout=TIMEOUT_S,
                network_timeout=TIMEOUT_S,
                headers={"User-Agent": _AGENT},
            )
            # The library asks select(), which knows no file above 1,023, and takes every
            # connection above that for dead.
            vars(found._connection_pool)["_is_socket_alive"] = _is_alive
        return found

    def close(self) -> None:
        """Close them all."""
        for client in self._clients.values():
            client.close()


def _is_alive(sock: Any) -> bool:
    """Return whether a connection that nobody uses is still open: nothing can be read from it."""
    try:
        sock._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


@dataclass(slots=True)
class Browser:
    """One visitor's.

    Attributes:
        connections: Shared with the other visitors of the process.
        note: Told of every request.
        jar: Cookies, by name; everything here is of one site.
    """

    connections: Connections
    note: Note
    jar: dict[str, str] = field(default_factory=dict)

    def cookie(self) -> str:
        """Return the Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.jar.items())

    def ask(self, name: str, method: str, url: str, headers: dict[str, str]) -> Answer:
        """Ask once, follow nothing.

        Args:
            name: What the statistics call it.
            method: GET or POST.
            url: Whole address.
            headers: ``PAGE`` or ``JSON``.

        Raises:
            UnreachableError: If no answer came.
        """
        address = urlsplit(url)
        path = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
        shown = headers | {"Cookie": self.cookie()} if self.jar else headers
        client = self.connections.to(f"{address.scheme}://{address.netloc}")
        started = time.perf_counter()
        limit = gevent.Timeout.start_new(TIMEOUT_S, TimeoutError("no answer in time"))
        try:
            answer = _once(client, method, path, shown)
        except (OSError, ValueError, EOFError, HTTPConnectionClosed) as e:
            self.note(method, name, time.perf_counter() - started, type(e).__name__)
            raise UnreachableError(type(e).__name__) from e
        finally:
            limit.close()
        found, set_cookies = answer
        failed = f"HTTP {found.status}" if found.status >= 500 else ""
        self.note(method, name, time.perf_counter() - started, failed)
        for line in set_cookies:
            self._keep(line)
        return found

    def _keep(self, line: str) -> None:
        try:
            found = SimpleCookie(line)
        except CookieError:
            return
        for name, morsel in found.items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.jar.pop(name, None)
            else:
                self.jar[name] = morsel.value


def _once(
    client: HTTPClient, method: str, path: str, headers: dict[str, str]
) -> tuple[Answer, list[str]]:
    try:
        response = client.request(method, path, b"", headers)
    except HTTPConnectionClosed:
        # A kept-alive connection that the server closed meanwhile; browsers try again as well.
        response = client.request(method, path, b"", headers)
    body = bytes(response.read())
    cookies, location, retry_s = [], "", 0.0
    for name, value in response.headers:
        lower = name.lower()
        if lower == "set-cookie":
            cookies.append(value)
        elif lower == "location":
            location = value
        elif lower == "retry-after" and value.isdigit():
            retry_s = float(value)
    return Answer(response.status_code, location, retry_s, body), cookies


def read_token(token: str) -> tuple[str, ...]:
    """Return the fields that a ticket or pass says in clear; nothing is verified here.

    Args:
        token: As it stands in the cookie.

    Returns:
        Room, visitor and place or deadline…; empty when it cannot be read.
    """
    payload = token.partition(".")[0]
    try:
        text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode("ascii")
    except (ValueError, UnicodeDecodeError):
        return ()
    return tuple(text.split("."))
