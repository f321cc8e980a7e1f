"""The Lua scripts, one wrapper a verb. Each runs atomically on Redis's server.

Every script may be retried: asked again after an uncertain answer, it gives the same outcome.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

from waitroom.room.keys import Keys
from waitroom.room.owner_scripts import AuditRow as AuditRow
from waitroom.room.owner_scripts import OwnerScripts
from waitroom.room.sending import BATCH_MAX as BATCH_MAX
from waitroom.room.sending import check_batch, line, seating

#: A board younger than this is handed out again, milliseconds.
BOARD_MAX_AGE_MS = 1_000

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
        over: Seats looked at because they had ended, to note the visit.
        trimmed: Rows of the journal that were too old.
    """

    parked: int
    lapsed: int
    no_shows: int
    ended: int
    over: int = 0
    trimmed: int = 0


class Scripts(OwnerScripts):
    """All verbs of the engine on one store.

    Args:
        store: Where the rooms live.
    """

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
        check_batch(len(visits))
        args: list[Any] = [now_ms]
        for visit in visits:
            args.extend(visit)
        flat = await self._run("enter", keys, seating(keys), args)
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
        check_batch(len(visitors))
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
        check_batch(batch_max)
        args = [now_ms, batch_max, keys.admitted]
        more, *admitted = await self._run("admit", keys, seating(keys), args)
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
        check_batch(len(seats))
        names = [*line(keys), keys.kept, keys.served]
        args: list[Any] = [now_ms, epoch]
        for seat in seats:
            args.extend(seat)
        current, *deadlines = await self._run("renew", keys, names, args)
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
        names = [*line(keys), keys.kept, keys.served, keys.waits, keys.journal]
        what: bytes = await self._run("leave", keys, names, [now_ms, visitor])
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
        check_batch(batch_max)
        kept = [keys.kept, keys.served, keys.waits, keys.journal, keys.cut, keys.cut_rows]
        names = [*line(keys), *kept]
        return Swept(*await self._run("sweep", keys, names, [now_ms, batch_max]))

    async def sample(
        self, keys: Keys, counters: Sequence[str], *, keep_ms: int, now_ms: int = 0
    ) -> int:
        """Write what happened since the last sample into the history, at most once a minute.

        Args:
            keys: The room's keys.
            counters: Names of the counters to write.
            keep_ms: Older samples are dropped.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            The minute, ms since the epoch, when this call wrote its sample; else 0.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/sample.lua``
        """
        names = [
            *[keys.settings, keys.meta, keys.waiting, keys.parked, keys.active],
            *[keys.unclaimed, keys.waits, keys.told, keys.history],
        ]
        minute_ms: int = await self._run("sample", keys, names, [now_ms, keep_ms, *counters])
        return minute_ms

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
        names = [keys.settings, keys.meta, keys.waiting, keys.active, keys.board, keys.told]
        text = await self._run("board", keys, names, [now_ms, max_age_ms, keys.room])
        return cast(bytes, text)
