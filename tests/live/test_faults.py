"""Redis goes away, comes back, or loses everything: nobody's order changes."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest
from redis.asyncio import Redis

from tests.conftest import EDGE_TOKEN, SECRET_KEY
from tests.web.helpers import (
    TOKEN_MODE,
    Page,
    WebProcess,
    end,
    eventually,
    eventually_true,
    no_cookies,
    shown,
)
from waitroom.embedded import Valkey
from waitroom.errors import StoreError
from waitroom.room import Directory, Room, Store
from waitroom.tokens import Tokens

TOKENS = Tokens([SECRET_KEY])
BEARER = {"Authorization": f"Bearer {EDGE_TOKEN}"}


@pytest.fixture
def redis_url(own_valkey: Valkey) -> str:
    """Have all parts of these tests live on a server that may be stopped and wiped."""
    return own_valkey.url


@pytest.fixture
async def https(start_web: Any, full: Room) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Return clients of two real web processes."""
    webs: list[WebProcess] = await start_web(2)
    clients = [
        httpx.AsyncClient(base_url=web.url, cookies=no_cookies(), timeout=20) for web in webs
    ]
    yield clients
    for http in clients:
        await http.aclose()
    # Faults are outlived, not restarted from.
    assert [web.child.poll() for web in webs] == [None] * len(webs)


async def take_place(http: httpx.AsyncClient, room: str = "full") -> str:
    answer = (await http.post(f"/__waitroom/{room}/enter", headers=TOKEN_MODE)).json()
    return str(answer["ticket"])


async def wait_at(
    links: aiohttp.ClientSession, http: httpx.AsyncClient, ticket: str, room: str = "full"
) -> Page:
    page = await Page.open(links, str(http.base_url).rstrip("/"))
    assert await page.register(room, ticket=ticket) == {"ok": True}
    await page.hear("queue_update")
    return page


def visitors_of(tickets: list[str], room: str = "full") -> list[str]:
    return [TOKENS.read_ticket(ticket, room).visitor for ticket in tickets]


async def line(room: Room) -> list[str]:
    try:
        return [row.visitor for row in await room.visitors(count=1000)]
    except StoreError:
        return []


async def is_line(room: Room, expected: list[str]) -> bool:
    return await line(room) == expected


@asynccontextmanager
async def frozen(server: Valkey) -> AsyncIterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


async def test_a_redis_that_hangs_is_said_calmly_and_outlived(
    own_valkey: Valkey, https: list[httpx.AsyncClient], links: aiohttp.ClientSession, full: Room
) -> None:
    tickets = [await take_place(https[i % 2]) for i in range(6)]
    pages = [await wait_at(links, https[i % 2], ticket) for i, ticket in enumerate(tickets)]
    async with frozen(own_valkey):
        answers = await asyncio.gather(
            https[0].get("/__waitroom/full/status", headers=shown(tickets[0])),
            https[1].post("/__waitroom/full/enter", headers=TOKEN_MODE),
            https[0].post("/api/edge/enter", json={"room": "full"}, headers=BEARER),
            https[1].get("/readyz"),
        )
        for found in answers:
            assert (found.status_code, found.json()["error"]) == (503, "store_unavailable")
            assert int(found.headers["retry-after"]) >= 1
        for page in pages:
            assert (await page.hear("error"))["code"] == "store_unavailable"
            assert await page.ask("heartbeat") == {"ok": True}
        # Whoever comes now is told, too, and keeps trying.
        late = await Page.open(links, str(https[0].base_url).rstrip("/"))
        refused = await late.register("full", ticket=tickets[0])
        assert refused["error"] == "store_unavailable"
        for http in https:
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/metrics")).status_code == 200
    for page in pages:
        await page.hear("queue_update")
        assert page.count("error") == 0
    await eventually(lambda: _ready(https))
    assert await late.register("full", ticket=tickets[0]) == {"ok": True}
    # A newcomer of the fault may have taken a place though the answer was lost: behind all.
    assert (await line(full))[:6] == visitors_of(tickets)
    for page in (*pages, late):
        await page.close()


async def _ready(https: list[httpx.AsyncClient]) -> bool:
    return all([(await http.get("/readyz")).status_code == 200 for http in https])


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
async def test_a_redis_that_restarts_with_its_data_changes_nothing(
    own_valkey: Valkey,
    https: list[httpx.AsyncClient],
    links: aiohttp.ClientSession,
    full: Room,
    directory: Directory,
    kill: bool,
) -> None:
    tickets = [await take_place(https[i % 2]) for i in range(6)]
    pages = [await wait_at(links, https[i % 2], ticket) for i, ticket in enumerate(tickets)]
    own_valkey.stop(kill=kill)
    found = await https[0].get("/__waitroom/full/status", headers=shown(tickets[0]))
    assert (found.status_code, found.json()["error"]) == (503, "store_unavailable")
    for page in pages:
        assert (await page.hear("error"))["code"] == "store_unavailable"
    own_valkey.start()
    for page in pages:
        await page.hear("queue_update")
    await eventually(lambda: _ready(https))
    await eventually(lambda: is_line(full, visitors_of(tickets)))
    # And it goes on: a seat calls the head of the line.
    await directory.update("full", {"total_active_users": 1}, who="test")
    await pages[0].hear("admitted")
    for page in pages:
        await page.close()


async def test_data_lost_while_two_hundred_wait_leaves_them_in_their_order(
    own_valkey: Valkey,
    https: list[httpx.AsyncClient],
    links: aiohttp.ClientSession,
    directory: Directory,
) -> None:
    seats, waiting = 3, 200
    room = await directory.create(
        "fair", {"total_active_users": seats, "recovery_hold_s": 2}, who="test"
    )
    for _ in range(seats):
        await take_place(https[0], "fair")
    tickets = [await take_place(https[i % 2], "fair") for i in range(waiting)]
    expected = visitors_of(tickets, "fair")
    # Sockets in no order, so that their order gives nobody's place away.
    mixed = list(enumerate(tickets))
    random.Random(7).shuffle(mixed)
    pages = dict(
        zip(
            [i for i, _ in mixed],
            await asyncio.gather(
                *(
                    wait_at(links, https[n % 2], ticket, "fair")
                    for n, (_, ticket) in enumerate(mixed)
                )
            ),
            strict=True,
        )
    )
    await eventually(lambda: is_line(room, expected))

    own_valkey.stop(kill=True)
    own_valkey.wipe()
    own_valkey.start()
    admitted: list[str] = []
    async with listening(own_valkey.url, room, admitted):
        await eventually(lambda: is_line_or_admitted(room, admitted, expected))
        # The seats of those who never came back are given to the head of the line.
        await eventually_true(lambda: len(admitted) == seats)
        assert admitted == expected[:seats]
        assert await line(room) == expected[seats:]
        assert (await directory.get("fair")).settings.recovery_hold_s == 2
        await directory.update("fair", {"total_active_users": seats + waiting}, who="test")
        await eventually_true(lambda: len(admitted) == waiting)
    assert admitted == expected
    for i in range(waiting):
        await pages[i].hear("admitted")
        await pages[i].close()


async def is_line_or_admitted(room: Room, admitted: list[str], expected: list[str]) -> bool:
    there = await line(room)
    # Nobody is admitted before everybody had time to come back.
    assert not admitted or admitted + there == expected
    return len(admitted) + len(there) == len(expected)


@asynccontextmanager
async def listening(url: str, room: Room, admitted: list[str]) -> AsyncIterator[None]:
    """Note who is admitted, in order, as the web processes hear it."""

    async def listen(ready: asyncio.Event) -> None:
        async with Redis.from_url(url) as redis, redis.pubsub() as channels:
            await channels.subscribe(room.keys.admitted)
            while True:
                message = await channels.get_message(timeout=1.0)
                if message is None:
                    continue
                ready.set()
                if message["type"] == "message":
                    admitted.extend(message["data"].decode().split())

    ready = asyncio.Event()
    task = asyncio.create_task(listen(ready))
    await asyncio.wait_for(ready.wait(), 10)
    try:
        yield
    finally:
        await end(task)


async def test_a_room_that_redis_lost_is_recovering_not_unknown(
    own_valkey: Valkey,
    https: list[httpx.AsyncClient],
    store: Store,
    full: Room,
) -> None:
    ticket = await take_place(https[0])
    paths: list[Callable[[], Awaitable[httpx.Response]]] = [
        lambda: https[0].get("/__waitroom/full/status", headers=shown(ticket)),
        lambda: https[0].get("/__waitroom/full/board"),
        lambda: https[0].post("/__waitroom/full/leave", headers={"Cookie": "a=b"}),
        lambda: https[0].post("/api/edge/enter", json={"room": "full"}, headers=BEARER),
        lambda: https[0].get("/api/edge/rooms", headers=BEARER),
    ]
    await store.redis.flushall()
    for _ in range(3):
        for ask in paths:
            found = await ask()
            # Until a tick has noticed, and after it: never a word of a room that is not there.
            assert found.status_code in (200, 503), found.text

    async def recovered() -> Any:
        found = await https[0].get("/__waitroom/full/status", headers=shown(ticket))
        return found if found.json().get("state") == "recovering" else None

    found = await eventually(recovered)
    assert found.json()["position"] == 1
    assert found.json()["ticket"] == ticket
