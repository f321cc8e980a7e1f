"""The Lua scripts, one wrapper a verb. Each runs atomically on Redis's server.

Every script may be retried: asked again after an uncertain answer, it gives the same outcome.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

from waitroom.room.keys import Keys
from waitroom.room.loading import Loaded
from waitroom.room.store import Store

#: Most visitors in one call; Lua's ``unpack`` ends at 8000 and a script holds up everybody.
BATCH_MAX = 1_000
#: A board younger than this is handed out again, milliseconds.
BOARD_MAX_AGE_MS = 1_000
#: Changes kept in a room's audit trail.
AUDIT_LENGTH = 10_000

StandingState = Literal["seated", "waiting", "suspended", "closed"]


class Standing(NamedTuple):
    """What a visitor has after asking.

    Attributes:
        state: ``seated``, ``waiting``; ``suspended`` when the room lets everybody through;
            ``closed`` when it refuses.
        visitor: May differ from the one shown: then a new ticket is due.
        place: Likewise, microseconds since the epoch.
        position: 1-based when waiting, else 0.
        deadline_ms: When a seat ends, milliseconds since the epoch, else 0.
    """

    state: StandingState
    visitor: str
    place: int
    position: int
    deadline_ms: int


class Swept(NamedTuple):
    """What one sweep dropped.

    Attributes:
        parked: Visitors taken out of the line because they fell silent.
        lapsed: Places given up after ``place_ttl_s`` of silence.
        no_shows: Seats that ended without being used.
        ended: Ended seats forgotten.
    """

    parked: int
    lapsed: int
    no_shows: int
    ended: int


class AuditRow(NamedTuple):
    """What is noted of a change.

    Attributes:
        who: Who made it.
        changes: Setting name -> value before and after, as JSON.
    """

    who: str
    changes: bytes


class Scripts:
    """The engine's verbs on one store.

    Args:
        store: Where the rooms live.
    """

    def __init__(self, store: Store) -> None:
        self._run = Loaded(store).run

    async def enter(
        self, keys: Keys, visits: Sequence[tuple[str, int]], *, now_ms: int = 0
    ) -> list[Standing]:
        """Give visitors the seat or the place that is theirs.

        Args:
            keys: The room's keys.
            visits: Visitor and the place of the ticket shown, 0 = none. 1 to 1000.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            One standing a visit, in the same order.

        Raises:
            ValueError: If there are too many. Redis was not asked.
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/enter.lua``
        """
        _check_batch(len(visits))
        args: list[Any] = [now_ms]
        for visit in visits:
            args.extend(visit)
        flat = await self._run("enter", keys, _line(keys), args)
        return [
            Standing(
                cast(StandingState, flat[i].decode()), flat[i + 1].decode(), *flat[i + 2 : i + 5]
            )
            for i in range(0, len(flat), 5)
        ]

    async def beat(self, keys: Keys, visitors: Sequence[str], *, now_ms: int = 0) -> list[str]:
        """Note that visitors in the line are present.

        Args:
            keys: The room's keys.
            visitors: 1 to 1000.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            Those who are not in the line; they enter with their tickets.

        Raises:
            ValueError: If there are too many. Redis was not asked.
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/beat.lua``
        """
        _check_batch(len(visitors))
        names = [keys.settings, keys.meta, keys.seen]
        unknown = await self._run("beat", keys, names, [now_ms, *visitors])
        return [visitor.decode() for visitor in unknown]

    async def admit(
        self, keys: Keys, *, now_ms: int = 0, batch_max: int = BATCH_MAX
    ) -> tuple[list[str], bool]:
        """Move the head of the line into free seats, in one atomic step, and publish whom.

        Args:
            keys: The room's keys.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
            batch_max: Most visitors looked at by this call. 1 to 1000.

        Returns:
            Visitors in order of place, at most ``batch_max``, empty when full or no one waits;
            and whether the batch ended before the work did.

        Raises:
            ValueError: If an argument is out of range. Redis was not asked.
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. The move may have happened; the visitors learn of it
                when they enter again.

        Source:
            ``scripts/admit.lua``
        """
        _check_batch(batch_max)
        args = [now_ms, batch_max, keys.admitted]
        more, *admitted = await self._run("admit", keys, _line(keys), args)
        return [visitor.decode() for visitor in admitted], more == 1

    async def renew(
        self, keys: Keys, seats: Sequence[tuple[str, int]], *, epoch: int = 0, now_ms: int = 0
    ) -> tuple[int, list[int]]:
        """Use or extend seats; bring back those that Redis lost.

        Args:
            keys: The room's keys.
            seats: Visitor and deadline in ms of the pass shown, 0 = none. 1 to 1000.
            epoch: The room's epoch as the caller knows it; lost seats of another stay lost.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            The room's epoch as it is now, which passes have to carry; and one deadline in ms a
            seat, in the same order, 0 = no seat.

        Raises:
            ValueError: If there are too many. Redis was not asked.
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/renew.lua``
        """
        _check_batch(len(seats))
        args: list[Any] = [now_ms, epoch]
        for seat in seats:
            args.extend(seat)
        current, *deadlines = await self._run("renew", keys, _line(keys), args)
        return current, deadlines

    async def leave(self, keys: Keys, visitor: str, *, now_ms: int = 0) -> str:
        """Give up a seat or a place, and spend the ticket.

        Args:
            keys: The room's keys.
            visitor: Who leaves.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            ``seat``, ``place``, or empty when there was neither.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/leave.lua``
        """
        what: bytes = await self._run("leave", keys, _line(keys), [now_ms, visitor])
        return what.decode()

    async def sweep(self, keys: Keys, *, now_ms: int = 0, batch_max: int = BATCH_MAX) -> Swept:
        """Drop what has expired, at most one batch of each kind.

        Args:
            keys: The room's keys.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
            batch_max: Most visitors handled of each kind. 1 to 1000.

        Returns:
            What was dropped; all zero when there was nothing to do.

        Raises:
            ValueError: If an argument is out of range. Redis was not asked.
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/sweep.lua``
        """
        _check_batch(batch_max)
        return Swept(*await self._run("sweep", keys, _line(keys), [now_ms, batch_max]))

    async def board(
        self, keys: Keys, *, now_ms: int = 0, max_age_ms: int = BOARD_MAX_AGE_MS
    ) -> bytes:
        """Return the board as JSON, made now unless a fresh one is there.

        Args:
            keys: The room's keys.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
            max_age_ms: A younger board is handed out again; 0 makes a new one.

        Returns:
            JSON as ``Board.parse`` reads it, under 20 kB at a million waiting.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/board.lua``
        """
        names = [keys.settings, keys.meta, keys.waiting, keys.active, keys.board]
        text = await self._run("board", keys, names, [now_ms, max_age_ms, keys.room])
        return cast(bytes, text)

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
        self, keys: Keys, changes: Sequence[tuple[str, bytes, bytes]], row: AuditRow
    ) -> bool:
        """Change settings that are still what the caller read, all or none, and note who did.

        Args:
            keys: The room's keys.
            changes: Setting, its value as it was read, and its new one, both as JSON.
            row: What to note.

        Returns:
            Whether they were changed; False when somebody else changed one of them meanwhile.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. They may have been changed; asking again is safe.

        Source:
            ``scripts/update.lua``
        """
        names = [keys.settings, keys.meta, keys.active, keys.unclaimed, keys.audit]
        args: list[Any] = [AUDIT_LENGTH, *row]
        for change in changes:
            args.extend(change)
        return bool(await self._run("update", keys, names, args))


def _line(keys: Keys) -> list[str]:
    return [
        keys.settings,
        keys.meta,
        keys.waiting,
        keys.seen,
        keys.parked,
        keys.active,
        keys.unclaimed,
    ]


def _check_batch(count: int) -> None:
    if not 1 <= count <= BATCH_MAX:
        raise ValueError(f"a batch holds 1 to {BATCH_MAX}, not {count}")
