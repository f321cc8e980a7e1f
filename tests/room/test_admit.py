import asyncio

import pytest

from waitroom.errors import RoomNotFoundError
from waitroom.room import Directory, Room, Store

from .helpers import T0, MakeRoom, S, fill, live, look, meta, names

CLAIM_MS = 120 * S


async def open_seats(directory: Directory, count: int) -> None:
    await directory.update("shop", {"total_active_users": count}, who="test")


async def test_admit_of_an_empty_line_admits_nobody(make_room: MakeRoom) -> None:
    room = await make_room()
    assert await room.admit(now_ms=T0) == []


async def test_admit_stops_at_capacity(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 10)
    await open_seats(directory, 4)
    assert await room.admit(now_ms=T0 + S) == visitors[:4]
    assert await room.admit(now_ms=T0 + S) == []
    inside = await look(store, room)
    assert inside.active == dict.fromkeys(visitors[:4], T0 + S + CLAIM_MS)
    assert inside.line() == visitors[4:] and set(inside.seen) == set(visitors[4:])


async def test_admit_follows_place_and_not_the_order_of_coming(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    places = {"late": 3, "early": 1, "middle": 2}
    visits = [(visitor, T0 * 1000 + place) for visitor, place in places.items()]
    await room.enter_many(visits, now_ms=T0 + S)
    await open_seats(directory, 3)
    assert await room.admit(now_ms=T0 + S) == ["early", "middle", "late"]


@pytest.mark.parametrize(("silence_ms", "present"), [(45 * S - 1, True), (45 * S, False)])
async def test_silence_begins_at_the_very_end_of_a_heartbeats_life(
    make_room: MakeRoom, directory: Directory, silence_ms: int, present: bool
) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("ada", now_ms=T0)
    await open_seats(directory, 1)
    assert await room.admit(now_ms=T0 + silence_ms) == (["ada"] if present else [])


async def test_silent_head_is_parked_and_the_next_one_admitted(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 6)
    await room.beat(visitors[1::2], now_ms=T0 + 40 * S)
    await open_seats(directory, 2)
    assert await room.admit(now_ms=T0 + 45 * S) == [visitors[1], visitors[3]]
    inside = await look(store, room)
    assert inside.parked == {visitors[0]: T0, visitors[2]: T0}
    # Who stands behind the last one admitted was not looked at.
    assert inside.line() == [visitors[4], visitors[5]]


async def test_long_silent_head_is_passed_in_one_tick(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 2_500)
    await room.beat(visitors[-3:], now_ms=T0 + 40 * S)
    await open_seats(directory, 2)
    assert await room.admit(now_ms=T0 + 45 * S) == visitors[-3:-1]


async def test_admit_works_in_batches_and_keeps_the_order(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 30)
    await open_seats(directory, 25)
    assert await room.admit(batch_max=4, now_ms=T0) == visitors[:25]


@pytest.mark.parametrize("batch_max", [0, 1_001])
async def test_batch_out_of_range_is_refused(make_room: MakeRoom, batch_max: int) -> None:
    room = await make_room()
    with pytest.raises(ValueError, match="1 to 1000"):
        await room.admit(batch_max, now_ms=T0)


async def test_thousands_are_admitted_by_one_call(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 3_000)
    await open_seats(directory, 2_500)
    assert await room.admit(now_ms=T0) == visitors[:2_500]


async def test_expired_seat_is_given_again(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter_many([("ada", 0), ("bob", 0)], now_ms=T0)
    assert await live(room, T0, T0 + CLAIM_MS - 5 * S, ["bob"]) == []
    assert await live(room, T0 + CLAIM_MS, T0 + CLAIM_MS, ["bob"]) == ["bob"]


async def test_lower_capacity_evicts_nobody_and_admits_nobody_until_below(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=3)
    visitors = await fill(room, 6)
    await open_seats(directory, 1)
    assert await room.admit(now_ms=T0) == []
    assert len((await look(store, room)).seated(T0)) == 3
    for visitor in visitors[:2]:
        await room.leave(visitor, now_ms=T0 + S)
        assert await room.admit(now_ms=T0 + S) == []
    await room.leave(visitors[2], now_ms=T0 + S)
    assert await room.admit(now_ms=T0 + S) == [visitors[3]]


@pytest.mark.parametrize(
    "change",
    [{"queue_all": True}, {"closed": True}, {"suspended": True}, {"total_active_users": 0}],
)
async def test_nobody_is_admitted_while_the_owner_holds_the_room(
    make_room: MakeRoom, directory: Directory, change: dict[str, object]
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 2)
    await open_seats(directory, 2)
    await directory.update("shop", change, who="test")
    assert await room.admit(now_ms=T0) == []
    back = {name: False for name in change} | {"total_active_users": 2}
    await directory.update("shop", back, who="test")
    assert await room.admit(now_ms=T0 + S) == visitors


async def test_rate_spreads_admissions_over_the_minute(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 300)
    changes = {"total_active_users": 1_000, "new_users_per_minute": 180}
    await directory.update("shop", changes, who="test")
    per_tick = []
    for tick in range(0, 60 * S, 200):
        await room.beat(visitors, now_ms=T0 + tick)
        per_tick.append(len(await room.admit(now_ms=T0 + tick)))
    # The first tick may take one second's worth; then it flows, never more than one at once.
    assert per_tick[0] == 3 and max(per_tick[1:]) == 1
    assert 180 <= sum(per_tick) <= 183
    for start in range(0, 300, 5):
        assert sum(per_tick[start : start + 5]) <= 6


@pytest.mark.parametrize(("per_minute", "burst"), [(1, 1), (59, 1), (60, 1), (120, 2), (150, 2)])
async def test_rate_never_saves_up_more_than_one_second(
    make_room: MakeRoom, directory: Directory, per_minute: int, burst: int
) -> None:
    room = await make_room(total_active_users=100, new_users_per_minute=per_minute, queue_all=True)
    visitors = await fill(room, 50)
    await live(room, T0, T0 + 600 * S, visitors)
    await directory.update("shop", {"queue_all": False}, who="test")
    assert await room.admit(now_ms=T0 + 600 * S) == visitors[:burst]
    assert await room.admit(now_ms=T0 + 600 * S) == []


async def test_slow_rate_admits_exactly_on_time(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=100, new_users_per_minute=3)
    visitors = await fill(room, 4)
    admitted_s = []
    for second in range(60):
        await room.beat(visitors, now_ms=T0 + second * S)
        admitted_s += [second for _ in await room.admit(now_ms=T0 + second * S)]
    assert admitted_s == [20, 40]


async def test_new_rate_counts_at_the_very_next_tick(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=100, new_users_per_minute=1)
    visitors = await fill(room, 50)
    assert await room.admit(now_ms=T0 + S) == []
    await directory.update("shop", {"new_users_per_minute": None}, who="test")
    assert await room.admit(now_ms=T0 + 2 * S) == visitors[1:]


async def test_clock_set_back_does_not_stop_the_rate(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=100, new_users_per_minute=60)
    visitors = await fill(room, 5)
    earlier = T0 - 3_600 * S
    assert await live(room, earlier, earlier, visitors) == []
    assert await live(room, earlier + S, earlier + S, visitors) == [visitors[1]]
    assert await live(room, earlier + 2 * S, earlier + 2 * S, visitors) == [visitors[2]]


async def test_admitted_are_published_in_order(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 3)
    await open_seats(directory, 2)
    async with store.redis.pubsub() as channel:
        await channel.subscribe(room.keys.admitted)
        await channel.get_message(timeout=5)
        await room.admit(now_ms=T0)
        await room.admit(now_ms=T0)
        message = await channel.get_message(timeout=5)
        assert message is not None and message["data"].decode().split() == visitors[:2]
        assert await channel.get_message(timeout=0.01) is None


async def test_return_of_the_service_waits_for_the_visitors_to_come_back(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0, recovery_hold_s=30)
    visitors = await fill(room, 4)
    await live(room, T0, T0, visitors)
    await open_seats(directory, 2)
    back = T0 + 300 * S
    assert await room.admit(now_ms=back) == []
    await room.sweep(now_ms=back)
    assert (await look(store, room)).line() == visitors
    assert await live(room, back + S, back + 29 * S, visitors[2:], step_ms=7 * S) == []
    assert await room.admit(now_ms=back + 30 * S) == visitors[2:]


async def test_short_gap_between_ticks_is_no_reason_to_wait(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter_many([("ada", 0), ("bob", 0)], now_ms=T0)
    await room.admit(now_ms=T0)
    await room.leave("ada", now_ms=T0)
    assert await room.admit(now_ms=T0 + 22_500) == ["bob"]


async def test_gap_is_noticed_though_the_owner_holds_everybody(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=5, queue_all=True)
    visitors = await fill(room, 2)
    await live(room, T0, T0, visitors)
    back = T0 + 300 * S
    await room.admit(now_ms=back)
    await room.sweep(now_ms=back + S)
    assert (await look(store, room)).line() == visitors
    await directory.update("shop", {"queue_all": False}, who="test")
    assert await room.admit(now_ms=back + 2 * S) == []


async def test_empty_room_that_was_not_ticked_is_open_at_once(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.admit(now_ms=T0)
    assert (await room.enter("ada", now_ms=T0 + 3_600 * S)).state == "seated"


async def test_clock_set_back_does_not_prolong_a_hold(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 1)
    await room.admit(now_ms=T0)
    await room.admit(now_ms=T0 + 3_600 * S)
    assert (await room.board(now_ms=T0 + 3_600 * S)).state == "recovering"
    await live(room, T0, T0 + 35 * S, ["v000000"])
    assert (await room.board(now_ms=T0 + 35 * S, max_age_ms=0)).state == "queueing"


async def test_ticks_are_noted_once_a_second(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    for tick in (0, 200, 999, 1_000, 1_200):
        await room.admit(now_ms=T0 + tick)
        noted = T0 if tick < 1_000 else T0 + 1_000
        assert (await meta(store, room))["tick_ms"] == str(noted)


async def test_admit_in_an_unknown_room_says_so(room: Room, directory: Directory) -> None:
    await directory.delete("shop", who="test")
    with pytest.raises(RoomNotFoundError):
        await room.admit()


async def test_many_ticks_at_once_admit_nobody_twice_and_never_over(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 100)
    await open_seats(directory, 30)
    found = await asyncio.gather(*(room.admit(7, now_ms=T0) for _ in range(20)))
    admitted = [visitor for part in found for visitor in part]
    assert sorted(admitted) == names(30) == visitors[:30]
    assert all(part == sorted(part) for part in found)
    assert len((await look(store, room)).seated(T0)) == 30
