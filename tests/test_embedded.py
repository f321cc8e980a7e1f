import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from waitroom.config import Config
from waitroom.embedded import MAX_SOCKET_PATH, Valkey, embedded, redis_url, rq_redis_url
from waitroom.errors import ConfigError


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="waitroom-test-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def server(folder: Path) -> Iterator[Valkey]:
    made = Valkey(folder / "valkey")
    yield made
    made.stop(kill=True)


def write(server: Valkey, value: str) -> None:
    with redis.Redis.from_url(server.url) as raw:
        raw.set("kept", value)


def read(server: Valkey) -> bytes | None:
    with redis.Redis.from_url(server.url) as raw:
        found: bytes | None = raw.get("kept")
        return found


def test_data_survive_a_stop_and_a_kill(server: Valkey) -> None:
    for kill in (False, True):
        server.start()
        write(server, f"before {kill}")
        server.stop(kill=kill)
        assert not server.running()
        assert not server.alive()
        server.start()
        assert read(server) == f"before {kill}".encode()
        server.stop()


def test_a_wiped_server_starts_empty(server: Valkey) -> None:
    server.start()
    write(server, "gone")
    server.stop()
    server.wipe()
    server.start()
    assert read(server) is None


def test_one_that_runs_is_taken_over(server: Valkey) -> None:
    second = Valkey(server.folder)
    server.start()
    second.start()
    assert second.pid == server.pid
    second.stop()
    assert not server.running()


def test_many_starts_at_once_make_one_server(folder: Path) -> None:
    servers = [Valkey(folder) for _ in range(8)]
    starts = [threading.Thread(target=server.start) for server in servers]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    with redis.Redis.from_url(servers[0].url) as raw:
        assert raw.info("server")["process_id"] == servers[0].pid
    for server in servers:
        server.stop()


def test_ctrl_c_does_not_reach_it(server: Valkey) -> None:
    server.start()
    assert os.getsid(server.pid) != os.getsid(0)


def test_a_long_path_gets_a_short_socket(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    server = Valkey(deep)
    server.start()
    try:
        assert Valkey(deep).running()
        path = Path(server.url.removeprefix("unix://"))
        assert len(os.fsencode(path)) <= MAX_SOCKET_PATH
        assert path.parent.stat().st_mode & 0o077 == 0
        write(server, "reached")
    finally:
        server.stop()
    server.start()
    assert read(Valkey(deep)) == b"reached"
    server.stop()
    shutil.rmtree(path.parent)


def test_only_the_owner_reaches_it(server: Valkey) -> None:
    server.start()
    path = Path(server.url.removeprefix("unix://"))
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    with redis.Redis.from_url(server.url) as raw:
        assert raw.config_get("port") == {"port": "0"}


def test_one_that_cannot_start_says_where_to_look(server: Valkey) -> None:
    broken = server.folder / "appendonlydir"
    broken.mkdir(parents=True)
    (broken / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(ConfigError, match=r"valkey\.log says why"):
        server.start()


def test_the_address_is_the_named_one_or_the_embedded_one(tmp_path: Path) -> None:
    named = Config(_env_file=None, redis_url="redis://rooms", data_dir=tmp_path)
    assert redis_url(named) == rq_redis_url(named) == "redis://rooms"
    apart = named.model_copy(update={"rq_redis_url": "redis://queues"})
    assert rq_redis_url(apart) == "redis://queues"


def test_without_any_server_the_error_says_what_to_do(tmp_path: Path, folder: Path) -> None:
    config = Config(_env_file=None, data_dir=folder / "data")
    with pytest.raises(ConfigError, match=r"start `waitroom up`, or set WAITROOM_REDIS_URL"):
        redis_url(config)
    assert not config.data_dir.exists()
    server = embedded(config)
    server.start()
    assert redis_url(config) == server.url
    server.stop()
