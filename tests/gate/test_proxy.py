"""Everything below ``/__waitroom/`` goes to the service, on the site's own host."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from yarl import URL

from waitroom.gate import service as service_module

from .conftest import PAGE, Site, eventually

Opens = Callable[..., Awaitable[Site]]


def _url(site: Site, path: str) -> URL:
    return URL(f"http://127.0.0.1:{site.port}{path}", encoded=True)


async def test_the_service_gets_the_request_as_the_visitor_sent_it(site: Site) -> None:
    path = "/__waitroom/shop/enter?return_to=%2Fshop%3Fday%3D1&x=%20"
    headers = {"Cookie": "a=1; b=2", "Host": "shop.example:8080", "Authorization": "Ticket t"}
    answer = await site.ask("POST", path, headers=headers, data=b'{"a": 1}')
    request = site.service.pages[-1]
    assert request.method == "POST"
    assert request.raw_path == path
    assert site.service.bodies[-1] == b'{"a": 1}'
    assert request.headers["Host"] == "shop.example:8080"
    assert request.headers["Cookie"] == "a=1; b=2"
    assert request.headers["Authorization"] == "Ticket t"
    assert answer.headers.getall("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/; HttpOnly"]
    assert answer.headers["ETag"] == '"splash"'
    assert len(answer.headers.getall("Date")) == 1
    assert len(answer.headers.getall("Server")) == 1
    assert site.origin.reached == []


async def test_forwarded_headers_are_ours_and_connection_headers_end_here(site: Site) -> None:
    claimed = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=203.0.113.9",
        "X-Real-IP": "203.0.113.9",
        "Waitroom-Gate": "shop",
        "Connection": "keep-alive, X-Once",
        "X-Once": "1",
        "TE": "trailers",
        "Host": "shop.example",
    }
    await site.ask("GET", "/__waitroom/shop", headers=claimed)
    got = site.service.pages[-1].headers
    assert got.getall("X-Forwarded-For") == ["127.0.0.1"]
    assert got.getall("X-Forwarded-Host") == ["shop.example"]
    assert got.getall("X-Forwarded-Proto") == ["http"]
    left_out = {"Forwarded", "X-Real-IP", "Waitroom-Gate", "X-Once", "TE"}
    assert left_out & {name.title() if name != "TE" else name for name in got} == set()


@pytest.mark.parametrize(
    "path",
    [
        "/__waitroom/../api/edge/rooms",
        "/__waitroom/%2e%2e/api/edge/rooms",
        "/__waitroom/x/..//../api/edge/rooms",
        "/__waitroom/..;/api/edge/rooms",
        "/__waitroom/..%2fapi/edge/rooms",
        "/__waitroom\\..\\api/edge/rooms",
        "/api/edge/rooms",
        "/metrics",
    ],
)
async def test_no_other_page_of_the_service_can_be_reached(site: Site, path: str) -> None:
    answer = await site.ask("GET", path, headers=PAGE)
    assert site.service.pages == []
    assert {body for verb, body in site.service.calls} <= {None}
    assert answer.status in (200, 400)
    assert "rooms" not in answer.text


async def test_an_answer_is_streamed_and_not_collected(site: Site) -> None:
    async with site.http.get(_url(site, "/__waitroom/shop?stream=1")) as response:
        assert response.headers["X-Kind"] == "stream"
        assert await response.content.readany() == b"first,"
        site.service.hanging.set()
        assert await response.content.read() == b"second"


async def test_a_body_that_is_too_long_does_not_reach_the_service(site: Site) -> None:
    answer = await site.ask("POST", "/__waitroom/shop/enter", headers={}, data=b"x" * 65_537)
    assert answer.status == 413
    assert json.loads(answer.text)["error"] == "too_large"
    assert site.service.pages == []
    answer = await site.ask("POST", "/__waitroom/shop/enter", headers={}, data=b"x" * 65_536)
    assert answer.status == 200


async def test_head_and_redirects_pass_through(site: Site) -> None:
    answer = await site.ask("HEAD", "/__waitroom/shop", headers=PAGE)
    assert (answer.status, answer.text) == (200, "")
    assert site.service.pages[-1].method == "HEAD"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_a_service_that_is_away_is_told_calmly(site: Site, accept: str) -> None:
    await site.service.stop()
    answer = await site.ask("GET", "/__waitroom/shop", headers={"Accept": accept})
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    if accept == "text/html":
        assert "One moment" in answer.text
    else:
        assert json.loads(answer.text)["error"] == "service_unavailable"


async def test_a_silent_service_is_given_up_after_the_time_limit(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitroom.gate.proxy.TIME_LIMIT_S", 0.1)
    site.service.fault = "hang"
    assert (await site.ask("GET", "/__waitroom/shop", headers=PAGE)).status == 503


async def test_an_error_of_the_service_passes_as_it_is(site: Site) -> None:
    site.service.fault, site.service.faulty = "500", ("page",)
    assert (await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)).status == 500
    # It answered, so its pages stay worth a try.
    site.service.fault = ""
    assert (await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)).status == 200


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


async def test_many_websockets_are_relayed_at_once(site: Site) -> None:
    url = _url(site, "/__waitroom/socket.io/")
    sockets = [await site.http.ws_connect(url) for _ in range(150)]
    for socket in sockets:
        await socket.send_str("x")
    assert {await socket.receive_str() for socket in sockets} == {"X"}
    assert site.service.sockets == 150
    await asyncio.gather(*(socket.close() for socket in sockets))
    await eventually(lambda: site.service.sockets == 0)


async def test_pages_are_answered_at_once_while_the_service_is_known_to_be_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitroom.gate.proxy.TIME_LIMIT_S", 0.1)
    monkeypatch.setattr(service_module, "TIME_LIMIT_S", 30.0)
    monkeypatch.setattr(service_module, "PROBE_S", 30.0)
    site.service.fault = "hang"
    await site.ask("GET", "/__waitroom/shop", headers=PAGE)
    asked = len(site.service.pages)
    for _ in range(20):
        assert (await site.ask("GET", "/__waitroom/shop", headers=PAGE)).status == 503
    assert len(site.service.pages) == asked
