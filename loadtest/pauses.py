"""The pauses of a splash page and its alarm clock: splash/clock.js and splash/arrival.js."""

import random
from collections.abc import Callable
from typing import Any

import gevent

#: As in splash/clock.js and arrival.js; seconds, and people a second.
LONGEST_PAUSE_S, LONGEST_SPREAD_S, PEOPLE_PER_S = 20.0, 30.0, 1_000.0
NEWS_S, AGAIN_S, RECOVERY_S = 30.0, (1.0, 10.0), 3.0


def jitter(seconds: float) -> float:
    """Return the same or up to 30 % more."""
    return seconds * (1 + random.random() * 0.3)


def growing(failures: int) -> float:
    """Return the pause before the next attempt."""
    longest = min(LONGEST_PAUSE_S, 2.0 * 1.6 ** (failures - 1))
    return float(longest * (0.5 + random.random() / 2))


def spread(people: float, longest_s: float = LONGEST_SPREAD_S) -> float:
    """Return the pause before a newcomer connects."""
    return random.random() * min(longest_s, LONGEST_SPREAD_S, people / PEOPLE_PER_S)


def arrival_s(board: dict[str, Any], position: int, gone_s: float | None) -> float:
    """Return when to connect, as ``planArrival`` does; seconds from now.

    Args:
        board: As the server gave it.
        position: What an earlier look showed; 0 = nothing.
        gone_s: How long ago that was; None = never here.
    """
    people = board.get("waiting") or 0
    passed = (board.get("admitted_per_minute") or 0) * (gone_s or 0.0) / 60
    ahead = max(0, min(position or people, people) - passed)
    longest = LONGEST_SPREAD_S
    if gone_s is not None:
        longest = max(AGAIN_S[0], min(AGAIN_S[1], NEWS_S + AGAIN_S[1] - gone_s))
    if board.get("state") == "recovering":
        longest = min(longest, RECOVERY_S)
    return spread(ahead, longest)


class Alarm:
    """A timer of the event loop; the last setting counts. Its call must not block."""

    __slots__ = ("_call", "_timer")

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._timer: Any = None

    def set(self, seconds: float) -> None:
        """Call after so long."""
        self.clear()
        self._timer = gevent.get_hub().loop.timer(max(0.0, seconds))
        self._timer.start(self._ring, update=True)

    def clear(self) -> None:
        """Do not call."""
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    @property
    def is_set(self) -> bool:
        """Whether it will ring."""
        return self._timer is not None

    def _ring(self) -> None:
        self.clear()
        self._call()
