"""RQ's connection, when Sentinels say where its Redis is."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.servers import RedisServer, Sentinel, temporary_folder
from waitroom.errors import ConfigError
from waitroom.jobs.names import connect


@pytest.fixture
def sentinel_url(redis_server: RedisServer) -> Iterator[str]:
    """Return the address of a master that one Sentinel watches."""
    redis_server.empty()
    with temporary_folder("sentinel") as folder:
        sentinel = Sentinel(folder)
        sentinel.watch("jobs", redis_server.port)
        sentinel.start()
        try:
            yield f"redis+sentinel://127.0.0.1:1,{sentinel.address}/jobs?db=1"
        finally:
            sentinel.kill()


def test_sentinels_lead_to_the_master_and_to_its_database(
    sentinel_url: str, redis_server: RedisServer
) -> None:
    with connect(sentinel_url) as raw:
        raw.set("here", 1)
    with connect(f"{redis_server.url}/1") as raw:
        assert raw.get("here") == b"1"


class StoppedError(Exception):
    """A signal asked for the end."""


def test_a_signal_in_the_middle_of_an_answer_leaves_none_of_it_to_the_next_question(
    sentinel_url: str,
) -> None:
    def stop(*_: Any) -> None:
        raise StoppedError

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with connect(sentinel_url) as raw:
            assert raw.ping()
            with pytest.raises(StoppedError):
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                raw.blpop("nothing", timeout=4)
            # On the connection of the question it would have to wait for that one's answer.
            assert raw.ping() is True
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_cluster_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        connect("redis+cluster://:tops3cret@a")
    assert "WAITROOM_RQ_REDIS_URL" in refused.value.detail
    assert "tops3cret" not in refused.value.detail
