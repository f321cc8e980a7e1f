"""Odd moments: a clock that was set back, a room made anew, one that opens again."""

import asyncio
import dataclasses
from typing import Any

import pytest

from tests.live.helpers import TOKENS, OpenPage, visitor_of
from tests.live.test_line import T0, board
from tests.web.helpers import Site, eventually_true, ticket_cookie
from waitroom import clock
from waitroom.live.hub import Hub
from waitroom.room import Board, Directory, Room, Store
from waitroom.room.keys import PROCESSES
from waitroom.tokens import Ticket

HOUR_MS = 3_600_000


async def test_pages_hear_on_when_the_clock_of_this_host_is_set_back(
    register: Any, take_place: Any, full: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = [await take_place() for _ in range(2)]
    page = await register(tickets[1])
    real = clock.now_ms
    monkeypatch.setattr(clock, "now_ms", lambda: real() - HOUR_MS)
    await full.leave(visitor_of(tickets[0]))
    assert (await page.hear("queue_update", patience_s=5))["position"] == 1
    await page.close()


async def test_pages_hear_on_when_the_clock_of_redis_is_set_back(
    register: Any, take_place: Any, full: Room, site: Site
) -> None:
    # As after a fail-over to a host whose clock is behind.
    tickets = [await take_place() for _ in range(2)]
    page = await register(tickets[1])
    line = site.services.hub.lines["full"]
    assert line.board is not None
    line.board = dataclasses.replace(line.board, at_ms=line.board.at_ms + HOUR_MS)
    line.watchers[visitor_of(tickets[1])].entered_ms = line.board.at_ms
    await full.leave(visitor_of(tickets[0]))
    assert (await page.hear("queue_update", patience_s=5))["position"] == 1
    await page.close()


async def test_a_board_that_was_long_on_its_way_replaces_no_newer_one(
    directory: Directory, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, arrives, asked = Hub(directory), asyncio.Event(), asyncio.Event()

    async def slow() -> Board:
        asked.set()
        await arrives.wait()
        return board([10], [1], at_ms=T0)

    monkeypatch.setattr(room, "board", slow)
    asking = asyncio.create_task(hub.board(room))
    await asked.wait()
    # Meanwhile a tick has read the next one.
    line, newer = hub.line(room), board([10, 20], [1, 2], at_ms=T0 + 1_000)
    line.board, line.board_read_ms = newer, clock.monotonic_ms()
    arrives.set()
    assert await asking is newer
    assert line.board is newer


async def test_a_room_made_anew_under_its_name_counts_with_its_new_settings(site: Site) -> None:
    rooms, lines = site.services.directory, site.services.hub.lines
    await eventually_true(lambda: "shop" in lines)
    await rooms.delete("shop", who="test")
    await rooms.create("shop", {"heartbeat_ttl_s": 31}, who="test")
    await eventually_true(lambda: lines["shop"].room.settings.heartbeat_ttl_s == 31, 5)


@pytest.mark.parametrize(
    "switched", [{"closed": True}, {"draining": True}, {"draining": True, "queue_all": True}]
)
async def test_who_came_while_a_room_refused_newcomers_has_a_place_when_it_opens(
    open_page: OpenPage,
    full: Room,
    directory: Directory,
    site: Site,
    switched: dict[str, bool],
) -> None:
    # With a ticket of an edge that did not know yet.
    await directory.update("full", switched, who="test")
    ticket = TOKENS.sign_ticket(Ticket("full", clock.new_visitor(), clock.now_us()))
    page = await open_page(Cookie=ticket_cookie(ticket, "full")["Cookie"])
    assert await page.register("full") == {"ok": True}
    assert (await page.hear("queue_update"))["status"] == "closed"
    line = site.services.hub.lines["full"]
    before_ms = line.board_read_ms
    await eventually_true(lambda: line.board_read_ms > before_ms + 1_500)
    # Nobody asks Redis about it again and again.
    assert line.gone == set()
    page.heard.clear()
    await directory.update("full", dict.fromkeys(switched, False), who="test")
    # Long before the next heartbeat.
    answer = await page.hear("queue_update", patience_s=5)
    assert (answer["status"], answer["position"]) == ("waiting", 1)
    await page.close()


async def test_rooms_are_read_though_the_list_of_processes_fails(
    site: Site, store: Store, directory: Directory
) -> None:
    # On a Cluster it may live on a node that is away.
    await store.redis.set(PROCESSES, "no list")
    await directory.create("late", {}, who="test")
    await eventually_true(lambda: "late" in site.services.hub.lines, 5)
