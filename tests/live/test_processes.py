"""Several web processes on one Redis: no sticky sessions, and each visitor is told once."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import httpx
import pytest

from tests.conftest import SECRET_KEY
from tests.web.helpers import (
    TOKEN_MODE,
    Page,
    WebProcess,
    eventually,
    no_cookies,
    shown,
    ticket_cookie,
)
from waitroom.clock import now_ms
from waitroom.room import Directory, Room
from waitroom.tokens import Tokens

TOKENS = Tokens([SECRET_KEY])


@pytest.fixture
async def webs(start_web: Any, full: Room) -> list[WebProcess]:
    """Return three real web processes; everybody waits in the room `full`."""
    found: list[WebProcess] = await start_web(3)
    return found


@pytest.fixture
async def https(webs: list[WebProcess]) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Return a client of each."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=web.url, cookies=no_cookies(), timeout=20)
            )
            for web in webs
        ]


async def take_place(http: httpx.AsyncClient) -> str:
    answer = (await http.post("/__waitroom/full/enter", headers=TOKEN_MODE)).json()
    return str(answer["ticket"])


async def wait_at(links: aiohttp.ClientSession, web: WebProcess, ticket: str) -> Page:
    page = await Page.open(links, web.url)
    assert await page.register("full", ticket=ticket) == {"ok": True}
    await page.hear("queue_update")
    return page


async def test_a_visitor_may_ask_a_different_process_each_time(
    webs: list[WebProcess],
    https: list[httpx.AsyncClient],
    links: aiohttp.ClientSession,
    directory: Directory,
) -> None:
    before = await take_place(https[1])
    ticket = await take_place(https[0])
    page = await wait_at(links, webs[1], ticket)
    polled = await https[2].get("/__waitroom/full/status", headers=shown(ticket))
    assert (polled.json()["position"], polled.json()["ticket"]) == (2, ticket)
    await https[2].post("/__waitroom/full/leave", headers=shown(before))
    assert (await page.hear("queue_update"))["position"] == 1
    await directory.update("full", {"total_active_users": 1}, who="test")
    await page.hear("admitted")
    await page.close()
    went = await https[2].get("/__waitroom/full/go", headers=ticket_cookie(ticket, "full"))
    assert (went.status_code, went.headers["location"]) == (303, "/")


async def test_each_socket_is_told_exactly_once_wherever_it_is(
    webs: list[WebProcess],
    https: list[httpx.AsyncClient],
    links: aiohttp.ClientSession,
    directory: Directory,
) -> None:
    count = 30
    tickets = [await take_place(https[i % 3]) for i in range(count)]
    # Two tabs each, on different processes.
    pages = [
        await wait_at(links, webs[(i + tab) % 3], ticket)
        for i, ticket in enumerate(tickets)
        for tab in (1, 2)
    ]
    last = [await wait_at(links, web, await take_place(https[0])) for web in webs]
    await directory.update("full", {"total_active_users": count}, who="test")
    for page in pages:
        await page.hear("admitted")
    # Two more looks at the board in each process, and still nobody is called twice.
    for text in ("one", "two"):
        await directory.update("full", {"message": text}, who="test")
        for page in last:
            assert await page.hear("message") == {"text": text}
    assert [page.count("admitted") for page in pages] == [0] * len(pages)
    for page in (*pages, *last):
        await page.close()


async def test_killing_a_process_loses_no_place(
    webs: list[WebProcess],
    https: list[httpx.AsyncClient],
    links: aiohttp.ClientSession,
    full: Room,
) -> None:
    tickets = [await take_place(https[i % 3]) for i in range(9)]
    pages = [await wait_at(links, webs[0], ticket) for ticket in tickets]
    webs[0].child.send_signal(signal.SIGKILL)
    webs[0].child.wait(10)
    for page in pages:
        await page.until_closed()
        await page.close()
    again = [await wait_at(links, webs[1 + i % 2], ticket) for i, ticket in enumerate(tickets)]
    rows = await full.visitors()
    assert [row.visitor for row in rows] == [
        TOKENS.read_ticket(ticket, "full").visitor for ticket in tickets
    ]
    for page in again:
        await page.close()


async def test_a_process_told_to_stop_ends_within_ten_seconds_with_pages_open(
    webs: list[WebProcess],
    https: list[httpx.AsyncClient],
    links: aiohttp.ClientSession,
    processes: Any,
) -> None:
    pages = [await wait_at(links, webs[0], await take_place(https[0])) for _ in range(5)]
    started = now_ms()
    assert processes.stop(webs[0].child) == 0
    assert now_ms() - started < 10_000
    for page in pages:
        await page.until_closed()
        await page.close()
    found = await https[1].get("/healthz")
    assert found.status_code == 200


async def test_processes_are_counted_while_they_live(
    webs: list[WebProcess], directory: Directory
) -> None:
    async def alive() -> bool:
        rows = await directory._store.redis.zrange("waitroom:processes", 0, -1, withscores=True)
        names = [name.decode().split(":") for name, at_ms in rows if at_ms > now_ms() - 5_000]
        return sorted(int(name[2]) for name in names) == sorted(web.child.pid for web in webs)

    await eventually(alive)
