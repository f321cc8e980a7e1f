"""Worker and clock as real processes, and Redis taken away from under them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from rq import Queue

from tests.conftest import PATIENCE_S, Processes
from waitroom.clock import monotonic_s, now_ms
from waitroom.config import Config
from waitroom.embedded import Valkey
from waitroom.jobs import JobHealth, job_health
from waitroom.jobs.lease import Lease
from waitroom.jobs.names import LAST_SWEEP, QUEUE, REPORTS_QUEUE, SLOW_QUEUES
from waitroom.jobs.worker import BACKLOG_MAX, _Clock, _Stop

Until = Callable[..., None]

#: A signal comes to clock or worker inside a call that catches everything.
SWALLOWED = """
import os, signal, sys
from waitroom.config import load_config
from waitroom.jobs import worker

process, inside = sys.argv[1:]
owner, name = inside.split(".")
owner = getattr(worker, owner)
usual = getattr(owner, name)

def signalled(self, *arguments, **named):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except Exception:
        pass
    return usual(self, *arguments, **named)

setattr(owner, name, signalled)
if process == "clock":
    worker.run_clock(load_config())
else:
    worker._work(load_config(), "worker", [worker.QUEUE], worker._Stop())
"""


def health(url: str) -> JobHealth:
    return asyncio.run(job_health(Config(_env_file=None, redis_url=url)))


def swept_since(url: str, at_ms: int) -> bool:
    with redis.Redis.from_url(url) as raw:
        return int(raw.get(LAST_SWEEP) or 0) >= at_ms


def test_worker_and_clock_sweep_and_are_seen_alive(
    processes: Processes, redis_url: str, until: Until
) -> None:
    worker, clock = processes.start("worker"), processes.start("clock")
    until(lambda: swept_since(redis_url, 1))
    found = health(redis_url)
    assert (found.workers, found.clocks, found.failed) == (1, 1, 0)
    assert processes.stop(worker) == 0
    assert processes.stop(clock) == 0
    found = health(redis_url)
    assert (found.workers, found.clocks) == (0, 0)
    assert "Traceback" not in processes.output(worker) + processes.output(clock)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["worker", "clock"])
def test_a_signal_ends_it_at_once(
    command: str, number: int, processes: Processes, until: Until
) -> None:
    child = processes.start(command)
    until(lambda: f"{command}_started" in processes.output(child))
    began = monotonic_s()
    os.kill(child.pid, number)
    assert child.wait(10) == 0
    assert monotonic_s() - began < 5


@pytest.mark.parametrize(
    ("run", "inside"),
    [("clock", "Lease.held"), ("clock", "_Clock.register_birth"), ("worker", "_Worker.bootstrap")],
)
def test_a_signal_that_comes_inside_a_call_that_catches_everything_ends_it(
    run: str, inside: str, redis_url: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWED, run, inside],
        cwd=tmp_path,
        env=os.environ | {"WAITROOM_REDIS_URL": redis_url},
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0


def test_a_job_under_way_does_not_hold_up_the_end(
    processes: Processes, redis_url: str, until: Until
) -> None:
    worker = processes.start("worker")
    with redis.Redis.from_url(redis_url) as raw:
        queue = Queue(QUEUE, connection=raw)
        queue.enqueue("time.sleep", 60)
        until(lambda: queue.started_job_registry.get_job_count(cleanup=False) == 1)
    assert processes.stop(worker) == 0


@pytest.mark.parametrize("queue", SLOW_QUEUES)
def test_what_waits_for_others_holds_up_no_sweep(
    queue: str, processes: Processes, redis_url: str, until: Until
) -> None:
    worker = processes.start("worker")
    with redis.Redis.from_url(redis_url) as raw:
        slow = Queue(queue, connection=raw)
        slow.enqueue("time.sleep", 60)
        until(lambda: slow.started_job_registry.get_job_count(cleanup=False) == 1)
        swept = Queue(QUEUE, connection=raw).enqueue("waitroom.jobs.tasks.sweep")
        until(lambda: swept.get_status() == "finished")
        assert slow.started_job_registry.get_job_count(cleanup=False) == 1
    assert processes.stop(worker) == 0


def test_a_child_that_is_killed_is_started_anew(
    processes: Processes, redis_url: str, until: Until
) -> None:
    worker = processes.start("worker")
    until(lambda: "slow_worker_started" in processes.output(worker))
    [child] = psutil.Process(worker.pid).children()
    child.kill()
    # Not before: Redis may hand a job to one that has just died.
    until(lambda: processes.output(worker).count("slow_worker_started") == 2)
    assert "slow_worker_starts_anew" in processes.output(worker)
    with redis.Redis.from_url(redis_url) as raw:
        job = Queue(REPORTS_QUEUE, connection=raw).enqueue("operator.add", 1, 1)
        until(lambda: job.get_status() == "finished")


def test_a_child_does_not_outlive_a_worker_that_is_killed(
    processes: Processes, until: Until
) -> None:
    worker = processes.start("worker")
    until(lambda: "slow_worker_started" in processes.output(worker))
    [child] = psutil.Process(worker.pid).children()
    worker.kill()
    worker.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_both_go_on_by_themselves_when_redis_comes_back(
    processes: Processes, own_valkey: Valkey, until: Until
) -> None:
    url = own_valkey.url
    children = [processes.start(name, WAITROOM_REDIS_URL=url) for name in ("worker", "clock")]
    until(lambda: swept_since(url, 1))
    own_valkey.stop(kill=True)
    until(lambda: "clock_starts_anew" in processes.output(children[1]))
    own_valkey.wipe()
    back_ms = now_ms()
    own_valkey.start()
    until(lambda: swept_since(url, back_ms))
    assert [child.poll() for child in children] == [None, None]
    until(lambda: health(url).workers == 1 and health(url).clocks == 1)


def test_both_can_be_stopped_while_redis_is_away(
    processes: Processes, own_valkey: Valkey, until: Until
) -> None:
    url = own_valkey.url
    children = [processes.start(name, WAITROOM_REDIS_URL=url) for name in ("worker", "clock")]
    until(lambda: swept_since(url, 1))
    own_valkey.stop(kill=True)
    until(lambda: "clock_starts_anew" in processes.output(children[1]))
    assert [processes.stop(child) for child in children] == [0, 0]


def test_both_start_before_redis_does(
    processes: Processes, own_valkey: Valkey, until: Until
) -> None:
    url = own_valkey.url
    own_valkey.stop()
    children = [processes.start(name, WAITROOM_REDIS_URL=url) for name in ("worker", "clock")]
    for child in children:
        until(lambda child=child: "_starts_anew" in processes.output(child))
    own_valkey.start()
    until(lambda: swept_since(url, 1))


def test_a_killed_worker_loses_nothing(processes: Processes, redis_url: str, until: Until) -> None:
    processes.start("clock")
    first = processes.start("worker")
    until(lambda: swept_since(redis_url, 1))
    first.kill()
    first.wait()
    killed_ms = now_ms()
    processes.start("worker")
    until(lambda: swept_since(redis_url, killed_ms))


def test_a_job_that_fails_is_seen(processes: Processes, redis_url: str, until: Until) -> None:
    with redis.Redis.from_url(redis_url) as raw:
        Queue(QUEUE, connection=raw).enqueue("operator.truediv", 1, 0, failure_ttl=60)
    processes.start("worker")
    until(lambda: health(redis_url).failed == 1)


def test_the_clock_lets_no_backlog_grow(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as raw:
        clock = _Clock(raw, _Stop(), Lease(raw))
        clock.load_config_from_file("waitroom.jobs.schedule")
        for _ in range(3 * BACKLOG_MAX):
            for job in clock.get_jobs():
                job.latest_enqueue_time = job.next_enqueue_time = None
            clock.enqueue_jobs()
        # One round may end above the limit, by what is due in it.
        most = BACKLOG_MAX + len(clock.get_jobs()) - 1
        assert BACKLOG_MAX <= Queue(QUEUE, connection=raw).count <= most
        # Nothing is overdue then, or the clock would turn without a pause.
        assert clock.calculate_sleep_interval() > 1


def test_health_of_an_empty_redis_is_all_zero(redis_url: str) -> None:
    assert health(redis_url) == JobHealth(0, 0, None, 0, 0)


def test_health_without_redis_is_a_store_error(tmp_path: Any) -> None:
    from waitroom.errors import StoreError

    with pytest.raises(StoreError):
        health(f"unix://{tmp_path}/nobody.sock")
