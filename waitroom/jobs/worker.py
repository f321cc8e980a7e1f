"""The worker and the clock: RQ's own, kept alive through what RQ gives up on.

RQ's worker rides out a lost connection only while it waits for a job, and RQ's clock not at all.
`_keep_running` starts either anew, with growing pauses, until a signal asks for the end.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline
from rq import Queue, Worker, worker_registration
from rq.cron import CronJob, CronScheduler
from rq.exceptions import StopRequested
from rq.utils import now

from waitroom.clock import jitter
from waitroom.config import Config
from waitroom.embedded import rq_redis_url
from waitroom.jobs import alerts as _alerts  # noqa: F401
from waitroom.jobs import tasks as _tasks  # noqa: F401 - loaded once here, not in each fork
from waitroom.jobs.lease import Lease
from waitroom.jobs.names import ALERTS_QUEUE, QUEUE, connect

#: How long the worker waits for a job before it looks around, and how soon a lost connection is
#: noticed: 15 s less, and 5 s less (see `dequeue_timeout` in rq).
WORKER_TTL_S = 30
#: Jobs that may wait; with more of them the clock adds none.
BACKLOG_MAX = 10
#: First and longest pause before a new start, seconds.
PAUSE_S, PAUSE_MAX_S = 0.5, 5.0
#: A job under way at the end has this long, seconds; `waitroom up` waits a little longer.
GRACE_S = 4.0

log = structlog.get_logger(__name__)


class _Stop:
    """Whether somebody asked for the end."""

    asked = False


class _Worker(Worker):
    """RQ's worker, which says when it was asked to stop and does not wait for ever then."""

    max_connection_wait_time = PAUSE_MAX_S
    stop = _Stop()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End after the job under way, or without it when that takes too long."""
        self.stop.asked = True
        timer = threading.Timer(GRACE_S, self._end_horse)
        timer.daemon = True
        timer.start()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that this worker lives, even to a Redis that has lost its name meanwhile."""
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)

    def _end_horse(self) -> None:
        if self.horse_pid:
            # Safe: every job can be repeated, and the next sweep goes on where this one was.
            self.kill_horse()


class _Clock(CronScheduler):
    """RQ's clock, which says when it was asked to stop and lets no backlog grow."""

    def __init__(self, connection: Redis, stop: _Stop, lease: Lease) -> None:
        super().__init__(connection)
        self._stop = stop
        self._lease = lease
        self._queue = Queue(QUEUE, connection=connection)

    def enqueue_jobs(self) -> list[CronJob]:
        """Enqueue what is due, unless another clock does or nobody takes the jobs out."""
        self._notice_set_back()
        leads = self._lease.held()
        if leads and self._queue.count < BACKLOG_MAX:
            return super().enqueue_jobs()
        due = [job for job in self.get_jobs() if job.should_run()]
        for job in due:
            job.set_enqueue_time(now())
        if leads and due:
            log.warning("jobs_pile_up", queued=BACKLOG_MAX, hint="is a worker running?")
        return []

    def _notice_set_back(self) -> None:
        # When this host's clock was set back by an hour, nothing would be due for that long.
        for job in self.get_jobs():
            if job.latest_enqueue_time and job.latest_enqueue_time > now():
                job.set_enqueue_time(now())

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stop.asked = True
        super()._request_stop(signum, frame)  # type: ignore[no-untyped-call]


def run_worker(config: Config) -> None:
    """Do jobs until SIGTERM or SIGINT; ends within 10 s then.

    Args:
        config: Where RQ's Redis is.

    Raises:
        ConfigError: If there is no Redis to talk to.
    """
    connection = connect(rq_redis_url(config))

    def run(stop: _Stop) -> None:
        worker = _Worker([QUEUE, ALERTS_QUEUE], connection=connection, worker_ttl=WORKER_TTL_S)
        worker.stop = stop
        worker.log_job_description = False
        worker.work(logging_level=None)

    _keep_running("worker", run)


def run_clock(config: Config) -> None:
    """Enqueue jobs as scheduled until SIGTERM or SIGINT; of several clocks one does.

    Args:
        config: Where RQ's Redis is.

    Raises:
        ConfigError: If there is no Redis to talk to.
    """
    connection = connect(rq_redis_url(config))
    lease = Lease(connection)

    def run(stop: _Stop) -> None:
        clock = _Clock(connection, stop, lease)
        clock.load_config_from_file("waitroom.jobs.schedule")
        clock.start()  # type: ignore[no-untyped-call]

    _keep_running("clock", run)
    lease.give_up()


def _keep_running(name: str, run: Callable[[_Stop], None]) -> None:
    stop = _Stop()

    def on_signal(signum: int, frame: Any) -> None:
        stop.asked = True
        raise StopRequested

    pause_s = PAUSE_S
    log.info(f"{name}_started", pid=os.getpid())
    while True:
        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        began = time.monotonic()
        try:
            run(stop)
            problem = "ended"
        except StopRequested:
            break
        except Exception as e:  # what RQ lets through has no common base
            problem = type(e).__name__
        if stop.asked:
            break
        if time.monotonic() - began > 60:
            pause_s = PAUSE_S
        log.warning(f"{name}_starts_anew", problem=problem, after_s=pause_s)
        try:
            time.sleep(jitter(pause_s))
        except StopRequested:
            break
        pause_s = min(pause_s * 2, PAUSE_MAX_S)
    log.info(f"{name}_stopped", pid=os.getpid())
