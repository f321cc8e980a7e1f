"""Whether the jobs get done: figures for `waitroom status`, `doctor` and the metrics."""

import asyncio
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker, cron_scheduler_registry
from rq.registry import FailedJobRegistry
from rq.utils import utcparse

from waitroom.clock import now_ms
from waitroom.config import Config
from waitroom.embedded import rq_redis_url
from waitroom.errors import StoreError
from waitroom.jobs.names import LAST_SWEEP, QUEUE, REPORTS_QUEUE, connect

#: A worker or clock not heard of for longer counts as gone, milliseconds.
GONE_AFTER_MS = 30_000


@dataclass(frozen=True, slots=True)
class JobHealth:
    """The jobs in numbers.

    Attributes:
        failed: Jobs that failed within the last day.
        queued: Jobs that wait, expired ones included.
        last_sweep_ms: When a sweep last succeeded, ms since epoch; None if never.
        workers: Workers heard of lately.
        clocks: Clocks heard of lately.
    """

    failed: int
    queued: int
    last_sweep_ms: int | None
    workers: int
    clocks: int


async def job_health(config: Config) -> JobHealth:
    """Return how the jobs do, at a constant cost.

    Raises:
        StoreError: If RQ's Redis did not answer.
        ConfigError: If there is no Redis to talk to.
    """
    return await asyncio.to_thread(_read, rq_redis_url(config))


def _read(url: str) -> JobHealth:
    try:
        with connect(url) as raw:
            queues = [Queue(name, connection=raw) for name in (QUEUE, REPORTS_QUEUE)]
            swept = raw.get(LAST_SWEEP)
            return JobHealth(
                failed=sum(_failed(raw, queue) for queue in queues),
                queued=sum(queue.count for queue in queues),
                last_sweep_ms=int(swept) if swept else None,
                workers=_workers(raw, queues[0]),
                clocks=_clocks(raw),
            )
    except (RedisError, OSError) as e:
        raise StoreError(f"RQ's Redis did not answer ({type(e).__name__}).") from e


def _failed(raw: Redis, queue: Queue) -> int:
    # Scores are when an entry expires; the worker removes those that have only now and then.
    return int(raw.zcount(FailedJobRegistry(queue=queue).key, now_ms() / 1000, "+inf"))


def _workers(raw: Redis, queue: Queue) -> int:
    pipe = raw.pipeline(transaction=False)
    for key in Worker.all_keys(queue=queue):
        pipe.hmget(key, "last_heartbeat", "death")
    heard = [
        utcparse(beat.decode()).timestamp() * 1000
        for beat, death in pipe.execute()
        if beat and not death
    ]
    return sum(at_ms > now_ms() - GONE_AFTER_MS for at_ms in heard)


def _clocks(raw: Redis) -> int:
    since_s = (now_ms() - GONE_AFTER_MS) / 1000
    return int(raw.zcount(cron_scheduler_registry.get_registry_key(), since_s, "+inf"))
