import asyncio

import pytest

from waitroom.errors import RoomNotFoundError
from waitroom.room import Directory, Room, Store, Swept

from .helpers import T0, MakeRoom, S, fill, live, look

TTL_MS = 45 * S
PLACE_TTL_MS = 600 * S


async def test_sweep_of_an_empty_room_drops_nothing(make_room: MakeRoom) -> None:
    room = await make_room()
    assert await room.sweep(now_ms=T0) == Swept(0, 0, 0, 0)


@pytest.mark.parametrize(("silence_ms", "parked"), [(TTL_MS - 1, 0), (TTL_MS, 1)])
async def test_sweep_parks_the_silent(
    make_room: MakeRoom, store: Store, silence_ms: int, parked: int
) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("ada", now_ms=T0)
    assert (await room.sweep(now_ms=T0 + silence_ms)).parked == parked
    inside = await look(store, room)
    assert len(inside.parked) == parked
    assert inside.waiting.keys() == inside.seen.keys() and len(inside.waiting) == 1 - parked


@pytest.mark.parametrize(("silence_ms", "lapsed"), [(PLACE_TTL_MS - 1, 0), (PLACE_TTL_MS, 1)])
async def test_place_lapses_after_place_ttl(
    make_room: MakeRoom, silence_ms: int, lapsed: int
) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("ada", now_ms=T0)
    await room.sweep(now_ms=T0 + TTL_MS)
    assert (await room.sweep(now_ms=T0 + silence_ms)).lapsed == lapsed


async def test_no_place_lapses_for_a_time_after_the_service_was_away(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    await room.enter_many([("ada", 0), ("bob", 0)], now_ms=T0)
    await room.admit(now_ms=T0)
    # Nothing ran for an hour; both pages were cut off all the while.
    back_ms = T0 + 3_600 * S
    await room.admit(now_ms=back_ms)
    assert await room.sweep(now_ms=back_ms) == Swept(0, 0, 0, 0)
    await room.admit(now_ms=back_ms + 20 * S)
    held_ms = back_ms + room.settings.recovery_hold_s * S
    await room.admit(now_ms=held_ms)
    assert await room.sweep(now_ms=held_ms) == Swept(2, 0, 0, 0)
    # A phone that wakes up nine minutes later still has its place.
    assert (await room.sweep(now_ms=held_ms + PLACE_TTL_MS - 1)).lapsed == 0
    assert (await room.sweep(now_ms=held_ms + PLACE_TTL_MS)).lapsed == 2


async def test_sweep_counts_seats_that_nobody_used(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=2)
    await room.enter_many([("ada", 0), ("bob", 0)], now_ms=T0)
    await room.claim("bob", now_ms=T0)
    assert (await room.sweep(now_ms=T0 + 120 * S - 1)).no_shows == 0
    assert (await room.sweep(now_ms=T0 + 120 * S)).no_shows == 1
    assert (await room.sweep(now_ms=T0 + 120 * S)).no_shows == 0
    assert not (await look(store, room)).unclaimed


async def test_shorter_claim_time_makes_no_no_show_of_an_unexpired_seat(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    await directory.update("shop", {"claim_ttl_s": 10}, who="test")
    assert (await room.sweep(now_ms=T0 + 60 * S)).no_shows == 0
    assert await room.claim("ada", now_ms=T0 + 60 * S) == T0 + 360 * S


async def test_ended_seat_is_forgotten_when_its_ticket_and_pass_are_too_old(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=1, session_duration_s=300, place_ttl_s=600)
    ada = await room.enter("ada", now_ms=T0)
    ended_ms = T0 + 120 * S
    assert (await room.sweep(now_ms=ended_ms + PLACE_TTL_MS - 1)).ended == 0
    assert (await room.sweep(now_ms=ended_ms + PLACE_TTL_MS)).ended == 1
    assert not (await look(store, room)).active
    # The ticket is worth nothing all the same.
    back = await room.enter("ada", ada.place, now_ms=ended_ms + PLACE_TTL_MS)
    assert back.visitor != "ada"


async def test_sweep_leaves_seats_alone(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=3)
    visitors = await fill(room, 3)
    await room.renew([(visitor, 0) for visitor in visitors], now_ms=T0)
    await room.sweep(now_ms=T0 + 299 * S)
    assert (await look(store, room)).seated(T0 + 299 * S) == set(visitors)


async def test_sweep_twice_is_sweep_once(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 5)
    assert await room.sweep(now_ms=T0 + TTL_MS) == Swept(5, 0, 0, 0)
    before = await look(store, room)
    assert await room.sweep(now_ms=T0 + TTL_MS) == Swept(0, 0, 0, 0)
    assert await look(store, room) == before


async def test_sweep_works_in_batches_of_each_kind(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 25)
    parked = [(await room.sweep(10, now_ms=T0 + TTL_MS)).parked for _ in range(4)]
    assert parked == [10, 10, 5, 0]
    lapsed = [(await room.sweep(10, now_ms=T0 + PLACE_TTL_MS)).lapsed for _ in range(4)]
    assert lapsed == [10, 10, 5, 0]


@pytest.mark.parametrize("batch_max", [0, 1_001])
async def test_batch_out_of_range_is_refused(make_room: MakeRoom, batch_max: int) -> None:
    room = await make_room()
    with pytest.raises(ValueError, match="1 to 1000"):
        await room.sweep(batch_max, now_ms=T0)


async def test_sweep_parks_nobody_when_it_was_the_service_that_was_away(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 3)
    await live(room, T0, T0, [])
    away = T0 + 900 * S
    assert await room.sweep(now_ms=away) == Swept(0, 0, 0, 0)
    assert await room.sweep(now_ms=away + 29 * S) == Swept(0, 0, 0, 0)
    await live(room, away, away + 30 * S, ["v000001"])
    assert (await room.sweep(now_ms=away + 30 * S)).parked == 2
    assert (await look(store, room)).line() == ["v000001"]


async def test_sweeping_an_unknown_room_says_so(room: Room, directory: Directory) -> None:
    await directory.delete("shop", who="test")
    with pytest.raises(RoomNotFoundError):
        await room.sweep()


async def test_many_sweeps_at_once_drop_each_visitor_once(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 90)
    swept = await asyncio.gather(*(room.sweep(7, now_ms=T0 + TTL_MS) for _ in range(20)))
    assert sum(s.parked for s in swept) == 90
    assert (await room.figures(now_ms=T0)).counters["parked"] == 90
