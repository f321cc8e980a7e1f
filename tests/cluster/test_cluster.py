"""Rooms on three masters: a room is on one, is heard at all, and is lost alone."""

import itertools
from functools import partial

import aiohttp
import httpx
import pytest
from redis.asyncio import Redis

from tests.cluster.helpers import is_line, take_place, visitors_of, wait_at
from tests.cluster.servers import Cluster, RedisServer
from tests.web.helpers import TOKEN_MODE, eventually, shown
from waitroom.room import Directory
from waitroom.room.keys import LIFE, ROOMS, Keys


@pytest.fixture
def redis_url(own_cluster: Cluster) -> str:
    """Have all parts of these tests live on a Cluster that masters may be taken from."""
    return own_cluster.url


@pytest.fixture
def environment(environment: dict[str, str], valkey_url: str) -> dict[str, str]:
    """Return the environment of a child process: RQ has a server of its own."""
    return environment | {"WAITROOM_RQ_REDIS_URL": valkey_url}


def name_on(cluster: Cluster, node: RedisServer) -> str:
    """Return a name whose room lives on a node."""
    names = (f"room{number}" for number in itertools.count())
    return next(name for name in names if cluster.node_of(Keys(name).settings) is node)


async def test_admissions_are_heard_at_every_node(
    own_cluster: Cluster, directory: Directory
) -> None:
    room = await directory.create("shop", {"total_active_users": 0}, who="test")
    await room.enter("ada")
    clients = [Redis(port=node.port) for node in own_cluster.nodes]
    channels = [client.pubsub(ignore_subscribe_messages=True) for client in clients]
    for channel in channels:
        await channel.subscribe(room.keys.admitted)
        await channel.get_message(timeout=10)
    await directory.update("shop", {"total_active_users": 1}, who="test")
    assert await room.admit() == ["ada"]
    for channel in channels:
        message = await eventually(partial(channel.get_message, timeout=0.1))
        assert message["data"] == b"ada"
        await channel.aclose()  # type: ignore[no-untyped-call]
    for client in clients:
        await client.aclose()


async def test_a_master_that_is_lost_takes_its_rooms_along_and_no_other(
    own_cluster: Cluster,
    directory: Directory,
    web: httpx.AsyncClient,
    links: aiohttp.ClientSession,
) -> None:
    # The worst one: it knows the names of all rooms, too.
    victim = own_cluster.node_of(ROOMS)
    assert own_cluster.node_of(LIFE) is victim
    other = next(node for node in own_cluster.nodes if node is not victim)
    names = {"lost": name_on(own_cluster, victim), "kept": name_on(own_cluster, other)}
    rooms = {
        which: await directory.create(name, {"total_active_users": 0, "recovery_hold_s": 0}, who="")
        for which, name in names.items()
    }
    await eventually(lambda: knows(web, len(names)))
    tickets = {
        which: [await take_place(web, name) for _ in range(4)] for which, name in names.items()
    }
    pages = {
        which: [await wait_at(links, web, ticket, name) for ticket in tickets[which]]
        for which, name in names.items()
    }
    await directory.update(names["kept"], {"total_active_users": 1}, who="test")
    await pages["kept"][0].hear("admitted")

    victim.kill()
    for page in pages["lost"]:
        assert (await page.hear("error"))["code"] == "store_unavailable"
    polled = await web.get(f"/__waitroom/{names['lost']}/status", headers=shown(tickets["lost"][0]))
    assert (polled.status_code, polled.json()["error"]) == (503, "store_unavailable")
    # The other room goes on: for those who wait, for those who come, and for its owner; even
    # when its node has to be sent the scripts anew.
    other.ask("SCRIPT", "FLUSH")
    await directory.update(names["kept"], {"total_active_users": 2}, who="test")
    await pages["kept"][1].hear("admitted")
    entered = await web.post(f"/__waitroom/{names['kept']}/enter", headers=TOKEN_MODE)
    assert entered.json()["position"] == 3
    assert all(page.count("error") == 0 for page in pages["kept"])
    assert (await web.get("/readyz")).status_code == 200
    metrics = (await web.get("/metrics")).text
    assert f'room="{names["kept"]}"' in metrics

    # It comes back with nothing; the visitors bring their places, the web process the room.
    victim.start()
    await eventually(lambda: is_line(rooms["lost"], visitors_of(tickets["lost"], names["lost"])))
    for page in pages["lost"]:
        await page.hear("queue_update")
    await directory.update(names["lost"], {"total_active_users": 1}, who="test")
    await pages["lost"][0].hear("admitted")
    waiting = visitors_of(tickets["kept"][2:] + [entered.json()["ticket"]], names["kept"])
    assert await is_line(rooms["kept"], waiting)
    for page in (*pages["lost"], *pages["kept"]):
        await page.close()


async def knows(web: httpx.AsyncClient, rooms: int) -> bool:
    answer = await web.get("/readyz")
    return answer.status_code == 200 and answer.json()["rooms"] == rooms
