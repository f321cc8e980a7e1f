"""Positions far back in a long line: looked up now and then, fitted meanwhile.

The rest of the board is in ``test_board.py``.
"""

import random
from itertools import pairwise
from math import log

import pytest

from waitroom.room import Board, Room, Store

from .helpers import T0, MakeRoom, S, names
from .test_invariants import calls_made

pytestmark = pytest.mark.backends("valkey")

#: Behind this many, points are kept for ten seconds.
FAR = 10_000
#: All places are young enough to count.
START_US = (T0 - 500 * S) * 1000


class Line:
    """A room's line and the truth about it."""

    def __init__(self, room: Room, store: Store) -> None:
        self.room = room
        self._redis = store.redis
        self.place_of: dict[str, int] = {}

    async def come(self, visits: list[tuple[str, int]], now_ms: int = T0) -> None:
        self.place_of.update(visits)
        await self.room.enter_many(visits, now_ms=now_ms)

    async def go(self, visitors: list[str]) -> None:
        for visitor in visitors:
            del self.place_of[visitor]
        await self._redis.zrem(self.room.keys.waiting, *visitors)

    def in_order(self) -> list[str]:
        return sorted(self.place_of, key=lambda visitor: self.place_of[visitor])

    async def board(self, now_ms: int) -> Board:
        return await self.room.board(now_ms=now_ms, max_age_ms=0)

    def widest(self, board: Board) -> float:
        """Return by how much two neighbours are apart at most, as a share."""
        far = board.positions[100:]
        return max(after / before for before, after in pairwise(far)) - 1

    def worst(self, board: Board) -> float:
        """Return by how much a position is wrong at most, as a share of it."""
        shown = [board.position(place) or 0 for place in sorted(self.place_of.values())]
        assert shown == sorted(shown)
        return max(abs(s - position) / position for position, s in enumerate(shown, 1))


@pytest.fixture
async def line(make_room: MakeRoom, store: Store) -> Line:
    found = Line(await make_room(total_active_users=0), store)
    count = 2 * FAR
    await found.come([(v, START_US + i * 20_000) for i, v in enumerate(names(count))])
    return found


async def test_points_far_back_are_looked_up_every_ten_seconds(line: Line, store: Store) -> None:
    # So that the server knows the script.
    await line.board(T0 - 60 * S)
    costs = [
        await calls_made(store, lambda now_ms=T0 + second * S: line.board(now_ms))  # type: ignore[misc]
        for second in range(21)
    ]
    first, second = costs[0], costs[1]
    # About 35 points stand between 10,000 and 20,000.
    assert first - second > 30
    assert [i for i, cost in enumerate(costs) if cost == first] == [0, 10, 20]
    assert set(costs) == {first, second}


async def test_positions_stay_right_while_many_come_and_go(line: Line) -> None:
    dice = random.Random(7)
    for second in range(25):
        now_ms = T0 + second * S
        order = line.in_order()
        # The head is admitted, others close their tabs; newcomers, and some with old tickets.
        await line.go([*order[: dice.randrange(1, 150)], *dice.sample(order[5_000:], 20)])
        late = [(f"l{second}-{i}", now_ms * 1000 - 100 + i) for i in range(dice.randrange(100))]
        back = [
            (f"b{second}-{i}", dice.randrange(START_US, T0 * 1000))
            for i in range(dice.randrange(9))
        ]
        await line.come(late + back, now_ms)
        board = await line.board(now_ms)
        assert board.positions[-1] == board.waiting == len(line.place_of)
        assert board.positions == sorted(set(board.positions))
        assert board.places == sorted(set(board.places))
        assert line.worst(board) <= 0.02
        # What came between two points since they were looked up.
        assert line.widest(board) <= 0.023


async def test_many_gone_from_the_far_part_are_noticed_at_once(line: Line) -> None:
    await line.board(T0)
    await line.go(line.in_order()[12_000:14_000])
    board = await line.board(T0 + S)
    assert board.waiting == 18_000 and line.worst(board) <= 0.02


async def test_few_gone_from_one_spot_are_noticed_where_they_stood(line: Line) -> None:
    await line.come([(f"e{i}", T0 * 1000 - 60_000 + i) for i in range(2 * FAR)])
    await line.board(T0)
    # Less than 1 % of what is far back, but most of it is much further back.
    await line.go(line.in_order()[10_050:10_340])
    board = await line.board(T0 + S)
    assert board.waiting == 4 * FAR - 290 and line.worst(board) <= 0.02


async def test_many_back_before_the_far_part_are_noticed_at_once(line: Line) -> None:
    await line.board(T0)
    await line.come([(f"b{i}", START_US - 1 - i) for i in range(3_000)])
    board = await line.board(T0 + S)
    assert board.waiting == 23_000 and line.worst(board) <= 0.02
    assert line.widest(board) <= 0.0201


async def test_line_that_became_short_needs_no_kept_points(line: Line) -> None:
    await line.board(T0)
    await line.go(line.in_order()[: FAR + 50])
    board = await line.board(T0 + S)
    assert board.waiting == FAR - 50 and line.worst(board) <= 0.02


async def test_clock_set_back_looks_everything_up(line: Line, store: Store) -> None:
    await line.board(T0 - 60 * S)
    full = await calls_made(store, lambda: line.board(T0))
    assert await calls_made(store, lambda: line.board(T0 - 3_600 * S)) == full


async def test_board_of_ten_million_would_stay_under_twenty_kilobytes(line: Line) -> None:
    text = await line.room.board_text(now_ms=T0)
    board = Board.parse(text)
    waiting = board.waiting

    def expected(count: int) -> float:
        return 100 + log(count / 100) / log(1.02)

    # A little more, because steps are rounded down.
    assert expected(waiting) <= len(board.places) <= expected(waiting) + 20
    # A place of 16 digits, a position of up to eight, two commas; and what is said but once.
    besides = len(text) - sum(len(f"{n},") for n in [*board.places, *board.positions])
    assert (expected(10_000_000) + 20) * 26 + besides < 20_000
