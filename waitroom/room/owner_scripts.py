"""The Lua scripts for what owners do: settings, and a line by hand. One wrapper a verb.

Like the others (see ``scripts.py``), they may be retried.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from waitroom.room.keys import Keys
from waitroom.room.sending import BATCH_MAX, Sender, check_batch, line, seating

#: Changes kept in a room's audit trail.
AUDIT_LENGTH = 10_000


class AuditRow(NamedTuple):
    """What is noted of a change.

    Attributes:
        who: Who made it.
        changes: Setting name -> value before and after, as JSON.
    """

    who: str
    changes: bytes


class OwnerScripts(Sender):
    """The owner's verbs on one store."""

    async def restore(
        self,
        keys: Keys,
        settings: dict[str, bytes],
        recovery_hold_s: int,
        *,
        now_ms: int = 0,
    ) -> bool:
        """Write a room back that Redis has lost, and start its recovery.

        Args:
            keys: The room's keys.
            settings: All settings as JSON.
            recovery_hold_s: How long nobody is admitted, seconds.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            Whether it was written; False when the room is there.

        Raises:
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/restore.lua``
        """
        args: list[Any] = [now_ms, recovery_hold_s]
        for item in settings.items():
            args.extend(item)
        return bool(await self._run("restore", keys, [keys.settings, keys.meta], args))

    async def create(
        self, keys: Keys, settings: dict[str, bytes], row: AuditRow, *, now_ms: int = 0
    ) -> bool:
        """Make a room that is not there, and note who did.

        Args:
            keys: The room's keys.
            settings: All settings as JSON.
            row: What to note.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            Whether it was made; False when a room of this name is there.

        Raises:
            StoreError: If Redis failed. It may have been made.

        Source:
            ``scripts/create.lua``
        """
        args: list[Any] = [now_ms, AUDIT_LENGTH, *row]
        for item in settings.items():
            args.extend(item)
        return bool(await self._run("create", keys, [keys.settings, keys.meta, keys.audit], args))

    async def update(
        self,
        keys: Keys,
        changes: Sequence[tuple[str, bytes, bytes]],
        row: AuditRow,
        *,
        now_ms: int = 0,
    ) -> bool | None:
        """Change settings that are still what the caller read, all or none, and note who did.

        Args:
            keys: The room's keys.
            changes: Setting, its value as it was read, and its new one, both as JSON.
            row: What to note.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            Whether they were changed; False when somebody else changed one of them meanwhile;
            None when the seats of an epoch that was ended before are not all noted yet.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. They may have been changed; asking again is safe.

        Source:
            ``scripts/update.lua``
        """
        names = [
            *[keys.settings, keys.meta, keys.active, keys.unclaimed, keys.audit],
            *[keys.served, keys.cut, keys.cut_rows],
        ]
        args: list[Any] = [now_ms, AUDIT_LENGTH, *row]
        for change in changes:
            args.extend(change)
        changed: int = await self._run("update", keys, names, args)
        return None if changed == -1 else changed == 1

    async def admit_now(
        self,
        keys: Keys,
        n: int,
        once: str,
        row: AuditRow,
        *,
        now_ms: int = 0,
        batch_max: int = BATCH_MAX,
    ) -> tuple[str, int]:
        """Move the head of the line into free seats beside the rate limit, and note who did.

        Args:
            keys: The room's keys.
            n: How many in all calls of this request.
            once: Names the request.
            row: What to note.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
            batch_max: Most visitors looked at by this call. 1 to 1000.

        Returns:
            ``done``, ``full``, ``empty``, ``more`` (ask again), ``closed``, ``suspended`` or
            ``recovering``; and how many the request has admitted so far.

        Raises:
            ValueError: If an argument is out of range. Redis was not asked.
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/admit_now.lua``
        """
        check_batch(batch_max)
        args = [now_ms, batch_max, keys.admitted, n, once, AUDIT_LENGTH, *row]
        how, done, *_ = await self._run("admit_now", keys, [*seating(keys), keys.audit], args)
        return how.decode(), done

    async def let_in(self, keys: Keys, visitor: str, row: AuditRow, *, now_ms: int = 0) -> str:
        """Give one visitor of the line a seat before all others, and note who did.

        Args:
            keys: The room's keys.
            visitor: Who.
            row: What to note.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            ``admitted``, ``unknown``, ``silent``, ``full``, ``closed``, ``suspended`` or
            ``recovering``.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/let_in.lua``
        """
        args = [now_ms, keys.admitted, visitor, AUDIT_LENGTH, *row]
        names = [*line(keys), keys.served, keys.waits, keys.told, keys.audit]
        how: bytes = await self._run("let_in", keys, names, args)
        return how.decode()

    async def note(self, keys: Keys, row: AuditRow) -> None:
        """Write down that somebody did something.

        Args:
            keys: The room's keys.
            row: What to note.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. It may be noted.

        Source:
            ``scripts/note.lua``
        """
        await self._run("note", keys, [keys.settings, keys.audit], [AUDIT_LENGTH, *row])
