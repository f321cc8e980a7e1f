"""A room in numbers and a page of its line, for the operator."""

from dataclasses import dataclass
from typing import NamedTuple

from waitroom.room.keys import Keys
from waitroom.room.store import Store, store_errors

#: Counters that ``meta`` keeps for a room's whole life.
COUNTERS = (
    "entered",
    "admitted",
    "claimed",
    "no_shows",
    "left_line",
    "left_site",
    "parked",
    "returned",
    "lapsed",
    "restored",
    "ended",
)


@dataclass(frozen=True, slots=True)
class Figures:
    """A room in numbers.

    Attributes:
        waiting: In the line.
        parked: Fell silent, place still kept.
        active: Unexpired seats.
        unclaimed: Of those, seats not used yet.
        counters: Totals since the room was made; names in ``COUNTERS``.
    """

    waiting: int
    parked: int
    active: int
    unclaimed: int
    counters: dict[str, int]


class VisitorRow(NamedTuple):
    """One visitor in the line, for the operator's list.

    Attributes:
        position: 1-based.
        visitor: The visitor's id.
        place: Microseconds since the epoch.
        seen_ms: Last heartbeat, milliseconds since the epoch.
    """

    position: int
    visitor: str
    place: int
    seen_ms: int


async def read_figures(store: Store, keys: Keys, now_ms: int) -> Figures:
    """Return a room in numbers; see ``Room.figures``."""
    with store_errors():
        async with store.redis.pipeline(transaction=False) as pipe:
            pipe.zcard(keys.waiting)
            pipe.zcard(keys.parked)
            pipe.zcount(keys.active, f"({now_ms}", "+inf")
            pipe.zcard(keys.unclaimed)
            pipe.hmget(keys.meta, list(COUNTERS))
            waiting, parked, active, unclaimed, counts = await pipe.execute()
    counters = {name: int(count or 0) for name, count in zip(COUNTERS, counts, strict=True)}
    return Figures(waiting, parked, active, unclaimed, counters)


async def read_visitors(store: Store, keys: Keys, start: int, count: int) -> list[VisitorRow]:
    """Return a page of the line, in order; see ``Room.visitors``."""
    redis = store.redis
    with store_errors():
        line = await redis.zrange(keys.waiting, start, start + count - 1, withscores=True)
        if not line:
            return []
        seen = await redis.zmscore(keys.seen, [visitor for visitor, _ in line])
    return [
        VisitorRow(start + i + 1, visitor.decode(), int(place), int(seen_ms or 0))
        for i, ((visitor, place), seen_ms) in enumerate(zip(line, seen, strict=True))
    ]
