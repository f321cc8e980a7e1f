"""A private Valkey with lines of several lengths, and the same lines in bare sorted sets.

The bare ones are the floor: what any line in Redis costs whose order and heartbeats are kept in
two sorted sets, and that does nothing else. Both are filled with the same visitors.
"""

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from waitroom import clock
from waitroom.embedded import Valkey
from waitroom.room import Directory, Room, Store

#: Nobody falls silent, and no place lapses, while it is measured.
_PATIENT = {"heartbeat_ttl_s": 3_600, "place_ttl_s": 86_400, "total_active_users": 0}
_WHO = "bench"
#: Visitors in one call or one pipeline.
BATCH = 1_000


@dataclass(frozen=True)
class Cost:
    """What something took.

    Attributes:
        wall_s: Seconds here, client and server.
        cpu_s: Seconds of the server's CPU alone.
    """

    wall_s: float
    cpu_s: float


class Floor:
    """A line in two bare sorted sets.

    Args:
        store: Where.
        name: Keys begin with it.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.redis = store.redis
        self.waiting, self.seen, self.active = (
            f"floor:{{{name}}}:{key}" for key in ("waiting", "seen", "active")
        )

    async def enter(self, visits: Sequence[tuple[str, int]]) -> None:
        """Add visitors, two pipelined commands each."""
        for start in range(0, len(visits), BATCH):
            now_ms = clock.now_ms()
            async with self.redis.pipeline(transaction=False) as pipe:
                for visitor, place in visits[start : start + BATCH]:
                    pipe.zadd(self.waiting, {visitor: place})
                    pipe.zadd(self.seen, {visitor: now_ms})
                await pipe.execute()

    async def admit(self, visitors: Sequence[bytes]) -> None:
        """Move visitors into the active set, two pipelined commands each."""
        deadline_ms = clock.now_ms()
        async with self.redis.pipeline(transaction=False) as pipe:
            for visitor in visitors:
                pipe.zadd(self.active, {visitor: deadline_ms})
                pipe.zrem(self.waiting, visitor)
            await pipe.execute()


class Stand:
    """What is measured, and how.

    Args:
        store: A private server.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._directory = Directory(store)

    async def line(self, name: str, visits: Sequence[tuple[str, int]]) -> Room:
        """Make a room whose line is these visitors."""
        room = await self._directory.create(name, _PATIENT, who=_WHO)
        # A room is ticked from its first moment; without that it would wait for its ticks.
        await room.admit()
        await room.enter_many(visits)
        return room

    async def floor(self, name: str, visits: Sequence[tuple[str, int]]) -> Floor:
        """Make a bare line of these visitors."""
        floor = Floor(self.store, name)
        await floor.enter(visits)
        return floor

    async def limit(self, room: Room, **settings: int | None) -> None:
        """Change a room's settings."""
        await self._directory.update(room.name, dict(settings), who=_WHO)

    async def memory(self) -> int:
        """Return the bytes that the server uses."""
        return int((await self.store.redis.info("memory"))["used_memory"])

    async def cost(self, doing: Callable[[], Awaitable[object]]) -> Cost:
        """Do something and say what it took."""
        before_s, began_s = await self._cpu_s(), time.perf_counter()
        await doing()
        took_s = time.perf_counter() - began_s
        return Cost(took_s, await self._cpu_s() - before_s)

    async def _cpu_s(self) -> float:
        used = await self.store.redis.info("cpu")
        return float(used["used_cpu_user"] + used["used_cpu_sys"])

    async def take_out(self, keys: Sequence[str], visitors: Sequence[str]) -> None:
        """Remove visitors from sorted sets, so that the next round finds the same line."""
        for start in range(0, len(visitors), BATCH):
            for key in keys:
                await self.store.redis.zrem(key, *visitors[start : start + BATCH])


def newcomers(count: int) -> list[tuple[str, int]]:
    """Return visitors who come now, each with a place of its own."""
    first = clock.now_us() - count
    return [(clock.new_visitor(), first + i) for i in range(count)]


@asynccontextmanager
async def running() -> AsyncIterator[Stand]:
    """Run an empty server; all is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="waitroom-bench-") as folder:
        server = Valkey(Path(folder), persist=False)
        server.start()
        store = Store.connect(server.url)
        try:
            yield Stand(store)
        finally:
            await store.close()
            server.stop(kill=True)
