"""The listener finds another server when its own dies, hangs or is cut off."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from tests.cluster.servers import Cluster, RedisServer
from tests.cluster.test_cluster import name_on
from tests.web.helpers import end, eventually
from waitroom.errors import StoreError
from waitroom.live import listener
from waitroom.live.listener import PATTERN, listen
from waitroom.room import Directory, Store


class Ear:
    """Stands for the hub, and notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def told_admitted(self, room: str, visitors: Iterable[str]) -> None:
        self.heard += [(room, visitor) for visitor in visitors]


async def test_another_master_takes_over_from_one_that_died(own_cluster: Cluster) -> None:
    store, ear = Store.connect(own_cluster.url), Ear()
    directory = Directory(store)
    # The one that redis-py would go to, again and again.
    victim = own_cluster.node_of(PATTERN)
    name = name_on(own_cluster, next(node for node in own_cluster.nodes if node is not victim))
    room = await directory.create(name, {"total_active_users": 1_000}, who="test")
    victim.kill()
    task = asyncio.create_task(listen(store, ear))  # type: ignore[arg-type]

    async def hears_of_somebody() -> Any:
        # As if admitted: what was published before it listens is not heard.
        await store.redis.eval(
            "return redis.call('PUBLISH', ARGV[1], 'ada')", 1, room.keys.meta, room.keys.admitted
        )
        return ear.heard

    await eventually(hears_of_somebody)
    assert set(ear.heard) == {(name, "ada")}
    await end(task)
    await store.close()


async def test_a_server_that_hangs_is_noticed(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "LISTEN_S", 0.5)
    monkeypatch.setattr(listener, "SILENT_MAX", 1)
    redis_server.empty()
    store = Store.connect(redis_server.url)
    task = asyncio.create_task(listener._listen_once(store, Ear()))  # type: ignore[arg-type]
    await eventually(lambda: patterns(redis_server))
    await asyncio.to_thread(redis_server.ask, "CONFIG", "RESETSTAT")
    # Silence alone is no fault: the server was asked more often than it may be silent.
    await eventually(lambda: pings(redis_server, 3))
    assert not task.done()
    with redis_server.frozen():
        with pytest.raises(StoreError):
            await asyncio.wait_for(task, 20)
    await store.close()


async def patterns(server: RedisServer) -> bool:
    return bool(await asyncio.to_thread(server.ask, "PUBSUB", "NUMPAT"))


async def pings(server: RedisServer, count: int) -> bool:
    stats = await asyncio.to_thread(server.ask, "INFO", "commandstats")
    return bool(stats.get("cmdstat_ping", {"calls": 0})["calls"] >= count)
