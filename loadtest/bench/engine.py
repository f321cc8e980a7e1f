"""Measures the engine on a private server: each verb against a floor, and at a long line.

Floor and ours take turns, and the median of all rounds counts. What a client takes is shown
beside what the server alone takes: the floor's client is Python too, and must not make ours look
good. The long line is written by the engine itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

from loadtest.bench.engine_long import measure_long
from loadtest.bench.engine_stand import BATCH, Cost, Floor, Stand, newcomers, running
from loadtest.bench.rows import Row, at_least, at_most
from waitroom.room import Room

#: Waiting in the line that a long one is compared with.
SHORT = 10_000
#: Boards in a round, one a second: what is looked up every ten seconds is looked up once.
BOARDS = 10
BOARD_BYTES_MAX = 20_000


@dataclass(frozen=True)
class Amounts:
    """How much is measured.

    Attributes:
        line: Waiting in the long line.
        short: Waiting in the one it is compared with.
        rounds: Turns of each.
        batch: Visitors who enter in a turn, and who are admitted in one.
    """

    line: int = 1_000_000
    short: int = SHORT
    rounds: int = 11
    batch: int = 4 * BATCH


SMALL = Amounts(line=100_000, rounds=5)


def measure(small: bool) -> list[Row]:
    """Return the rows about the engine.

    Args:
        small: A quick look, at a tenth of the line.
    """
    return asyncio.run(measure_amounts(SMALL if small else Amounts()))


async def measure_amounts(amounts: Amounts) -> list[Row]:
    """Return the rows, for lines of any length."""
    async with running() as stand:
        visits = newcomers(amounts.line)
        before = await stand.memory()
        floor = await stand.floor("long", visits)
        between = await stand.memory()
        long = await stand.line("long", visits)
        ours, bare = await stand.memory() - between, between - before
        # A million tuples would be looked through by the garbage collector in some of the ticks.
        del visits
        short = await stand.line("short", newcomers(amounts.short))
        return [
            *await _enter(stand, amounts, long, short, floor),
            *await _admit(stand, amounts, long, floor),
            *await _board(stand, amounts, long, short),
            _memory(amounts.line, ours, bare),
            *await measure_long(stand, long, amounts.rounds),
        ]


async def in_turns(
    stand: Stand, rounds: int, *doings: Callable[[], Awaitable[Cost]]
) -> list[list[Cost]]:
    """Return the costs of each, measured in turns; the first turn only warms up."""
    found = [[await doing() for doing in doings] for _ in range(rounds + 1)][1:]
    return [list(costs) for costs in zip(*found, strict=True)]


def ratio(above: list[Cost], below: list[Cost]) -> tuple[float, float]:
    """Return how one cost relates to the other, round by round: by wall clock, by server's CPU."""
    pairs = list(zip(above, below, strict=True))
    return median(a.wall_s / b.wall_s for a, b in pairs), median(
        a.cpu_s / b.cpu_s for a, b in pairs
    )


def each_us(costs: list[Cost], amount: int) -> str:
    """Return what one of `amount` takes, as text."""
    wall_us, cpu_us = (
        median(getattr(cost, kind) for cost in costs) * 1e6 / amount for kind in ("wall_s", "cpu_s")
    )
    return f"{wall_us:,.1f} us, server {cpu_us:,.1f}"


async def _enter(
    stand: Stand, amounts: Amounts, long: Room, short: Room, floor: Floor
) -> list[Row]:
    def entering(room: Room) -> Callable[[], Awaitable[Cost]]:
        async def turn() -> Cost:
            visits = [(visitor, 0) for visitor, _ in newcomers(amounts.batch)]
            cost = await stand.cost(lambda: room.enter_many(visits))
            await stand.take_out([room.keys.waiting, room.keys.seen], [v for v, _ in visits])
            return cost

        return turn

    async def bare() -> Cost:
        visits = newcomers(amounts.batch)
        cost = await stand.cost(lambda: floor.enter(visits))
        await stand.take_out([floor.waiting, floor.seen], [v for v, _ in visits])
        return cost

    theirs, ours, few = await in_turns(stand, amounts.rounds, bare, entering(long), entering(short))
    about = f"{each_us(ours, amounts.batch)}; floor {each_us(theirs, amounts.batch)}"
    (wall, cpu), (by_length, _) = ratio(theirs, ours), ratio(few, ours)
    return [
        at_least("enter, batched, of pipelined ZADD + ZADD", 0.5, wall, about),
        at_least("the same by the server's CPU", 0.5, cpu),
        at_least(
            f"enter at {amounts.line:,} waiting, of the rate at {amounts.short:,}", 0.7, by_length
        ),
    ]


async def _admit(stand: Stand, amounts: Amounts, room: Room, floor: Floor) -> list[Row]:
    many = min(BATCH, amounts.batch)
    redis = stand.store.redis

    async def ours() -> Cost:
        heads = [(row.visitor, row.place) for row in await room.visitors(0, many)]
        await stand.limit(room, total_active_users=many)
        cost = await stand.cost(room.admit)
        await stand.limit(room, total_active_users=0)
        await redis.delete(room.keys.active, room.keys.unclaimed)
        await room.enter_many(heads)
        return cost

    async def bare() -> Cost:
        heads = await redis.zrange(floor.waiting, 0, many - 1, withscores=True)
        cost = await stand.cost(lambda: floor.admit([visitor for visitor, _ in heads]))
        await redis.delete(floor.active)
        await redis.zadd(floor.waiting, dict(heads))
        return cost

    theirs, found = await in_turns(stand, amounts.rounds, bare, ours)
    wall, cpu = ratio(found, theirs)
    about = f"{each_us(found, many)} each; floor {each_us(theirs, many)}"
    return [
        at_most(f"admit of {many:,}, over pipelined ZADD + ZREM", 2.5, wall, about),
        at_most("the same by the server's CPU", 2.5, cpu),
    ]


async def _board(stand: Stand, amounts: Amounts, long: Room, short: Room) -> list[Row]:
    now_ms = await stand.store.time_ms(long.keys.meta)

    def boards(room: Room) -> Callable[[], Awaitable[Cost]]:
        async def make() -> None:
            nonlocal now_ms
            for _ in range(BOARDS):
                now_ms += 1_000
                await room.board_text(now_ms=now_ms, max_age_ms=0)

        return lambda: stand.cost(make)

    ours, few = await in_turns(stand, amounts.rounds, boards(long), boards(short))
    wall, cpu = ratio(ours, few)
    size = len(await long.board_text())
    about = f"{each_us(ours, BOARDS)}; server's CPU {cpu:.2f} x"
    return [
        at_most(f"board at {amounts.line:,} waiting, over {amounts.short:,}", 2.0, wall, about),
        Row(
            "board, bytes",
            f"< {BOARD_BYTES_MAX:,}",
            f"{size:,}",
            size < BOARD_BYTES_MAX,
            always=True,
            figure=size,
        ),
    ]


def _memory(count: int, ours: int, bare: int) -> Row:
    about = f"{ours / count:,.0f} B each; two bare entries {bare / count:,.0f} B"
    return at_most(
        "Redis memory of a waiting visitor, over two zset entries", 1.3, ours / bare, about
    )
