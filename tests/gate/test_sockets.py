"""Everything below ``/__waitroom/`` goes to the service, on the site's own host."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from yarl import URL

from waitroom.gate import service

from .helpers import PAGE, Site, eventually

Opens = Callable[..., Awaitable[Site]]


def _url(site: Site, path: str) -> URL:
    return URL(f"http://127.0.0.1:{site.port}{path}", encoded=True)


async def test_a_websocket_is_relayed_both_ways_and_ends_on_both_sides(site: Site) -> None:
    url = _url(site, "/__waitroom/socket.io/?EIO=4&transport=websocket")
    headers = {"Cookie": "a=1", "Origin": "http://shop.example", "Host": "shop.example"}
    async with site.http.ws_connect(url, headers=headers, protocols=("a",)) as socket:
        assert socket.protocol == "a"
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
        await socket.send_bytes(b"\x00\x01")
        assert await socket.receive_bytes() == b"\x01\x00"
        assert site.service.sockets == 1
    await eventually(lambda: site.service.sockets == 0)
    request = site.service.pages[-1]
    assert request.headers["Cookie"] == "a=1"
    assert request.headers["Origin"] == "http://shop.example"
    assert request.headers["Host"] == "shop.example"
    assert request.headers["X-Forwarded-For"] == "127.0.0.1"
    assert request.query["transport"] == "websocket"


async def test_the_services_close_code_reaches_the_visitor(site: Site) -> None:
    async with site.http.ws_connect(_url(site, "/__waitroom/socket.io/")) as socket:
        await socket.send_str("close")
        await socket.receive()
        assert socket.close_code == 4001


async def test_a_gate_that_is_to_stop_ends_its_websockets_and_takes_no_new_ones(
    site: Site,
) -> None:
    url = _url(site, "/__waitroom/socket.io/")
    async with site.http.ws_connect(url) as socket:
        await socket.send_str("x")
        await socket.receive_str()
        ending = asyncio.create_task(site.gate.drain())
        await socket.receive()
        assert socket.close_code == 1001
        await ending
    await eventually(lambda: site.service.sockets == 0)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.http.ws_connect(url)
    assert refused.value.status == 503


async def test_a_lost_service_closes_the_visitors_websocket_with_come_back(site: Site) -> None:
    async with site.http.ws_connect(_url(site, "/__waitroom/socket.io/")) as socket:
        await socket.send_str("x")
        await socket.receive_str()
        await site.service.stop()
        await socket.receive()
        assert socket.close_code == 1001


async def test_a_message_that_is_too_long_ends_the_socket_only(site: Site) -> None:
    async with site.http.ws_connect(_url(site, "/__waitroom/socket.io/")) as socket:
        await socket.send_str("x" * 70_000)
        async with asyncio.timeout(5):
            await socket.receive()
        assert socket.closed
    assert (await site.ask("GET", "/__waitroom/shop", headers=PAGE)).status == 200


@pytest.mark.parametrize("away", [False, True])
async def test_a_refused_websocket_is_answered_with_a_status(site: Site, away: bool) -> None:
    if away:
        await site.service.stop()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.http.ws_connect(_url(site, "/__waitroom/socket.io/?refuse=1"))
    assert refused.value.status == (503 if away else 429)


async def test_a_handshake_that_cannot_be_read_holds_nobody_else(
    open_site: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PULL_S", 30.0)
    site = await open_site()
    site.service.entered = {"status": "waiting", "ticket": site.ticket()}
    pulled = len(site.service.etags)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.http.ws_connect(_url(site, "/__waitroom/socket.io/?head=70000"))
    assert refused.value.status == 503
    assert (await site.get()).status == 302
    # The gate looks at once whether the service is there, and it is.
    await eventually(lambda: len(site.service.etags) > pulled)
    assert site.link.breaker.away_since_ms is None


async def test_many_websockets_are_relayed_at_once(site: Site) -> None:
    url = _url(site, "/__waitroom/socket.io/")
    sockets = [await site.http.ws_connect(url) for _ in range(150)]
    for socket in sockets:
        await socket.send_str("x")
    assert {await socket.receive_str() for socket in sockets} == {"X"}
    assert site.service.sockets == 150
    await asyncio.gather(*(socket.close() for socket in sockets))
    await eventually(lambda: site.service.sockets == 0)
