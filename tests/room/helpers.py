"""What the engine's tests share: a moment, and short ways to fill and to look into a room."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from waitroom.room import Room, Store

#: The moment at which tests begin, ms since the epoch. Time is always an argument.
T0 = 1_800_000_000_000
#: One second, in ms.
S = 1_000

#: What zsets hold, at one moment: a client of a Cluster has transactions that are no use.
ALL = """
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end
return found
"""

MakeRoom = Callable[..., Awaitable[Room]]


@dataclass(frozen=True)
class Inside:
    """All that Redis holds of a room's line and seats."""

    waiting: dict[str, int]
    seen: dict[str, int]
    parked: dict[str, int]
    active: dict[str, int]
    unclaimed: dict[str, int]

    def seated(self, now_ms: int) -> set[str]:
        return {visitor for visitor, deadline_ms in self.active.items() if deadline_ms > now_ms}

    def line(self) -> list[str]:
        return sorted(self.waiting, key=lambda visitor: (self.waiting[visitor], visitor.encode()))


async def look(store: Store, room: Room) -> Inside:
    keys = room.keys
    names = (keys.waiting, keys.seen, keys.parked, keys.active, keys.unclaimed)
    found = await store.redis.eval(ALL, len(names), *names)
    return Inside(
        *(
            {visitor.decode(): int(score) for visitor, score in zip(*[iter(rows)] * 2, strict=True)}
            for rows in found
        )
    )


async def meta(store: Store, room: Room) -> dict[str, str]:
    found = await store.redis.hgetall(room.keys.meta)
    return {name.decode(): value.decode() for name, value in found.items()}


def names(count: int, prefix: str = "v") -> list[str]:
    """Return visitors whose names sort as they count."""
    return [f"{prefix}{i:06d}" for i in range(count)]


async def fill(room: Room, count: int, *, now_ms: int = T0, prefix: str = "v") -> list[str]:
    """Have visitors enter at a moment, with places just before it; return them in order."""
    visitors = names(count, prefix)
    first = now_ms * 1000 - count
    await room.enter_many([(v, first + i) for i, v in enumerate(visitors)], now_ms=now_ms)
    return visitors


async def live(
    room: Room, start_ms: int, end_ms: int, present: list[str], *, step_ms: int = 5 * S
) -> list[str]:
    """Let time pass as in a running service: heartbeats and ticks; return who was admitted."""
    admitted: list[str] = []
    for now_ms in range(start_ms, end_ms + 1, step_ms):
        await room.beat(present, now_ms=now_ms)
        admitted += await room.admit(now_ms=now_ms)
    return admitted
