"""The line between the Worker and the service: it counts, and it can be made to fail."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.edge.background import Background, Server

#: How the service fails; "" works. `stop()` on the link is a service that is killed.
Fault = Literal["", "500", "garbage", "empty", "hang", "long"]
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"})


@dataclass(frozen=True)
class Asked:
    """One request of the Worker to the service."""

    method: str
    path: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def page(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body or b"null")


class Link(Server):
    """A proxy in front of the service.

    Args:
        background: Where it runs.
        service: Address of the service.
    """

    def __init__(self, background: Background, service: str) -> None:
        super().__init__(background)
        self.asked: list[Asked] = []
        self.fault: Fault = ""
        #: Seconds before each answer.
        self.delay_s = 0.0
        self._service = service
        self._http: aiohttp.ClientSession | None = None
        self._released = asyncio.Event()

    def since(self, mark: int, *, pulls: bool = False) -> list[Asked]:
        """Return what was asked after a mark (`len(link.asked)`), without pulls of rooms."""
        found = self.asked[mark:]
        return [each for each in found if pulls or each.page != "/api/edge/rooms"]

    def about(self, room: str, verb: str = "enter") -> list[Asked]:
        """Return the edge calls of one verb that name a room."""
        return [
            each
            for each in self.asked
            if each.page == f"/api/edge/{verb}" and f'"{room}"'.encode() in each.body
        ]

    def stop(self) -> None:
        """Stop serving, as a service does that was killed."""
        self.background.run(self._end())

    async def _end(self) -> None:
        self._released.set()
        self._released = asyncio.Event()
        await self._stop()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Hand one request on, or fail."""
        body = await request.read()
        self.asked.append(Asked(request.method, request.raw_path, request.headers, body))
        await asyncio.sleep(self.delay_s)
        if self.fault:
            return await self._fail()
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._relay(request, self._http)
        return await self._pass_on(request, body, self._http)

    async def _fail(self) -> web.StreamResponse:
        if self.fault == "hang":
            await self._released.wait()
        if self.fault == "garbage":
            return web.Response(text="<html>It works!</html>", content_type="text/html")
        if self.fault == "long":
            return web.Response(body=b" " * (5 * 1024 * 1024), content_type="application/json")
        if self.fault == "empty":
            return web.json_response({})
        return web.Response(status=500, text="oh no")

    async def _pass_on(
        self, request: web.BaseRequest, body: bytes, http: aiohttp.ClientSession
    ) -> web.StreamResponse:
        url = URL(f"http://{self._service}{request.raw_path}", encoded=True)
        async with http.request(
            request.method,
            url,
            headers=_kept(request.headers),
            data=body or None,
            allow_redirects=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        ) as answer:
            return web.Response(
                status=answer.status, headers=_kept(answer.headers), body=await answer.read()
            )

    async def _relay(
        self, request: web.BaseRequest, http: aiohttp.ClientSession
    ) -> web.StreamResponse:
        url = URL(f"ws://{self._service}{request.raw_path}", encoded=True)
        dropped = _HOP | {key for key in map(str.lower, request.headers) if key.startswith("sec-")}
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in dropped]
        try:
            upstream = await http.ws_connect(url, headers=headers)
        except aiohttp.WSServerHandshakeError as e:
            return web.Response(status=e.status)
        visitor = web.WebSocketResponse(compress=False)
        await visitor.prepare(request)
        pumps = [
            asyncio.create_task(_pump(visitor, upstream)),
            asyncio.create_task(_pump(upstream, visitor)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        await visitor.close(code=upstream.close_code or 1001)
        await upstream.close()
        for pump in pumps:
            pump.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await pump
        return visitor


async def _pump(source: Any, sink: Any) -> None:
    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)


def _kept(headers: CIMultiDictProxy[str]) -> "CIMultiDict[str]":
    return CIMultiDict((k, v) for k, v in headers.items() if k.lower() not in _HOP)
