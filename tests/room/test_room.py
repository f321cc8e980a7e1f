import asyncio

import pytest

from waitroom.room import COUNTERS, Room, Store

from .helpers import T0, MakeRoom, S, fill, live

MINUTE_MS = 60 * S


async def test_figures_of_a_new_room_are_all_zero(make_room: MakeRoom) -> None:
    room = await make_room()
    figures = await room.figures(now_ms=T0)
    assert (figures.waiting, figures.parked, figures.active, figures.unclaimed) == (0, 0, 0, 0)
    assert figures.counters == dict.fromkeys(COUNTERS, 0)


async def test_figures_count_what_happened(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=3)
    visitors = await fill(room, 8)
    await room.claim(visitors[0], now_ms=T0)
    await room.leave(visitors[0], now_ms=T0 + S)
    await room.leave(visitors[7], now_ms=T0 + S)
    await live(room, T0 + S, T0 + 125 * S, visitors[:6])
    await room.sweep(now_ms=T0 + 125 * S)
    figures = await room.figures(now_ms=T0 + 125 * S)
    # Seats: 0 left; 1, 2 and then 3 never came; 4 and 5 are the last. Silent: 6.
    assert (figures.waiting, figures.parked, figures.active) == (0, 1, 2)
    assert figures.counters == {
        "entered": 8,
        "admitted": 6,
        "claimed": 1,
        "no_shows": 3,
        "left_line": 1,
        "left_site": 1,
        "parked": 1,
        "returned": 0,
        "lapsed": 0,
        "restored": 0,
        # The first one left; four and five still have their seats.
        "ended": 0,
    }


async def test_figures_take_the_servers_clock_when_no_time_is_given(room: Room) -> None:
    await room.enter("ada")
    assert (await room.figures()).active == 1


async def test_visitors_are_listed_in_order_and_page_by_page(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    visitors = await fill(room, 7)
    rows = [row for start in (0, 3, 6, 9) for row in await room.visitors(start, 3)]
    assert [row.visitor for row in rows] == visitors
    assert [row.position for row in rows] == list(range(1, 8))
    assert {row.seen_ms for row in rows} == {T0}
    assert rows[0].place == T0 * 1000 - 7


@pytest.mark.parametrize(("start", "count"), [(-1, 10), (0, 0), (0, 1_001)])
async def test_page_out_of_range_is_refused(make_room: MakeRoom, start: int, count: int) -> None:
    room = await make_room()
    with pytest.raises(ValueError, match="1 to 1000"):
        await room.visitors(start, count)


async def test_history_has_one_sample_a_minute(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=1)
    await fill(room, 3)
    first = T0 - T0 % MINUTE_MS
    assert await room.sample(now_ms=first)
    assert not await room.sample(now_ms=first + MINUTE_MS - 1)
    assert await room.sample(now_ms=first + MINUTE_MS)
    assert not await room.sample(now_ms=first)
    rows = await store.redis.xrange(room.keys.history)
    assert [int(row_id.split(b"-")[0]) for row_id, _ in rows] == [first, first + MINUTE_MS]
    assert rows[0][1][b"waiting"] == b"2" and rows[0][1][b"active"] == b"1"
    assert rows[0][1][b"counts"] == b"entered:3 admitted:1"


async def test_many_processes_at_once_write_one_sample(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    written = await asyncio.gather(*(room.sample(now_ms=T0) for _ in range(12)))
    assert sum(written) == 1
    assert await store.redis.xlen(room.keys.history) == 1


async def test_two_rooms_do_not_touch_each_other(make_room: MakeRoom) -> None:
    one = await make_room("one", total_active_users=1)
    two = await make_room("two", total_active_users=1)
    await fill(one, 3)
    assert (await two.enter("v000000", now_ms=T0)).state == "seated"
    assert (await one.figures(now_ms=T0)).waiting == 2
    assert (await two.figures(now_ms=T0)).waiting == 0
