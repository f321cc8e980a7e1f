"""Public answers of the service: asked for once, for everybody, with nothing of anybody."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waitroom import clock
from waitroom.gate import kept
from waitroom.gate import service as service_module

from .helpers import PAGE, PUBLIC, Site, eventually

Opens = Callable[..., Awaitable[Site]]
THEME, LATER = "20261123131500-0123abcd", "20261123131600-4567abcd"
PAGES = [
    "/__waitroom/shop",
    "/__waitroom/shop/board",
    "/__waitroom/assets/0123456789ab/waiting.js",
    "/__waitroom/waitroom-fetch.js",
    "/__waitroom/shop/theme/20261123131500-0123abcd.css",
]


@pytest.fixture(params=["asgi", "wsgi"])
def shell(request: pytest.FixtureRequest) -> str:
    """Let each test run with both."""
    return str(request.param)


async def _twice(site: Site, path: str, **headers: str) -> int:
    """Return how often the service was asked for two visitors."""
    before = len(site.service.pages)
    for _ in range(2):
        assert (await site.get(path, **headers)).status in (200, site.service.public_status)
    return len(site.service.pages) - before


@pytest.mark.parametrize("path", PAGES)
async def test_what_is_public_is_asked_for_once(site: Site, path: str) -> None:
    if path != PAGES[0]:
        site.service.public["Vary"] = "Accept-Encoding"
    assert await _twice(site, path) == 1
    assert site.origin.reached == []


async def test_a_visitor_who_comes_to_a_queueing_room_costs_the_service_nothing(site: Site) -> None:
    await site.queue()
    await site.get("/__waitroom/shop")
    calls, pages = len(site.service.asked("enter")), len(site.service.pages)
    for number in range(20):
        answer = await site.get(f"/shop?day={number}")
        assert (await site.get(answer.headers["Location"])).status == 200
    assert (len(site.service.asked("enter")), len(site.service.pages)) == (calls, pages)


async def test_many_visitors_at_once_wait_for_one_answer(site: Site) -> None:
    answers = await asyncio.gather(*(site.get("/__waitroom/shop") for _ in range(40)))
    assert {answer.status for answer in answers} == {200}
    assert len(site.service.pages) == 1


async def test_nothing_of_a_visitor_reaches_the_service_or_another_visitor(site: Site) -> None:
    personal = {
        "Cookie": f"waitroom_ticket_shop={site.ticket()}; secret=1",
        "Authorization": "Ticket secret",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "203.0.113.9",
        "X-Original-URL": "/secret",
        "Accept-Language": "de, <script>secret</script>",
        "Host": "secret.example",
        "Referer": "http://secret.example/",
        "User-Agent": "secret",
        "Range": "bytes=0-3",
    }
    first = await site.get("/__waitroom/shop?return_to=%2Fsecret&x=<script>", **personal)
    (request,) = site.service.pages
    assert request.path_qs == "/__waitroom/shop"
    sent = dict(request.headers)
    assert sent.pop("Accept-Language") == "de"
    assert set(sent) <= {"Host", "Accept", "Accept-Encoding", "User-Agent"}
    assert "secret" not in str(sent)
    other = await site.get("/__waitroom/shop?return_to=%2Fshop", **{"Accept-Language": "de"})
    assert (other.status, other.text) == (first.status, first.text) == (200, first.text)
    assert "secret" not in other.text + str(other.headers)
    assert "Set-Cookie" not in other.headers


async def test_each_language_is_kept_on_its_own(site: Site) -> None:
    shown = ["de", "DE-at;q=0.9, fr", "ar", "en-GB", "fr", "", "de;q=0, ar", "*"]
    answers = [await site.get("/__waitroom/shop", **{"Accept-Language": text}) for text in shown]
    expected = ["de", "de", "ar", "en", "en", "en", "ar", "en"]
    assert [answer.text[12:14] for answer in answers] == expected
    assert len(site.service.pages) == 3
    for answer in answers:
        assert "Accept-Language" in answer.headers["Vary"]


async def test_each_theme_that_a_room_announces_is_kept_on_its_own(site: Site) -> None:
    for theme in (THEME, LATER):
        site.service.public["Waitroom-Theme"] = theme
        await site.tell(theme=theme)
        assert await _twice(site, "/__waitroom/shop") == 1
    # The page of before is not asked for again, nor shown under another theme.
    site.service.public_status = 500
    assert await _twice(site, "/__waitroom/shop") == 0


async def test_each_room_has_a_page_of_its_own(open_site: Opens, quick: None) -> None:
    site = await open_site()
    site.service.rooms = [*site.service.rooms, {"name": "fair", "routes": []}]
    seen = len(site.service.etags)
    await eventually(lambda: len(site.service.etags) >= seen + 2)
    for name in ("shop", "fair"):
        site.service.filling = name
        for _ in range(2):
            assert f"{name}</html>" in (await site.get(f"/__waitroom/{name}")).text
    assert "shop</html>" in (await site.get("/__waitroom/shop")).text
    assert len(site.service.pages) == 2


async def test_a_page_of_another_theme_than_announced_is_kept_for_a_moment_only(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.tell(theme=THEME)
    assert await _twice(site, "/__waitroom/shop") == 1
    real = clock.monotonic_s
    monkeypatch.setattr(clock, "monotonic_s", lambda: real() + 1.1)
    site.service.public["Waitroom-Theme"] = THEME
    assert await _twice(site, "/__waitroom/shop") == 1
    monkeypatch.setattr(clock, "monotonic_s", lambda: real() + 50)
    assert await _twice(site, "/__waitroom/shop") == 0


async def test_languages_that_the_service_does_not_name_are_not_asked_for(
    open_site: Opens, quick: None
) -> None:
    site = await open_site()
    site.service.languages = ["fr"]
    seen = len(site.service.etags)
    await eventually(lambda: len(site.service.etags) >= seen + 2)
    assert "fr" in (await site.get("/__waitroom/shop", **{"Accept-Language": "de,fr"})).text
    site.service.languages = ["fr\r\nX: y"]
    seen = len(site.service.calls)
    await eventually(lambda: len(site.service.calls) >= seen + 2)
    # Such a document is not taken at all.
    assert "fr" in (await site.get("/__waitroom/shop", **{"Accept-Language": "de,fr"})).text


@pytest.mark.parametrize(
    "changes",
    [
        {"Cache-Control": "private, max-age=60"},
        {"Cache-Control": "public, no-store, max-age=60"},
        {"Cache-Control": "public, no-cache, s-maxage=60"},
        {"Cache-Control": "max-age=60"},
        {"Cache-Control": "public"},
        {"Cache-Control": "public, max-age=0"},
        {"Cache-Control": "public, s-maxage=0, max-age=60"},
        {"Cache-Control": "public, max-age=-1"},
        {"Cache-Control": ""},
        {"Set-Cookie": "waitroom_ticket_shop=somebody"},
        {"Vary": "Cookie"},
        {"Vary": "*"},
        {"Age": "60"},
    ],
    ids=str,
)
async def test_what_is_not_certainly_for_everybody_is_not_kept(
    site: Site, changes: dict[str, str]
) -> None:
    site.service.public = PUBLIC | changes
    assert await _twice(site, "/__waitroom/shop", Cookie="mine=1") == 3
    # The visitor's own request was handed on, and its answer reached that visitor alone.
    shown = [request.headers.get("Cookie") for request in site.service.pages]
    assert shown == [None, "mine=1", "mine=1"]


async def test_what_is_not_for_everybody_is_asked_for_everybody_once_a_second(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.service.public["Cache-Control"] = "private"
    path = "/__waitroom/assets/0123456789ab/waiting.js"
    for _ in range(5):
        await site.get(path, Cookie="mine=1")
    shown = [request.headers.get("Cookie") for request in site.service.pages]
    assert shown == [None, *["mine=1"] * 5]
    real = clock.monotonic_s
    monkeypatch.setattr(clock, "monotonic_s", lambda: real() + kept.NOT_PUBLIC_S)
    site.service.public = {"Cache-Control": "public, max-age=60"}
    assert await _twice(site, path) == 1


async def test_made_up_names_do_not_fill_the_memory(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "NOT_PUBLIC_MAX", 2)
    site.service.public_status = 404
    for name in ("a", "b", "c"):
        await site.get(f"/__waitroom/assets/{name}/x")
    assert await _twice(site, "/__waitroom/assets/c/x") == 2
    assert await _twice(site, "/__waitroom/assets/a/x") == 3


async def test_an_encoding_that_was_not_asked_for_is_not_kept(site: Site) -> None:
    site.service.public["Content-Encoding"] = "br"
    for _ in range(2):
        await site.ask("HEAD", "/__waitroom/shop", headers=PAGE)
    # One for everybody, then one for each of the two.
    assert len(site.service.pages) == 3


async def test_a_cookie_of_a_broken_service_reaches_nobody_else(site: Site) -> None:
    site.service.public = PUBLIC | {"Set-Cookie": "waitroom_ticket_shop=somebody"}
    await asyncio.gather(*(site.get("/__waitroom/shop") for _ in range(5)))
    site.service.public = dict(PUBLIC)
    for _ in range(3):
        assert "Set-Cookie" not in (await site.get("/__waitroom/shop")).headers


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("status", [500, 404, 301, 202])
async def test_an_error_is_not_kept(
    site: Site, path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.service.public["Vary"] = "Accept-Encoding"
    site.service.public_status = status
    for _ in range(2):
        assert (await site.get(path)).status == status
    site.service.public_status = 200
    assert (await site.get(path)).status == 200
    monkeypatch.setattr(kept, "NOT_PUBLIC_S", 0.0)
    assert (await site.get(path)).status == 200
    assert await _twice(site, path) == 0


async def test_a_room_may_queue_with_a_status_of_its_own(site: Site) -> None:
    await site.tell(queueing_status_code=503)
    site.service.public_status = 503
    assert await _twice(site, "/__waitroom/shop") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/__waitroom/shop?nojs=1",
        "/__waitroom/shop?x=1&noj%73=1&nojs=2",
        "/__waitroom/shop/status",
        "/__waitroom/shop/go?return_to=%2F",
        "/__waitroom/shop/",
        "/__waitroom/shop/board/",
        "/__waitroom/Shop",
        "/__waitroom/nowhere",
        "/__waitroom/nowhere/board",
        "/__waitroom/nowhere/theme/20261123131500-0123abcd.css",
        "/__waitroom/shop/theme/a/b.css",
        "/__waitroom/shop/theme/..css",
        "/__waitroom/assets/a/b/c",
        "/__waitroom/assets/a%3bx/y",
        "/__waitroom/waitroom-fetch.js/",
    ],
)
async def test_everything_else_is_asked_in_the_visitors_name(site: Site, path: str) -> None:
    before = len(site.service.pages)
    for _ in range(2):
        await site.get(path, Cookie="mine=1")
    asked = site.service.pages[before:]
    assert [request.headers["Cookie"] for request in asked] == ["mine=1", "mine=1"]


async def test_other_methods_are_not_kept(site: Site) -> None:
    await site.get("/__waitroom/shop")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        await site.ask(method, "/__waitroom/shop", headers={"Cookie": "mine=1"})
        assert site.service.pages[-1].method == method


async def test_a_kept_page_is_asked_for_again_when_its_time_is_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await site.get("/__waitroom/shop")
    assert first.headers["Age"] == "0"
    assert first.headers["Cache-Control"] == PUBLIC["Cache-Control"]
    real = clock.monotonic_s
    monkeypatch.setattr(clock, "monotonic_s", lambda: real() + 59)
    assert (await site.get("/__waitroom/shop")).headers["Age"] == "59"
    assert len(site.service.pages) == 1
    monkeypatch.setattr(clock, "monotonic_s", lambda: real() + 60)
    assert (await site.get("/__waitroom/shop")).headers["Age"] == "0"
    assert len(site.service.pages) == 2


async def test_a_browser_that_has_the_page_gets_304(site: Site) -> None:
    answer = await site.get("/__waitroom/shop", **{"If-None-Match": 'W/"other", W/"splash"'})
    assert (answer.status, answer.text) == (304, "")
    assert answer.headers["ETag"] == 'W/"splash"'
    assert answer.headers["Cache-Control"] == PUBLIC["Cache-Control"]
    # What somebody has does not decide what others get.
    assert "If-None-Match" not in site.service.pages[0].headers
    for shown in ('"other"', "rubbish", ""):
        again = await site.get("/__waitroom/shop", **{"If-None-Match": shown})
        assert (again.status, len(again.text) > 0) == (200, True)


async def test_head_has_the_headers_of_the_page_and_no_body(site: Site) -> None:
    whole = await site.get("/__waitroom/shop")
    head = await site.ask("HEAD", "/__waitroom/shop", headers=PAGE)
    assert (head.status, head.text) == (200, "")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    assert len(site.service.pages) == 1


async def test_long_pages_are_sent_gzipped_to_those_who_can_read_it(site: Site) -> None:
    site.service.filling = "A line that is long enough. " * 100
    sizes = {}
    for encoding in ("gzip", "identity", "br, gzip;q=0", "deflate, gzip;q=0.5"):
        headers = PAGE | {"Accept-Encoding": encoding}
        url = f"http://127.0.0.1:{site.port}/__waitroom/shop"
        async with site.http.get(url, headers=headers) as response:
            sizes[encoding] = int(response.headers["Content-Length"])
            assert site.service.filling in await response.text()
            zipped = response.headers.get("Content-Encoding") == "gzip"
            assert zipped == (sizes[encoding] < 1_000)
            assert "Accept-Encoding" in response.headers["Vary"]
    assert [size < 1_000 for size in sizes.values()] == [True, False, False, True]
    assert len(site.service.pages) == 1


async def test_a_silent_service_is_given_up_once_for_all(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "TIME_LIMIT_S", 0.2)
    monkeypatch.setattr(service_module, "TIME_LIMIT_S", 30.0)
    monkeypatch.setattr(service_module, "PROBE_S", 30.0)
    site.service.fault = "hang"
    answers = await asyncio.gather(*(site.get("/__waitroom/shop") for _ in range(10)))
    assert {answer.status for answer in answers} == {503}
    assert len(site.service.pages) == 1
    started_s = clock.monotonic_s()
    for _ in range(10):
        assert (await site.get("/__waitroom/shop")).status == 503
    assert clock.monotonic_s() - started_s < 2
    assert len(site.service.pages) == 1


async def test_what_is_kept_serves_while_the_service_is_away(site: Site) -> None:
    await site.get("/__waitroom/shop")
    await site.service.stop()
    assert (await site.get("/other")).status == 200
    await site.get("/__waitroom/shop/status")
    assert "splash" in (await site.get("/__waitroom/shop")).text


async def test_an_answer_that_is_too_long_is_not_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "ANSWER_MAX", 1_000)
    site.service.filling = "x" * 2_000
    assert await _twice(site, "/__waitroom/shop") == 3


async def test_memory_is_bounded_and_the_oldest_goes_first(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "BYTES_MAX", 10_000)
    site.service.public["Vary"] = "Accept-Encoding"
    site.service.filling = "".join(map(chr, range(0x100, 0x100 + 1_500)))
    for number in range(4):
        await site.get(f"/__waitroom/assets/v{number}/waiting.js")
    assert await _twice(site, "/__waitroom/assets/v3/waiting.js") == 0
    assert await _twice(site, "/__waitroom/assets/v0/waiting.js") == 1


async def test_the_page_in_place_is_the_very_same_page(site: Site) -> None:
    await site.queue(delivery="inline", queueing_status_code=202)
    headers: dict[str, Any] = {"Accept-Language": "de"}
    shown = await site.get("/shop", **headers)
    assert shown.status == 202
    assert (await site.get("/__waitroom/shop", **headers)).status == 200
    assert len(site.service.pages) == 1
    assert "data-room" not in (await site.get("/__waitroom/shop", **headers)).text
    assert "return_to" not in (await site.get("/__waitroom/shop", **headers)).text
    assert site.origin.reached == []


async def test_what_is_no_page_is_not_shown_in_place(site: Site) -> None:
    await site.queue(delivery="inline")
    site.service.public["Content-Type"] = "application/json"
    # Kept or not, it is no page.
    for path in ("/shop", "/__waitroom/shop", "/shop"):
        answer = await site.get(path)
        assert (answer.status, "One moment" in answer.text) == (
            (200, False) if path == "/__waitroom/shop" else (503, True)
        )
    assert site.origin.reached == []
