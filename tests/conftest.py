"""Shared fixtures: real parts only.

One embedded Valkey a run, on a private socket; each test that asks for `store` finds it empty.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from playwright.async_api import Browser, async_playwright

from loadtest.children import await_end
from loadtest.ports import free_port
from tests.cluster.servers import Cluster, RedisServer, temporary_folder
from waitroom.cli import main
from waitroom.clock import monotonic_s
from waitroom.config import Config
from waitroom.embedded import Valkey
from waitroom.room import Directory, Room, RoomSettings, Store

#: Runs a command of ours: exit code, output, errors.
Run = Callable[..., tuple[int, str, str]]

SECRET_KEY = "test-key-of-at-least-32-characters-0001"
EDGE_TOKEN = "test-edge-token-of-at-least-32-characters"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Longest wait for a process to do what a test expects, seconds.
PATIENCE_S = 30.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "backends(*names): stores that a test of the engine runs on")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # A developer's own settings must not change what a test sees.
    for name in [name for name in os.environ if name.upper().startswith("WAITROOM_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """Return the run's own server; never one that somebody else started."""
    folder = Path(tempfile.mkdtemp(prefix="waitroom-test-"))
    server = Valkey(folder, persist=False)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """Return a running server of this test alone, to be stopped, killed, wiped and restarted."""
    folder = Path(tempfile.mkdtemp(prefix="waitroom-test-"))
    server = Valkey(folder)
    server.start()
    yield server
    server.stop(kill=True)
    shutil.rmtree(folder)


@pytest.fixture
def valkey_url(valkey: Valkey) -> str:
    """Return the address of the run's server, emptied."""
    with redis.Redis.from_url(valkey.url) as raw:
        raw.flushall()
    return valkey.url


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """Return the address of the store that a test is about, empty."""
    return valkey_url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Return the run's own server of Debian's Redis."""
    with temporary_folder("redis") as folder:
        server = RedisServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return the run's own Cluster; tests that take masters away from one start another."""
    with temporary_folder("cluster") as folder:
        found = Cluster(folder)
        try:
            found.start()
            yield found
        finally:
            found.end()


@pytest.fixture
def command(
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Return a function that runs `waitroom` in an empty folder, on the test's own store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAITROOM_REDIS_URL", redis_url)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """Return an empty store."""
    found = Store.connect(redis_url)
    yield found
    await found.close()


@pytest.fixture
def directory(store: Store) -> Directory:
    """Return the directory of an empty store."""
    return Directory(store, RoomSettings())


@pytest.fixture
async def room(directory: Directory) -> Room:
    """Return a fresh room called shop, all settings at their defaults."""
    return await directory.create("shop", {}, who="test")


@pytest.fixture
def config(redis_url: str, tmp_path: Path) -> Config:
    """Return the settings of an installation on the run's server."""
    return Config(
        _env_file=None,
        redis_url=redis_url,
        secret_keys=(SECRET_KEY,),
        edge_token=EDGE_TOKEN,
        data_dir=tmp_path / "data",
    )


@pytest.fixture
def environment(redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a child process on the run's server."""
    return os.environ | {
        "WAITROOM_REDIS_URL": redis_url,
        "WAITROOM_SECRET_KEYS": SECRET_KEY,
        "WAITROOM_EDGE_TOKEN": EDGE_TOKEN,
        "WAITROOM_DATA_DIR": str(tmp_path / "data"),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture(name="free_port")
def free_port_() -> Callable[[], int]:
    """Return a function that names a TCP port of the loopback nobody uses."""
    return free_port


@dataclass
class Processes:
    """Children that a test started; ended by pid, none is left behind."""

    environment: dict[str, str]
    folder: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `python -m waitroom` with arguments; output goes to a file, see `output`.

        Args:
            command: The arguments.
            environment: What differs from the fixture `environment`.
        """
        log = (self.folder / f"{len(self.started)}.log").open("wb")
        with log:
            child = subprocess.Popen(
                [sys.executable, "-m", "waitroom", *command],
                cwd=self.folder,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(child)
        return child

    def output(self, child: subprocess.Popen[bytes]) -> str:
        """Return what a child has written so far."""
        return (self.folder / f"{self.started.index(child)}.log").read_text(errors="replace")

    def stop(self, child: subprocess.Popen[bytes], timeout_s: float = 10.0) -> int:
        """Ask a child to end, as a service manager would, and return its exit code."""
        child.terminate()
        return child.wait(timeout_s)

    def end(self) -> None:
        """End all that still run."""
        for child in self.started:
            if child.poll() is None:
                child.terminate()
        for child in self.started:
            await_end(child, 10)


@pytest.fixture
def processes(environment: dict[str, str], tmp_path: Path) -> Iterator[Processes]:
    """Return a way to start children of this test."""
    found = Processes(environment, tmp_path)
    yield found
    found.end()


@pytest.fixture
def until() -> Callable[..., None]:
    """Return a function that asks again and again until the answer is true, or fails the test."""

    def wait(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
        deadline = monotonic_s() + patience_s
        while not condition():
            assert monotonic_s() < deadline, "it did not come true in time"
            time.sleep(0.05)

    return wait


def chromium_path() -> str | None:
    """Return an installed Chromium, or None for the one that playwright brings."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Return a Chromium of its own; each context of it is one visitor."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(), args=CHROMIUM_FLAGS
        )
        yield browser
        await browser.close()
