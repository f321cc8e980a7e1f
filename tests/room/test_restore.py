"""What is left when Redis has lost everything: the rooms that processes know, and the tickets."""

import asyncio
import random

import pytest

from waitroom.room import Directory, Room, RoomSettings, Store

from .helpers import T0, MakeRoom, S, fill, live, look, meta

HOLD_MS = 30 * S


async def lose_all(store: Store, *directories: Directory) -> None:
    """Lose all data, and have processes notice it."""
    await store.redis.flushall()
    await asyncio.gather(*(directory.refresh() for directory in directories))


async def reborn(store: Store, room: Room, now_ms: int) -> None:
    """Set the moment of rebirth, which the directory takes from the server's clock."""
    times = {"restored_ms": now_ms, "hold_until_ms": now_ms + HOLD_MS}
    await store.redis.hset(room.keys.meta, mapping=times)


async def test_lost_room_is_written_back_with_all_its_settings(
    directory: Directory, store: Store
) -> None:
    room = await directory.create("shop", {"total_active_users": 7, "title": "Ünï"}, who="test")
    settings = room.settings
    await lose_all(store, directory)
    assert await directory.names() == ["shop"]
    assert (await directory.get("shop")).settings == settings
    assert (await room.board()).state == "recovering"


async def test_room_that_is_there_is_left_alone(directory: Directory, store: Store) -> None:
    room = await directory.create("shop", {}, who="test")
    before = await meta(store, room)
    await store.redis.delete("waitroom:life")
    await directory.refresh()
    assert await meta(store, room) == before
    assert (await room.board()).state == "open"


async def test_hold_lasts_exactly_as_long_as_the_owner_said(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(recovery_hold_s=30)
    await lose_all(store, directory)
    await reborn(store, room, T0)
    assert (await room.enter("ada", now_ms=T0)).state == "waiting"
    assert await room.admit(now_ms=T0 + HOLD_MS - 1) == []
    assert await room.admit(now_ms=T0 + HOLD_MS) == ["ada"]


async def test_owner_can_end_the_hold(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(recovery_hold_s=30)
    await lose_all(store, directory)
    await reborn(store, room, T0)
    await room.enter("ada", now_ms=T0)
    await directory.update("shop", {"recovery_hold_s": 0}, who="test")
    assert await room.admit(now_ms=T0 + S) == ["ada"]


async def test_room_without_hold_is_open_at_once(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(recovery_hold_s=0)
    await lose_all(store, directory)
    born_ms = int((await meta(store, room))["born_ms"])
    assert (await room.enter("ada", now_ms=born_ms + 1)).state == "seated"


async def test_newcomers_during_the_hold_stand_behind_those_who_were_there(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    old = await room.enter("old", now_ms=T0)
    await lose_all(store, directory)
    now_ms = T0 + 3_600 * S
    await reborn(store, room, now_ms)
    await room.enter("new", now_ms=now_ms + S)
    assert await room.enter("old", old.place, now_ms=now_ms + 2 * S) == old
    assert [row.visitor for row in await room.visitors()] == ["old", "new"]


@pytest.mark.parametrize(("after_ms", "kept"), [(600 * S - 1, True), (600 * S, False)])
async def test_old_ticket_counts_for_place_ttl_after_the_rebirth(
    make_room: MakeRoom, directory: Directory, store: Store, after_ms: int, kept: bool
) -> None:
    room = await make_room(total_active_users=0)
    old = await room.enter("old", now_ms=T0)
    await lose_all(store, directory)
    now_ms = T0 + 7_200 * S
    await reborn(store, room, now_ms)
    back = await room.enter("old", old.place, now_ms=now_ms + after_ms)
    assert (back == old) is kept


async def test_old_ticket_of_a_room_that_lost_nothing_does_not_count(
    directory: Directory,
) -> None:
    room = await directory.create("shop", {"total_active_users": 0}, who="test", now_ms=T0)
    back = await room.enter("old", (T0 - 601 * S) * 1000, now_ms=T0 + S)
    assert back.visitor != "old" and back.place == (T0 + S) * 1000


async def test_passes_bring_the_seats_back_before_anybody_is_admitted(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=3)
    visitors = await fill(room, 6)
    deadlines = await room.renew([(visitor, 0) for visitor in visitors[:3]], now_ms=T0)
    await lose_all(store, directory)
    await reborn(store, room, T0 + S)
    await room.enter_many([(v, T0 * 1000 + i) for i, v in enumerate(visitors[3:])], now_ms=T0 + S)
    shown = list(zip(visitors[:3], deadlines, strict=True))
    assert await room.renew(shown, now_ms=T0 + 2 * S) == deadlines
    assert await live(room, T0 + S, T0 + 2 * HOLD_MS, visitors[3:]) == []
    assert (await look(store, room)).seated(T0 + 2 * HOLD_MS) == set(visitors[:3])


async def test_two_processes_write_a_room_back_once(store: Store, redis_url: str) -> None:
    other_store = Store.connect(redis_url)
    one, other = (Directory(s, RoomSettings()) for s in (store, other_store))
    room = await one.create("shop", {"total_active_users": 0}, who="test")
    await other.refresh()
    await lose_all(store, one, other)
    first = await meta(store, room)
    # The late one finds the room there and does not start the recovery again.
    await asyncio.gather(one.refresh(), other.refresh())
    assert await meta(store, room) == first
    assert [list(d.known) for d in (one, other)] == [["shop"], ["shop"]]
    await other_store.close()


async def test_each_process_writes_back_what_only_it_knows(store: Store) -> None:
    one, other = Directory(store), Directory(store)
    await one.create("a", {}, who="test")
    await other.create("b", {}, who="test")
    await lose_all(store, one, other)
    assert await one.names() == ["a", "b"]


async def test_two_hundred_visitors_get_their_order_back(store: Store, redis_url: str) -> None:
    other_store = Store.connect(redis_url)
    one, other = Directory(store), Directory(other_store)
    room = await one.create("shop", {"total_active_users": 0}, who="test", now_ms=T0)
    [same] = await other.refresh()
    # They came over an hour, so most tickets are older than place_ttl_s.
    tickets = []
    for i in range(200):
        now_ms = T0 + i * 18 * S
        tickets.append(await room.enter(f"visitor{i * 7_919 % 200}", now_ms=now_ms))
        await room.beat([ticket.visitor for ticket in tickets], now_ms=now_ms)
    order = [ticket.visitor for ticket in tickets]
    assert [row.visitor for row in await room.visitors(0, 200)] == order

    await lose_all(store, one, other)
    assert (await look(store, room)).waiting == {}
    now_ms = T0 + 3_700 * S
    await reborn(store, room, now_ms)
    await one.update("shop", {"total_active_users": 10}, who="test")
    shuffled = random.Random(2).sample(tickets, 200)
    for i, ticket in enumerate(shuffled):
        process = (room, same)[i % 2]
        back = await process.enter(ticket.visitor, ticket.place, now_ms=now_ms + i * 100)
        assert (back.visitor, back.place) == (ticket.visitor, ticket.place)
        assert await process.admit(now_ms=now_ms + i * 100) == []

    admitted: list[str] = []
    for second in range(int(HOLD_MS / S), int(HOLD_MS / S) + 20):
        await room.beat(order, now_ms=now_ms + second * S)
        found = await (room, same)[second % 2].admit(now_ms=now_ms + second * S)
        assert len(found) == 10
        admitted += found
        for visitor in found:
            await room.leave(visitor, now_ms=now_ms + second * S)
    assert admitted == order
    await other_store.close()


async def test_second_loss_is_recovered_like_the_first(directory: Directory, store: Store) -> None:
    room = await directory.create("shop", {"total_active_users": 3}, who="test")
    for lives in (1, 2):
        await lose_all(store, directory)
        assert directory.lives == lives
        assert (await directory.get("shop")).settings == room.settings
