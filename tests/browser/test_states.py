"""The splash page in each of its states: what it says, and that everybody can use it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Site, Visitor, is_inside, waits_at

AXE = Path("splash/node_modules/axe-core/axe.min.js").read_text()
Visit = Callable[..., Any]


async def violations(page: Page, *, without: tuple[str, ...] = ()) -> list[str]:
    """Return what axe-core finds wrong with a page, but for the rules named."""
    # Evaluated by the debugger, so that the page's strict CSP stays in force.
    await page.evaluate(AXE)
    rules = {rule: {"enabled": False} for rule in without}
    found = await page.evaluate("rules => axe.run({ rules })", rules)
    return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found["violations"]]


async def fill(visit: Visit) -> None:
    for _ in range(2):
        await is_inside(await visit("/"), "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_waiting_page_is_accessible(visit: Visit, scheme: str) -> None:
    await fill(visit)
    visitor = await visit("/", color_scheme=scheme)
    await waits_at(visitor, 1)
    assert await violations(visitor.page) == []


async def test_arabic_page_reads_from_right_to_left(visit: Visit) -> None:
    await fill(visit)
    visitor = await visit("/", locale="ar")
    await expect(visitor.page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(visitor.page.locator("#position")).not_to_be_empty(timeout=15_000)
    assert await violations(visitor.page) == []


async def test_message_of_the_organiser_arrives_while_waiting(visit: Visit, site: Site) -> None:
    await fill(visit)
    visitor = await visit("/")
    await waits_at(visitor, 1)
    site.settings("message=Two more shows were added.")
    await expect(visitor.page.locator("#message")).to_have_text("Two more shows were added.")
    assert await violations(visitor.page) == []


async def test_room_on_hold_says_so(visit: Visit, site: Site) -> None:
    await fill(visit)
    visitor = await visit("/")
    await waits_at(visitor, 1)
    site.settings("queue_all=true")
    await expect(visitor.page.locator("#heading")).to_have_text("The line is on hold")
    assert await violations(visitor.page) == []


async def test_closed_room_says_so_and_opens_again_by_itself(visit: Visit, site: Site) -> None:
    await fill(visit)
    visitor = await visit("/")
    await waits_at(visitor, 1)
    site.settings("closed=true")
    await expect(visitor.page.locator("#heading")).to_have_text("Closed for now")
    assert await violations(visitor.page) == []
    site.settings("closed=false")
    await waits_at(visitor, 1)


async def test_draining_room_turns_newcomers_away_and_lets_the_line_in(
    visit: Visit, site: Site
) -> None:
    await fill(visit)
    visitor = await visit("/")
    await waits_at(visitor, 1)
    site.settings("draining=true")
    newcomer = await visit("/__waitroom/shop?return_to=/")
    await expect(newcomer.page.locator("#heading")).to_have_text("Closed for now")
    await waits_at(visitor, 1)
    # A seat more than are taken: for the line, not for the newcomer.
    site.settings("total_active_users=4")
    await is_inside(visitor, "")
    await newcomer.page.reload()
    await expect(newcomer.page.locator("#heading")).to_have_text("Closed for now")


async def test_suspended_room_lets_everybody_through(visit: Visit, site: Site) -> None:
    await fill(visit)
    visitor = await visit("/tickets?day=4")
    await waits_at(visitor, 1)
    site.settings("suspended=true")
    await visitor.page.wait_for_url("**/tickets?day=4")
    await expect(visitor.page.locator("main")).to_be_visible()


async def test_lost_connection_is_shown_calmly_and_mends(visit: Visit) -> None:
    await fill(visit)
    visitor: Visitor = await visit("/")
    await waits_at(visitor, 1)
    await expect(visitor.page.locator("html")).to_have_attribute("data-connection", "live")
    await visitor.context.set_offline(True)
    await expect(visitor.page.locator("html")).to_have_attribute(
        "data-connection", "reconnecting", timeout=60_000
    )
    assert await violations(visitor.page) == []
    await expect(visitor.page.locator("#position")).to_have_text("1")
    await visitor.context.set_offline(False)
    await expect(visitor.page.locator("html")).to_have_attribute(
        "data-connection", "live", timeout=60_000
    )


async def test_error_page_is_accessible(chromium: Browser, site: Site) -> None:
    page = await chromium.new_page()
    await page.goto(f"{site.service}/__waitroom/nosuchroom")
    await expect(page.locator("main")).to_be_visible()
    assert await violations(page) == []


async def test_plain_page_is_accessible(visit: Visit) -> None:
    await fill(visit)
    visitor = await visit("/")
    await waits_at(visitor, 1)
    await visitor.page.goto(f"{visitor.page.url}&nojs=1&unsent=1")
    # Without scripts a page can only follow the line by refreshing itself; it says so.
    assert await violations(visitor.page, without=("meta-refresh",)) == []
