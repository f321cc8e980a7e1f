"""Everything below ``/__waitroom/`` goes to the service, on the site's own host."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from waitroom.gate import service as service_module
from waitroom.gate.proxy import service_url
from waitroom.gate.service import Service
from waitroom.gate.visit import Visit

from .helpers import PAGE, Site, eventually

Opens = Callable[..., Awaitable[Site]]


@pytest.fixture(params=["asgi", "wsgi"])
def shell(request: pytest.FixtureRequest) -> str:
    """Let each test run with both."""
    return str(request.param)


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
        "X_Forwarded_For": "203.0.113.9",
        "Waitroom-Gate": "shop",
        "Connection": "keep-alive, X-Once",
        "X-Once": "1",
        "TE": "trailers",
        "Host": "shop.example",
    }
    await site.ask("GET", "/__waitroom/shop/status", headers=claimed)
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


async def test_an_answer_that_comes_in_pieces_arrives_whole(site: Site) -> None:
    asking = asyncio.create_task(site.get("/__waitroom/shop/status?stream=1"))
    await eventually(lambda: site.service.pages)
    site.service.hanging.set()
    answer = await asking
    assert (answer.headers["X-Kind"], answer.text) == ("stream", "first,second")
    assert answer.headers["Content-Length"] == "12"
    assert "Transfer-Encoding" not in answer.headers


async def test_an_answer_that_is_too_long_does_not_fill_the_memory(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitroom.gate.proxy.ANSWER_MAX", 10_000)
    site.service.filling = "x" * 20_000
    assert (await site.get("/__waitroom/shop/status")).status == 503
    assert site.link.breaker.away_since_ms is None


def test_bytes_of_a_query_that_are_not_ascii_reach_the_service_escaped() -> None:
    visit = Visit("GET", "shop.example", "/", query="a=\xc3\xa9&b=%C3%A9&c=\\%5C+%2B")
    url = service_url(Service("http://127.0.0.1:1", "token"), visit, "/__waitroom/shop/go")
    expected = "/__waitroom/shop/go?a=%C3%A9&b=%C3%A9&c=\\%5C+%2B"
    assert url.raw_path_qs == expected


async def test_a_body_that_is_too_long_does_not_reach_the_service(site: Site) -> None:
    answer = await site.ask("POST", "/__waitroom/shop/enter", headers={}, data=b"x" * 65_537)
    assert answer.status == 413
    assert json.loads(answer.text)["error"] == "too_large"
    assert site.service.pages == []
    answer = await site.ask("POST", "/__waitroom/shop/enter", headers={}, data=b"x" * 65_536)
    assert answer.status == 200


async def test_head_and_redirects_pass_through(site: Site) -> None:
    whole = await site.get("/__waitroom/shop/status")
    answer = await site.ask("HEAD", "/__waitroom/shop/status", headers=PAGE)
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers.getall("Content-Length") == [str(len(whole.text))]
    answer = await site.get("/__waitroom/shop/go?head=20000")
    assert (answer.status, len(answer.headers["Location"])) == (302, 20_001)


async def test_an_answer_that_cannot_be_read_holds_nobody_else(
    open_site: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "PULL_S", 30.0)
    site = await open_site()
    site.service.entered = {"status": "waiting", "ticket": site.ticket()}
    pulled = len(site.service.etags)
    for _ in range(3):
        # As long as that a visitor can make the address that the service sends it on to.
        assert (await site.get("/__waitroom/shop/go?head=70000")).status == 503
        assert (await site.get("/__waitroom/shop/status")).status == 200
        assert (await site.get()).status == 302
    # The gate looks at once whether the service is there, and it is.
    await eventually(lambda: len(site.service.etags) > pulled)
    assert site.link.breaker.away_since_ms is None


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_a_service_that_is_away_is_told_calmly(site: Site, accept: str) -> None:
    await site.service.stop()
    answer = await site.ask("GET", "/__waitroom/shop/status", headers={"Accept": accept})
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
    assert (await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)).status == 503


async def test_a_service_that_stops_in_the_middle_holds_nobody_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitroom.gate.proxy.TIME_LIMIT_S", 0.2)
    # Half an answer must not pass for a whole one, and pieces without end are no answer.
    for way in ("stream", "drip"):
        async with asyncio.timeout(5):
            assert (await site.get(f"/__waitroom/shop/status?{way}=1")).status == 503
    # One page that stalls does not make the service unreachable.
    assert (await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)).status == 200


async def test_an_empty_answer_passes(site: Site) -> None:
    site.service.fault, site.service.faulty = "unauthorized", ("page",)
    answer = await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)
    assert (answer.status, answer.text) == (401, "")


async def test_an_error_of_the_service_passes_as_it_is(site: Site) -> None:
    site.service.fault, site.service.faulty = "500", ("page",)
    assert (await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)).status == 500
    # It answered, so its pages stay worth a try.
    site.service.fault = ""
    assert (await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)).status == 200


async def test_pages_are_answered_at_once_while_the_service_is_known_to_be_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitroom.gate.proxy.TIME_LIMIT_S", 0.1)
    monkeypatch.setattr(service_module, "TIME_LIMIT_S", 0.1)
    monkeypatch.setattr(service_module, "PROBE_S", 30.0)
    site.service.fault = "hang"
    await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)
    await eventually(lambda: not site.link.breaker.reachable)
    asked = len(site.service.pages)
    for _ in range(20):
        assert (await site.ask("GET", "/__waitroom/shop/status", headers=PAGE)).status == 503
    assert len(site.service.pages) == asked
