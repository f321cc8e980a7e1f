"""The engine's benchmark at a tiny scale: that it measures what it says, not how fast this is."""

import pytest

from loadtest.bench import engine
from loadtest.bench.engine import SMALL, Amounts, measure_amounts, ratio
from loadtest.bench.engine_stand import Cost, Floor, newcomers, running
from loadtest.bench.rows import exit_code

TINY = Amounts(line=3_000, short=1_000, rounds=1, batch=500)


async def test_every_row_is_measured_and_what_noise_does_not_touch_is_met() -> None:
    rows = await measure_amounts(TINY)
    names = [row.name for row in rows]
    for what in ("enter,", "admit", "board", "memory", "tick", "status", "visitors", "figures"):
        assert any(what in name for name in names), what
    assert all(row.target and row.figure is not None and row.figure > 0 for row in rows)
    assert exit_code(rows, small=True) == 0


async def test_board_that_is_too_large_fails_a_quick_look_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "BOARD_BYTES_MAX", 500)
    assert exit_code(await measure_amounts(TINY), small=True) == 1


def test_ratio_is_that_of_neighbours_so_that_a_slow_moment_changes_little() -> None:
    floor = [Cost(1.0, 0.5), Cost(10.0, 5.0), Cost(1.0, 0.5)]
    ours = [Cost(2.0, 0.5), Cost(20.0, 5.0), Cost(3.0, 0.5)]
    assert ratio(ours, floor) == (2.0, 1.0)


def test_quick_look_is_quick_because_its_line_is_short_and_its_rounds_are_few() -> None:
    assert (SMALL.line, SMALL.rounds) < (Amounts().line, Amounts().rounds)
    assert Amounts().line == 1_000_000


async def test_floor_and_ours_hold_the_same_line() -> None:
    async with running() as stand:
        visits = newcomers(50)
        floor, room = await stand.floor("a", visits), await stand.line("a", visits)
        redis, keys = stand.store.redis, room.keys
        assert isinstance(floor, Floor)
        theirs = await redis.zrange(floor.waiting, 0, -1, withscores=True)
        assert theirs == await redis.zrange(keys.waiting, 0, -1, withscores=True)
        await floor.admit([visitor for visitor, _ in theirs[:20]])
        await stand.limit(room, total_active_users=20)
        assert [v.encode() for v in await room.admit()] == [visitor for visitor, _ in theirs[:20]]
        assert await redis.zcard(floor.active) == await redis.zcard(keys.active) == 20
        assert await redis.zcard(floor.waiting) == await redis.zcard(keys.waiting) == 30


async def test_cost_is_that_of_what_was_done() -> None:
    async with running() as stand:
        redis = stand.store.redis
        nothing = await stand.cost(redis.ping)
        busy = "for _ = 1, 300000 do redis.sha1hex('x') end"
        work = await stand.cost(lambda: redis.eval(busy, 0))
        assert nothing.cpu_s < work.cpu_s <= work.wall_s + 0.1
