"""The directory of rooms: makes, changes, finds and deletes them, and notices their loss.

Each process remembers the rooms it has seen. When Redis has lost them, the process writes their
settings back and starts their recovery. ``waitroom:life`` tells a loss from a deletion: it is
there for as long as the data are.
"""

import secrets
from contextlib import suppress
from typing import Any

import orjson
from redis.exceptions import WatchError

from waitroom.errors import RoomExistsError, RoomNotFoundError, StoreError
from waitroom.room.keys import LIFE, ROOMS, Keys
from waitroom.room.room import Room
from waitroom.room.scripts import Scripts
from waitroom.room.settings import RoomSettings, room_name
from waitroom.room.store import Store, store_errors

#: Changes kept in a room's audit trail.
AUDIT_LENGTH = 10_000
#: How often a refresh starts again because the data were lost meanwhile.
REFRESH_ATTEMPTS = 3


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
        with store_errors():
            fields = await self._store.redis.hgetall(Keys(name).settings)
            if not fields:
                raise RoomNotFoundError(name)
            settings = RoomSettings.from_hash(fields)
            if missing := settings.to_hash().keys() - {field.decode() for field in fields}:
                await self._fill_in(name, settings, missing)
        return self._remember(name, settings)

    async def _fill_in(self, name: str, settings: RoomSettings, missing: set[str]) -> None:
        """Write settings that an older version did not have; scripts read all of them."""
        async with self._store.redis.pipeline(transaction=True) as pipe:
            for field in sorted(missing):
                pipe.hsetnx(Keys(name).settings, field, settings.to_hash()[field])
            await pipe.execute()

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
        redis = self._store.redis
        with store_errors():
            if now_ms == 0:
                seconds, micros = await redis.time()
                now_ms = seconds * 1000 + micros // 1000
            async with redis.pipeline(transaction=True) as pipe:
                # Of two at once the first one makes it; the other one's watch then fails.
                await pipe.watch(keys.settings)
                if await pipe.exists(keys.settings):
                    # The one who made it may have been cut off before naming it.
                    await redis.sadd(ROOMS, name)
                    raise RoomExistsError(name)
                pipe.multi()
                pipe.hset(keys.meta, "born_ms", now_ms)
                pipe.hset(keys.settings, mapping=settings.to_hash())
                self._audit(pipe, keys, who, {"created": [None, name]})
                try:
                    await pipe.execute()
                except WatchError as e:
                    raise RoomExistsError(name) from e
            await redis.sadd(ROOMS, name)
        return self._remember(name, settings)

    async def update(self, name: str, changes: dict[str, Any], *, who: str) -> Room:
        """Change some settings of a room; they count at the very next tick.

        A new ``epoch`` also ends all seats, so that no pass of the old one comes back.

        Args:
            name: The room.
            changes: Setting name -> new value.
            who: For the audit trail.

        Raises:
            RoomNotFoundError: If there is none.
            SettingError: If a setting is unknown or out of range; nothing was changed.
            StoreError: If Redis failed. Asking again is safe.
        """
        room = await self.get(name)
        settings = room.settings.changed(changes)
        before, after = room.settings.to_hash(), settings.to_hash()
        changed = {field: after[field] for field in after if after[field] != before[field]}
        if changed:
            with store_errors():
                async with self._store.redis.pipeline(transaction=True) as pipe:
                    await pipe.watch(room.keys.settings)
                    # Deleted meanwhile: half a room must not come back.
                    if not await pipe.exists(room.keys.settings):
                        raise RoomNotFoundError(name)
                    pipe.multi()
                    pipe.hset(room.keys.settings, mapping=changed)
                    # The next reader makes the board anew.
                    pipe.hdel(room.keys.meta, "board_ms")
                    if "epoch" in changed:
                        pipe.unlink(room.keys.active, room.keys.unclaimed)
                    was = {
                        field: [orjson.loads(before[field]), orjson.loads(value)]
                        for field, value in changed.items()
                    }
                    self._audit(pipe, room.keys, who, was)
                    try:
                        await pipe.execute()
                    except WatchError as e:
                        raise StoreError("Somebody else changed the room; try again.") from e
        return self._remember(name, settings)

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
        rooms: list[Room] = []
        for name in await self.names():
            try:
                rooms.append(await self.get(name))
            except RoomNotFoundError:
                # Named but gone: one node of a cluster lost its data, unless it was deleted
                # while we read.
                room = self.known.get(name)
                if room is not None and name in await self.names():
                    await self._restore(room)
                    rooms.append(room)
        return rooms

    async def _restore(self, room: Room) -> None:
        settings = room.settings
        await self._scripts.restore(room.keys, settings.to_hash(), settings.recovery_hold_s)
        with store_errors():
            await self._store.redis.sadd(ROOMS, room.name)

    async def _settle_life(self) -> None:
        """Write back the rooms known when the data were lost since this process last looked."""
        redis = self._store.redis
        with store_errors():
            await redis.set(LIFE, secrets.token_hex(8), nx=True)
            life = await redis.get(LIFE)
        if self._life is not None and life != self._life:
            for room in list(self.known.values()):
                await self._restore(room)
            self.lives += 1
        # Only now: what failed half-way is tried again.
        self._life = life

    def _remember(self, name: str, settings: RoomSettings) -> Room:
        room = self.known.get(name)
        if room is None:
            room = self.known[name] = Room(self._store, self._scripts, name, settings)
        room.settings = settings
        return room

    def _audit(self, pipe: Any, keys: Keys, who: str, changes: dict[str, list[Any]]) -> None:
        row = {"who": who, "changes": orjson.dumps(changes)}
        pipe.xadd(keys.audit, row, maxlen=AUDIT_LENGTH, approximate=True)
