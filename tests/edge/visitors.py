"""Visitors of a guarded site, and the site as they reach it: one host of one Worker.

`ask` is a plain visitor that keeps nothing; `Browser` keeps cookies; `raw` writes what no browser
would.
"""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from loadtest.bench.workerd import Workerd
from tests.conftest import SECRET_KEY
from tests.edge.background import Origin, Reached
from tests.edge.link import Asked, Link
from waitroom import clock
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.tokens import Pass, Ticket, Tokens

PAGE = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
PROGRAM = {"Accept": "application/json", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}
#: Made once: it costs more than all else about a request, and nothing here is encrypted.
_UNUSED = ssl.create_default_context()
#: Longest wait for something that a test expects, seconds.
PATIENCE_S = 15.0


def eventually(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Ask again and again until the answer is true, and return it; or fail the test."""
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it did not come true in {patience_s} s"
        time.sleep(0.03)
    return found


@dataclass(frozen=True)
class Answer:
    """What a visitor got."""

    status: int
    headers: httpx.Headers
    text: str
    took_s: float

    def cookies(self) -> dict[str, str]:
        """The cookies that it sets; an empty one is taken away."""
        lines = self.headers.get_list("set-cookie")
        pairs = [line.split(";")[0].partition("=") for line in lines]
        return {name: value.strip('"') for name, _, value in pairs}

    def attributes(self, name: str) -> set[str]:
        """The attributes of one cookie that it sets."""
        lines = self.headers.get_list("set-cookie")
        return next(set(line.split("; ")[1:]) for line in lines if line.startswith(f"{name}="))

    @property
    def location(self) -> str:
        """Where it leads."""
        return str(self.headers.get("location", ""))

    @property
    def of_the_site(self) -> bool:
        """Whether the origin made it."""
        return self.status == 200 and "the site" in self.text


@dataclass
class Edge:
    """One Worker, and what stands around it."""

    url: str
    origin: Origin
    link: Link
    running: Workerd
    tokens: Tokens = field(default_factory=lambda: Tokens([SECRET_KEY]))

    @property
    def port(self) -> int:
        """The Worker's port."""
        return int(self.url.rpartition(":")[2])

    def ask(
        self,
        method: str,
        host: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send one request; redirects are not followed and cookies are not kept."""
        with httpx.Client(timeout=20, trust_env=False, verify=_UNUSED) as http:
            started = time.monotonic()
            shown = {"Host": f"{host}:{self.port}"} | (PAGE if headers is None else headers)
            found = http.request(method, self.url + path, headers=shown, content=content)
            took_s = time.monotonic() - started
            return Answer(found.status_code, found.headers, found.text, took_s)

    def raw(self, text: bytes) -> bytes:
        """Write bytes to the Worker as they are, and return all that it answers."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as wire:
            wire.sendall(text)
            wire.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := wire.recv(65_536):
                answer += chunk
            return answer


@dataclass
class Guarded:
    """One room, in front of one host."""

    edge: Edge
    room: str
    host: str
    change: Callable[..., None]

    def ask(self, method: str, path: str, content: bytes | None = None, **headers: str) -> Answer:
        """Send one request of a page."""
        shown = PAGE | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.edge.ask(method, self.host, path, headers=shown, content=content)

    def get(self, path: str = "/shop", **headers: str) -> Answer:
        """Open a page."""
        return self.ask("GET", path, None, **headers)

    def call(self, path: str = "/shop", **headers: str) -> Answer:
        """Ask as a program does."""
        return self.edge.ask("GET", self.host, path, headers=PROGRAM | headers)

    def raw(self, path: bytes, host: bytes = b"", extra: bytes = b"") -> bytes:
        """Open a page whose path and host are written as they are given."""
        host = host or self.host.encode()
        return self.edge.raw(
            b"GET %b HTTP/1.1\r\nHost: %b\r\nAccept: text/html\r\n%bConnection: close\r\n\r\n"
            % (path, host, extra)
        )

    @property
    def reached(self) -> list[Reached]:
        """What reached the origin."""
        return self.edge.origin.of(self.host)

    @property
    def paths(self) -> list[str]:
        """The paths that reached the origin."""
        return [each.path for each in self.reached]

    def asked(self, verb: str = "enter") -> list[Asked]:
        """The Worker's calls to the service about this room."""
        return self.edge.link.about(self.room, verb)

    def seat(self, left_s: float = 200, **changes: Any) -> str:
        """Return a pass that is good for some seconds; nobody sits on its seat."""
        deadline_ms = clock.now_ms() + int(left_s * 1000)
        shown: dict[str, Any] = {"room": self.room, "visitor": clock.new_visitor(), "epoch": 0}
        return self.edge.tokens.sign_pass(Pass(deadline_ms=deadline_ms, **shown | changes))

    def ticket(self, place: int = 7) -> str:
        """Return a ticket of a new visitor."""
        return self.edge.tokens.sign_ticket(Ticket(self.room, clock.new_visitor(), place))

    @property
    def pass_name(self) -> str:
        """Name of the cookie that holds the pass."""
        return pass_cookie_name(self.room)

    @property
    def ticket_name(self) -> str:
        """Name of the cookie that holds the ticket."""
        return ticket_cookie_name(self.room)

    def showing(self, token: str) -> dict[str, str]:
        """Return the header of a request that shows a pass."""
        return {"Cookie": f"{self.pass_name}={token}"}

    @property
    def splash(self) -> str:
        """The address of the splash page."""
        return f"/__waitroom/{self.room}"
