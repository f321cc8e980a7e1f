"""When each edge was last heard of. One entry a name; edges that give none share one."""

import asyncio
import re
from contextlib import suppress

from waitroom import clock
from waitroom.errors import StoreError
from waitroom.room.keys import EDGES
from waitroom.room.store import Store, store_errors

#: What an edge may call itself.
EDGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: The name of those that give none.
UNNAMED = "edge"
#: Most names kept; the oldest goes first.
NAMES_MAX = 200
#: An edge not heard of for longer is forgotten, milliseconds: 7 days.
FORGOTTEN_MS = 7 * 86_400_000


#: One process notes an edge once in so many milliseconds.
EVERY_MS = 1_000


class Heard:
    """Notes in the background, now and then, which edges this process hears of.

    Args:
        store: Where rooms live.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted_ms: dict[str, int] = {}
        self._notes: set[asyncio.Task[None]] = set()

    def heard(self, name: str) -> None:
        """Note that an edge was heard of; never waits, and a fault of Redis is nobody's business.

        Args:
            name: What it calls itself.
        """
        known, now_ms = _known(name), clock.monotonic_ms()
        if now_ms - self._noted_ms.get(known, -EVERY_MS) < EVERY_MS:
            return
        if len(self._noted_ms) >= NAMES_MAX:
            self._noted_ms.clear()
        self._noted_ms[known] = now_ms
        note = asyncio.create_task(self._note(known))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def end(self) -> None:
        """Wait for what is being noted, before the connection ends."""
        while self._notes:
            await asyncio.wait(self._notes)

    async def _note(self, name: str) -> None:
        with suppress(StoreError):
            await note_contact(self._store, name)


async def note_contact(store: Store, name: str) -> None:
    """Note that an edge was heard of just now.

    Args:
        store: Where rooms live.
        name: What it calls itself; anything that no edge may be called is the unnamed one.

    Raises:
        StoreError: If Redis failed. Asking again is safe.
    """
    at_ms = clock.now_ms()
    with store_errors():
        async with store.redis.pipeline(transaction=False) as pipe:
            pipe.zadd(EDGES, {_known(name): at_ms})
            pipe.zremrangebyscore(EDGES, "-inf", at_ms - FORGOTTEN_MS)
            pipe.zremrangebyrank(EDGES, 0, -NAMES_MAX - 1)
            await pipe.execute()


async def contacts(store: Store) -> list[tuple[str, int]]:
    """Return the edges and when each was last heard of, ms since the epoch, sorted by name.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        found = await store.redis.zrange(EDGES, 0, NAMES_MAX - 1, withscores=True)
    return sorted((name.decode(), int(at_ms)) for name, at_ms in found)


def _known(name: str) -> str:
    return name if EDGE_NAME.fullmatch(name) else UNNAMED
