"""The one place that reads a clock or draws a random number.

Places in the line are stamped by Redis's clock (see ``room/scripts/shared/room.lua``); this clock
serves passes at the edge, cookies and timers of one process.
"""

import random
import secrets
import time
from collections.abc import Iterable
from typing import TypeVar

_T = TypeVar("_T")


def now_ms() -> int:
    """Return milliseconds since the epoch by this host's clock."""
    return time.time_ns() // 1_000_000


def now_us() -> int:
    """Return microseconds since the epoch by this host's clock."""
    return time.time_ns() // 1_000


def monotonic_s() -> float:
    """Return seconds of a clock that never goes back; only differences mean anything."""
    return time.monotonic()


def monotonic_ms() -> int:
    """Return the same in whole milliseconds."""
    return time.monotonic_ns() // 1_000_000


def new_visitor() -> str:
    """Return a new visitor's name: 128 random bits as 22 characters of base64url."""
    return secrets.token_urlsafe(16)


def jitter(base: float, share: float = 0.3) -> float:
    """Return ``base`` raised by up to ``share`` of it, so that many callers spread out."""
    return base * (1 + random.random() * share)  # noqa: S311 - spreads load, guards nothing


def shuffled(items: Iterable[_T]) -> list[_T]:
    """Return items in random order."""
    found = list(items)
    random.shuffle(found)
    return found
