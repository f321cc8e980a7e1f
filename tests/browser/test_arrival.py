"""How the page arrives: what it costs the service, and that a position comes whatever happens.

A newcomer to a line holds a ticket of the edge, so until its socket connects the page asks only
for what an edge keeps for everybody.
"""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    Request,
    Route,
    WebSocket,
    WebSocketRoute,
    expect,
)

from tests.browser.conftest import Site, holds, is_inside, waits_at
from tests.browser.test_states import violations
from waitroom.clock import monotonic_s
from waitroom.room import Directory, Room, Store

#: People in a long line, and how long the page then waits for its moment, seconds.
LONG = 4_000
MOMENT_S = 2.0
Visit = Callable[..., Any]


@dataclass
class Watched:
    """A page, and what it asked for since it was opened."""

    context: BrowserContext
    page: Page
    asked: list[tuple[float, str]] = field(default_factory=list)

    @property
    def verbs(self) -> list[str]:
        """What was asked of the room itself, in order: page, board, enter, status, socket."""
        found = []
        for _, path in self.asked:
            match path.strip("/").split("/"):
                case ["__waitroom", "shop", *verb]:
                    found.append(verb[0] if verb else "page")
                case ["__waitroom", "socket.io"]:
                    found.append("socket")
        return found

    def at_s(self, end: str) -> float:
        """When the first address with this end was asked for."""
        return next(at for at, path in self.asked if path.endswith(end))

    def note(self, url: str) -> None:
        self.asked.append((monotonic_s(), urlsplit(url).path))


@pytest.fixture
async def watch(chromium: Browser, site: Site) -> Callable[..., Any]:
    """Return a coroutine function that has a new visitor open an address, and notes requests."""

    async def come(
        address: str = "/", prepare: Callable[[Page], Any] | None = None, **options: Any
    ) -> Watched:
        context = await chromium.new_context(**options)
        page = await context.new_page()
        found = Watched(context, page)

        def asked(request: Request) -> None:
            # Those of the worker and of a socket's handshake are told elsewhere or not at all.
            found.note(request.url)

        def connected(socket: WebSocket) -> None:
            found.note(socket.url)

        page.on("request", asked)
        page.on("websocket", connected)
        # Everybody's moment is in the middle.
        await page.add_init_script("Math.random = () => 0.5")
        if prepare is not None:
            await prepare(page)
        await page.goto(address if "://" in address else site.shop + address)
        return found

    return come


@pytest.fixture
async def room(line: Store) -> Room:
    """Return the shop's room, to fill its line."""
    return await Directory(line).get("shop")


async def fill(room: Room, people: int) -> None:
    """Fill the seats, and put people in the line."""
    await room.enter_many([(f"person{number:016}", 0) for number in range(people + 2)])
    # The board is made at most once a second, and the next one knows them.
    await holds(lambda: _waiting(room, people))


async def _waiting(room: Room, people: int) -> bool:
    return (await room.board(max_age_ms=0)).waiting >= people


async def test_newcomer_to_a_long_line_costs_no_request_until_its_socket_connects(
    watch: Visit, room: Room, site: Site
) -> None:
    site.settings("message=Doors open at eight.")
    await fill(room, LONG)
    visitor = await watch("/tickets?day=2")
    await visitor.page.wait_for_url("**/__waitroom/shop?**")
    page = visitor.page

    # What everybody is told, and no position while none is known.
    await expect(page.locator("html")).to_have_attribute("data-phase", "arrived")
    await expect(page.locator("#heading")).to_have_text("You are in line")
    await expect(page.locator("#detail")).to_contain_text("Your position appears here shortly")
    # One more where the gate has not heard of the line yet, and has put the visitor there itself.
    await expect(page.locator("#position-of")).to_have_text(re.compile("^4,00[01] people in line$"))
    await expect(page.locator("#message")).to_have_text("Doors open at eight.")
    await expect(page.locator("#title")).to_have_text("Demo shop")
    await expect(page.locator("#position")).to_be_empty()
    await expect(page.locator("#leave")).to_be_hidden()
    assert await violations(page) == []

    await expect(page.locator("#position")).to_have_text("4,001", timeout=15_000)
    await expect(page.locator("html")).to_have_attribute("data-connection", "live")
    # The page, the board, and then nothing but the socket: no enter, no status.
    assert visitor.verbs == ["page", "board", "socket"]
    wait_s = visitor.at_s("/socket.io/") - visitor.at_s("/board")
    print(f"people in line: {LONG}, from the board to the socket: {wait_s:.1f} s")
    assert wait_s > MOMENT_S * 0.9


async def test_newcomer_to_a_short_line_sees_the_position_at_once(watch: Visit, room: Room) -> None:
    await fill(room, 4)
    began_s = monotonic_s()
    visitor = await watch("/")
    await waits_at(visitor, 5)
    print(f"asked for the page to position shown: {monotonic_s() - began_s:.2f} s")
    assert visitor.verbs == ["page", "board", "socket"]


@pytest.mark.parametrize("blocked", ["refused", "silent"])
async def test_where_sockets_are_blocked_the_page_polls(
    watch: Visit, room: Room, blocked: str
) -> None:
    await fill(room, 3)

    async def block(page: Page) -> None:
        async def handle(socket: WebSocketRoute) -> None:
            if blocked == "refused":
                await socket.close(code=1011)

        await page.route_web_socket("**/socket.io/**", handle)

    visitor = await watch("/", prepare=block)
    began_s = monotonic_s()
    await waits_at(visitor, 4)
    print(f"blocked: {blocked}, position after {monotonic_s() - began_s:.1f} s")
    await expect(visitor.page.locator("html")).to_have_attribute("data-connection", "polling")
    assert [verb for verb in visitor.verbs if verb != "socket"][:3] == ["page", "board", "enter"]
    await holds(lambda: asyncio.sleep(0, "status" in visitor.verbs))


async def test_page_opened_without_an_edge_takes_its_place_by_http(
    watch: Visit, room: Room, site: Site
) -> None:
    await fill(room, 3)
    visitor = await watch(f"{site.service}/__waitroom/shop?return_to=/tickets")
    await waits_at(visitor, 4)
    await expect(visitor.page.locator("html")).to_have_attribute("data-connection", "live")
    verbs = visitor.verbs
    assert verbs[:4] == ["page", "board", "socket", "enter"], verbs
    assert verbs.count("enter") == 1


async def test_without_a_board_the_page_takes_its_place_by_http(watch: Visit, room: Room) -> None:
    await fill(room, 3)

    async def lose(page: Page) -> None:
        async def handle(route: Route) -> None:
            await route.fulfill(status=503, body="{}")

        await page.route("**/__waitroom/shop/board", handle)

    visitor = await watch("/", prepare=lose)
    await waits_at(visitor, 4)
    assert visitor.verbs[:3] == ["page", "board", "enter"]


async def test_open_room_takes_its_visitor_in_at_once(watch: Visit, site: Site) -> None:
    visitor = await watch("/__waitroom/shop?return_to=/tickets%3Fday=2")
    await is_inside(visitor, "tickets?day=2")
    assert visitor.verbs == ["page", "board", "enter", "go"]


async def test_newcomer_to_a_closed_room_waits_for_it_to_open(watch: Visit, site: Site) -> None:
    site.settings("closed=true", "message=See you on Friday.")
    visitor = await watch("/__waitroom/shop?return_to=/tickets")
    await expect(visitor.page.locator("#heading")).to_have_text("Closed for now")
    site.settings("closed=false")
    # Whoever looks at the page again need not wait for the next round.
    await visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await is_inside(visitor, "tickets")
    # It had no ticket, so it asked for a place again. A status would have been refused, and in
    # the end the page would have taken cookies for blocked.
    assert visitor.verbs == ["page", "board", "enter", "enter", "go"]


async def test_tab_hidden_before_its_moment_gets_its_place_all_the_same(
    watch: Visit, room: Room
) -> None:
    await fill(room, LONG)
    visitor = await watch("/")
    await expect(visitor.page.locator("html")).to_have_attribute("data-phase", "arrived")
    other = await visitor.context.new_page()
    await other.bring_to_front()
    devtools = await visitor.context.new_cdp_session(visitor.page)
    await devtools.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    # Coming back early does not make it ask before its moment.
    await visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(visitor.page.locator("#position")).to_have_text("4,001", timeout=15_000)
    assert visitor.verbs == ["page", "board", "socket"]


async def test_reload_of_a_waiting_tab_keeps_place_and_position(watch: Visit, room: Room) -> None:
    await fill(room, LONG)
    visitor = await watch("/")
    await expect(visitor.page.locator("#position")).to_have_text("4,001", timeout=15_000)
    await visitor.page.reload()
    await expect(visitor.page.locator("#position")).to_have_text("4,001", timeout=15_000)
    assert "enter" not in visitor.verbs


async def test_next_tab_of_a_visitor_near_the_head_connects_at_once(
    watch: Visit, room: Room
) -> None:
    await fill(room, 1)
    visitor = await watch("/")
    await waits_at(visitor, 2)
    await room.enter_many([(f"later{number:017}", 0) for number in range(LONG)])
    board = "fetch('/__waitroom/shop/board').then(async (it) => (await it.json()).waiting)"

    async def known() -> bool:
        return bool(await visitor.page.evaluate(board) >= LONG)

    # Browser and gate keep the board for a second each.
    await holds(known)
    await visitor.page.close()

    page = await visitor.context.new_page()
    again = Watched(visitor.context, page)
    page.on("request", lambda request: again.note(request.url))
    page.on("websocket", lambda socket: again.note(socket.url))
    await page.add_init_script("Math.random = () => 0.5")
    await page.goto("/".join(visitor.page.url.split("/")[:3]))
    await expect(page.locator("#position")).to_have_text("2", timeout=15_000)
    assert again.verbs == ["page", "board", "socket"]
    wait_s = again.at_s("/socket.io/") - again.at_s("/board")
    print(f"people in line: {LONG}, from the board to the socket: {wait_s:.2f} s")
    assert wait_s < MOMENT_S / 2


async def test_reload_after_leaving_is_a_fresh_arrival(watch: Visit, room: Room) -> None:
    await fill(room, LONG)
    visitor = await watch("/")
    await expect(visitor.page.locator("#position")).to_have_text("4,001", timeout=15_000)
    await visitor.page.locator("#leave").click()
    await visitor.page.locator("#leave-sure").click()
    await expect(visitor.page.locator("#join")).to_be_visible()
    kept = await visitor.page.evaluate("localStorage.getItem('waitroom:shop:memory')")
    assert json.loads(kept)["atMs"] == 0
