"""The truth about the room, asked from Redis ten times a second: seats, line, admissions.

Seats are counted by Redis's own clock in the same step that reads it. Who is admitted is heard on
the room's channel, in the order in which the engine took them.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import gevent
import redis

from waitroom.room.keys import Keys

INTERVAL_S = 0.1
#: Memory and operations are asked more rarely, seconds.
SLOW_S = 2.0
_LOOK = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
return {redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now_ms), '+inf'),
  redis.call('ZCARD', KEYS[2]), redis.call('HGET', KEYS[3], 'total_active_users'),
  redis.call('HGET', KEYS[3], 'queue_all'), redis.call('HGET', KEYS[4], 'admitted') or '0'}
"""


@dataclass(frozen=True, slots=True)
class Look:
    """The room at one moment.

    Attributes:
        at_s: When.
        active: Seats taken.
        waiting: In the line.
        seats: The limit.
        held: The owner holds everybody.
        admitted: In all, since the room was made.
    """

    at_s: float
    active: int
    waiting: int
    seats: int
    held: bool
    admitted: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What Redis spends at one moment.

    Attributes:
        at_s: When.
        waiting: In the line.
        line_bytes: Of the two keys that hold who waits.
        commands: Since it was started.
    """

    at_s: float
    waiting: int
    line_bytes: int
    commands: int


@dataclass(slots=True)
class RoomTruth:
    """Looks at one room until it is stopped.

    Attributes:
        url: Redis.
        room: The room's name.
        looks: In order.
        costs: In order.
        admitted: Moment and visitor of every admission, in the engine's order.
        failed: Looks that Redis did not answer.
    """

    url: str
    room: str
    looks: list[Look] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    admitted: list[tuple[float, str]] = field(default_factory=list)
    failed: int = 0
    _greenlets: list[Any] = field(default_factory=list)

    def start(self) -> None:
        """Begin to look, in greenlets of its own."""
        self._greenlets = [gevent.spawn(work) for work in (self._look, self._cost, self._hear)]

    def stop(self) -> None:
        """End it; what was seen stays."""
        gevent.killall(self._greenlets)

    def open_doors(self) -> None:
        """End the hold of a paused room, as its owner does."""
        with redis.Redis.from_url(self.url) as raw:
            raw.hset(Keys(self.room).settings, "queue_all", "false")

    def _look(self) -> None:
        keys = Keys(self.room)
        raw = redis.Redis.from_url(self.url)
        look = raw.register_script(_LOOK)
        names = [keys.active, keys.waiting, keys.settings, keys.meta]
        while True:
            started = time.monotonic()
            try:
                active, waiting, seats, held, admitted = look(keys=names)
                found = Look(
                    time.time(), active, waiting, int(seats or 0), held == b"true", int(admitted)
                )
                self.looks.append(found)
            except redis.RedisError:
                self.failed += 1
            gevent.sleep(max(0.02, INTERVAL_S - (time.monotonic() - started)))

    def _cost(self) -> None:
        keys = Keys(self.room)
        raw: Any = redis.Redis.from_url(self.url)
        while True:
            try:
                sizes = [raw.memory_usage(key, samples=200) for key in (keys.waiting, keys.seen)]
                commands = raw.info("stats")["total_commands_processed"]
                size = sum(each or 0 for each in sizes)
                self.costs.append(Cost(time.time(), raw.zcard(keys.waiting), size, commands))
            except redis.RedisError:
                self.failed += 1
            gevent.sleep(SLOW_S)

    def _hear(self) -> None:
        channel = Keys(self.room).admitted
        while True:
            try:
                raw: Any = redis.Redis.from_url(self.url)
                pubsub = raw.pubsub(ignore_subscribe_messages=True)
                pubsub.subscribe(channel)
                for message in pubsub.listen():
                    now = time.time()
                    names = message["data"].decode().split()
                    self.admitted += [(now, name) for name in names]
            except redis.RedisError:
                self.failed += 1
                gevent.sleep(0.5)
