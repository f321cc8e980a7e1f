"""What an owner does to a line by hand, and the trail of who did what.

Beside ``Room``, which is what visitors and the clock do.
"""

import re
import secrets
from typing import Any, Literal, NamedTuple

import orjson

from waitroom.room.keys import Keys
from waitroom.room.scripts import AuditRow, Scripts
from waitroom.room.store import Store, store_errors

#: Most rounds of one request; a request that is cut off goes on when it is sent again.
MAX_ROUNDS = 200
#: An id in the trail.
TRAIL_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")

Ended = Literal["done", "full", "empty", "more", "closed", "suspended", "recovering"]
LetIn = Literal["admitted", "unknown", "silent", "full", "closed", "suspended", "recovering"]


class TrailRow(NamedTuple):
    """One row of the trail.

    Attributes:
        id: Its id in the stream; begins with the milliseconds of when it was written.
        who: Who did it.
        changes: Setting or deed -> before and after.
    """

    id: str
    who: str
    changes: dict[str, list[Any]]


class Hand:
    """An owner's hand in all rooms on one store.

    Args:
        store: Where rooms live.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._scripts = Scripts(store)

    async def admit_now(
        self, keys: Keys, n: int, *, who: str, once: str = "", now_ms: int = 0
    ) -> tuple[int, Ended]:
        """Let the first present visitors in beside the rate, never over the seats.

        Args:
            keys: The room's keys.
            n: How many. 1 or more.
            who: For the trail.
            once: Names the request; sent again under the same name, it goes on where it was cut
                off. Empty = a name of its own.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            How many this request has admitted, repetitions included; and how it ended. ``more``
            when the silent at the head were too many for one request.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again under the same name is safe.
        """
        once = once or secrets.token_hex(8)
        row = _row(who, "admit_now", n)
        done, how = 0, "more"
        for _ in range(MAX_ROUNDS):
            how, done = await self._scripts.admit_now(keys, n, once, row, now_ms=now_ms)
            if how != "more":
                break
        return done, how  # type: ignore[return-value]

    async def let_in(self, keys: Keys, visitor: str, *, who: str, now_ms: int = 0) -> LetIn:
        """Give one visitor of the line a seat before all others, never over the seats.

        Args:
            keys: The room's keys.
            visitor: The visitor's id.
            who: For the trail.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            ``admitted``, or why not.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.
        """
        row = _row(who, "let_in", visitor)
        return await self._scripts.let_in(keys, visitor, row, now_ms=now_ms)  # type: ignore[return-value]

    async def remove(self, keys: Keys, visitor: str, *, who: str, now_ms: int = 0) -> str:
        """Take a visitor's place or seat away, and note who did first.

        Args:
            keys: The room's keys.
            visitor: The visitor's id; somebody who has a place or a seat.
            who: For the trail.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            ``seat``, ``place``, or empty when there was neither any more.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.
        """
        await self._scripts.note(keys, _row(who, "remove", visitor))
        return await self._scripts.leave(keys, visitor, now_ms=now_ms)

    async def version(self, keys: Keys) -> str:
        """Return the version of a room's settings: the id of their newest row in the trail.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            found = await self._store.redis.hget(keys.meta, "version")
        return found.decode() if found else "0-0"

    async def trail(
        self, keys: Keys, *, before: str | None = None, count: int = 50
    ) -> list[TrailRow]:
        """Return rows of the trail, newest first.

        Args:
            keys: The room's keys.
            before: Only rows older than this id; None begins at the newest.
            count: Most rows. 1 to 1000.

        Raises:
            StoreError: If Redis failed.
        """
        end = f"({before}" if before else "+"
        with store_errors():
            rows = await self._store.redis.xrevrange(keys.audit, end, "-", count=count)
        return [_read(row) for row in rows]

    async def trail_after(self, keys: Keys, after: str, *, count: int = 1_000) -> list[TrailRow]:
        """Return rows of the trail that are newer than an id, oldest first.

        Args:
            keys: The room's keys.
            after: The id.
            count: Most rows. 1 to 1000.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            rows = await self._store.redis.xrange(keys.audit, f"({after}", "+", count=count)
        return [_read(row) for row in rows]


def _row(who: str, deed: str, what: object) -> AuditRow:
    return AuditRow(who, orjson.dumps({deed: [None, what]}))


def _read(row: tuple[bytes, dict[bytes, bytes]]) -> TrailRow:
    name, fields = row
    return TrailRow(name.decode(), fields[b"who"].decode(), orjson.loads(fields[b"changes"]))
