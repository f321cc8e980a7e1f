"""Alerts as jobs: the check every ten seconds, and one attempt to deliver an alert.

Attempts have a queue of their own, and a process that looks after it: a webhook that hangs for as
long as it may delays no sweep and no check. A failed attempt is retried by RQ after a growing
pause. What is on its way is kept beside the rooms, not here: a check enqueues what RQ has lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from redis import Redis
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, Retry
from rq.scheduler import RQScheduler

from waitroom.alerts.book import Book
from waitroom.alerts.check import check
from waitroom.alerts.deliver import deliver
from waitroom.alerts.watch import WORKER
from waitroom.config import Config, load_config
from waitroom.embedded import redis_url, rq_redis_url
from waitroom.jobs.health import job_health
from waitroom.jobs.names import ALERTS_QUEUE, connect
from waitroom.room import Directory, Store

#: Deliveries enqueued by one check; the next one goes on.
ENQUEUED_MAX = 100
#: Longer than the longest attempt, seconds; a mail server may take 10.
ATTEMPT_TIMEOUT_S = 30
#: More than a delivery has attempts: it gives up by itself.
RETRIES_MAX = 50
#: What became of an attempt that broke off is of no interest for long, seconds.
FAILURE_TTL_S = 60
#: A delivery that is due for longer, and still a job, is one that RQ has lost, milliseconds.
LOST_MS = 300_000

_T = TypeVar("_T")


def check_alerts() -> int:
    """Check all conditions, and enqueue what is to be delivered.

    Returns:
        Alerts told.

    Raises:
        WaitroomError: If a store failed. Asking again is safe: nothing is told twice.
    """
    config = load_config()
    told, due, now_ms = _with_book(config, partial(_check, config))
    with connect(rq_redis_url(config)) as raw:
        for id_, due_ms in due:
            _enqueue(raw, id_, lost=now_ms - due_ms > LOST_MS)
        _enqueue_retries(raw)
    return told


def send_alert(delivery: str) -> Retry | None:
    """Try to deliver one alert to one channel.

    Args:
        delivery: Its id.

    Returns:
        When RQ is to try again; None when it is done with.

    Raises:
        WaitroomError: If the store failed; a check enqueues it again.
    """
    config = load_config()
    attempt = _with_book(config, lambda book: deliver(book, config, delivery))
    if attempt.failed and attempt.again_s:
        return Retry(max=RETRIES_MAX, interval=attempt.again_s)
    # One held back by quiet hours is enqueued when they end, or when the owner changes them.
    return None


async def _check(config: Config, book: Book) -> tuple[int, list[tuple[str, int]], int]:
    found = await check(book, Directory(book.store), partial(job_health, config), by=WORKER)
    now_ms = await book.now_ms()
    return len(found.told), await book.due(now_ms, ENQUEUED_MAX), now_ms


def _enqueue(raw: Redis, id_: str, *, lost: bool) -> None:
    job_id = f"alert-{id_}"
    if lost:
        try:
            Job.fetch(job_id, connection=raw).delete()
        except NoSuchJobError:
            pass
    queue = Queue(ALERTS_QUEUE, connection=raw)
    try:
        queue.enqueue(
            send_alert,
            id_,
            job_id=job_id,
            unique=True,
            job_timeout=ATTEMPT_TIMEOUT_S,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
        )
    except DuplicateJobError:
        # It waits for a worker, or for its next attempt.
        pass


def _enqueue_retries(raw: Redis) -> None:
    """Have RQ enqueue the retries that are due, as a worker with a scheduler process would."""
    scheduler = RQScheduler([ALERTS_QUEUE], connection=raw, logging_level="WARNING")
    try:
        if scheduler.acquire_locks():  # type: ignore[no-untyped-call]
            scheduler.enqueue_scheduled_jobs()  # type: ignore[no-untyped-call]
    finally:
        scheduler.release_locks()  # type: ignore[no-untyped-call]
        scheduler.connection.close()


def _with_book(config: Config, work: Callable[[Book], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        store = Store.connect(redis_url(config))
        try:
            return await work(Book(store))
        finally:
            await store.close()

    return asyncio.run(run())
