"""The worker and the clock: RQ's own, kept alive through what RQ gives up on.

A worker is two processes. The one sweeps, samples and checks; the other one, its child, does what
may wait for somebody else's server, so no sweep stands behind a mail server that hangs.

RQ's worker rides out a lost connection only while it waits for a job, and RQ's clock not at all.
`_keep_running` starts either anew, with growing pauses, until a signal asks for the end.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline
from rq import Queue, Worker, worker_registration
from rq.cron import CronJob, CronScheduler
from rq.exceptions import StopRequested
from rq.utils import now

from waitroom.clock import jitter, monotonic_s
from waitroom.config import Config
from waitroom.embedded import rq_redis_url
from waitroom.jobs import alerts as _alerts  # noqa: F401
from waitroom.jobs import tasks as _tasks  # noqa: F401 - loaded once here, not in each fork
from waitroom.jobs.lease import Lease
from waitroom.jobs.names import QUEUE, SLOW_QUEUES, connect

#: How long the worker waits for a job before it looks around, and how soon a lost connection is
#: noticed: 15 s less, and 5 s less (see `dequeue_timeout` in rq).
WORKER_TTL_S = 30
#: Jobs that may wait; with more of them the clock adds none.
BACKLOG_MAX = 10
#: First and longest pause before a new start, seconds.
PAUSE_S, PAUSE_MAX_S = 0.5, 5.0
#: How soon a child that ended, or that is to end, is noticed, seconds.
LOOK_EVERY_S = 0.2
#: A job under way at the end has this long, seconds; `waitroom up` waits a little longer.
GRACE_S = 4.0

log = structlog.get_logger(__name__)


class _Stop:
    """Whether somebody asked for the end."""

    asked = False

    def wait(self, seconds: float) -> None:
        """Wait, but not after the end was asked for."""
        end_s = monotonic_s() + seconds
        while not self.asked and monotonic_s() < end_s:
            time.sleep(LOOK_EVERY_S)


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

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        _end_if_asked(self.stop)

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

    def enqueue_jobs(self) -> list[CronJob]:
        """Enqueue what is due, unless another clock does or nobody takes the jobs out."""
        self._notice_set_back()
        leads = self._lease.held()
        due = [job for job in self.get_jobs() if job.should_run()]
        full = {name for name in {job.queue_name for job in due} if self._piles_up(name)}
        for job in due:
            if not leads or job.queue_name in full:
                job.set_enqueue_time(now())
        if leads and full:
            log.warning("jobs_pile_up", queued=BACKLOG_MAX, hint="is a worker running?")
        return super().enqueue_jobs() if leads else []

    def _piles_up(self, queue: str) -> bool:
        return Queue(queue, connection=self.connection).count >= BACKLOG_MAX

    def _notice_set_back(self) -> None:
        # When this host's clock was set back by an hour, nothing would be due for that long.
        for job in self.get_jobs():
            if job.latest_enqueue_time and job.latest_enqueue_time > now():
                job.set_enqueue_time(now())

    def calculate_sleep_interval(self) -> float:
        """Return how long to sleep, unless the end was asked for."""
        _end_if_asked(self._stop)
        return float(super().calculate_sleep_interval())

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stop.asked = True
        super()._request_stop(signum, frame)  # type: ignore[no-untyped-call]


def _end_if_asked(stop: _Stop) -> None:
    # What a signal raised is lost when it came inside a call that catches everything (a log does).
    if stop.asked:
        raise StopRequested


def run_worker(config: Config) -> None:
    """Do jobs until SIGTERM or SIGINT; ends within 10 s then.

    Args:
        config: Where RQ's Redis is.

    Raises:
        ConfigError: If there is no Redis to talk to.
    """
    stop = _Stop()
    with _beside(stop):
        _work(config, "worker", [QUEUE], stop)


def run_slow_worker(config: Config) -> None:
    """Do the jobs that wait for others, until SIGTERM or SIGINT; a worker's child does this.

    Args:
        config: Where RQ's Redis is.

    Raises:
        ConfigError: If there is no Redis to talk to.
    """
    _work(config, "slow_worker", SLOW_QUEUES, _Stop())


def _work(config: Config, name: str, queues: Sequence[str], stop: _Stop) -> None:
    connection = connect(rq_redis_url(config))

    def run(stop: _Stop) -> None:
        worker = _Worker(queues, connection=connection, worker_ttl=WORKER_TTL_S)
        worker.stop = stop
        worker.log_job_description = False
        worker.work(logging_level=None)

    _keep_running(name, run, stop)


@contextmanager
def _beside(stop: _Stop) -> Iterator[None]:
    """Have a child do what waits for others; it is started anew when it ends by itself."""
    keeper = threading.Thread(target=_keep_child, args=(stop,), name="slow-worker")
    keeper.start()
    try:
        yield
    finally:
        stop.asked = True
        keeper.join()


def _keep_child(stop: _Stop) -> None:
    command = [sys.executable, "-m", "waitroom", "worker", "--slow", "--parent", str(os.getpid())]
    while not stop.asked:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while child.poll() is None and not stop.asked:
            time.sleep(LOOK_EVERY_S)
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(GRACE_S + 1)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        elif not stop.asked:
            log.warning("slow_worker_starts_anew", code=child.returncode, after_s=PAUSE_MAX_S)
            stop.wait(PAUSE_MAX_S)


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

    _keep_running("clock", run, _Stop())
    lease.give_up()


def _keep_running(name: str, run: Callable[[_Stop], None], stop: _Stop) -> None:
    def on_signal(signum: int, frame: Any) -> None:
        stop.asked = True
        raise StopRequested

    def catch() -> None:
        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)

    pause_s = PAUSE_S
    catch()
    with suppress(StopRequested):
        log.info(f"{name}_started", pid=os.getpid())
    while True:
        # RQ's own handlers are there from its last start.
        catch()
        began = time.monotonic()
        try:
            _end_if_asked(stop)
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
