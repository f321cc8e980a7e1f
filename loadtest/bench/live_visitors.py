"""Visitors for the live benchmarks: many sockets that speak Socket.IO packet by packet.

Handshakes look like a browser's, with its headers and the ticket's cookie. What is measured is the
server's CPU, so these need not be fast; they only must not be what is waited for in vain.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence

import aiohttp
import orjson

from loadtest.bench.live_served import SOCKET_PATH
from waitroom import clock
from waitroom.identity import ticket_cookie_name
from waitroom.tokens import Ticket, Tokens

ROOM = "bench"
#: Handshakes at once.
AT_ONCE = 64
#: Longest wait for what a server should say, seconds.
PATIENCE_S = 60.0
_BROWSER = {
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9",
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}


class Visitor:
    """One socket.

    Attributes:
        heard: Packets with an event that have come.
        acks: Acknowledgements that have come.
    """

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws
        self.heard = self.acks = 0
        self._reading = asyncio.create_task(self._read())

    async def say(self, *event: object) -> None:
        """Emit an event and wait for its acknowledgement."""
        before = self.acks
        await self._ws.send_str(f"42{before}{orjson.dumps(event).decode()}")
        await until(lambda: self.acks > before)

    async def close(self) -> None:
        """Close the connection."""
        await self._ws.close()
        await self._reading

    async def _read(self) -> None:
        async for message in self._ws:
            text = str(message.data)
            if text == "2":
                await self._ws.send_str("3")
            elif text.startswith("43"):
                self.acks += 1
            else:
                # Events of Socket.IO, and anything of a bare WebSocket.
                self.heard += 1


class Crowd:
    """Many sockets on one server."""

    def __init__(self, port: int) -> None:
        origin = f"http://127.0.0.1:{port}"
        self._url = f"{origin}{SOCKET_PATH}?EIO=4&transport=websocket"
        connector = aiohttp.TCPConnector(limit=0, family=socket.AF_INET)
        self._http = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_BROWSER | {"Origin": origin},
        )
        self.visitors: list[Visitor] = []

    async def open(self, tickets: Sequence[str], *, namespace: bool, register: bool) -> None:
        """Open a socket a ticket, many at once.

        Args:
            tickets: Shown as cookies.
            namespace: Speak Socket.IO, and connect to its one namespace.
            register: Register for the room too, and wait for the first answer.
        """
        left = list(tickets)

        async def open_some() -> None:
            while left:
                await self._open(left.pop(), namespace=namespace, register=register)

        await asyncio.gather(*(open_some() for _ in range(AT_ONCE)))

    async def _open(self, ticket: str, *, namespace: bool, register: bool) -> None:
        cookie = f"theme=dark; consent=yes; {ticket_cookie_name(ROOM)}={ticket}; basket=3"
        ws = await self._http.ws_connect(self._url, headers={"Cookie": cookie})
        if namespace:
            _expect(await ws.receive_str(), "0{")
            await ws.send_str("40")
            _expect(await ws.receive_str(), "40{")
        visitor = Visitor(ws)
        self.visitors.append(visitor)
        if register:
            await visitor.say("register", {"room": ROOM})
            await until(lambda: visitor.heard > 0)

    def heard(self) -> int:
        """Return how many packets have come."""
        return sum(visitor.heard for visitor in self.visitors)

    async def beat(self) -> None:
        """Let everybody send one heartbeat, and wait for the acknowledgements."""
        left = list(self.visitors)

        async def beat_some() -> None:
            while left:
                await left.pop().say("heartbeat")

        await asyncio.gather(*(beat_some() for _ in range(AT_ONCE)))

    async def close(self) -> None:
        """Close all sockets."""
        await asyncio.gather(*(visitor.close() for visitor in self.visitors))
        await self._http.close()


def tickets(tokens: Tokens, count: int) -> list[str]:
    """Return tickets of new visitors, in the order they came."""
    place = clock.now_us()
    return [
        tokens.sign_ticket(Ticket(ROOM, clock.new_visitor(), place + number))
        for number in range(count)
    ]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: If it takes too long.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.002)


def _expect(text: str, start: str) -> None:
    if not text.startswith(start):
        raise ConnectionError(f"the server said {text[:40]!r}, not {start!r}")
