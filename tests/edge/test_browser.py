"""Visitors in Chromium, in front of the Worker: they wait, and go on by themselves."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.edge.visitors import Edge, Guarded

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]


@pytest.fixture
async def visit(chromium: Browser, site: Guarded) -> AsyncIterator[Visit]:
    """Return a coroutine function that has a new visitor open a page of the site."""

    async def come(path: str) -> Page:
        page = await (await chromium.new_context()).new_page()
        await page.goto(address(site, path))
        return page

    yield come


def address(site: Guarded, path: str) -> str:
    """Return a page's address; every browser knows `*.localhost` as the loopback."""
    return f"http://{site.host}:{site.edge.port}{path}"


async def waits_live(page: Page) -> None:
    """Wait until the splash page stands there, and is told by its socket."""
    await expect(page.locator("html")).to_have_attribute("data-connection", "live", timeout=15_000)


async def is_inside(page: Page, at: str) -> None:
    """Wait until the site's own page stands at exactly this address."""
    await page.wait_for_url(at, timeout=15_000)
    await expect(page.get_by_role("heading", name="the site")).to_be_visible()


@pytest.mark.room(queue_all=True)
async def test_a_visitor_waits_over_the_workers_websocket_and_returns_to_the_page_first_asked_for(
    visit: Visit, site: Guarded
) -> None:
    page = await visit("/shop/tickets?day=1&seat=a%20b#row-7")
    await waits_live(page)
    await expect(page.locator("#position")).to_have_text("1")
    assert page.url.startswith(address(site, f"{site.splash}?return_to="))
    assert site.reached == []
    sockets = [each for each in site.edge.link.asked if each.page == "/__waitroom/socket.io/"]
    assert sockets
    assert sockets[-1].headers["Upgrade"].lower() == "websocket"
    assert site.asked() == []
    cookies = await page.context.cookies()
    assert {cookie["domain"] for cookie in cookies} == {site.host}

    site.change(queue_all=False)
    await is_inside(page, address(site, "/shop/tickets?day=1&seat=a%20b#row-7"))
    assert site.paths[0] == "/shop/tickets?day=1&seat=a%20b"
    assert site.reached[0].headers["Waitroom-Gate"] == site.room
    held = {cookie["name"]: cookie for cookie in await page.context.cookies()}
    assert held[site.pass_name]["httpOnly"]
    # Inside means inside: the next page needs nobody.
    mark = len(site.edge.link.asked)
    await page.goto(address(site, "/shop/seats"))
    await is_inside(page, address(site, "/shop/seats"))
    edge_calls = [each for each in site.edge.link.since(mark) if "/api/" in each.page]
    assert edge_calls == []


@pytest.mark.room(queue_all=True, delivery="inline", queueing_status_code=503)
async def test_a_page_shown_in_place_gives_way_to_the_page_itself(
    visit: Visit, site: Guarded
) -> None:
    at = address(site, "/shop/tickets?day=2#top")
    page = await visit("/shop/tickets?day=2#top")
    await waits_live(page)
    assert page.url == at
    assert site.reached == []
    site.change(queue_all=False)
    await is_inside(page, at)
    assert site.paths[0] == "/shop/tickets?day=2"


@pytest.mark.room(queue_all=True)
async def test_a_form_that_meets_the_queue_is_not_lost_silently(
    visit: Visit, site: Guarded
) -> None:
    form = '<form method="post" action="/shop/buy?kind=x"><button>Buy</button></form>'
    site.edge.origin.pages["/form"] = form
    page = await visit("/form")
    await page.get_by_role("button", name="Buy").click()
    await waits_live(page)
    await expect(page.locator("#unsent")).to_contain_text("please send it again")
    assert site.paths == ["/form"]
    site.change(queue_all=False)
    await is_inside(page, address(site, "/shop/buy?kind=x"))
    assert [(each.method, each.path) for each in site.reached if "buy" in each.path] == [
        ("GET", "/shop/buy?kind=x")
    ]


@pytest.mark.room(queue_all=True, delivery="inline")
async def test_a_form_is_not_lost_silently_where_the_page_is_shown_in_place(
    visit: Visit, site: Guarded
) -> None:
    form = '<form method="post" action="/shop/buy?kind=y"><button>Buy</button></form>'
    site.edge.origin.pages["/form"] = form
    page = await visit("/form")
    await page.get_by_role("button", name="Buy").click()
    await waits_live(page)
    await expect(page.locator("#unsent")).to_contain_text("please send it again")
    site.change(queue_all=False)
    await is_inside(page, address(site, "/shop/buy?kind=y"))
    assert [(each.method, each.path) for each in site.reached if "buy" in each.path] == [
        ("GET", "/shop/buy?kind=y")
    ]


@pytest.mark.room(total_active_users=1)
async def test_two_visitors_share_one_seat_after_each_other(visit: Visit, site: Guarded) -> None:
    first = await visit("/shop")
    await is_inside(first, address(site, "/shop"))
    second = await visit("/shop/second")
    await waits_live(second)
    assert site.paths == ["/shop"]
    left = await first.evaluate(
        "room => fetch(`/__waitroom/${room}/leave`, {method: 'POST'}).then(r => r.status)",
        site.room,
    )
    assert left == 200
    await is_inside(second, address(site, "/shop/second"))


@pytest.mark.room(queue_all=True)
async def test_an_app_whose_call_meets_the_queue_waits_and_comes_back(
    visit: Visit, site: Guarded
) -> None:
    site.edge.origin.pages["/app?x=1"] = (
        '<script src="/__waitroom/waitroom-fetch.js"></script>'
        "<script>fetch('/shop/api').then(() => document.title = 'told')</script>"
    )
    page = await visit("/app?x=1#view")
    await waits_live(page)
    assert site.paths == ["/app?x=1"]
    site.change(queue_all=False)
    await page.wait_for_url(address(site, "/app?x=1#view"))
    await expect(page).to_have_title("told")


@pytest.mark.room(queue_all=True)
async def test_a_waiting_page_survives_the_loss_of_its_service(
    chromium: Browser, own_edge: Callable[..., Edge], guard: Callable[[Edge], Guarded]
) -> None:
    site = guard(own_edge())
    page = await (await chromium.new_context()).new_page()
    await page.goto(address(site, "/shop?x=1"))
    await waits_live(page)
    ticket = {each["name"]: each["value"] for each in await page.context.cookies()}
    site.edge.link.stop()
    await expect(page.locator("html")).not_to_have_attribute("data-connection", "live")
    site.edge.link.start()
    site.change(queue_all=False)
    await is_inside(page, address(site, "/shop?x=1"))
    # The place of before, not a new one.
    visitor = site.edge.tokens.read_ticket(ticket[site.ticket_name], site.room).visitor
    held = {each["name"]: each["value"] for each in await page.context.cookies()}
    granted = held[site.pass_name]
    assert site.edge.tokens.read_pass(granted, site.room, epoch=0, now_ms=0).visitor == visitor


@pytest.mark.room(queue_all=True)
async def test_a_browser_without_scripts_waits_too(chromium: Browser, site: Guarded) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(address(site, "/shop/plain?x=1"))
    await expect(page.locator("body")).to_contain_text("1", timeout=15_000)
    assert "nojs=1" in page.url
    site.change(queue_all=False)
    await is_inside(page, address(site, "/shop/plain?x=1"))
