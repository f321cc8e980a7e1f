"""A worker that is killed after it has told and before it has noted that tells it once more."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
import redis

from tests.alerts.test_jobs import environ, hook, line, outbox, run, work  # noqa: F401
from waitroom.alerts.book import Book
from waitroom.alerts.deliver import HOLD_MS
from waitroom.embedded import Valkey
from waitroom.jobs.alerts import LOST_MS, check_alerts, send_alert
from waitroom.room import Store

#: RQ's worker with our jobs; its process dies where an attempt would be noted.
KILLED = """
import os, signal, sys
from rq import SimpleWorker
from waitroom.alerts.book import Book
from waitroom.jobs.names import ALERTS_QUEUE, connect

async def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

Book.settle = killed
SimpleWorker([ALERTS_QUEUE], connection=connect(sys.argv[1])).work(burst=True)
"""


@pytest.fixture
def redis_url(own_valkey: Valkey) -> str:
    return own_valkey.url


def killed(url: str) -> int:
    """Let a worker take what is to be told, and be killed; return how it ended."""
    command = [sys.executable, "-c", KILLED, url]
    return subprocess.run(command, env=os.environ, timeout=60, capture_output=True).returncode


def test_it_is_told_once_more_with_the_same_id_and_never_lost(
    environ: dict[str, str],  # noqa: F811
    redis_url: str,
    own_valkey: Valkey,
    hook: Any,  # noqa: F811
) -> None:
    run(redis_url, lambda store: line(store, hook))
    assert check_alerts() == 1
    assert killed(redis_url) == -signal.SIGKILL
    assert len(hook.got) == 1
    # Redis is killed as well: all of the installation starts anew.
    own_valkey.stop(kill=True)
    own_valkey.start()
    [waiting] = run(redis_url, outbox)
    with redis.Redis.from_url(redis_url) as raw:
        # Nobody else begins while the dead one might still be telling.
        held = f"waitroom:alerts:{{@}}:sending:{waiting.id}"
        assert 0 < raw.pttl(held) <= HOLD_MS
        assert send_alert(waiting.id) is None
        assert len(hook.got) == 1
        raw.delete(held)
        # Minutes later RQ's job counts as lost.
        later = waiting.model_copy(update={"due_ms": waiting.due_ms - LOST_MS - 1_000})

        async def pass_on(store: Store) -> bool:
            return await Book(store).settle(waiting.id, later)

        assert run(redis_url, pass_on)
        for _ in range(3):
            assert check_alerts() == 0
            work(raw)
    assert [each["id"] for each in hook.got] == [hook.got[0]["id"]] * 2
    assert run(redis_url, outbox) == []
