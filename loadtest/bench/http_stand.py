"""What runs while HTTP is measured: a private Valkey, a web process, and a bare application.

The bare application answers with the same headers and as many bytes, under the same server.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import psutil

from loadtest.bench.generator import Visitors, throughput
from loadtest.children import await_end
from loadtest.ports import free_port
from waitroom.embedded import Valkey

ROOM = "full"
KEY = "bench-key-of-at-least-32-characters-0001"
#: Requests at once.
CONNECTIONS = 64
_START_S = 30.0


@dataclass
class Server:
    """One server process.

    Attributes:
        port: On the loopback.
        process: The process.
    """

    port: int
    process: "subprocess.Popen[bytes]"
    #: Requests per second, and per second of its CPU, of each round.
    rates: list[float] = field(default_factory=list)
    cpu_rates: list[float] = field(default_factory=list)

    def measure(self, path: str, visitors: Visitors, *, method: str, seconds: int) -> None:
        """Ask for so long, and note how fast it was answered."""
        before = self.cpu_s()
        rate = throughput(
            f"http://127.0.0.1:{self.port}{path}",
            visitors,
            connections=CONNECTIONS,
            seconds=seconds,
            method=method,
        )
        self.rates.append(rate)
        self.cpu_rates.append(rate * seconds / (self.cpu_s() - before))

    def forget(self) -> None:
        """Forget the rounds so far."""
        self.rates.clear()
        self.cpu_rates.clear()

    def cpu_s(self) -> float:
        """Return the CPU time of the process so far, seconds."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


@dataclass
class Answer:
    """One answer of the web process, for a bare application to imitate."""

    size: int
    headers: list[tuple[str, str]]


@contextmanager
def valkey() -> Iterator[Valkey]:
    """Run a private server that keeps nothing."""
    with tempfile.TemporaryDirectory(prefix="waitroom-bench-") as folder:
        server = Valkey(Path(folder), persist=False)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def web(redis: Valkey, server: str, **more: str) -> Iterator[Server]:
    """Run a web process with one room in which everybody waits."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("WAITROOM_")
    }
    environment |= {
        "WAITROOM_REDIS_URL": redis.url,
        "WAITROOM_SECRET_KEYS": KEY,
        "WAITROOM_EDGE_TOKEN": KEY,
        "WAITROOM_SERVER": server,
        "WAITROOM_DRAIN_S": "0",
        "WAITROOM_LOG_LEVEL": "error",
        **more,
    }
    with tempfile.TemporaryDirectory(prefix="waitroom-bench-") as folder:
        environment["WAITROOM_DATA_DIR"] = folder
        create = ["rooms", "create", ROOM, "total_active_users=0"]
        command = [sys.executable, "-m", "waitroom"]
        subprocess.run([*command, *create], env=environment, cwd=folder, capture_output=True)
        port = free_port()
        with _started([*command, "web", "--port", str(port)], environment, folder, port) as found:
            yield found


@contextmanager
def bare(server: str, imitated: Answer) -> Iterator[Server]:
    """Run an application that answers at once with what another one has answered."""
    port = free_port()
    module = [sys.executable, "-m", "loadtest.bench.asgi_floor", "--server", server]
    named = [f"--header={name}: {value}" for name, value in imitated.headers]
    command = [*module, "--port", str(port), "--size", str(imitated.size), *named]
    with _started(command, dict(os.environ), None, port) as found:
        yield found


@contextmanager
def _started(
    command: list[str], environment: dict[str, str], folder: str | None, port: int
) -> Iterator[Server]:
    process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL)
    try:
        _until_ready(port, process)
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        await_end(process, 10)


def _until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def ask(server: Server, path: str, headers: dict[str, str], method: str) -> Answer:
    """Ask once, and return what a bare application needs to answer alike."""
    url = f"http://127.0.0.1:{server.port}{path}"
    with urlopen(Request(url, method=method, headers=headers), timeout=10) as answer:
        body = answer.read()
        # Servers add what is left out here.
        kept = [
            (name, value)
            for name, value in answer.headers.items()
            if name.lower() not in ("date", "server", "content-length", "connection")
        ]
        return Answer(len(body), kept)
