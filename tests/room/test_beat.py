import asyncio

import pytest

from waitroom.errors import RoomNotFoundError
from waitroom.room import Directory, Room, Store

from .helpers import T0, MakeRoom, S, fill, live, look, names


async def test_heartbeat_keeps_a_visitor_in_the_line(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 2)
    await live(room, T0, T0 + 300 * S, ["v000001"])
    await room.sweep(now_ms=T0 + 300 * S)
    assert list((await look(store, room)).waiting) == ["v000001"]


async def test_beat_of_nobody_asks_nothing(make_room: MakeRoom) -> None:
    room = await make_room()
    assert await room.beat([], now_ms=T0) == []


async def test_beat_names_those_who_are_not_in_the_line(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter_many([("seated", 0), ("waits", 0)], now_ms=T0)
    visitors = ["nobody", "waits", "seated"]
    assert await room.beat(visitors, now_ms=T0 + S) == ["nobody", "seated"]


async def test_beat_never_puts_anybody_into_the_line(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    await room.beat(["nobody"], now_ms=T0)
    inside = await look(store, room)
    assert not inside.seen and not inside.waiting


async def test_beat_after_a_silence_nobody_noticed_keeps_the_place(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("ada", now_ms=T0)
    assert await room.beat(["ada"], now_ms=T0 + 200 * S) == []
    assert (await look(store, room)).seen == {"ada": T0 + 200 * S}


async def test_parked_visitor_is_unknown_to_beat_and_enters_with_the_ticket(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=0)
    ada = await room.enter("ada", now_ms=T0)
    await live(room, T0, T0 + 45 * S, [])
    await room.sweep(now_ms=T0 + 45 * S)
    assert await room.beat(["ada"], now_ms=T0 + 46 * S) == ["ada"]
    assert await room.enter("ada", ada.place, now_ms=T0 + 46 * S) == ada


async def test_beat_twice_is_beat_once(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("ada", now_ms=T0)
    for _ in range(2):
        assert await room.beat(["ada", "ada"], now_ms=T0 + S) == []
    assert (await look(store, room)).seen == {"ada": T0 + S}


async def test_any_number_beats_in_batches(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 2_100)
    unknown = await room.beat([*names(2_100), *names(5, "x")], now_ms=T0 + S)
    assert unknown == names(5, "x")


async def test_beat_in_an_unknown_room_says_so(room: Room, directory: Directory) -> None:
    await directory.delete("shop", who="test")
    with pytest.raises(RoomNotFoundError):
        await room.beat(["ada"])


async def test_many_callers_at_once_keep_everybody_present(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 200)
    calls = [room.beat(visitors[i::8], now_ms=T0 + i * S) for i in range(8)]
    assert await asyncio.gather(*calls) == [[]] * 8
    seen = (await look(store, room)).seen
    assert all(seen[visitor] == T0 + i % 8 * S for i, visitor in enumerate(visitors))
