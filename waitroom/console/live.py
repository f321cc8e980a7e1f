"""What a room page shows at this moment, computed once a second for all who look at it.

A process reads the figures of a room only while somebody looks. Arrivals of the last minute come
from the room's own counter, so they are exact as soon as a minute was watched.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from waitroom import clock
from waitroom.accounts.who import Who
from waitroom.console.sentences import texts
from waitroom.control import Control
from waitroom.control.views import RoomFigures
from waitroom.room import Directory, RoomSettings, State

#: Figures younger than this are shown to the next one as well, milliseconds.
FRESH_MS = 900
#: The span that arrivals are counted over, milliseconds.
MINUTE_MS = 60_000
#: Whoever reads for everybody.
READER = Who("console", "viewer")


@dataclass
class _Watched:
    """One room as this process last read it."""

    figures: RoomFigures | None = None
    read_ms: int = 0
    #: When, and how many had come in by then.
    entered: deque[tuple[int, int]] = field(default_factory=deque)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Live:
    """The figures of rooms that somebody looks at.

    Args:
        control: Reads them.
        directory: Knows the settings as they were last written or read here.
    """

    def __init__(self, control: Control, directory: Directory) -> None:
        self._control = control
        self._directory = directory
        self._watched: dict[str, _Watched] = {}

    async def figures(self, who: Who, room: str) -> RoomFigures:
        """Return a room in numbers, at most about a second old.

        Raises:
            ForbiddenError: If they may not see it.
            RoomNotFoundError: If there is none.
            StoreError: If Redis failed.
        """
        who.require("viewer", room)
        watched = self._watched.setdefault(room, _Watched())
        async with watched.reading:
            now_ms = clock.monotonic_ms()
            if watched.figures is None or now_ms - watched.read_ms >= FRESH_MS:
                try:
                    watched.figures = await self._control.figures(READER, room)
                except BaseException:
                    self._watched.pop(room, None)
                    raise
                watched.read_ms = now_ms
                _note(watched, now_ms)
        known = self._directory.known.get(room)
        return settled(watched.figures, known.settings) if known else watched.figures

    def arrivals(self, room: str) -> float | None:
        """Return how many came in within the last minute; None until a minute was watched."""
        watched = self._watched.get(room)
        if watched is None or len(watched.entered) < 2:
            return None
        (first_ms, first), (last_ms, last) = watched.entered[0], watched.entered[-1]
        return max(0, last - first) if last_ms - first_ms >= MINUTE_MS * 0.95 else None

    async def told(self, who: Who, room: str, arrivals: float | None = None) -> dict[str, Any]:
        """Return what is sent to a page: the room's state and every text that moves.

        Args:
            who: Who looks.
            room: The room.
            arrivals: What to say of arrivals until a minute was watched.

        Raises:
            ForbiddenError: If they may not see it.
            RoomNotFoundError: If there is none.
            StoreError: If Redis failed.
        """
        figures = await self.figures(who, room)
        seen = self.arrivals(room)
        found = texts(figures, arrivals if seen is None else seen)
        if seen is None and arrivals is None:
            # What the page has, from the last whole minute, is better than nothing.
            del found["arrivals"]
        bar = [figures.active, max(1, figures.total_active_users)]
        return {"state": figures.state, "texts": found, "bar": bar}


def settled(figures: RoomFigures, settings: RoomSettings) -> RoomFigures:
    """Return figures whose state is that of the settings: a board may be a second older.

    Args:
        figures: As read off the board.
        settings: As they are now.
    """
    if figures.state in ("unreachable", "recovering"):
        return figures
    state: State
    if settings.suspended:
        state = "suspended"
    elif settings.closed:
        state = "closed"
    elif settings.queue_all:
        state = "paused"
    elif settings.draining:
        state = "draining"
    elif figures.state in ("suspended", "closed", "paused", "draining"):
        state = "queueing" if figures.waiting else "open"
    else:
        return figures
    return replace(figures, state=state)


def _note(watched: _Watched, now_ms: int) -> None:
    if watched.figures is None or watched.figures.counters is None:
        return
    watched.entered.append((now_ms, watched.figures.counters["entered"]))
    # One sample older than a minute stays: the span is a minute then.
    while len(watched.entered) > 2 and now_ms - watched.entered[1][0] >= MINUTE_MS:
        watched.entered.popleft()
