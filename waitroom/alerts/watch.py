"""Who notices a worker that fell silent: the web processes, one of them at a time.

A worker checks the conditions, every ten seconds. One web process holds a lease in Redis and looks
whether it does. When it does not, the web process checks the conditions in its place, finds among
them that no worker is alive, delivers what is due and sweeps by itself; as soon as a worker checks
again, it stops. So a Redis that is full, and takes no jobs from a clock, is told of and swept.
Two watchers at once, after a pause of one, do no harm: a state changes hands only once, and a
delivery has one attempt at a time.
"""

import asyncio
from functools import partial

import structlog

from waitroom import clock
from waitroom.alerts import keys
from waitroom.alerts.book import Book
from waitroom.alerts.check import check
from waitroom.alerts.deliver import deliver_due
from waitroom.alerts.health import AskJobs
from waitroom.config import Config
from waitroom.errors import WaitroomError
from waitroom.room import Directory, Room, Store
from waitroom.room.turns import in_turn

#: How often a web process looks, and checks while nobody else does, seconds.
EVERY_S = 10.0
#: How long the lease lasts without being asked for again, milliseconds.
LEASE_MS = 30_000
#: Without a check by a worker for so long, the web process steps in, milliseconds.
PATIENCE_MS = 35_000
#: What a worker calls itself in the notes on checks.
WORKER = "worker"

log = structlog.get_logger(__name__)


class Watch:
    """One web process's watch over the checks.

    Args:
        store: Where the rooms live.
        config: This installation's settings.
        ask_jobs: Says how the jobs do.
        name: The process's name among those alive.
    """

    def __init__(self, store: Store, config: Config, ask_jobs: AskJobs, name: str) -> None:
        self._book = Book(store)
        self._config = config
        self._ask_jobs = ask_jobs
        self._name = name
        # One of its own: what it reads is of no concern to those who tick.
        self._directory = Directory(store)
        self._since_ms: int | None = None
        self._stands_in = False

    async def run(self) -> None:
        """Look until cancelled; no fault ends it."""
        while True:
            try:
                await self.look()
            except WaitroomError as e:
                log.warning("alerts_not_checked", detail=e.detail)
            except Exception:
                # A defect here must not end the watch; the process serves visitors all the same.
                log.exception("alerts_watch_failed")
            await asyncio.sleep(clock.jitter(EVERY_S, 0.1))

    async def look(self, *, now_ms: int = 0) -> bool:
        """Check in the workers' place if they do not.

        Args:
            now_ms: Milliseconds since the epoch; 0 means Redis's clock.

        Returns:
            Whether this process stood in.

        Raises:
            StoreError: If Redis failed; the next look goes on.
        """
        if not await self._book.take(keys.WATCH, LEASE_MS, self._name):
            self._since_ms = None
            return False
        at_ms = now_ms or await self._book.now_ms()
        if self._since_ms is None:
            self._since_ms = at_ms
        if not await self._needed(at_ms):
            self._note(False)
            return False
        self._note(True)
        await check(self._book, self._directory, self._ask_jobs, by=self._name, now_ms=now_ms)
        await deliver_due(self._book, self._config, now_ms=now_ms)
        # What fails in a room is in the log; the next look goes on.
        await in_turn(self._directory, partial(Room.sweep_all, now_ms=now_ms))
        return True

    async def _needed(self, now_ms: int) -> bool:
        checked_ms, by = await self._book.checked()
        if by is not None and by != WORKER:
            # A web process stood in last: on until a worker checks again.
            return True
        # One that starts together with the workers gives them time.
        heard_ms = max(checked_ms or 0, self._since_ms or 0)
        return not 0 <= now_ms - heard_ms <= PATIENCE_MS

    def _note(self, stands_in: bool) -> None:
        if stands_in is not self._stands_in:
            log.warning("alerts_checked_here" if stands_in else "alerts_checked_by_worker")
        self._stands_in = stands_in
