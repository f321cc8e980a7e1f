import asyncio
import random
from dataclasses import replace

import orjson
import pytest

from waitroom.errors import RoomNotFoundError
from waitroom.room import Board, Directory, Room, Store

from .helpers import T0, MakeRoom, S, fill, live, names

FRESH = {"max_age_ms": 0}


async def test_board_of_an_empty_room_is_open(make_room: MakeRoom) -> None:
    room = await make_room(title="The shop", message="Hello")
    board = await room.board(now_ms=T0)
    assert board == Board(
        room="shop",
        state="open",
        queueing=False,
        at_ms=T0,
        waiting=0,
        active=0,
        total_active_users=200,
        admitted_per_minute=None,
        rate_per_minute=None,
        title="The shop",
        message="Hello",
        places=[],
        positions=[],
    )
    assert board.position(T0 * 1000) is None
    assert board.wait_s(1) is None


async def test_words_of_the_owner_reach_the_board_as_they_are(make_room: MakeRoom) -> None:
    room = await make_room(title='"quoted" \\ ünï', message="two\nlines %s %d")
    board = await room.board(now_ms=T0)
    assert (board.title, board.message) == ('"quoted" \\ ünï', "two\nlines %s %d")


@pytest.mark.parametrize(
    ("change", "state", "queueing"),
    [
        ({}, "queueing", True),
        ({"queue_all": True}, "paused", True),
        ({"closed": True}, "closed", False),
        ({"suspended": True}, "suspended", False),
        ({"suspended": True, "closed": True, "queue_all": True}, "suspended", False),
        ({"closed": True, "queue_all": True}, "closed", False),
    ],
)
async def test_board_says_what_the_room_is_doing(
    make_room: MakeRoom,
    directory: Directory,
    change: dict[str, object],
    state: str,
    queueing: bool,
) -> None:
    room = await make_room(total_active_users=1)
    await fill(room, 3)
    await directory.update("shop", change, who="test")
    board = await room.board(now_ms=T0)
    assert (board.state, board.queueing) == (state, queueing)
    assert (board.waiting, board.active) == (2, 1)


async def test_board_is_made_once_a_second_for_everybody(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    first = await room.board_text(now_ms=T0)
    await fill(room, 3)
    assert await room.board_text(now_ms=T0 + 999) == first
    assert (await room.board(now_ms=T0 + 1_000)).waiting == 3


async def test_change_of_settings_makes_the_board_anew(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room()
    await room.board(now_ms=T0)
    await directory.update("shop", {"message": "Soon"}, who="test")
    assert (await room.board(now_ms=T0 + 1)).message == "Soon"


async def test_clock_set_back_makes_the_board_anew(make_room: MakeRoom) -> None:
    room = await make_room()
    await room.board(now_ms=T0)
    assert (await room.board(now_ms=T0 - 3_600 * S)).at_ms == T0 - 3_600 * S


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 102, 103, 150, 5_000])
async def test_every_position_is_right_within_two_percent(make_room: MakeRoom, count: int) -> None:
    room = await make_room(total_active_users=0)
    dice = random.Random(count)
    places = sorted(dice.sample(range((T0 - 500 * S) * 1000, T0 * 1000), count))
    await room.enter_many(list(zip(names(count), places, strict=True)), now_ms=T0)
    board = await room.board(now_ms=T0)
    assert board.positions[-1] == board.waiting == count
    assert len(board.places) == len(board.positions) <= 320
    for position, place in enumerate(places, 1):
        shown = board.position(place)
        assert shown is not None
        assert shown == position if position <= 100 else abs(shown - position) <= 0.02 * position


@pytest.mark.backends("valkey")
async def test_line_of_a_hundred_thousand_fits_a_small_board(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    count = 100_000
    first = T0 * 1000 - count * 7
    places = [first + i * 7 for i in range(count)]
    await room.enter_many(list(zip(names(count), places, strict=True)), now_ms=T0)
    text = await room.board_text(now_ms=T0)
    board = Board.parse(text)
    assert len(text) < 20_000 and board.waiting == count
    assert [board.position(place) for place in places[:100]] == list(range(1, 101))
    shown = [board.position(place) or 0 for place in places]
    assert all(abs(s - i) <= 0.02 * i for i, s in enumerate(shown, 1))
    assert shown == sorted(shown)


async def test_place_outside_the_line_is_told_from_one_that_is_too_new(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=0)
    places = [T0 * 1000 - 30, T0 * 1000 - 20, T0 * 1000 - 10]
    await room.enter_many(list(zip(names(3), places, strict=True)), now_ms=T0)
    board = await room.board(now_ms=T0)
    assert board.position(places[0] - 1) == 0
    assert board.position(places[1] + 1) == 0
    assert board.position(places[2] + 1) is None


async def test_wait_is_unknown_until_enough_was_seen(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    visitors = await fill(room, 10)
    seats = iter(visitors)
    board = await room.board(now_ms=T0)
    assert (board.admitted_per_minute, board.wait_s(5)) == (None, None)
    for second in range(1, 3):
        await room.leave(next(seats), now_ms=T0 + second * 5 * S)
        await room.admit(now_ms=T0 + second * 5 * S)
    board = await room.board(now_ms=T0 + 10 * S)
    assert board.wait_s(5) is None


async def steady(room: Room, visitors: list[str], seconds: int) -> Board:
    """One leaves and one is admitted each second; the board is read as often."""
    board = await room.board(now_ms=T0, **FRESH)
    for second in range(1, seconds + 1):
        now_ms = T0 + second * S
        await room.beat(visitors, now_ms=now_ms)
        await room.leave(visitors[second - 1], now_ms=now_ms)
        await room.admit(now_ms=now_ms)
        board = await room.board(now_ms=now_ms, **FRESH)
    return board


async def test_wait_is_a_range_that_holds_the_truth(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    board = await steady(room, await fill(room, 400), 120)
    assert board.admitted_per_minute == 60
    assert board.rate_per_minute is not None
    low, high = board.rate_per_minute
    assert low < 60 < high
    for position in (1, 10, 100, 200):
        wait = board.wait_s(position)
        assert wait is not None and wait[0] <= position <= wait[1]


async def test_rate_limit_bounds_the_estimate(make_room: MakeRoom, directory: Directory) -> None:
    room = await make_room(total_active_users=1)
    await steady(room, await fill(room, 100), 60)
    await directory.update("shop", {"new_users_per_minute": 30}, who="test")
    board = await room.board(now_ms=T0 + 60 * S)
    assert board.rate_per_minute == (30, 30)


async def test_wait_of_a_held_room_is_unknown(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    board = await steady(room, await fill(room, 100), 60)
    assert board.wait_s(5) is not None
    for state in ("paused", "recovering", "closed"):
        assert replace(board, state=state).wait_s(5) is None


async def test_a_pause_says_nothing_about_the_pace(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=1, heartbeat_ttl_s=300)
    visitors = await fill(room, 100)
    await steady(room, visitors, 30)
    await directory.update("shop", {"queue_all": True}, who="test")
    for second in range(31, 91):
        await room.board(now_ms=T0 + second * S, **FRESH)
    await directory.update("shop", {"queue_all": False}, who="test")
    for second in range(91, 111):
        now_ms = T0 + second * S
        await room.leave(visitors[second - 61], now_ms=now_ms)
        await room.admit(now_ms=now_ms)
        board = await room.board(now_ms=now_ms, **FRESH)
    # Over the pause as well it would be half of that, and every wait twice as long.
    assert board.admitted_per_minute == pytest.approx(60, abs=4)


async def test_arrivals_of_an_open_room_are_no_flow_of_the_line(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=50)
    for second in range(50):
        await room.enter(f"open{second}", now_ms=T0 + second * S)
        await room.board(now_ms=T0 + second * S)
    await room.enter("waits", now_ms=T0 + 50 * S)
    board = await room.board(now_ms=T0 + 70 * S)
    assert board.state == "queueing" and board.admitted_per_minute is None


async def test_few_admissions_of_many_days_give_a_finite_wait(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    visitors = await fill(room, 10)
    await room.board(now_ms=T0)
    for visitor in visitors[:3]:
        await room.leave(visitor, now_ms=T0 + S)
        await room.admit(now_ms=T0 + S)
    days = T0 + 30 * 86_400 * S
    await live(room, days - 60 * S, days, visitors)
    board = await room.board(now_ms=days, **FRESH)
    assert board.wait_s(1) is not None


async def test_clock_set_back_makes_the_wait_unknown_and_then_known_again(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=1)
    visitors = await fill(room, 200)
    await steady(room, visitors, 90)
    # Seats that ended after the new now are not over yet.
    await directory.update("shop", {"total_active_users": 91}, who="test")
    for second in range(40):
        now_ms = T0 - 3_600 * S + second * S
        await room.beat(visitors, now_ms=now_ms)
        await room.leave(visitors[90 + second], now_ms=now_ms)
        await room.admit(now_ms=now_ms)
        board = await room.board(now_ms=now_ms, **FRESH)
        assert second or board.wait_s(5) is None
    assert board.admitted_per_minute == 60


async def test_board_stays_small_however_long_the_room_runs(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 1)
    for step in range(200):
        await room.board(now_ms=T0 + step * 5 * S)
    flow = await store.redis.hget(room.keys.meta, "flow")
    assert flow is not None and len(flow.split()) <= 61


async def test_board_is_json_for_anybody(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 150)
    fields = orjson.loads(await room.board_text(now_ms=T0))
    assert fields["places"] == sorted(fields["places"])
    assert not any(name.startswith("v0") for name in str(fields).split("'"))


async def test_board_of_an_unknown_room_says_so(room: Room, directory: Directory) -> None:
    await directory.delete("shop", who="test")
    with pytest.raises(RoomNotFoundError):
        await room.board()


async def test_many_callers_at_once_get_the_same_board(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 300)
    texts = await asyncio.gather(*(room.board_text(now_ms=T0 + i) for i in range(50)))
    assert len(set(texts)) == 1
