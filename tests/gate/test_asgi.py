"""The gate as middleware under a real server: what visitors get, and what reached the origin."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from waitroom.gate import GateMiddleware
from waitroom.gate.rooms import EdgeRoom, Rooms

from .helpers import KEYS, Site

Opens = Callable[..., Awaitable[Site]]
SPLASH = "/__waitroom/shop?return_to=%2Fshop"


async def test_a_websocket_needs_a_pass(site: Site) -> None:
    url = f"ws://127.0.0.1:{site.port}/shop/live"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.http.ws_connect(url)
    assert refused.value.status == 429
    assert site.origin.reached == []
    headers = {"Cookie": f"waitroom_pass_shop={site.seat()}"}
    async with site.http.ws_connect(url, headers=headers) as socket:
        await socket.receive()
    assert site.origin.header("waitroom-gate") == ["shop"]


async def test_the_origin_keeps_its_lifespan(open_site: Opens) -> None:
    site = await open_site()
    assert site.origin.live == ["startup"]


async def test_an_origin_without_lifespan_is_guarded_too(open_site: Opens, quick: None) -> None:
    async def origin(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    site = await open_site(origin)
    assert (await site.get("/other")).status == 204
    assert (await site.get(Cookie=f"waitroom_pass_shop={site.seat()}")).status == 204
    await site.queue()
    assert (await site.get()).status == 302


async def test_cookies_are_secure_on_https() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def origin(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it must not be reached")

    gate = GateMiddleware(
        origin, service_url="http://127.0.0.1:9", edge_token="x", secret_keys=KEYS
    )
    room = {"name": "shop", "routes": [{"path": "/"}], "queueing": True}
    gate._started = True
    gate._gate.service._rooms = Rooms([EdgeRoom.model_validate(room)])
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": "/",
        "headers": [(b"accept", b"text/html")],
    }
    await gate(scope, receive, send)
    cookies = [value for name, value in sent[0]["headers"] if name == b"set-cookie"]
    assert len(cookies) == 1
    assert b"; Secure" in cookies[0]
