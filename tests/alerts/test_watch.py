"""Who notices a worker that fell silent: one web process at a time."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.alerts.conftest import NOW_MS, OWNER, Receiver, Told
from tests.conftest import Processes
from waitroom.alerts import Alerts, Watch
from waitroom.alerts.book import Book
from waitroom.alerts.check import check
from waitroom.alerts.keys import WATCH
from waitroom.alerts.watch import LEASE_MS, PATIENCE_MS
from waitroom.config import Config
from waitroom.errors import StoreError
from waitroom.room import Directory, Store

Until = Callable[..., None]


@pytest.fixture
def one(store: Store, config: Config, jobs: Told) -> Watch:
    return Watch(store, config, jobs, "web:one")


@pytest.fixture
def other(store: Store, config: Config, jobs: Told) -> Watch:
    return Watch(store, config, jobs, "web:other")


async def looks(watch: Watch, *at_s: float) -> list[bool]:
    return [await watch.look(now_ms=NOW_MS + int(second * 1000)) for second in at_s]


async def test_while_a_worker_checks_nobody_stands_in(
    one: Watch, book: Book, directory: Directory, jobs: Told
) -> None:
    for second in (0, 10, 20, 30, 40):
        await check(book, directory, jobs, by="worker", now_ms=NOW_MS + second * 1000)
        assert await looks(one, second + 5) == [False]
    late_s = 40 + PATIENCE_MS / 1000
    assert await looks(one, late_s - 1, late_s + 1) == [False, True]


async def test_one_that_starts_with_the_workers_gives_them_time(one: Watch) -> None:
    assert await looks(one, 0, 30, 36) == [False, False, True]


async def test_it_stands_in_until_a_worker_checks_again(
    one: Watch, book: Book, directory: Directory, jobs: Told, alerts: Alerts
) -> None:
    assert await looks(one, 0, 40, 50, 60) == [False, True, True, True]
    assert (await alerts.state(OWNER)).checked_by == "web:one"
    await check(book, directory, jobs, by="worker", now_ms=NOW_MS + 65_000)
    assert await looks(one, 70, 80) == [False, False]


async def test_it_sweeps_in_the_workers_place(one: Watch, directory: Directory) -> None:
    room = await directory.create("shop", {"total_active_users": 0}, who="ada", now_ms=NOW_MS)
    await room.enter("ada", now_ms=NOW_MS)
    await one.look(now_ms=NOW_MS)
    await room.admit(now_ms=NOW_MS + 40_000)
    assert (await room.figures(now_ms=NOW_MS + 50_000)).waiting == 1
    await one.look(now_ms=NOW_MS + 50_000)
    assert (await room.figures(now_ms=NOW_MS + 50_000)).waiting == 0


async def test_one_process_at_a_time_watches_and_another_one_goes_on(
    one: Watch, other: Watch, store: Store
) -> None:
    assert await looks(one, 0, 40) == [False, True]
    assert await looks(other, 41, 50) == [False, False]
    assert 0 < await store.redis.pttl(WATCH) <= LEASE_MS
    # The first one died, and its lease lapsed.
    await store.redis.delete(WATCH)
    assert await looks(other, 90) == [True]
    assert await looks(one, 91) == [False]


async def test_it_tells_of_the_silent_worker_by_itself(
    one: Watch, alerts: Alerts, jobs: Told, receiver: Receiver
) -> None:
    url = {"name": "hook", "kind": "webhook", "url": receiver.url}
    await alerts.save_channel(OWNER, url)
    jobs.workers = 0
    assert await looks(one, 0, 40, 70, 101, 111) == [False, True, True, True, True]
    assert [headers["webhook-id"] for headers, _ in receiver.got] == [
        f"worker_silent-{NOW_MS + 40_000}-started"
    ]


async def test_no_fault_ends_the_watch(
    store: Store, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    async def look(self: Watch, **_: Any) -> bool:
        nonlocal tried
        tried += 1
        if tried == 3:
            raise KeyboardInterrupt
        raise StoreError("away") if tried == 1 else ValueError("a defect")

    monkeypatch.setattr("waitroom.alerts.watch.EVERY_S", 0.001)
    monkeypatch.setattr(Watch, "look", look)
    with pytest.raises(KeyboardInterrupt):
        await Watch(store, config, Told(), "web:one").run()
    assert tried == 3


def test_a_web_process_watches(processes: Processes, redis_url: str, until: Until) -> None:
    processes.start("web", WAITROOM_PORT="0")
    with redis.Redis.from_url(redis_url) as raw:
        until(lambda: raw.get(WATCH))
        assert (raw.get(WATCH) or b"").startswith(b"web:")
