"""The page first asked for, as the visitor gets it after the wait: query, fragment, and what a form
had sent.
"""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Site, Visitor, holds, is_inside, waits_at
from tests.browser.test_outcome import leave_shop
from tests.browser.test_states import fill, violations
from waitroom.clock import monotonic_s
from waitroom.room import Directory, Store

Visit = Callable[..., Any]
NOT_KEPT = "What you sent did not arrive"


async def delivered(visit: Visit, site: Site, delivery: str) -> None:
    """Choose how the splash page of a full room is delivered, and wait until the gate knows."""
    site.settings(f"delivery={delivery}")
    probe = await visit("/tickets")

    async def known() -> bool:
        await probe.page.goto(site.shop + "/tickets")
        return bool(probe.page.url.endswith("/tickets")) == (delivery == "inline")

    await holds(known)
    await give_up(probe)


async def give_up(visitor: Visitor) -> None:
    """Leave the line."""
    await visitor.page.locator("#leave").click()
    await visitor.page.locator("#leave-sure").click()
    await expect(visitor.page.locator("#join")).to_be_visible()


@pytest.mark.parametrize("delivery", ["redirect", "inline"])
async def test_query_and_fragment_survive_the_wait(visit: Visit, site: Site, delivery: str) -> None:
    first, second = await visit("/"), await visit("/")
    await is_inside(first, "")
    await is_inside(second, "")
    await delivered(visit, site, delivery)
    wanted = "/tickets?day=2&seat=a%20b#/row/3?x=1"
    visitor = await visit(wanted)
    await waits_at(visitor, 1)
    await leave_shop(first.page)
    await is_inside(visitor, wanted)


@pytest.mark.parametrize("script", [True, False])
async def test_form_that_meets_the_line_is_told_and_comes_back_to_the_page(
    visit: Visit, script: bool
) -> None:
    first = await visit("/")
    await is_inside(first, "")
    buyer = await visit("/buy?day=2", java_script_enabled=script)
    await is_inside(buyer, "buy?day=2")
    newcomer = await visit("/")
    await waits_at(newcomer, 1)
    # The pass is gone, as when it has run out; the seat is still taken.
    await buyer.context.clear_cookies()
    await buyer.page.get_by_role("button", name="Buy").click()
    await expect(buyer.page.locator("#unsent")).to_contain_text(NOT_KEPT)
    await expect(buyer.page.locator("#position")).to_have_text("2", timeout=15_000)
    if script:
        assert await violations(buyer.page) == []
    await give_up(newcomer)
    await leave_shop(first.page)
    # A GET of the page: nothing was bought behind the visitor's back.
    await is_inside(buyer, "buy")
    await expect(buyer.page.get_by_text("See you on")).to_have_count(0)


async def test_visitor_who_sent_nothing_is_told_nothing(visit: Visit) -> None:
    await fill(visit)
    visitor = await visit("/buy?unsent=1")
    await waits_at(visitor, 1)
    await expect(visitor.page.locator("#unsent")).to_be_hidden()


async def test_form_that_meets_the_line_in_place_is_told_too(visit: Visit, site: Site) -> None:
    await is_inside(await visit("/"), "")
    buyer = await visit("/buy?day=2")
    await is_inside(buyer, "buy?day=2")
    await waits_at(await visit("/"), 1)
    await delivered(visit, site, "inline")
    await buyer.context.clear_cookies()
    await buyer.page.get_by_role("button", name="Buy").click()
    await expect(buyer.page.locator("#unsent")).to_contain_text(NOT_KEPT)
    assert "/__waitroom/" not in buyer.page.url
    await expect(buyer.page.locator("#position")).to_have_text("2", timeout=15_000)


async def test_seat_holder_whom_another_site_sends_back_by_form_goes_in_at_once(
    visit: Visit, site: Site, line: Store
) -> None:
    await is_inside(await visit("/"), "")
    buyer = await visit("/buy?day=2")
    await is_inside(buyer, "buy?day=2")
    await waits_at(await visit("/"), 1)
    room = await Directory(line).get("shop")
    await room.enter_many([(f"person{number:016}", 0) for number in range(4_000)])

    async def places(more: bool = False) -> int:
        if more:
            await buyer.context.request.get(site.shop, headers={"Cookie": ""}, max_redirects=0)
        return (await room.figures()).waiting

    async def known() -> bool:
        # From now on the gate gives tickets by itself, and tells nobody of them.
        return await places() == await places(more=True)

    await holds(known)
    waiting = await places()

    async def pay(route: Route) -> None:
        # Browsers send no cookies of ours with it.
        form = f'<form method="post" action="{site.shop}/tickets"><button>Back</button></form>'
        await route.fulfill(content_type="text/html", body=form)

    # Newcomers of this moment connect after 3.6 s.
    await buyer.page.add_init_script("Math.random = () => 0.9")
    await buyer.page.route("http://payment.test/", pay)
    await buyer.page.goto("http://payment.test/")
    began_s = monotonic_s()
    await buyer.page.get_by_role("button", name="Back").click()
    await is_inside(buyer, "tickets")
    wait_s = monotonic_s() - began_s
    print(f"{waiting} in line, back inside after {wait_s:.1f} s")
    assert wait_s < 3.4
