"""What a long line costs those who use it: ticks, single calls and an operator's list.

A call is compared with the same call on a line of a thousand, made just before and just after.
"""

import random
import time
from collections.abc import Awaitable, Callable
from statistics import median

from loadtest.bench.engine_stand import BATCH, Stand, newcomers
from loadtest.bench.rows import Row, at_most
from waitroom import clock
from waitroom.room import Room

FEW = 1_000
TICK_MS, TICK_MAX_MS = 200, 20.0
#: Ticks in a round: every fifth makes a board, one of them all of it.
TICKS = 50
#: Admissions while ticks are measured, a minute.
RATE = 600
#: "As fast as": a fifth is what a few levels more of a tree may cost.
AS_FAST = 1.2
CALLS = 40

Call = Callable[[Room], Awaitable[object]]


async def measure_long(stand: Stand, long: Room, rounds: int) -> list[Row]:
    """Return the rows about a long line.

    Args:
        stand: Where it is.
        long: The line.
        rounds: How often each is measured.
    """
    few = await stand.line("few", newcomers(FEW))
    rows = [await _ticks(stand, long, min(rounds, 5))]
    dice = random.Random(1)
    tickets = {room.name: await _tickets(room, dice) for room in (long, few)}

    async def enter(room: Room) -> None:
        await room.enter(clock.new_visitor())

    async def status(room: Room) -> None:
        await room.enter(*dice.choice(tickets[room.name]))

    async def page(room: Room) -> None:
        waiting = (await room.figures()).waiting
        await room.visitors(dice.randrange(waiting - 100))

    calls: dict[str, Call] = {
        "enter, one": enter,
        "status (one in line comes back)": status,
        "visitors, a page of 100 anywhere": page,
        "figures": lambda room: room.figures(),
    }
    waiting = (await long.figures()).waiting
    for name, call in calls.items():
        ours, theirs = await _latencies_us(call, long, few, rounds * CALLS)
        about = f"{ours:,.0f} us after {theirs:,.0f}"
        rows.append(at_most(f"{name}: at {waiting:,}, over {FEW:,}", AS_FAST, ours / theirs, about))
    return rows


async def _tickets(room: Room, dice: random.Random) -> list[tuple[str, int]]:
    waiting = (await room.figures()).waiting
    rows = [
        row
        for _ in range(10)
        for row in await room.visitors(dice.randrange(max(1, waiting - 100)), 100)
    ]
    return [(row.visitor, row.place) for row in rows]


async def _ticks(stand: Stand, room: Room, rounds: int) -> Row:
    """Do what a web process does to Redis in a tick, as often as it does."""
    dice = random.Random(2)
    heard = [visitor for _ in range(10) for visitor, _ in await _tickets(room, dice)]
    await stand.limit(room, total_active_users=1_000_000, new_users_per_minute=RATE)
    now_ms = await stand.store.time_ms(room.keys.meta)
    took_ms: list[float] = []

    async def ticks() -> None:
        nonlocal now_ms
        for _ in range(TICKS):
            now_ms += TICK_MS
            beats = dice.sample(heard, min(BATCH, len(heard)))
            began_s = time.perf_counter()
            await room.beat(beats, now_ms=now_ms)
            await room.admit(now_ms=now_ms)
            await room.board(now_ms=now_ms)
            took_ms.append((time.perf_counter() - began_s) * 1e3)

    costs = [await stand.cost(ticks) for _ in range(rounds)]
    await stand.limit(room, total_active_users=0, new_users_per_minute=None)
    # Of each round: a machine that was busy elsewhere for a moment is not ours.
    longest = median(max(took_ms[i : i + TICKS]) for i in range(0, len(took_ms), TICKS))
    server_ms = median(cost.cpu_s for cost in costs) * 1e3 / TICKS
    about = (
        f"median {median(took_ms):.1f}, of it the server {server_ms:.1f}; "
        f"{BATCH:,} beats, {RATE // 60}/s admitted"
    )
    return at_most("longest tick, ms", TICK_MAX_MS, longest, about)


async def _latencies_us(call: Call, one: Room, other: Room, count: int) -> tuple[float, float]:
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        for room, times in zip((one, other), took, strict=True):
            began_s = time.perf_counter()
            await call(room)
            times.append((time.perf_counter() - began_s) * 1e6)
    return median(took[0]), median(took[1])
