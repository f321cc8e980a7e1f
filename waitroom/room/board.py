"""The board: a room's line in a few hundred points, from which every position is read.

Made by ``scripts/board.lua`` at most once a second for everybody. Exact for the first hundred
in line, at most 2 % off further back, whatever the line's length. What stands behind the first
ten thousand is looked up every ten seconds and fitted meanwhile: see ``scripts/shared/points.lua``.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal

import orjson

State = Literal["open", "queueing", "paused", "recovering", "draining", "suspended", "closed"]

#: States in which nobody can say how long it takes.
_NO_WAIT_KNOWN = frozenset({"paused", "recovering", "closed"})


@dataclass(frozen=True, slots=True)
class Board:
    """A room at one moment.

    Attributes:
        state: What the room is doing; ``paused`` holds everyone, ``recovering`` collects places
            after a loss, ``draining`` lets in those who have a place and refuses newcomers.
        queueing: Whether newcomers have to wait, as far as known.
        at_ms: When the board was made, Redis's clock.
        waiting: Visitors in the line.
        active: Unexpired seats.
        admitted_per_minute: Measured while there was a line; None when too little was seen.
        rate_per_minute: Lower and upper bound of that rate.
        places: Places of the points, ascending.
        positions: Their 1-based positions.
    """

    room: str
    state: State
    queueing: bool
    at_ms: int
    waiting: int
    active: int
    total_active_users: int
    admitted_per_minute: int | None
    rate_per_minute: tuple[float, float] | None
    title: str
    message: str | None
    places: list[int]
    positions: list[int]

    @classmethod
    def parse(cls, text: bytes) -> "Board":
        """Read a board as ``scripts/board.lua`` wrote it."""
        fields = orjson.loads(text)
        rate = fields["rate_per_minute"]
        return cls(**(fields | {"rate_per_minute": tuple(rate) if rate else None}))

    def position(self, place: int) -> int | None:
        """Return where a place stands.

        Args:
            place: Microseconds since the epoch.

        Returns:
            The 1-based position; 0 when the place is certainly not in the line any more; None
            when it is behind the last one that the board knows.
        """
        at = bisect_left(self.places, place)
        if at == len(self.places):
            return None
        after = self.positions[at]
        if self.places[at] == place:
            return after
        if at == 0:
            return 0
        before = self.positions[at - 1]
        if after - before == 1:
            # Two neighbours, and the place is neither: it is not in the line.
            return 0
        share = (place - self.places[at - 1]) / (self.places[at] - self.places[at - 1])
        return before + max(1, round(share * (after - before)))

    def wait_s(self, position: int) -> tuple[int, int] | None:
        """Return how long a position is likely to wait.

        Args:
            position: 1-based.

        Returns:
            Shortest and longest likely wait in seconds; None when nobody can know yet.
        """
        if self.rate_per_minute is None or self.state in _NO_WAIT_KNOWN:
            return None
        slow, fast = self.rate_per_minute
        # The count ahead is itself random: its spread grows with the square root.
        spread = position**0.5
        low = max(0.0, position - spread) * 60 / fast
        high = (position + spread) * 60 / slow
        return int(low), int(high) + 1
