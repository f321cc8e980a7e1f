"""A Redis that has reached `maxmemory`: newcomers are refused, all others go on as before."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.cluster.servers import Cluster, RedisServer
from waitroom.embedded import Valkey
from waitroom.errors import StoreError
from waitroom.room import Directory, Room, Store

from .helpers import T0, MakeRoom, S, look


@pytest.fixture
def limit(backend: str, request: pytest.FixtureRequest) -> Iterator["Limit"]:
    """Return what fills the store, and gives it its memory back."""
    server: Any = request.getfixturevalue({"redis": "redis_server"}.get(backend, backend))
    found = Limit(server)
    yield found
    found.lift()


class Limit:
    """The memory that servers may use."""

    def __init__(self, server: Valkey | RedisServer | Cluster) -> None:
        nodes = server.nodes if isinstance(server, Cluster) else [server]
        self._urls = [node.url for node in nodes]

    def reach(self) -> None:
        """Leave them none: each uses more than a byte."""
        self._set(1)

    def lift(self) -> None:
        """Set no limit."""
        self._set(0)

    def _set(self, most: int) -> None:
        for url in self._urls:
            with redis.Redis.from_url(url) as raw:
                raw.config_set("maxmemory", most)


async def test_newcomers_are_refused_and_nothing_changes(
    make_room: MakeRoom, store: Store, limit: Limit
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter_many([("ada", 0), ("bob", 0)], now_ms=T0)
    before = await look(store, room)
    limit.reach()
    with pytest.raises(StoreError, match="Redis is full") as refused:
        await room.enter("eve", now_ms=T0 + S)
    assert (refused.value.code, refused.value.status) == ("store_unavailable", 503)
    assert await look(store, room) == before
    # Who has a seat is told so all the same.
    assert (await room.enter("ada", now_ms=T0 + S)).state == "seated"
    limit.lift()
    assert (await room.enter("eve", now_ms=T0 + 2 * S)).position == 2


async def test_those_in_line_keep_their_places_and_are_let_in(
    make_room: MakeRoom, store: Store, limit: Limit
) -> None:
    room = await make_room(total_active_users=1, place_ttl_s=60)
    await room.enter_many([("ada", 0), ("bob", 0), ("cyd", 0), ("dan", 0)], now_ms=T0)
    limit.reach()
    now_ms = T0
    # Longer than silence is forgiven; ticks and heartbeats go on meanwhile.
    for now_ms in range(T0 + 10 * S, T0 + 101 * S, 10 * S):
        assert await room.admit(now_ms=now_ms) == []
        assert await room.beat(["bob", "cyd"], now_ms=now_ms) == []
        assert await room.renew([("ada", 0)], now_ms=now_ms) == [now_ms + 300 * S]
        await room.sweep(now_ms=now_ms)
    board = await room.board(now_ms=now_ms)
    assert (board.waiting, board.active) == (2, 1)
    assert await room.leave("ada", now_ms=now_ms) == "seat"
    assert await room.admit(now_ms=now_ms) == ["bob"]
    inside = await look(store, room)
    assert inside.seated(now_ms) == {"bob"} and inside.line() == ["cyd"]
    # Dan was silent: parked, and his place has lapsed.
    assert not inside.parked


async def test_seats_that_ended_are_swept(make_room: MakeRoom, store: Store, limit: Limit) -> None:
    room = await make_room(total_active_users=5)
    await room.enter_many([(name, 0) for name in "abcde"], now_ms=T0)
    limit.reach()
    swept = await room.sweep(now_ms=T0 + 1_000 * S)
    assert (swept.no_shows, swept.ended) == (5, 5)
    assert not (await look(store, room)).active


@pytest.mark.parametrize("changes", [{"queue_all": True}, {"total_active_users": 7}])
async def test_an_owner_still_stops_a_room_and_changes_its_limits(
    changes: dict[str, object], room: Room, directory: Directory, limit: Limit
) -> None:
    limit.reach()
    changed = await directory.update("shop", changes, who="ada")
    assert changed.settings.changed(changes) == changed.settings
    # The processes go on reading the rooms, too.
    assert [each.name for each in await directory.refresh()] == ["shop"]
    with pytest.raises(StoreError, match="Redis is full"):
        await directory.create("other", {}, who="ada")
    await directory.delete("shop", who="ada")
    assert await directory.names() == []
