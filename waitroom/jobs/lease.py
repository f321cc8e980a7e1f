"""Who of several clocks may enqueue: the one that holds a key which expires.

A clock that ends gives the key up, one that dies loses it, and another one goes on where it was.
Two at once do no harm (see `tasks`): the key saves work, it guards nothing.
"""

from contextlib import suppress

import structlog
from redis import Redis
from redis.exceptions import LockError, RedisError

from waitroom.jobs.names import CLOCK

#: How long a clock that is not heard of keeps the lease, seconds: it asks every 5 s at least.
LEASE_S = 12.0

log = structlog.get_logger(__name__)


class Lease:
    """One clock's hold on the right to enqueue.

    Args:
        connection: RQ's Redis.
        ttl_s: How long it lasts without being asked for again, seconds.
    """

    def __init__(self, connection: Redis, ttl_s: float = LEASE_S) -> None:
        self._lock = connection.lock(CLOCK, timeout=ttl_s, blocking=False, thread_local=False)
        self._held: bool | None = None

    def held(self) -> bool:
        """Take the lease if nobody has it, extend it if it is ours.

        Returns:
            Whether this clock may enqueue now.

        Raises:
            RedisError: If Redis failed. The lease may be ours: ask again.
        """
        held = self._extended() or self._lock.acquire()
        if held is not self._held:
            log.info("clock_leads" if held else "clock_stands_by")
        self._held = held
        return held

    def give_up(self) -> None:
        """Let the next clock have it at once; without Redis it lapses by itself."""
        if self._held:
            with suppress(LockError, RedisError):
                self._lock.release()

    def _extended(self) -> bool:
        if not self._held:
            return False
        try:
            return bool(self._lock.reacquire())
        except LockError:
            return False
