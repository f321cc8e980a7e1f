"""A process that is told to stop: its pages go one by one, and nothing is lost with them."""

import asyncio
import signal
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import httpx
import pytest

from tests.live.helpers import visitor_of
from tests.web.helpers import (
    SOCKET_PATH,
    TOKEN_MODE,
    Page,
    Serve,
    Site,
    WebProcess,
    eventually,
    eventually_true,
    serving,
)
from waitroom.clock import monotonic_s, now_ms
from waitroom.config import Config
from waitroom.live.drain import AGAIN_S, Drain
from waitroom.room import Room, Store


@dataclass
class Door:
    """What a drain knows of sockets."""

    left: list["Leaver"]
    closed: bool = False

    def pages(self) -> list["Leaver"]:
        return list(self.left)

    def close_door(self) -> None:
        self.closed = True


@dataclass
class Leaver:
    """A socket that notes when it is ended."""

    door: Door
    ended_s: float = 0.0

    def end(self) -> None:
        assert self.door.closed
        self.ended_s = monotonic_s()
        self.door.left.remove(self)


def crowd(count: int) -> tuple[Drain, Door, list[Leaver]]:
    door = Door([])
    door.left = [Leaver(door) for _ in range(count)]
    sockets: Any = door
    return Drain(sockets), door, door.pages()


async def test_sockets_end_evenly_spread_and_in_no_order() -> None:
    drain, door, pages = crowd(20)
    began_s = monotonic_s()
    await drain.run(0.5)
    assert door.left == []
    ended = sorted(pages, key=lambda page: page.ended_s)
    for number, page in enumerate(ended):
        assert page.ended_s - began_s >= 0.5 * number / 20 - 0.002
    # One order of 20 factorial.
    assert [id(page) for page in ended] != [id(page) for page in pages]


async def test_a_page_that_came_in_while_the_door_closed_is_ended_as_well() -> None:
    drain, door, pages = crowd(3)

    class Late(Leaver):
        def end(self) -> None:
            # Its handshake was under way when all pages were counted.
            door.left.append(Leaver(door))
            super().end()

    door.left.append(Late(door))
    await drain.run(0)
    assert door.left == []


async def test_nothing_is_waited_for_where_nobody_is() -> None:
    drain, _, _ = crowd(0)
    await asyncio.wait_for(drain.run(600), 10)


async def test_told_a_second_time_a_process_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drain, door, pages = crowd(20)
    leaving = asyncio.create_task(drain.until_over(600))
    await asyncio.sleep(0)
    assert not drain.begun
    drain.tell()
    # By the parent too, which a service manager tells at the same moment: that is once.
    drain.tell()
    await eventually_true(lambda: drain.begun)
    await asyncio.sleep(0.05)
    assert len(door.left) >= len(pages) - 1 and not leaving.done()
    later_s = monotonic_s() + AGAIN_S
    monkeypatch.setattr("waitroom.clock.monotonic_s", lambda: later_s)
    drain.tell()
    await asyncio.wait_for(leaving, 10)
    assert door.left == []


async def test_a_heartbeat_that_came_just_before_the_end_counts(
    config: Config, links: aiohttp.ClientSession, full: Room, store: Store, free_port: Any
) -> None:
    # Ticks so slow that none comes between the heartbeat and the end.
    slow = config.model_copy(update={"tick_ms": 1_000})
    async with serving(slow, free_port()) as site:
        async with httpx.AsyncClient(base_url=site.url) as http:
            entered = await http.post("/__waitroom/full/enter", headers=TOKEN_MODE)
        ticket = entered.json()["ticket"]
        page = await Page.open(links, site.url)
        assert await page.register("full", ticket=ticket) == {"ok": True}
        ticks = site.services.ticker
        await eventually_true(lambda: ticks.loaded)
        visitor = visitor_of(ticket)
        before_ms = now_ms() - 20_000
        await store.redis.zadd(full.keys.seen, {visitor: before_ms})
        assert await page.ask("heartbeat") == {"ok": True}
        await site.services.drain.run(0)
        await page.until_closed()
    assert float(await store.redis.zscore(full.keys.seen, visitor) or 0) > before_ms
    await page.close()


async def test_a_draining_process_says_so_and_takes_no_new_sockets(
    serve: Serve, links: aiohttp.ClientSession, full: Room
) -> None:
    site: Site = await serve()
    page = await Page.open(links, site.url)
    draining = asyncio.create_task(site.services.drain.run(0))
    async with httpx.AsyncClient(base_url=site.url) as http:
        await eventually_true(lambda: site.services.drain.begun)
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()["error"]) == (503, "service_unavailable")
        # Who asks by HTTP is served to the end.
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.post("/__waitroom/full/enter")).status_code == 200
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await links.ws_connect(site.url + SOCKET_PATH)
    await asyncio.wait_for(draining, 20)
    await page.until_closed()
    await page.close()
    assert len(site.services.sockets) == 0


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn", "granian"])
async def test_pages_of_a_stopped_process_come_back_elsewhere_to_the_same_places(
    start_web: Any, serve: Serve, links: aiohttp.ClientSession, full: Room, server: str
) -> None:
    [web] = cast(list[WebProcess], await start_web(WAITROOM_DRAIN_S="1", WAITROOM_SERVER=server))
    elsewhere: Site = await serve()
    tickets, pages = [], []
    async with httpx.AsyncClient() as http:
        for _ in range(10):
            entered = await http.post(f"{web.url}/__waitroom/full/enter", headers=TOKEN_MODE)
            tickets.append(entered.json()["ticket"])
            pages.append(await Page.open(links, web.url))
            assert await pages[-1].register("full", ticket=tickets[-1]) == {"ok": True}
    web.child.send_signal(signal.SIGTERM)
    again = []
    for page, ticket in zip(pages, tickets, strict=True):
        await page.until_closed()
        await page.close()
        again.append(await Page.open(links, elsewhere.url))
        assert await again[-1].register("full", ticket=ticket) == {"ok": True}

    async def ended() -> bool:
        return web.child.poll() == 0

    await eventually(ended)
    assert [row.visitor for row in await full.visitors()] == [visitor_of(t) for t in tickets]
    for page in again:
        await page.close()
