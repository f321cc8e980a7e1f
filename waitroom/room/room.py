"""One waiting room: what can be done with its line and its seats.

A thin face over the scripts: it splits long lists into batches and reads figures. It holds no
state of the line; any number of processes may hold the same room.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from waitroom.room.board import Board
from waitroom.room.days import sum_up
from waitroom.room.figures import COUNTERS, Figures, VisitorRow, read_figures, read_visitors
from waitroom.room.keys import Keys
from waitroom.room.minutes import KEEP_MS
from waitroom.room.scripts import BATCH_MAX, BOARD_MAX_AGE_MS, Scripts, Standing, Swept
from waitroom.room.settings import RoomSettings
from waitroom.room.store import Store
from waitroom.room.together import Together

#: Most batches of one ``admit``, so that a tick always ends.
MAX_ROUNDS = 50
#: Most batches of one sweep: 200 times 1000 visitors.
SWEEP_ROUNDS = 200
_T = TypeVar("_T")


class Room:
    """A room and its settings as last read.

    Args:
        store: Where it lives.
        scripts: The engine's verbs on that store.
        name: The room's name.
        settings: Its settings.
    """

    def __init__(self, store: Store, scripts: Scripts, name: str, settings: RoomSettings) -> None:
        self._store = store
        self._scripts = scripts
        self.name = name
        self.keys = Keys(name)
        self.settings = settings
        self._entering = Together(self.enter_many, BATCH_MAX)
        self._renewing = Together(self._renew_together, BATCH_MAX)
        self._reading = Together(self._board_texts, BATCH_MAX)

    async def enter(self, visitor: str, place: int = 0, *, now_ms: int = 0) -> Standing:
        """Give a visitor the seat or the place that is theirs; see ``Scripts.enter``.

        Those who enter in the same moment go in one call, in the order in which they came.

        Args:
            visitor: Who asks.
            place: The place of the ticket shown, microseconds since the epoch; 0 = none.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
        """
        if now_ms == 0:
            return await self._entering.ask((visitor, place))
        return (await self.enter_many([(visitor, place)], now_ms=now_ms))[0]

    async def enter_many(
        self, visits: Sequence[tuple[str, int]], *, now_ms: int = 0
    ) -> list[Standing]:
        """Like ``enter`` for any number of visitors, in batches.

        Args:
            visits: Visitor and place of the ticket shown, 0 = none.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            One standing a visit, in the same order.
        """
        standings: list[Standing] = []
        for batch in _batches(visits):
            standings += await self._scripts.enter(self.keys, batch, now_ms=now_ms)
        return standings

    async def beat(self, visitors: Sequence[str], *, now_ms: int = 0) -> list[str]:
        """Note that visitors are present; see ``Scripts.beat``. Any number, in batches.

        Args:
            visitors: Who was heard of.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            Those who are not in the line.
        """
        unknown: list[str] = []
        for batch in _batches(visitors):
            unknown += await self._scripts.beat(self.keys, batch, now_ms=now_ms)
        return unknown

    async def admit(self, batch_max: int = BATCH_MAX, *, now_ms: int = 0) -> list[str]:
        """Fill the free seats from the head of the line; see ``Scripts.admit``.

        Args:
            batch_max: Most visitors looked at in one atomic step. 1 to 1000.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            Visitors in order of place.
        """
        admitted: list[str] = []
        for _ in range(MAX_ROUNDS):
            found, more = await self._scripts.admit(self.keys, now_ms=now_ms, batch_max=batch_max)
            admitted += found
            if not more:
                break
        return admitted

    async def claim(self, visitor: str, *, now_ms: int = 0) -> int:
        """Use a seat for the first time, or again.

        Args:
            visitor: Who comes in.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            When the seat ends, milliseconds since the epoch; 0 = no seat.
        """
        return await self._renew(visitor, 0, now_ms)

    async def renew(self, seats: Sequence[tuple[str, int]], *, now_ms: int = 0) -> list[int]:
        """Extend seats, and bring back lost ones; see ``Scripts.renew``. Any number.

        Args:
            seats: Visitor and deadline in ms of the pass shown, 0 = none.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            One deadline in ms a seat; 0 = no seat.
        """
        deadlines: list[int] = []
        # The one that the passes were checked against, whatever is learned on the way.
        known = self.settings.epoch
        for batch in _batches(seats):
            epoch, found = await self._scripts.renew(self.keys, batch, epoch=known, now_ms=now_ms)
            deadlines += found
            if epoch != self.settings.epoch:
                # The owner ended all passes a moment ago; one signed now must be a new one.
                self.settings = self.settings.model_copy(update={"epoch": epoch})
        return deadlines

    async def seat_of(self, visitor: str, deadline_ms: int, *, now_ms: int = 0) -> Standing | None:
        """Find the seat of a pass, and extend it; one that Redis has lost comes back.

        Args:
            visitor: Whose pass it is.
            deadline_ms: The pass's.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            Where the visitor stands; None if there is no seat any more.
        """
        seat_ms = await self._renew(visitor, deadline_ms, now_ms)
        return Standing("seated", visitor, 0, 0, seat_ms) if seat_ms else None

    async def _renew(self, visitor: str, deadline_ms: int, now_ms: int) -> int:
        if now_ms == 0:
            return await self._renewing.ask((visitor, deadline_ms, self.settings.epoch))
        return (await self.renew([(visitor, deadline_ms)], now_ms=now_ms))[0]

    async def _renew_together(self, asked: Sequence[tuple[str, int, int]]) -> list[int]:
        now = self.settings.epoch
        # All passes may have been ended since one was checked: that one brings nothing back.
        return await self.renew([(v, ms if epoch == now else 0) for v, ms, epoch in asked])

    async def leave(self, visitor: str, *, now_ms: int = 0) -> str:
        """Give up a seat or a place.

        Args:
            visitor: Who leaves.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            ``seat``, ``place``, or empty when there was neither.
        """
        return await self._scripts.leave(self.keys, visitor, now_ms=now_ms)

    async def sweep(self, batch_max: int = BATCH_MAX, *, now_ms: int = 0) -> Swept:
        """Drop one batch of what has expired; see ``Scripts.sweep``.

        Args:
            batch_max: Most visitors handled of each kind. 1 to 1000.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
        """
        return await self._scripts.sweep(self.keys, now_ms=now_ms, batch_max=batch_max)

    async def sweep_all(self, *, now_ms: int = 0) -> int:
        """Drop all that has expired, within bounds; the next call goes on.

        Args:
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            How many visitors and rows were handled.
        """
        handled = 0
        for _ in range(SWEEP_ROUNDS):
            found = sum(await self.sweep(now_ms=now_ms))
            handled += found
            if not found:
                break
        return handled

    async def board_text(self, *, now_ms: int = 0, max_age_ms: int = BOARD_MAX_AGE_MS) -> bytes:
        """Return the board as JSON, as it may be shown to anybody.

        Args:
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
            max_age_ms: A younger board is handed out again; 0 makes a new one.
        """
        if now_ms == 0 and max_age_ms == BOARD_MAX_AGE_MS:
            return await self._reading.ask(None)
        return await self._scripts.board(self.keys, now_ms=now_ms, max_age_ms=max_age_ms)

    async def _board_texts(self, asked: Sequence[None]) -> list[bytes]:
        return [await self._scripts.board(self.keys)] * len(asked)

    async def board(self, *, now_ms: int = 0, max_age_ms: int = BOARD_MAX_AGE_MS) -> Board:
        """Return the board.

        Args:
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
            max_age_ms: A younger board is handed out again; 0 makes a new one.
        """
        return Board.parse(await self.board_text(now_ms=now_ms, max_age_ms=max_age_ms))

    async def figures(self, *, now_ms: int = 0) -> Figures:
        """Return the room in numbers, at a constant cost.

        Args:
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Raises:
            StoreError: If Redis failed.
        """
        now_ms = now_ms or await self._store.time_ms(self.keys.meta)
        return await read_figures(self._store, self.keys, now_ms)

    async def visitors(self, start: int = 0, count: int = 100) -> list[VisitorRow]:
        """Return a page of the line, in order.

        Args:
            start: How many to pass over. At least 0.
            count: Most rows. 1 to 1000.

        Returns:
            Rows in order of place; empty past the end.

        Raises:
            ValueError: If an argument is out of range.
            StoreError: If Redis failed.
        """
        if start < 0 or not 1 <= count <= BATCH_MAX:
            raise ValueError(f"start={start}, count={count}: count must be 1 to {BATCH_MAX}")
        return await read_visitors(self._store, self.keys, start, count)

    async def sample(self, *, now_ms: int = 0) -> bool:
        """Write one sample a minute into the history; the second one of a minute changes nothing.

        A missed minute is not made up; what it counted is in the next one.

        Args:
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            Whether this call wrote it.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed. Asking again is safe.
        """
        written = await self._scripts.sample(self.keys, COUNTERS, keep_ms=KEEP_MS, now_ms=now_ms)
        return written > 0

    async def sum_up(self, *, now_ms: int = 0) -> int:
        """Keep the days that are over as sums of their samples; each is kept once.

        Args:
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.

        Returns:
            How many days were added.

        Raises:
            StoreError: If Redis failed. Asking again is safe.
        """
        now_ms = now_ms or await self._store.time_ms(self.keys.meta)
        return await sum_up(self._store, self.keys, now_ms)


def _batches(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), BATCH_MAX):
        yield items[start : start + BATCH_MAX]
