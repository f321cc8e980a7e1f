"""Minutes and days; ``test_machine.py`` holds the minutes against a model."""

import asyncio

import orjson
import pytest

from waitroom.room import COUNTERS, Directory, Room, Store
from waitroom.room.days import DAYS
from waitroom.room.records import DAY_MS, KEEP_MS, Day, Minute, Spans, days, minutes

from .helpers import T0, MakeRoom, S, fill, live

MINUTE_MS = 60 * S
#: A whole minute, the first of a day.
DAWN = T0 - T0 % DAY_MS + DAY_MS


async def all_minutes(store: Store, room: Room) -> list[Minute]:
    return await minutes(store, room.keys, 0, 10 * T0)


async def all_days(store: Store, room: Room) -> list[Day]:
    return await days(store, room.keys, DAWN - 40 * DAY_MS, DAWN + 40 * DAY_MS)


def not_zero(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


async def test_room_without_samples_has_no_minutes_and_no_days(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room()
    assert await all_minutes(store, room) == [] and await all_days(store, room) == []
    assert await room.sum_up(now_ms=DAWN) == 0
    assert await days(store, room.keys, DAWN, DAWN - DAY_MS) == []


async def test_minute_has_what_happened_since_the_one_before(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=2)
    visitors = await fill(room, 5, now_ms=DAWN)
    await room.claim(visitors[0], now_ms=DAWN + S)
    await room.sample(now_ms=DAWN + MINUTE_MS)
    await room.leave(visitors[0], now_ms=DAWN + 61 * S)
    await room.sample(now_ms=DAWN + 2 * MINUTE_MS)
    first, second = await all_minutes(store, room)
    assert not_zero(first.counts) == {"entered": 5, "admitted": 2, "claimed": 1}
    assert not_zero(second.counts) == {"left_site": 1}
    assert (first.arrivals, first.admitted, first.no_shows, first.left_waiting) == (5, 2, 0, 0)
    assert (first.waiting, first.active, first.unclaimed, first.seats) == (3, 2, 1, 2)
    # At this very moment the other one's seat has run out.
    assert (second.waiting, second.active, second.at_ms) == (3, 0, DAWN + 2 * MINUTE_MS)
    assert (first.wait.count, first.site.count) == (2, 0)
    # Places are those of the millisecond before.
    assert second.site == Spans({46: 1}, 60 * S) and second.total == Spans({46: 1}, 61 * S + 1)
    assert first.told_s is None and first.told_right_share is None


async def test_missed_minutes_are_not_made_up_and_lose_nothing(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    await room.sample(now_ms=DAWN)
    for minute in range(1, 6):
        await room.enter(f"v{minute}", now_ms=DAWN + minute * MINUTE_MS)
    await room.sample(now_ms=DAWN + 6 * MINUTE_MS + 12_345)
    found = [(sample.at_ms, sample.arrivals) for sample in await all_minutes(store, room)]
    assert found == [(DAWN, 0), (DAWN + 6 * MINUTE_MS, 5)]


async def test_counters_that_begin_anew_after_a_loss_are_never_negative(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 5, now_ms=DAWN)
    await room.sample(now_ms=DAWN)
    # Only the counters: worse than a loss of all.
    await store.redis.hdel(room.keys.meta, "entered")
    await room.enter("late", now_ms=DAWN + S)
    await room.sample(now_ms=DAWN + MINUTE_MS)
    assert [sample.arrivals for sample in await all_minutes(store, room)] == [5, 1]
    await store.redis.flushall()
    await directory.refresh()
    await room.enter("later", now_ms=DAWN + 2 * MINUTE_MS)
    await room.sample(now_ms=DAWN + 2 * MINUTE_MS)
    assert [not_zero(sample.counts) for sample in await all_minutes(store, room)] == [
        {"entered": 1}
    ]


async def write_old(store: Store, room: Room, at_ms: int, entered: int) -> None:
    """Write a sample as the first version did: with the totals of the counters."""
    names = [name for name in COUNTERS if name != "ended"]
    row = {"waiting": 3, "active": 2, "total_active_users": 4}
    row |= dict.fromkeys(names, 0) | {"entered": entered}
    await store.redis.xadd(room.keys.history, row, id=f"{at_ms}-1")


async def test_samples_of_an_earlier_version_are_read_and_gone_on_from(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    for minute, entered in enumerate((100, 107, 2)):
        await write_old(store, room, DAWN + minute * MINUTE_MS, entered)
    await store.redis.hset(room.keys.meta, "entered", 5)
    await room.sample(now_ms=DAWN + 3 * MINUTE_MS)
    found = await all_minutes(store, room)
    # The first one's past is not known; the third one follows a loss.
    assert [sample.arrivals for sample in found] == [100, 7, 2, 3]
    assert (found[0].waiting, found[0].active, found[0].seats) == (3, 2, 4)
    later = await minutes(store, room.keys, DAWN + MINUTE_MS, DAWN + MINUTE_MS)
    assert [sample.arrivals for sample in later] == [7]


async def test_samples_are_kept_for_31_days(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    for hour in range(31 * 24 + 300):
        await room.sample(now_ms=DAWN + hour * 3_600 * S)
    newest = DAWN + (31 * 24 + 299) * 3_600 * S
    kept = [sample.at_ms for sample in await all_minutes(store, room)]
    assert newest - KEEP_MS in kept
    # Redis drops whole blocks of a hundred.
    assert len(kept) <= 31 * 24 + 1 + 100


async def test_more_samples_than_a_page_are_read(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    for minute in range(1_441):
        await room.sample(now_ms=DAWN + minute * MINUTE_MS)
    assert len(await all_minutes(store, room)) == 1_441


async def serve(room: Room, start_ms: int, end_ms: int, present: list[str]) -> None:
    """Let a room live second by second, boards included."""
    for now_ms in range(start_ms, end_ms, S):
        await room.beat(present, now_ms=now_ms)
        await room.admit(now_ms=now_ms)
        await room.board_text(now_ms=now_ms, max_age_ms=0)


@pytest.mark.backends("valkey", "cluster")
@pytest.mark.parametrize(
    ("changes", "how"),
    [({}, "right"), ({"new_users_per_minute": 600}, "early"), ({"queue_all": True}, "late")],
)
async def test_waits_are_held_against_what_was_told_on_arrival(
    make_room: MakeRoom, directory: Directory, store: Store, changes: dict[str, object], how: str
) -> None:
    room = await make_room(total_active_users=1_000, new_users_per_minute=60)
    visitors = await fill(room, 120)
    await serve(room, T0, T0 + 40 * S, visitors)
    board = await room.board(now_ms=T0 + 40 * S, max_age_ms=0)
    said = board.wait_s(board.waiting + 1)
    assert said is not None and said[1] - said[0] < 60
    await room.enter("ada", now_ms=T0 + 41 * S)
    await room.sample(now_ms=T0 + 42 * S)
    assert (await all_minutes(store, room))[-1].told_s == said
    await directory.update("shop", changes, who="test")
    for now_ms in range(T0 + 42 * S, T0 + 300 * S, S):
        if changes.get("queue_all") and now_ms == T0 + 180 * S:
            await directory.update("shop", {"queue_all": False}, who="test")
        await room.beat(["ada", *visitors], now_ms=now_ms)
        await room.admit(now_ms=now_ms)
    await room.sample(now_ms=T0 + 360 * S)
    minute = (await all_minutes(store, room))[-1]
    # Only of her it is known: the others came when no rate was known yet.
    found = {"right": minute.told_right, "early": minute.told_early, "late": minute.told_late}
    assert found == dict.fromkeys(("right", "early", "late"), 0) | {how: 1}
    assert minute.told == 1 and minute.told_right_share == (how == "right")


async def test_who_is_seated_on_arrival_was_told_no_wait(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=1_000, new_users_per_minute=60)
    visitors = await fill(room, 120)
    # A wait is noted for those who come in these ten seconds, and then the line is let in at once.
    await serve(room, T0, T0 + 32 * S, visitors)
    await directory.update("shop", {"new_users_per_minute": None}, who="test")
    await room.admit(now_ms=T0 + 33 * S)
    standing = await room.enter("ada", (T0 + 34 * S) * 1000, now_ms=T0 + 34 * S + 400)
    await room.sample(now_ms=T0 + 60 * S)
    [minute] = await all_minutes(store, room)
    assert await store.redis.hlen(room.keys.told) >= 1
    assert (standing.state, minute.admitted, minute.told) == ("seated", 121, 0)


@pytest.mark.backends("valkey")
async def test_notes_of_waits_are_bounded_and_those_of_yesterday_do_not_count(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=1_000, new_users_per_minute=60)
    visitors = await fill(room, 60)
    await serve(room, T0, T0 + 40 * S, visitors)
    noted = await store.redis.hlen(room.keys.told)
    assert 1 <= noted <= 4
    await room.sample(now_ms=T0 + 39 * S + DAY_MS)
    assert (await all_minutes(store, room))[-1].told_s is None
    for _ in range(3):
        await room.board_text(now_ms=T0 + 39 * S, max_age_ms=0)
    assert await store.redis.hlen(room.keys.told) == noted


async def test_day_is_the_sum_of_its_samples(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=2)
    visitors = await fill(room, 4, now_ms=DAWN)
    await room.sample(now_ms=DAWN + MINUTE_MS)
    await room.leave(visitors[3], now_ms=DAWN + 61 * S)
    await live(room, DAWN + 61 * S, DAWN + 140 * S, visitors[2:3])
    await room.sweep(now_ms=DAWN + 140 * S)
    await room.sample(now_ms=DAWN + 3 * MINUTE_MS)
    [day] = await all_days(store, room)
    # Two who never came and their places; the third got one of them after 120 s.
    counts = {"entered": 4, "admitted": 3, "no_shows": 2, "left_line": 1}
    assert not_zero(day.counts) == counts
    assert (day.arrivals, day.left_waiting, day.samples, day.over) == (4, 1, 2, False)
    assert (day.busy_samples, day.utilisation) == (1, 1.0)
    assert (day.most_waiting, day.most_active) == (2, 2)
    assert day.wait.count == 3
    assert [day.wait.quantile_ms(share) for share in (0.5, 0.99)] == [50, 116_209]
    assert (day.date, day.start_ms) == ("2027-01-16", DAWN)


async def test_day_that_is_over_is_kept_once_and_outlives_its_samples(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    await fill(room, 3, now_ms=DAWN + S)
    await room.sample(now_ms=DAWN + MINUTE_MS)
    assert await room.sum_up(now_ms=DAWN + MINUTE_MS) == 0
    [before] = await all_days(store, room)
    # The sample at midnight counts the last minute of the day.
    await room.enter("late", now_ms=DAWN + DAY_MS - S)
    await room.sample(now_ms=DAWN + DAY_MS)
    assert await room.sum_up(now_ms=DAWN + DAY_MS) == 0
    await room.sample(now_ms=DAWN + DAY_MS + MINUTE_MS)
    summed = await asyncio.gather(*(room.sum_up(now_ms=DAWN + DAY_MS) for _ in range(3)))
    assert max(summed) == 1 and await room.sum_up(now_ms=DAWN + DAY_MS) == 0
    await store.redis.delete(room.keys.history)
    [day] = await all_days(store, room)
    assert (before.arrivals, day.arrivals, day.samples, day.over) == (3, 4, 2, True)
    assert day.wait.count == before.wait.count + 1 and day.counts.keys() == before.counts.keys()


async def test_days_of_an_outage_have_no_sum_and_the_one_before_it_has(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    await fill(room, 3, now_ms=DAWN)
    for at_ms in (DAWN + MINUTE_MS, DAWN + 5 * DAY_MS + MINUTE_MS):
        await room.sample(now_ms=at_ms)
        await room.sum_up(now_ms=at_ms)
    assert [(day.date, day.over) for day in await all_days(store, room)] == [
        ("2027-01-16", True),
        ("2027-01-21", False),
    ]


async def test_days_are_kept_for_400_days(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    for day in range(DAYS + 20):
        await room.sample(now_ms=DAWN + day * DAY_MS + MINUTE_MS)
        await room.sum_up()
    assert await store.redis.hlen(room.keys.days) == DAYS - 1
    last = DAWN + (DAYS + 19) * DAY_MS
    found = await days(store, room.keys, 0, last)
    assert len(found) == DAYS and found[-1].start_ms == last


async def test_day_of_a_later_version_with_more_counters_is_read(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room()
    await room.sample(now_ms=DAWN + MINUTE_MS)
    await room.sample(now_ms=DAWN + DAY_MS + MINUTE_MS)
    await room.sum_up()
    number = DAWN // DAY_MS
    text = orjson.loads(await store.redis.hget(room.keys.days, str(number)))
    text["counts"] = {"entered": 3, "teleported": 1}
    await store.redis.hset(room.keys.days, str(number), orjson.dumps(text | {"more": 1}))
    [day, _] = await all_days(store, room)
    assert day.arrivals == 3 and day.admitted == 0


async def test_deleted_room_takes_its_records_with_it(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    await fill(room, 3, now_ms=DAWN)
    await room.sample(now_ms=DAWN + MINUTE_MS)
    await room.sample(now_ms=DAWN + DAY_MS + MINUTE_MS)
    await room.sum_up()
    await room.leave("v000000", now_ms=DAWN + S)
    await directory.delete("shop", who="test")
    assert await store.redis.exists(*room.keys.all()) == 0
