"""Of several clocks one enqueues; another goes on when it ends, dies or is cut off."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from redis import Redis
from rq import Queue
from rq.utils import now

from tests.conftest import Processes
from waitroom.jobs.lease import Lease
from waitroom.jobs.names import CLOCK
from waitroom.jobs.worker import _Clock, _Stop

Until = Callable[..., None]


@pytest.fixture
def raw(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as found:
        yield found


def clock(raw: Redis, lease: Lease) -> _Clock:
    found = _Clock(raw, _Stop(), lease)
    found.load_config_from_file("waitroom.jobs.schedule")
    return found


def test_one_of_two_holds_it_however_often_both_ask(raw: Redis) -> None:
    first, second = Lease(raw), Lease(raw)
    assert [(first.held(), second.held()) for _ in range(5)] == [(True, False)] * 5


def test_asking_again_extends_it(raw: Redis) -> None:
    lease = Lease(raw)
    lease.held()
    raw.pexpire(CLOCK, 1_000)
    lease.held()
    assert raw.pttl(CLOCK) > 1_000


def test_one_that_ends_gives_it_up_at_once(raw: Redis) -> None:
    first, second = Lease(raw), Lease(raw)
    first.held()
    assert not second.held()
    first.give_up()
    assert second.held()


def test_one_that_dies_loses_it(raw: Redis, until: Until) -> None:
    assert Lease(raw, ttl_s=0.1).held()
    until(Lease(raw).held)


def test_one_that_was_cut_off_takes_nothing_back_and_gives_nothing_up(raw: Redis) -> None:
    first, second = Lease(raw), Lease(raw)
    first.held()
    raw.delete(CLOCK)
    assert second.held()
    first.give_up()
    assert not first.held()
    assert second.held()


def test_a_loss_of_all_data_leaves_it_with_whoever_asks_first(raw: Redis) -> None:
    first, second = Lease(raw), Lease(raw)
    first.held()
    raw.flushall()
    assert first.held()
    assert not second.held()


def test_giving_up_what_one_never_had_leaves_it_with_the_holder(raw: Redis) -> None:
    first, second = Lease(raw), Lease(raw)
    first.held()
    second.held()
    second.give_up()
    assert first.held() and not second.held()


def test_two_clocks_enqueue_as_much_as_one(raw: Redis) -> None:
    leases = Lease(raw), Lease(raw)
    first, second = (clock(raw, lease) for lease in leases)
    enqueued = first.enqueue_jobs()
    assert "sweep" in [job.name for job in enqueued]
    assert second.enqueue_jobs() == []
    assert sum(queue.count for queue in Queue.all(raw)) == len(enqueued)
    # The one that stands by is not overdue, or it would turn without a pause.
    assert second.calculate_sleep_interval() > 1
    leases[0].give_up()
    for job in second.get_jobs():
        job.latest_enqueue_time = job.next_enqueue_time = None
    assert "sweep" in [job.name for job in second.enqueue_jobs()]


def test_a_clock_of_the_host_that_was_set_back_delays_nothing(raw: Redis) -> None:
    found = clock(raw, Lease(raw))
    assert found.enqueue_jobs()
    for job in found.get_jobs():
        job.set_enqueue_time(now() + timedelta(hours=1))
    found.enqueue_jobs()
    assert found.calculate_sleep_interval() <= 5


def test_the_other_process_goes_on_when_the_first_is_told_to_end(
    processes: Processes, until: Until
) -> None:
    first = processes.start("clock")
    until(lambda: "clock_leads" in processes.output(first))
    second = processes.start("clock")
    until(lambda: "clock_stands_by" in processes.output(second))
    assert processes.stop(first) == 0
    until(lambda: "clock_leads" in processes.output(second))
