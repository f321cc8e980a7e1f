from collections.abc import Callable
from typing import Any

import pytest
import redis
from rq import Queue, SimpleWorker
from rq.job import Job

from waitroom.clock import now_ms
from waitroom.errors import StoreError
from waitroom.jobs import schedule
from waitroom.jobs.names import LAST_SWEEP, QUEUE, SWEEPING
from waitroom.jobs.tasks import SWEEP_GAP_MS, sample, sweep
from waitroom.room import Directory, Figures
from waitroom.room.keys import Keys

InDirectory = Callable[..., Any]


def silent_visitors(count: int, *names: str) -> Callable[[Directory], Any]:
    """Fill rooms with visitors who were last heard of 100 seconds ago."""

    async def work(directory: Directory) -> None:
        for name in names:
            room = await directory.create(name, {"total_active_users": 0}, who="test")
            visits = [(f"{number:022d}", 0) for number in range(count)]
            await room.enter_many(visits, now_ms=now_ms() - 100_000)

    return work


def figures(name: str) -> Callable[[Directory], Any]:
    async def work(directory: Directory) -> Figures:
        return await (await directory.get(name)).figures()

    return work


@pytest.fixture
def raw(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


def test_a_sweep_parks_the_silent_in_every_room(in_directory: InDirectory) -> None:
    in_directory(silent_visitors(5, "shop", "tickets"))
    assert sweep() == 10
    for name in ("shop", "tickets"):
        found = in_directory(figures(name))
        assert (found.waiting, found.parked) == (0, 5)


def test_a_sweep_goes_on_until_nothing_is_left(in_directory: InDirectory) -> None:
    in_directory(silent_visitors(2_500, "shop"))
    assert sweep() == 2_500
    assert in_directory(figures("shop")).waiting == 0


def test_a_sweep_without_rooms_does_nothing(in_directory: InDirectory) -> None:
    assert sweep() == 0


def test_a_second_sweep_right_after_is_left_out(in_directory: InDirectory) -> None:
    assert sweep() == 0
    in_directory(silent_visitors(1, "shop"))
    assert sweep() == -1
    assert in_directory(figures("shop")).waiting == 1


def test_the_guard_of_a_sweep_that_died_lets_the_next_one_run(
    in_directory: InDirectory, raw: Any
) -> None:
    sweep()
    assert 0 < raw.pttl(SWEEPING) <= SWEEP_GAP_MS
    assert SWEEP_GAP_MS < schedule.SWEEP_EVERY_S * 1000


def test_a_sweep_leaves_the_time_of_its_success(in_directory: InDirectory, raw: Any) -> None:
    before = now_ms()
    sweep()
    assert before <= int(raw.get(LAST_SWEEP)) <= now_ms()


def test_one_broken_room_fails_the_sweep_but_not_the_others(
    in_directory: InDirectory, raw: Any
) -> None:
    in_directory(silent_visitors(1, "aaa", "zzz"))
    raw.unlink(Keys("aaa").seen)
    raw.set(Keys("aaa").seen, "not a sorted set")
    with pytest.raises(StoreError):
        sweep()
    assert in_directory(figures("zzz")).parked == 1
    assert raw.get(LAST_SWEEP) is None


def test_a_sample_is_written_once_a_minute(in_directory: InDirectory, raw: Any) -> None:
    in_directory(silent_visitors(1, "shop"))
    minute = raw.time()[0] // 60
    written = sample() + sample()
    # The minute may end between the two.
    assert written == 1 or raw.time()[0] // 60 > minute
    assert raw.xlen(Keys("shop").history) == written


def test_a_sample_sums_up_the_days_that_are_over(in_directory: InDirectory, raw: Any) -> None:
    in_directory(silent_visitors(1, "shop"))
    keys, yesterday_ms = Keys("shop"), raw.time()[0] * 1000 - 86_400_000
    row = {"waiting": 3, "active": 2, "total_active_users": 4, "entered": 7}
    raw.xadd(keys.history, row, id=f"{yesterday_ms}-1")
    sample()
    [day] = raw.hvals(keys.days)
    assert b'"entered":7' in day
    sample()
    assert raw.hlen(keys.days) == 1


def test_an_hour_of_overdue_sweeps_has_one_effect(in_directory: InDirectory, raw: Any) -> None:
    in_directory(silent_visitors(3, "shop"))
    queue = Queue(QUEUE, connection=raw)
    jobs = [queue.enqueue(sweep, ttl=10, result_ttl=60) for _ in range(720)]
    for job in jobs[:-3]:
        raw.pexpire(job.key, 0)
    assert queue.count == 720
    SimpleWorker([queue], connection=raw).work(burst=True)
    assert queue.count == 0
    kept = [Job.fetch(job.id, connection=raw) for job in jobs[-3:]]
    assert [job.return_value() for job in kept] == [3, -1, -1]


def test_the_schedule_lets_jobs_expire_before_they_pile_up() -> None:
    from rq.cron import CronScheduler

    clock = CronScheduler(redis.Redis())
    clock.load_config_from_file("waitroom.jobs.schedule")
    found = {job.name: job for job in clock.get_jobs()}
    assert set(found) == {"sweep", "sample", "check_alerts", "reports"}
    assert found["sweep"].interval == 5
    assert found["sweep"].job_options["ttl"] <= 10
    assert found["sample"].cron == "* * * * *"
    assert found["check_alerts"].interval == 10
    assert found["check_alerts"].job_options["ttl"] <= 20
    for job in found.values():
        assert 30 <= job.job_options["job_timeout"] <= 120
        assert job.job_options["failure_ttl"] == 86_400
