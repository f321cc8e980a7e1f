"""The directory of rooms: makes, changes, finds and deletes them, and notices their loss.

Each process remembers the rooms it has seen. When Redis has lost them, the process writes their
settings back and starts their recovery. ``waitroom:life`` tells a loss from a deletion: it is
there for as long as the data are.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import orjson

from waitroom.errors import RoomChangedError, RoomExistsError, RoomNotFoundError, StoreError
from waitroom.room.keys import LIFE, ROOMS, Keys
from waitroom.room.room import Room
from waitroom.room.scripts import AuditRow, Scripts
from waitroom.room.settings import RoomSettings, room_name
from waitroom.room.store import Store, store_errors

#: How often a change is tried again because others changed the same settings meanwhile.
UPDATE_ATTEMPTS = 5
#: How often a refresh starts again because the data were lost meanwhile.
REFRESH_ATTEMPTS = 3

_T = TypeVar("_T")
_R = TypeVar("_R")


class Directory:
    """All rooms on one store.

    Args:
        store: Where rooms live.
        defaults: Settings of new rooms.
    """

    def __init__(self, store: Store, defaults: RoomSettings | None = None) -> None:
        self._store = store
        self._scripts = Scripts(store)
        self._defaults = defaults or RoomSettings()
        self._life: bytes | None = None
        #: How often this process has found all data lost.
        self.lives = 0
        #: Rooms as last read, by name.
        self.known: dict[str, Room] = {}

    async def names(self) -> list[str]:
        """Return the names of all rooms, sorted.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            return sorted(name.decode() for name in await self._store.redis.smembers(ROOMS))

    async def rooms(self) -> list[Room]:
        """Return all rooms, sorted by name; one that is being deleted is left out.

        Raises:
            StoreError: If Redis failed.
        """
        found: list[Room] = []
        for name in await self.names():
            with suppress(RoomNotFoundError):
                found.append(await self.get(name))
        return found

    async def get(self, name: str) -> Room:
        """Return a room with its settings as they are now.

        Raises:
            RoomNotFoundError: If there is none.
            StoreError: If Redis failed.
        """
        settings, _ = await self._read(name)
        return self._remember(name, settings)

    async def _read(self, name: str) -> tuple[RoomSettings, dict[str, bytes]]:
        """Return a room's settings, and the texts in which Redis holds them."""
        redis, key = self._store.redis, Keys(name).settings
        with store_errors():
            found: dict[bytes, bytes] = await redis.hgetall(key)
            if not found:
                raise RoomNotFoundError(name)
            settings = RoomSettings.from_hash(found)
            texts = {field.decode(): text for field, text in found.items()}
            # Settings that an older version did not have: scripts read all of them.
            for field, text in settings.to_hash().items():
                if field not in texts:
                    await redis.hsetnx(key, field, text)
                    texts[field] = text
        return settings, texts

    async def create(
        self, name: str, changes: dict[str, Any], *, who: str, now_ms: int = 0
    ) -> Room:
        """Make a room.

        Args:
            name: 1 to 40 of a-z, 0-9, ``-``, ``_``.
            changes: Settings that differ from the defaults of this installation.
            who: For the audit trail.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Raises:
            SettingError: If the name or a setting is not allowed.
            RoomExistsError: If there is one of this name.
            StoreError: If Redis failed.
        """
        settings = self._defaults.changed(changes)
        keys = Keys(room_name(name))
        await self._settle_life()
        row = AuditRow(who, orjson.dumps({"created": [None, name]}))
        made = await self._scripts.create(keys, settings.to_hash(), row, now_ms=now_ms)
        with store_errors():
            # Named also when it is there: who made it may have been cut off before naming it.
            await self._store.redis.sadd(ROOMS, name)
        if not made:
            raise RoomExistsError(name)
        return self._remember(name, settings)

    async def update(
        self,
        name: str,
        changes: dict[str, Any],
        *,
        who: str,
        check: Callable[[RoomSettings], None] | None = None,
        now_ms: int = 0,
    ) -> Room:
        """Change some settings of a room; they count at the very next tick.

        A new ``epoch`` also ends all seats, so that no pass of the old one comes back.

        Args:
            name: The room.
            changes: Setting name -> new value.
            who: For the audit trail.
            check: Looks at the settings that are about to be changed, and raises to refuse.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Raises:
            RoomNotFoundError: If there is none.
            SettingError: If a setting is unknown or out of range; nothing was changed.
            RoomChangedError: If others changed the same settings again and again meanwhile.
            StoreError: If Redis failed. Asking again is safe.
        """
        for _ in range(UPDATE_ATTEMPTS):
            settings, texts = await self._read(name)
            if check is not None:
                check(settings)
            changed = settings.changed(changes)
            before, after = settings.to_hash(), changed.to_hash()
            fields = [field for field in after if after[field] != before[field]]
            was = {
                field: [orjson.loads(before[field]), orjson.loads(after[field])] for field in fields
            }
            triples = [(field, texts[field], after[field]) for field in fields]
            row = AuditRow(who, orjson.dumps(was))
            if not fields or await self._update(Keys(name), triples, row, now_ms):
                return self._remember(name, changed)
        raise RoomChangedError(name)

    async def _update(
        self, keys: Keys, triples: list[tuple[str, bytes, bytes]], row: AuditRow, now_ms: int
    ) -> bool:
        changed = await self._scripts.update(keys, triples, row, now_ms=now_ms)
        while changed is None:
            # All passes are ended twice in a row: each call notes another thousand seats.
            await self._scripts.sweep(keys, now_ms=now_ms)
            changed = await self._scripts.update(keys, triples, row, now_ms=now_ms)
        return changed

    async def delete(self, name: str, *, who: str) -> None:
        """Delete a room with its line, its seats, its history and its audit trail.

        Args:
            name: The room.
            who: For the log; the trail itself is deleted.

        Raises:
            RoomNotFoundError: If there is none.
            StoreError: If Redis failed. Asking again is safe.
        """
        with store_errors():
            there = await self._store.redis.srem(ROOMS, name)
            removed = await self._store.redis.unlink(*Keys(name).all())
        self.known.pop(name, None)
        if not there and not removed:
            raise RoomNotFoundError(name)

    async def refresh(self) -> list[Room]:
        """Read all rooms, and write back those that Redis has lost.

        Returns:
            All rooms, in order of name.

        Raises:
            StoreError: If Redis failed.
        """
        for _ in range(REFRESH_ATTEMPTS):
            await self._settle_life()
            rooms = await self._read_all()
            with store_errors():
                life = await self._store.redis.get(LIFE)
            # A loss while we read looks like the deletion of all rooms; it is none.
            if life == self._life:
                for name in set(self.known) - {room.name for room in rooms}:
                    del self.known[name]
                return rooms
        raise StoreError("Redis loses its data again and again.")

    async def _read_all(self) -> list[Room]:
        names = await self.names()
        rooms: list[Room] = []
        for name, read in zip(names, await self._each(self._read_or_restore, names), strict=True):
            # One whose node is away stays as it was last read.
            old = [self.known[name]] if name in self.known else []
            rooms += old if read is None else read
        return rooms

    async def _read_or_restore(self, name: str) -> list[Room]:
        """Return a room; none if it was deleted while we read."""
        try:
            return [await self.get(name)]
        except RoomNotFoundError:
            # Named but gone: one node of a cluster lost its data, or it is being deleted.
            room = self.known.get(name)
            if room is None or name not in await self.names():
                return []
            await self._restore(room)
            return [room]

    async def _restore(self, room: Room) -> None:
        settings = room.settings
        await self._scripts.restore(room.keys, settings.to_hash(), settings.recovery_hold_s)
        with store_errors():
            await self._store.redis.sadd(ROOMS, room.name)

    async def _settle_life(self) -> None:
        """Write back the rooms known when the data were lost since this process last looked."""
        redis = self._store.redis
        with store_errors():
            life = await redis.get(LIFE)
            if life is None:
                # Only then: a Redis that is full refuses even what would change nothing.
                await redis.set(LIFE, secrets.token_hex(8), nx=True)
                life = await redis.get(LIFE)
        if self._life is not None and life != self._life:
            await self._each(self._restore, list(self.known.values()))
            self.lives += 1
        # Only now: what failed half-way is tried again.
        self._life = life

    async def _each(
        self, work: Callable[[_T], Awaitable[_R]], items: Sequence[_T]
    ) -> list[_R | None]:
        """Do some work for each room, at once; None where it failed on a node that is away.

        Raises:
            StoreError: If it failed for all of them, or there are no nodes but one.
        """
        found = await asyncio.gather(*map(work, items), return_exceptions=True)
        failed = [each for each in found if isinstance(each, BaseException)]
        for error in failed:
            alone = self._store.kind != "cluster" or len(failed) == len(found)
            if alone or not isinstance(error, StoreError):
                raise error
        return [None if isinstance(each, BaseException) else each for each in found]

    def _remember(self, name: str, settings: RoomSettings) -> Room:
        room = self.known.get(name)
        if room is None:
            room = self.known[name] = Room(self._store, self._scripts, name, settings)
        room.settings = settings
        return room
