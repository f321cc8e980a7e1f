"""A master that Sentinels watch dies while visitors wait: its replica goes on where it was."""

import asyncio
from contextlib import suppress

import aiohttp
import httpx
import pytest
from redis.asyncio.client import PubSub

from tests.cluster.helpers import is_line, take_place, visitors_of, wait_at
from tests.cluster.servers import RedisServer, Sentinel, Watched, temporary_folder
from tests.conftest import Processes
from tests.web.helpers import eventually, eventually_true
from waitroom.clock import now_ms
from waitroom.errors import StoreError
from waitroom.jobs.names import LAST_SWEEP, connect
from waitroom.room import Directory, Store
from waitroom.room.store import store_errors

SEATS, WAITING = 3, 20


@pytest.fixture
def redis_url(watched: Watched) -> str:
    """Have all parts of these tests ask the Sentinels."""
    return watched.url


async def test_after_a_failover_everybody_has_their_place_and_admissions_go_on(
    watched: Watched,
    directory: Directory,
    web: httpx.AsyncClient,
    links: aiohttp.ClientSession,
    processes: Processes,
) -> None:
    children = [processes.start(name) for name in ("worker", "clock")]
    settings = {"total_active_users": SEATS, "recovery_hold_s": 0}
    room = await directory.create("shop", settings, who="test")
    seated = [await take_place(web, "shop") for _ in range(SEATS)]
    tickets = [await take_place(web, "shop") for _ in range(WAITING)]
    expected = visitors_of(tickets, "shop")
    pages = [await wait_at(links, web, ticket, "shop") for ticket in tickets]
    assert await is_line(room, expected)
    await eventually_true(lambda: swept_since(watched.url, 1))
    watched.wait_for_replica()

    watched.master.kill()
    await eventually(lambda: is_line(room, expected))
    assert (await room.figures()).active == SEATS
    failed_over_ms = now_ms()
    # Some leave, and as many are called: those who stand first, and nobody else.
    for ticket in seated[:2]:
        assert await room.leave(visitors_of([ticket], "shop")[0]) == "seat"
    for page in pages[:2]:
        await page.hear("admitted")
    await directory.update("shop", {"total_active_users": SEATS + 2}, who="test")
    for page in pages[2:4]:
        await page.hear("admitted")
    assert await is_line(room, expected[4:])
    assert (await room.figures()).active == SEATS + 2
    # And whoever comes now stands behind them.
    late = await take_place(web, "shop")
    assert await is_line(room, expected[4:] + visitors_of([late], "shop"))
    await eventually(lambda: asyncio.to_thread(swept_since, watched.url, failed_over_ms))
    assert [child.poll() for child in children] == [None, None]
    for page in pages:
        assert page.count("admitted") == 0
        await page.close()


def swept_since(url: str, at_ms: int) -> bool:
    with connect(url) as raw:
        return int(raw.get(LAST_SWEEP) or 0) >= at_ms


async def test_a_master_that_lives_on_is_left_when_there_is_another() -> None:
    with temporary_folder("sentinel") as folder:
        old, new = RedisServer(folder / "old"), RedisServer(folder / "new")
        sentinel = Sentinel(folder / "sentinel")
        try:
            old.start()
            new.start()
            sentinel.watch("rooms", old.port)
            sentinel.start()
            store = Store.connect(f"redis+sentinel://{sentinel.address}/rooms")
            async with store.redis.pubsub() as channels:
                await channels.subscribe("waitroom:test")
                await store.redis.set("waitroom:test", 1)
                assert old.ask("EXISTS", "waitroom:test") == 1
                # Nobody cuts the connections to the old one: it lives, but not for the Sentinel.
                sentinel.ask("SENTINEL", "REMOVE", "rooms")
                sentinel.ask("SENTINEL", "MONITOR", "rooms", "127.0.0.1", new.port, 1)
                await eventually(lambda: writes_to(store, new))
                # Neither is it listened to any more.
                await eventually(lambda: has_listener(channels, new))
            await store.close()
        finally:
            for server in (sentinel, old, new):
                server.kill()


async def test_many_who_look_for_the_master_at_once_forget_no_sentinel() -> None:
    with temporary_folder("sentinel") as folder:
        master = RedisServer(folder / "master")
        sentinels = [Sentinel(folder / f"sentinel{i}") for i in range(2)]
        try:
            master.start()
            for sentinel in sentinels:
                sentinel.watch("rooms", master.port)
                sentinel.start()
            # The first one is lost, so that another one comes to the front.
            hosts = ",".join(["127.0.0.1:1", *(each.address for each in sentinels)])
            store = Store.connect(f"redis+sentinel://{hosts}/rooms")
            await asyncio.gather(*(store.redis.ping() for _ in range(20)))
            assert store.sentinels is not None
            known = store.sentinels.sentinels
            ports = [each.connection_pool.connection_kwargs["port"] for each in known]
            assert sorted(ports) == sorted([1, *(each.port for each in sentinels)])
            await store.close()
        finally:
            for server in (*sentinels, master):
                server.kill()


async def writes_to(store: Store, server: RedisServer) -> bool:
    with suppress(StoreError), store_errors():
        await store.redis.set("waitroom:test", 2)
    return bool(await asyncio.to_thread(server.ask, "EXISTS", "waitroom:test"))


async def has_listener(channels: PubSub, server: RedisServer) -> bool:
    with suppress(StoreError), store_errors():
        await channels.get_message(timeout=0.1)
    return bool(await asyncio.to_thread(server.ask, "PUBSUB", "CHANNELS"))
