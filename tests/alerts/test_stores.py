"""The same on Debian's Redis and on a Cluster, whose nodes each have a clock and a memory."""

from typing import Any

import pytest

from tests.alerts.conftest import NOW_MS, OWNER, Receiver, Told
from waitroom.alerts import Alerts, Watch
from waitroom.alerts.book import Book
from waitroom.alerts.check import check
from waitroom.alerts.deliver import deliver_due
from waitroom.alerts.health import _infos
from waitroom.config import Config
from waitroom.room import Directory, Store


@pytest.fixture(params=["redis_server", "cluster"])
def redis_url(request: pytest.FixtureRequest) -> str:
    server: Any = request.getfixturevalue(request.param)
    server.empty()
    return str(server.url)


@pytest.fixture
def config(redis_url: str, valkey_url: str) -> Config:
    return Config(
        _env_file=None,
        redis_url=redis_url,
        rq_redis_url=valkey_url,
        alerts_allow_networks="127.0.0.0/8",
    )


async def test_a_line_is_told_delivered_and_over(
    store: Store,
    book: Book,
    directory: Directory,
    jobs: Told,
    alerts: Alerts,
    config: Config,
    receiver: Receiver,
) -> None:
    hook = {"name": "hook", "kind": "webhook", "url": receiver.url, "kinds": ["queueing"]}
    await alerts.save_channel(OWNER, hook)
    await alerts.save_rule(OWNER, {"kind": "queueing", "for_s": 0, "clear_s": 0})
    for name in ("a", "b", "c", "d"):
        room = await directory.create(name, {"total_active_users": 0}, who="ada")
        await room.enter("v" * 22)
    found = await check(book, directory, jobs, by="worker")
    assert {each.room for each in found.told} == {"a", "b", "c", "d"}
    assert (await check(book, directory, jobs, by="worker")).told == []
    receiver.answers = [500, 200]
    assert await deliver_due(book, config) == 3
    [later] = await alerts.waiting(OWNER)
    await book.settle(later.id, later.model_copy(update={"dead_ms": NOW_MS}))
    await alerts.resend(OWNER, later.id)
    assert await deliver_due(book, config) == 1
    assert len(receiver.got) == 5
    await directory.delete("a", who="ada")
    [ended] = (await check(book, directory, jobs, by="worker")).told
    assert (ended.room, ended.phase) == ("a", "ended")
    state = await alerts.state(OWNER)
    assert (len(state.conditions), state.checked_by, state.waiting) == (3, "worker", 1)


async def test_every_node_says_what_memory_it_uses(store: Store) -> None:
    found = await _infos(store)
    assert len(found) == (3 if store.kind == "cluster" else 1)
    assert all(info["used_memory"] > 0 for info in found)


async def test_a_web_process_watches(store: Store, config: Config, jobs: Told) -> None:
    watch = Watch(store, config, jobs, "web:one")
    assert [await watch.look(now_ms=NOW_MS + at) for at in (0, 40_000)] == [False, True]
