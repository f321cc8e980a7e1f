"""Alerts through RQ: a real clock and worker, retries, and what RQ loses."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest
import redis
from rq import Queue, SimpleWorker
from rq.registry import ScheduledJobRegistry

from tests.alerts.conftest import OWNER
from tests.conftest import Processes
from waitroom.alerts import Alerts
from waitroom.alerts.alert import Alert, Delivery
from waitroom.alerts.book import Book
from waitroom.config import load_config
from waitroom.jobs.alerts import check_alerts, send_alert
from waitroom.jobs.names import ALERTS_QUEUE, QUEUE
from waitroom.room import Directory, Store

Until = Callable[..., None]


class Hook:
    """A receiver in a thread: answers in turn, the last answer for ever."""

    def __init__(self) -> None:
        self.answers = [200]
        self.got: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802 - the library's name
                hook.got.append(orjson.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(
                    hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0]
                )
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def environ(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    names = {"WAITROOM_REDIS_URL": redis_url, "WAITROOM_ALERTS_ALLOW_NETWORKS": "127.0.0.0/8"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return names


def run(url: str, work: Callable[[Store], Any]) -> Any:
    async def inner() -> Any:
        store = Store.connect(url)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(inner())


async def line(store: Store, hook: Hook) -> None:
    """Have people wait, and somebody to be told at once."""
    alerts = Alerts(store, load_config())
    await alerts.save_channel(OWNER, {"name": "hook", "kind": "webhook", "url": hook.url})
    await alerts.save_rule(OWNER, {"kind": "queueing", "for_s": 0, "clear_s": 0})
    await alerts.save_rule(OWNER, {"kind": "low_use", "on": False})
    room = await Directory(store).create("shop", {"total_active_users": 0}, who="ada")
    await room.enter("v" * 22)


async def outbox(store: Store) -> list[Delivery]:
    return await Book(store).waiting(10)


def test_clock_and_worker_tell_that_people_wait(
    processes: Processes, environ: dict[str, str], redis_url: str, hook: Hook, until: Until
) -> None:
    run(redis_url, lambda store: line(store, hook))
    worker = processes.start("worker", **environ)
    clock = processes.start("clock", **environ)
    until(lambda: hook.got)
    assert hook.got[0]["type"] == "alert.started" and hook.got[0]["room"] == "shop"
    until(lambda: not run(redis_url, outbox))
    assert [processes.stop(worker), processes.stop(clock)] == [0, 0]
    assert "Traceback" not in processes.output(worker) + processes.output(clock)
    assert len(hook.got) == 1


def work(raw: redis.Redis) -> None:
    SimpleWorker([QUEUE, ALERTS_QUEUE], connection=raw).work(burst=True, logging_level="ERROR")


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as found:
        yield found


def test_rq_retries_one_that_fails_at_first(
    environ: dict[str, str],
    redis_url: str,
    raw: redis.Redis,
    hook: Hook,
    short_pauses: None,
    until: Until,
) -> None:
    run(redis_url, lambda store: line(store, hook))
    hook.answers = [503, 200]
    assert check_alerts() == 1
    work(raw)
    [waiting] = run(redis_url, outbox)
    assert (len(hook.got), waiting.attempts) == (1, 1)
    retries = ScheduledJobRegistry(ALERTS_QUEUE, connection=raw)  # type: ignore[no-untyped-call]
    assert retries.get_job_ids() == [f"alert-{waiting.id}"]

    def again() -> bool:
        check_alerts()
        work(raw)
        return len(hook.got) > 1

    until(again)
    assert run(redis_url, outbox) == [] and len(hook.got) == 2
    assert hook.got[0]["id"] == hook.got[1]["id"]
    check_alerts()
    assert Queue(ALERTS_QUEUE, connection=raw).count == 0


def test_what_rq_lost_is_enqueued_again(
    environ: dict[str, str], redis_url: str, raw: redis.Redis, hook: Hook
) -> None:
    run(redis_url, lambda store: line(store, hook))
    assert check_alerts() == 1
    queue = Queue(ALERTS_QUEUE, connection=raw)
    assert queue.count == 1
    for key in raw.keys("rq:*"):
        raw.delete(key)
    assert check_alerts() == 0
    assert check_alerts() == 0
    assert queue.count == 1
    work(raw)
    assert len(hook.got) == 1


def test_a_job_that_is_in_no_queue_any_more_is_made_anew(
    environ: dict[str, str], redis_url: str, raw: redis.Redis, hook: Hook
) -> None:
    run(redis_url, lambda store: line(store, hook))
    check_alerts()
    # A worker took it from the queue, and died before it began.
    raw.delete(Queue(ALERTS_QUEUE, connection=raw).key)
    check_alerts()
    work(raw)
    assert hook.got == []
    [waiting] = run(redis_url, outbox)
    long_ago = waiting.model_copy(update={"due_ms": waiting.due_ms - 400_000})
    run(redis_url, lambda store: Book(store).settle(waiting.id, long_ago))
    check_alerts()
    work(raw)
    assert len(hook.got) == 1


def test_sweeps_come_before_deliveries(
    environ: dict[str, str], redis_url: str, raw: redis.Redis
) -> None:
    Queue(ALERTS_QUEUE, connection=raw).enqueue("operator.add", 1, 1)
    Queue(QUEUE, connection=raw).enqueue("operator.add", 2, 2)
    worker = SimpleWorker([QUEUE, ALERTS_QUEUE], connection=raw)
    worker.work(burst=True, max_jobs=1, logging_level="ERROR")
    assert Queue(ALERTS_QUEUE, connection=raw).count == 1
    assert Queue(QUEUE, connection=raw).count == 0


def test_an_attempt_that_nobody_needs_is_none(environ: dict[str, str]) -> None:
    assert send_alert("nothing-of-this-name") is None


def test_an_alert_of_any_name_can_be_a_job(
    environ: dict[str, str], redis_url: str, raw: redis.Redis, hook: Hook
) -> None:
    async def told(store: Store) -> list[Alert]:
        await Alerts(store, load_config()).save_rule(
            OWNER, {"kind": "edge_silent", "for_s": 0, "limit": 30}
        )
        await line(store, hook)
        await store.redis.zadd("waitroom:edges", {"Ünïcode edge: näme/1": 1})
        return []

    run(redis_url, told)
    assert check_alerts() == 2
    work(raw)
    assert {each["kind"] for each in hook.got} == {"queueing", "edge_silent"}
