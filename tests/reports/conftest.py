"""Rooms whose visitors went through the real scripts, and ways to make their reports."""

import csv
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from waitroom.config import Config
from waitroom.reports import Report, Reports
from waitroom.room import Directory, Room, Store

Rows = list[dict[str, str]]
Visits = Callable[[Room], Awaitable[None]]
Make = Callable[[Room], Awaitable[Report]]


@pytest.fixture
def config(redis_url: str, tmp_path: Path) -> Config:
    return Config(_env_file=None, redis_url=redis_url, reports_dir=tmp_path / "reports")


@pytest.fixture
def reports(store: Store, config: Config) -> Reports:
    return Reports(store, config)


@pytest.fixture
async def sale(directory: Directory, store: Store) -> "Sale":
    """Return a room of one seat in which five visitors each ended otherwise."""
    changes = {
        "total_active_users": 1,
        "claim_ttl_s": 60,
        "session_duration_s": 600,
        # Ticks are as far apart here as a test likes.
        "recovery_hold_s": 0,
    }
    room = await directory.create("shop", changes, who="test")
    now_ms = await store.time_ms(room.keys.meta)
    t = now_ms - 500_000
    await trail(store, room, (t, {"created": [None, "shop"]}))
    for number, visitor in enumerate(("ada", "ben", "cleo", "dora", "eve")):
        await room.enter(visitor, now_ms=t + number * 1_000)
    await room.claim("ada", now_ms=t + 10_000)
    await room.leave("ada", now_ms=t + 40_000)
    await room.leave("ben", now_ms=t + 41_000)
    await room.beat(["cleo", "dora", "eve"], now_ms=t + 42_000)
    assert await room.admit(now_ms=t + 43_000) == ["cleo"]
    # Cleo never comes in; the others say every so often that they are there.
    for at in range(60_000, 480_000, 20_000):
        await room.beat(["dora", "eve"], now_ms=t + at)
        await room.sweep(now_ms=t + at)
    assert await room.admit(now_ms=t + 480_000) == ["dora"]
    await room.claim("dora", now_ms=t + 481_000)
    await room.beat(["eve"], now_ms=now_ms)
    return Sale(room, t)


async def trail(
    store: Store, room: Room, *rows: tuple[int, Mapping[str, Sequence[object]]]
) -> None:
    """Replace a room's trail: moments in ms and changes, oldest first."""
    await store.redis.unlink(room.keys.audit)
    for at_ms, changes in rows:
        fields = {"who": "test", "changes": orjson.dumps(changes)}
        await store.redis.xadd(room.keys.audit, fields, id=f"{at_ms}-1")
    await store.redis.hset(room.keys.meta, "version", f"{rows[-1][0]}-1")


@dataclass
class Sale:
    """A room, and when its first visitor came, ms since the epoch."""

    room: Room
    t_ms: int


@pytest.fixture
def make(reports: Reports) -> Make:
    async def run(room: Room) -> Report:
        await reports.start(room.name, "test")
        made = None
        while made is None:
            made = await reports.make(room.name, 30.0)
        return made

    return run


def rows_of(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
