import asyncio

import pytest

from waitroom.errors import RoomNotFoundError
from waitroom.room import Directory, Room, Store
from waitroom.room.scripts import BATCH_MAX

from .helpers import T0, MakeRoom, S, fill, live, look, names

CLAIM_MS = 120 * S
SESSION_MS = 300 * S


async def test_claim_makes_the_seat_last_for_a_whole_session(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    assert await room.claim("ada", now_ms=T0 + 10 * S) == T0 + 10 * S + SESSION_MS
    inside = await look(store, room)
    assert inside.active == {"ada": T0 + 10 * S + SESSION_MS} and not inside.unclaimed
    assert (await room.figures(now_ms=T0 + S)).counters["claimed"] == 1


async def test_renewing_nothing_asks_nothing(make_room: MakeRoom) -> None:
    room = await make_room()
    assert await room.renew([], now_ms=T0) == []


async def test_claim_without_a_seat_gives_none(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("waits", now_ms=T0)
    assert await room.claim("waits", now_ms=T0) == 0
    assert await room.claim("nobody", now_ms=T0) == 0
    assert list((await look(store, room)).waiting) == ["waits"]


@pytest.mark.parametrize(("late_ms", "kept"), [(CLAIM_MS - 1, True), (CLAIM_MS, False)])
async def test_claim_is_too_late_at_the_very_millisecond_of_the_deadline(
    make_room: MakeRoom, late_ms: int, kept: bool
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    assert bool(await room.claim("ada", now_ms=T0 + late_ms)) is kept


async def test_claim_twice_is_counted_once(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    first = await room.claim("ada", now_ms=T0 + S)
    assert await room.claim("ada", now_ms=T0 + S) == first
    assert (await room.figures(now_ms=T0 + S)).counters["claimed"] == 1


async def test_renewal_extends_the_seat_from_now(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    deadline_ms = await room.claim("ada", now_ms=T0)
    for minute in range(1, 60):
        now_ms = T0 + minute * 60 * S
        [deadline_ms] = await room.renew([("ada", deadline_ms)], now_ms=now_ms)
        assert deadline_ms == now_ms + SESSION_MS


async def test_shorter_session_takes_nothing_away(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    deadline_ms = await room.claim("ada", now_ms=T0)
    await directory.update("shop", {"session_duration_s": 10}, who="test")
    assert await room.renew([("ada", deadline_ms)], now_ms=T0 + S) == [deadline_ms]


async def test_session_shorter_than_the_time_to_claim_begins_with_the_claim(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=1, claim_ttl_s=600, session_duration_s=60)
    await room.enter("ada", now_ms=T0)
    assert await room.claim("ada", now_ms=T0 + S) == T0 + 61 * S


async def test_room_without_renewal_gives_one_session_and_no_more(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1, disable_session_renewal=True)
    await room.enter("ada", now_ms=T0)
    deadline_ms = await room.claim("ada", now_ms=T0)
    assert deadline_ms == T0 + SESSION_MS
    assert await room.renew([("ada", deadline_ms)], now_ms=T0 + 200 * S) == [deadline_ms]
    assert await room.renew([("ada", deadline_ms)], now_ms=deadline_ms) == [0]


async def test_pass_of_an_ended_seat_brings_nothing_back(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    deadline_ms = await room.claim("ada", now_ms=T0)
    await room.leave("ada", now_ms=T0 + S)
    assert await room.renew([("ada", deadline_ms)], now_ms=T0 + 2 * S) == [0]


async def test_pass_of_a_seat_given_up_stays_worthless_for_the_whole_session(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=1, session_duration_s=7_200, place_ttl_s=60)
    await room.enter("ada", now_ms=T0)
    deadline_ms = await room.claim("ada", now_ms=T0)
    await room.leave("ada", now_ms=T0 + S)
    for now_ms in range(T0, deadline_ms, 600 * S):
        await room.sweep(now_ms=now_ms)
        assert await room.renew([("ada", deadline_ms)], now_ms=now_ms + 2 * S) == [0]


async def test_pass_brings_a_lost_seat_back_while_there_is_room(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=2)
    shown = [(visitor, T0 + 100 * S) for visitor in names(3)]
    assert await room.renew(shown, now_ms=T0) == [T0 + 100 * S, T0 + 100 * S, 0]
    assert set((await look(store, room)).seated(T0)) == set(names(2))
    assert (await room.figures(now_ms=T0)).counters["restored"] == 2


async def test_seat_brought_back_ends_the_wait(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=1, queue_all=True)
    await room.enter("ada", now_ms=T0)
    assert await room.renew([("ada", T0 + 100 * S)], now_ms=T0) == [T0 + 100 * S]
    inside = await look(store, room)
    assert not inside.waiting and not inside.seen and not inside.parked


async def test_pass_never_brings_back_more_than_one_session(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    assert await room.renew([("ada", T0 + 9_999 * S)], now_ms=T0) == [T0 + SESSION_MS]


@pytest.mark.parametrize("left_ms", [0, -1])
async def test_pass_that_has_run_out_brings_nothing_back(make_room: MakeRoom, left_ms: int) -> None:
    room = await make_room(total_active_users=1)
    assert await room.renew([("ada", T0 + left_ms)], now_ms=T0) == [0]


async def test_any_number_renews_in_batches(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=2_200)
    visitors = await fill(room, 2_200)
    deadlines = await room.renew([(v, 0) for v in visitors] + [("nobody", 0)], now_ms=T0)
    assert deadlines == [T0 + SESSION_MS] * 2_200 + [0]


@pytest.mark.parametrize("together", [True, False])
async def test_pass_of_an_ended_epoch_brings_nothing_back_though_its_turn_comes_later(
    room: Room, store: Store, together: bool
) -> None:
    # Another process ends all passes; this one learns of it from the first batch of two.
    await Directory(store).update("shop", {"epoch": 1}, who="test")
    deadline_ms = await store.time_ms(room.keys.meta) + 60 * S
    shown = [(visitor, deadline_ms) for visitor in names(BATCH_MAX + 1)]
    if together:
        found = await asyncio.gather(*(room.seat_of(*seat) for seat in shown))
        assert found == [None] * len(shown)
    else:
        assert await room.renew(shown) == [0] * len(shown)
    assert room.settings.epoch == 1 and not (await look(store, room)).active


async def test_unclaimed_seat_is_given_to_the_next_one(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter_many([("ada", 0), ("bob", 0)], now_ms=T0)
    assert await live(room, T0, T0 + CLAIM_MS, ["bob"]) == ["bob"]
    assert await room.claim("ada", now_ms=T0 + CLAIM_MS) == 0


async def test_renewing_in_an_unknown_room_says_so(room: Room, directory: Directory) -> None:
    await directory.delete("shop", who="test")
    with pytest.raises(RoomNotFoundError):
        await room.claim("ada")


async def test_many_callers_at_once_never_bring_back_more_than_there_is_room_for(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=10)
    shown = [(visitor, T0 + 100 * S) for visitor in names(40)]
    found = await asyncio.gather(
        *(room.renew(shown[i::8], now_ms=T0) for i in range(8)),
        *(room.enter(visitor, now_ms=T0) for visitor in names(20, "w")),
        *(room.admit(now_ms=T0) for _ in range(8)),
    )
    assert len(found) == 36
    assert len((await look(store, room)).seated(T0)) == 10
