"""What visitors live through, end to end: real Chromium, real processes, two seats."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import KEYS, Site, holds, is_inside, waits_at
from waitroom.clock import monotonic_s
from waitroom.room import Store

Visit = Callable[..., Any]


async def leave_shop(page: Page) -> None:
    await page.get_by_role("button", name="Leave").first.click()


async def test_third_visitor_waits_and_is_let_in_to_the_page_first_asked_for(
    visit: Visit, line: Store
) -> None:
    first, second = await visit("/"), await visit("/")
    await is_inside(first, "")
    await is_inside(second, "")
    third = await visit("/tickets?day=1&seat=a%20b")
    await waits_at(third, 1)
    await expect(third.page.locator("#wait")).not_to_be_empty()
    # Once its socket lives, the visitor is told rather than asking.
    await expect(third.page.locator("html")).to_have_attribute("data-connection", "live")

    await leave_shop(first.page)
    left_s = monotonic_s()
    await is_inside(third, "tickets?day=1&seat=a%20b")
    print(f"seat free to page shown: {monotonic_s() - left_s:.2f} s")

    assert await line.redis.zcard(KEYS.waiting) == 0


async def test_line_is_served_in_order_and_positions_count_down(visit: Visit) -> None:
    inside = [await visit("/"), await visit("/")]
    for visitor in inside:
        await is_inside(visitor, "")
    waiting = [await visit("/buy") for _ in range(3)]
    for position, visitor in enumerate(waiting, start=1):
        await waits_at(visitor, position)

    await leave_shop(inside[0].page)
    await is_inside(waiting[0], "buy")
    await waits_at(waiting[1], 1)
    await waits_at(waiting[2], 2)


async def test_closing_the_tab_and_coming_back_keeps_the_place(visit: Visit) -> None:
    for _ in range(2):
        await is_inside(await visit("/"), "")
    gone, behind = await visit("/tickets?day=2"), await visit("/")
    await waits_at(gone, 1)
    await waits_at(behind, 2)

    await gone.page.close()
    gone.page = await gone.context.new_page()
    await gone.page.goto(behind.page.url)

    await waits_at(gone, 1)
    await waits_at(behind, 2)


async def test_two_tabs_share_one_place(visit: Visit, line: Store) -> None:
    for _ in range(2):
        await is_inside(await visit("/"), "")
    visitor = await visit("/")
    await waits_at(visitor, 1)
    tab = await visitor.context.new_page()
    await tab.goto(visitor.page.url)
    await expect(tab.locator("#position")).to_have_text("1", timeout=15_000)
    assert await line.redis.zcard(KEYS.waiting) == 1


async def test_hidden_tab_keeps_its_heartbeat(visit: Visit, line: Store) -> None:
    for _ in range(2):
        await is_inside(await visit("/"), "")
    visitor = await visit("/")
    await waits_at(visitor, 1)
    await expect(visitor.page.locator("html")).to_have_attribute("data-connection", "live")
    # As when the phone shows another app: the page is hidden and its timers are throttled.
    other = await visitor.context.new_page()
    await other.bring_to_front()
    devtools = await visitor.context.new_cdp_session(visitor.page)
    await devtools.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    await holds(lambda: visitor.page.evaluate("document.hidden || !document.hasFocus()"))

    [(name, seen_ms)] = await line.redis.zrange(KEYS.seen, 0, -1, withscores=True)

    async def heard_again() -> bool:
        return bool(await line.redis.zscore(KEYS.seen, name) > seen_ms)

    await holds(heard_again)
    [(_, seen_ms)] = await line.redis.zrange(KEYS.seen, 0, -1, withscores=True)
    await holds(heard_again)


async def test_without_javascript_the_personal_page_works_to_the_end(visit: Visit) -> None:
    first, second = await visit("/"), await visit("/")
    await is_inside(first, "")
    await is_inside(second, "")
    plain = await visit("/tickets?day=3", java_script_enabled=False)
    await plain.page.wait_for_url(lambda url: "nojs=1" in url and "return_to" in url)
    await expect(plain.page.locator("main")).to_contain_text("1")

    await leave_shop(first.page)
    await is_inside(plain, "tickets?day=3")


async def test_giving_up_the_place_moves_the_others_up(visit: Visit) -> None:
    for _ in range(2):
        await is_inside(await visit("/"), "")
    first, second = await visit("/"), await visit("/")
    await waits_at(first, 1)
    await waits_at(second, 2)
    await first.page.locator("#leave").click()
    await first.page.locator("#leave-sure").click()
    await expect(first.page.locator("#join")).to_be_visible()
    await waits_at(second, 1)


async def test_redis_killed_and_back_loses_nobody(visit: Visit, site: Site, line: Store) -> None:
    for _ in range(2):
        await is_inside(await visit("/"), "")
    first, second = await visit("/"), await visit("/")
    await waits_at(first, 1)
    await waits_at(second, 2)
    # The append-only file reaches the disk once a second; what is there survives the kill.
    await line.redis.set("fence", 1)
    await line.redis.execute_command("WAITAOF", 1, 0, 10_000)
    await asyncio.to_thread(site.valkey.stop, kill=True)
    # `waitroom up` starts it anew; every process recovers by itself.
    await holds(lambda: asyncio.to_thread(site.valkey.running))
    await first.page.reload()
    await waits_at(first, 1)
    await waits_at(second, 2)


async def test_web_process_killed_loses_nobody(visit: Visit, site: Site) -> None:
    for _ in range(2):
        await is_inside(await visit("/"), "")
    first, second = await visit("/"), await visit("/")
    await waits_at(first, 1)
    await waits_at(second, 2)
    await expect(second.page.locator("html")).to_have_attribute("data-connection", "live")
    _kill_web(site)
    await expect(second.page.locator("html")).not_to_have_attribute("data-connection", "live")
    await expect(second.page.locator("html")).to_have_attribute(
        "data-connection", "live", timeout=60_000
    )
    await waits_at(second, 2)
    await waits_at(first, 1)


def _kill_web(site: Site) -> None:
    # A name tells kind, host and process.
    [name] = site.cli("status", "--json")["web"]
    os.kill(int(name.split(":")[2]), signal.SIGKILL)
