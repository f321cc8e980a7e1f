import asyncio

import pytest

from waitroom.errors import RoomNotFoundError
from waitroom.room import Directory, Room, Store

from .helpers import T0, MakeRoom, S, fill, live, look


async def test_leaving_gives_the_seat_to_the_next_one(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=1)
    await room.enter_many([("ada", 0), ("bob", 0)], now_ms=T0)
    assert await room.leave("ada", now_ms=T0 + S) == "seat"
    assert await room.admit(now_ms=T0 + S) == ["bob"]
    assert (await look(store, room)).seated(T0 + S) == {"bob"}


async def test_leaving_gives_up_the_place(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 3)
    assert await room.leave(visitors[0], now_ms=T0 + S) == "place"
    inside = await look(store, room)
    assert inside.line() == visitors[1:] and set(inside.seen) == set(visitors[1:])


async def test_parked_visitor_can_leave_too(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("ada", now_ms=T0)
    await room.sweep(now_ms=T0 + 45 * S)
    assert await room.leave("ada", now_ms=T0 + 46 * S) == "place"
    assert not (await look(store, room)).parked


async def test_who_has_nothing_leaves_nothing(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    assert await room.leave("nobody", now_ms=T0) == ""
    assert not (await look(store, room)).active


async def test_leaving_twice_changes_nothing_more(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    await room.claim("ada", now_ms=T0)
    assert await room.leave("ada", now_ms=T0 + S) == "seat"
    before = await look(store, room)
    assert await room.leave("ada", now_ms=T0 + 2 * S) == ""
    assert await look(store, room) == before
    assert (await room.figures(now_ms=T0 + S)).counters["left_site"] == 1


async def test_leaving_after_the_seat_has_ended_is_nothing(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    assert await room.leave("ada", now_ms=T0 + 120 * S) == ""
    assert (await room.figures(now_ms=T0)).counters["left_site"] == 0


async def test_seat_is_free_at_the_very_millisecond_of_leaving(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    await room.leave("ada", now_ms=T0)
    assert (await room.enter("bob", now_ms=T0)).state == "seated"


@pytest.mark.parametrize("seats", [0, 1])
async def test_ticket_of_one_who_left_is_spent(make_room: MakeRoom, seats: int) -> None:
    room = await make_room(total_active_users=seats)
    ada = await room.enter("ada", now_ms=T0)
    await room.enter("bob", now_ms=T0 + S)
    await room.leave("ada", now_ms=T0 + 2 * S)
    await room.admit(now_ms=T0 + 2 * S)
    back = await room.enter("ada", ada.place, now_ms=T0 + 3 * S)
    assert back.visitor != "ada" and back.place == (T0 + 3 * S) * 1000


async def test_one_who_left_unclaimed_is_not_a_no_show(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    await room.leave("ada", now_ms=T0 + S)
    assert not (await look(store, room)).unclaimed
    await live(room, T0, T0 + 130 * S, [])
    assert (await room.sweep(now_ms=T0 + 130 * S)).no_shows == 0


async def test_leaving_an_unknown_room_says_so(room: Room, directory: Directory) -> None:
    await directory.delete("shop", who="test")
    with pytest.raises(RoomNotFoundError):
        await room.leave("ada")


async def test_many_who_leave_at_once_free_each_seat_once(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=10)
    visitors = await fill(room, 40)
    leaving = [visitor for visitor in visitors[:10] for _ in range(3)]
    left, admitted = await asyncio.gather(
        asyncio.gather(*(room.leave(visitor, now_ms=T0 + S) for visitor in leaving)),
        asyncio.gather(*(room.admit(now_ms=T0 + S) for _ in range(10))),
    )
    assert sorted(left) == [""] * 20 + ["seat"] * 10
    await room.admit(now_ms=T0 + S)
    assert (await look(store, room)).seated(T0 + S) == set(visitors[10:20])
    assert len(admitted) == 10
