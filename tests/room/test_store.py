"""The connection itself, on every kind of store."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cluster.servers import Cluster, RedisServer
from waitroom.clock import now_ms
from waitroom.errors import ConfigError, StoreError
from waitroom.room import Directory, Store
from waitroom.room.store import MAX_CONNECTIONS, store_errors

from .helpers import MakeRoom


async def test_more_calls_than_connections_wait_their_turn(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    visits = [room.enter_many([(f"v{i}", 0)]) for i in range(10 * MAX_CONNECTIONS)]
    standings = await asyncio.gather(*visits)
    assert sorted(each.position for [each] in standings) == list(range(1, len(visits) + 1))


async def test_a_script_that_redis_forgot_is_sent_again(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    await store.redis.script_flush()
    assert (await room.enter("ada")).state == "seated"


async def test_the_clock_of_a_room_is_that_of_its_server(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    before = now_ms()
    # One machine in this test, so one clock.
    assert before - 1 <= await store.time_ms(room.keys.meta) <= now_ms() + 1


async def test_a_closed_store_holds_no_connection(redis_url: str) -> None:
    store = Store.connect(redis_url)
    async with store.redis.pubsub() as channels:
        await channels.subscribe("waitroom:test")
        await asyncio.gather(*(store.redis.get(f"waitroom:{i}") for i in range(9)))
    await store.close()
    with store_errors():
        assert await store.redis.get("waitroom:life") is None
    await store.close()


async def test_settings_changed_at_once_by_many_are_all_changed(
    make_room: MakeRoom, redis_url: str
) -> None:
    await make_room()
    stores = [Store.connect(redis_url) for _ in range(3)]
    owners = [Directory(store) for store in stores]
    changes: list[dict[str, Any]] = [{"title": "x"}, {"message": "y"}, {"total_active_users": 3}]
    await asyncio.gather(
        *(owner.update("shop", each, who="x") for owner, each in zip(owners, changes, strict=True))
    )
    found = (await owners[0].get("shop")).settings
    assert (found.title, found.message, found.total_active_users) == ("x", "y", 3)
    for store in stores:
        await store.close()


@pytest.mark.backends("cluster")
async def test_a_plain_address_of_a_cluster_says_what_is_wrong(
    cluster: Cluster, redis_url: str
) -> None:
    [answers] = [await asyncio.gather(*(ask(node.url, "shop") for node in cluster.nodes))]
    assert sum("redis+cluster://" in each for each in answers) == 2


@pytest.mark.backends("redis")
async def test_a_cluster_address_of_a_plain_server_says_what_is_wrong(
    redis_server: RedisServer, redis_url: str
) -> None:
    assert "is no Cluster" in await ask(f"redis+cluster://{redis_server.address}", "shop")


async def ask(url: str, room: str) -> str:
    """Return what is said of an address; empty when all is well."""
    store = Store.connect(url)
    try:
        await Directory(store).get(room)
    except StoreError as e:
        return e.detail
    except Exception:
        return ""
    finally:
        await store.close()
    return ""


@pytest.mark.parametrize("scheme", ["redis://a", "redis+cluster://a,b", "redis+sentinel://a/m"])
def test_an_unknown_option_is_named_and_its_value_is_not(scheme: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Store.connect(f"{scheme}?pasword=tops3cret")
    assert "'pasword'" in refused.value.detail and "tops3cret" not in refused.value.detail


@pytest.fixture
async def nobody(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    store = Store.connect(request.param)
    yield store
    await store.close()


@pytest.mark.parametrize(
    "nobody",
    [
        "redis://:tops3cret@127.0.0.1:1",
        "redis+cluster://:tops3cret@127.0.0.1:1,127.0.0.1:2",
        "redis+sentinel://:tops3cret@127.0.0.1:1,127.0.0.1:2/m",
    ],
    indirect=True,
)
async def test_a_store_that_is_not_there_is_an_error_of_ours_without_the_password(
    nobody: Store,
) -> None:
    with pytest.raises(StoreError) as error:
        await Directory(nobody).refresh()
    assert "tops3cret" not in str(error.value)
