"""What `edge/examples/nginx.conf` does beyond what all proxies do, under Debian's nginx."""

import signal

import pytest

from tests.conftest import Processes
from tests.examples.helpers import HOST, SMUGGLED, TOKENS, Site, eventually
from tests.examples.proxies import Behind, Open
from waitroom.clock import monotonic_s, now_ms
from waitroom.room import Store

OPEN = {
    "    error_page 500 = @waitroom_away;\n": "",
    "# error_page 500 = @waitroom_open;": "error_page 500 = @waitroom_open;",
}


@pytest.fixture
def open_site(behind: Behind) -> Open:
    """Return a way to start nginx with the example, some of its lines changed."""
    return behind.nginx


@pytest.fixture
async def site(open_site: Open) -> Site:
    """Return the site as the example guards it."""
    return await open_site()


# -- held and let in ------------------------------------------------------------------------------


async def test_the_splash_page_and_its_calls_are_served_from_the_same_host(site: Site) -> None:
    await site.fill()
    page = await site.page("/__waitroom/shop?return_to=%2Fshop")
    assert (page.status, page.headers.get_content_type()) == (200, "text/html")
    status = await site.ask("/__waitroom/shop/enter", method="POST", body=b"")
    assert '"status":"waiting"' in status.text
    assert "waitroom_ticket_shop" in status.cookies()
    assert site.origin.reached == []


async def test_a_pass_past_half_its_life_is_renewed(site: Site) -> None:
    await site.room.enter("A" * 22)
    answer = await site.page(Cookie=site.seat(100))
    token = answer.cookies()["waitroom_pass_shop"].value
    granted = TOKENS.read_pass(token, "shop", epoch=0, now_ms=now_ms())
    assert granted.deadline_ms > now_ms() + 200_000


async def test_the_origins_own_errors_are_handed_on_with_the_pass(site: Site) -> None:
    for status in (401, 403, 404, 500, 503):
        site.origin.status = status
        answer = await site.page()
        assert (answer.status, answer.text) == (status, "the site")
        assert "waitroom_pass_shop" in answer.cookies()


# -- who says what --------------------------------------------------------------------------------


async def test_a_bypass_rule_by_address_does_not_believe_the_visitor(site: Site) -> None:
    await site.fill()
    rule = [{"network": "198.51.100.0/24"}, {"header": "x-monitor", "value": "sixteen-letters-"}]
    await site.directory.update("shop", {"bypass": rule}, who="test")

    async def lets_the_monitor_through() -> bool:
        return (await site.page(**{"X-Monitor": "sixteen-letters-"})).status == 200

    await eventually(lets_the_monitor_through)
    site.origin.reached.clear()
    assert (await site.page(**{"X-Forwarded-For": "198.51.100.9"})).status == 302
    assert site.origin.reached == []


async def test_headers_as_large_as_nginx_takes_them_are_judged(site: Site) -> None:
    large = {f"X-Large-{i}": "x" * 7_900 for i in range(3)}
    assert (await site.page(Cookie=site.seat(), **large)).status == 200
    await site.fill()
    assert (await site.page(**large)).status == 302
    assert (await site.page("/shop?" + "/" * 2_000)).status == 302
    assert (await site.page("/shop?" + "/" * 7_000)).status == 302
    assert site.origin.reached == []


# -- paths and hosts ------------------------------------------------------------------------------


async def test_a_page_reaches_the_origin_only_as_it_was_judged(site: Site) -> None:
    answer = await site.page("/shop/../free?a=1")
    assert (answer.status, answer.headers["Location"]) == (308, "/free?a=1")
    assert site.origin.reached == []


async def test_a_host_that_nobody_named_is_no_way_in(site: Site) -> None:
    routes = [{"host": HOST, "path": "/shop"}]
    await site.directory.update("shop", {"routes": routes}, who="test")
    await site.fill()
    for path, host in (
        ("/shop", "free.example"),
        ("/free", "free.example"),
        ("/shop", f"{HOST}.free.example"),
        ("http://free.example/shop", HOST),
    ):
        assert (host, (await site.page(path, host=host)).status) == (host, 421)
    assert site.origin.reached == []


async def test_a_location_that_an_owner_adds_is_guarded_as_well(open_site: Open) -> None:
    added = "    location ~ [.]css$ { proxy_pass http://origin; }\n\n    location / {"
    site = await open_site({"    location / {": added})
    await site.fill()
    assert (await site.program("/shop/a.css")).status == 429
    assert site.origin.reached == []
    assert (await site.program("/shop/a.css", Cookie=site.seat())).status == 200
    [reached] = site.origin.reached
    assert reached.header("waitroom-gate") == ["shop"]


# -- when the waiting room is away ----------------------------------------------------------------


async def test_without_the_waiting_room_visitors_are_asked_to_come_again(
    site: Site, processes: Processes
) -> None:
    processes.stop(site.service)
    for answer in (
        await site.page(),
        await site.program(),
        await site.page("/free"),
        await site.page(Cookie=site.seat()),
    ):
        assert answer.status == 503
        assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("5", "no-store")
    assert site.origin.reached == []


async def test_a_waiting_room_that_hangs_holds_nobody_up_for_long(site: Site) -> None:
    site.service.send_signal(signal.SIGSTOP)
    began = monotonic_s()
    try:
        assert (await site.page(Cookie=site.seat())).status == 503
    finally:
        site.service.send_signal(signal.SIGCONT)
    assert monotonic_s() - began < 6
    assert site.origin.reached == []

    async def is_back() -> bool:
        return (await site.page(Cookie=site.seat())).status == 200

    await eventually(is_back)


async def test_without_redis_only_passes_are_let_through(site: Site, store: Store) -> None:
    # Of a type that can't be read: like a Redis that answers with an error.
    await store.redis.rename("waitroom:{shop}:settings", "kept")
    await store.redis.set("waitroom:{shop}:settings", "no hash")

    async def held() -> bool:
        return (await site.page()).status == 503

    await eventually(held)
    site.origin.reached.clear()
    assert (await site.program()).status == 503
    assert site.origin.reached == []
    assert (await site.page(Cookie=site.seat())).status == 200
    assert (await site.page("/free")).status == 200


async def test_a_wrong_token_lets_nobody_through(open_site: Open) -> None:
    site = await open_site(token="of-another-installation")
    assert (await site.page()).status == 503
    assert (await site.page("/free")).status == 503
    assert site.origin.reached == []


async def test_an_owner_can_have_the_door_open_while_the_waiting_room_is_away(
    open_site: Open, processes: Processes
) -> None:
    site = await open_site(OPEN)
    await site.fill()
    assert (await site.page()).status == 302
    assert (await site.page("/%2f")).status == 400
    assert site.origin.reached == []
    processes.stop(site.service)
    answer = await site.page(**SMUGGLED)
    assert (answer.status, answer.text) == (200, "the site")
    [reached] = site.origin.reached
    assert reached.header("waitroom-gate") == reached.header("waitroom-origin") == []


async def test_an_open_door_is_not_opened_by_a_request_that_is_refused(open_site: Open) -> None:
    site = await open_site(OPEN, token="of-another-installation")
    assert (await site.page()).status == 503
    assert site.origin.reached == []
