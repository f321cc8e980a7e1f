"""The truth about the line, asked from Redis a few times a second, for one process's visitors.

The whole line is read each time: a load test may do what no visitor's request does. The reading
costs Redis about a millisecond for ten thousand.
"""

import time
from collections import Counter
from typing import Any

import gevent
import numpy as np
import redis

from loadtest.measures import Measures
from loadtest.staleness import Staleness
from waitroom.room.keys import Keys

#: Time between two samples, seconds; longer for a long line, so that it stays cheap.
INTERVAL_S, VISITORS_PER_S = 0.25, 40_000
#: After a register the place is in Redis for certain, seconds.
SETTLED_S = 3.0


class Line:
    """Asks for the line and judges what this process's visitors see.

    Args:
        url: Redis.
        room: The room's name.
        measures: Take the results.
        visitors: Most at once in this process.
    """

    def __init__(self, url: str, room: str, measures: Measures, visitors: int) -> None:
        self._redis: Any = redis.Redis.from_url(url)
        self._keys = Keys(room)
        self._measures = measures
        self._staleness = Staleness(visitors)
        self._visitors = visitors
        self._slots: dict[bytes, int] = {}
        self._there: set[bytes] = set()

    def enter(self, visitor: str) -> int:
        """Return a slot for a visitor who waits."""
        slot = self._staleness.enter()
        if slot >= 0:
            self._slots[visitor.encode()] = slot
        return slot

    def leave(self, slot: int, visitor: str) -> None:
        """Give a slot back."""
        self._slots.pop(visitor.encode(), None)
        self._staleness.leave(slot)

    def told(self, slot: int, position: int) -> None:
        """Note what a visitor was told."""
        self._staleness.told(slot, position, time.time())

    def shown(self, slot: int, position: int) -> None:
        """Note what a visitor sees from now on; 0 = nobody looks."""
        self._staleness.shown(slot, position)

    def run(self) -> None:
        """Sample until killed; a Redis that does not answer is counted."""
        while True:
            started = time.monotonic()
            length = 0
            try:
                length = self._sample()
            except redis.RedisError:
                self._measures.count("samples_failed")
            pause_s = max(INTERVAL_S, length / VISITORS_PER_S)
            gevent.sleep(max(0.05, pause_s - (time.monotonic() - started)))

    def report(self) -> None:
        """Put the tables into the measures, where they are taken from."""
        for name, table in self._staleness.take().items():
            self._measures.tables.setdefault(name, Counter()).update(table)
        self._measures.count("false_positions", self._staleness.false)
        self._staleness.false = 0

    def places(self, visitors: list[str]) -> list[int | None]:
        """Return what Redis holds of visitors: the place of who waits, 0 for a seat, else None.

        Raises:
            redis.RedisError: If it does not answer.
        """
        if not visitors:
            return []
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.zmscore(self._keys.waiting, visitors)
            pipe.zmscore(self._keys.active, visitors)
            pipe.zmscore(self._keys.parked, visitors)
            waiting, active, parked = pipe.execute()
        return [
            int(place) if place is not None else 0 if seat is not None or away is not None else None
            for place, seat, away in zip(waiting, active, parked, strict=True)
        ]

    def _sample(self) -> int:
        line = self._redis.zrange(self._keys.waiting, 0, -1)
        at_s = time.time()
        ranks = np.zeros(self._visitors, np.int32)
        slot_of = self._slots.get
        for rank, visitor in enumerate(line, 1):
            slot = slot_of(visitor)
            if slot is not None:
                ranks[slot] = rank
        there = set(line)
        come, gone = len(there - self._there), len(self._there - there)
        self._there = there
        self._staleness.sample(at_s, ranks, come, gone)
        return len(line)
