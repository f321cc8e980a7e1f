"""Debian's redis-server as one server, as three masters of a Cluster, and under a Sentinel.

Each lives in a temporary folder and on the loopback, and is ended by its own process.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from loadtest.ports import free_port
from waitroom.clock import monotonic_s

#: Longest wait for servers to agree on something, seconds.
PATIENCE_S = 30.0
SLOTS = 16_384


def redis_server_path() -> str:
    """Return where redis-server is; `.ci/redis` sees to it that it is there."""
    path = shutil.which("redis-server")
    assert path is not None, "redis-server is missing: run .ci/redis"
    return path


def wait_until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Ask again and again until the answer is true; a server that does not answer says no."""
    deadline = monotonic_s() + patience_s
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert monotonic_s() < deadline, "the servers did not get there in time"
        time.sleep(0.01)


def _words(options: dict[str, str]) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", value)]


@dataclass(eq=False)
class RedisServer:
    """One redis-server on a port of the loopback.

    Args:
        folder: Where it works; made if missing.
        options: What differs from a bare server, name to value.
        port: Its port; 0 takes a free one at the first start.
    """

    folder: Path
    options: dict[str, str] = field(default_factory=dict)
    port: int = 0
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address for a client."""
        return f"redis://{self.address}"

    def start(self) -> None:
        """Start it and wait until it answers; somebody who took the port meanwhile is avoided."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fixed = self.port != 0
        for _ in range(10):
            if not fixed:
                self.port = free_port()
                if "cluster-enabled" in self.options:
                    self.options["cluster-port"] = str(free_port())
            self._launch()
            while self.alive:
                if self._answers():
                    return
                time.sleep(0.01)
            assert not fixed, (self.folder / "log").read_text()
        raise AssertionError((self.folder / "log").read_text())

    @property
    def alive(self) -> bool:
        """Whether the process runs, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def ask(self, *command: object) -> Any:
        """Send one command and return the answer."""
        with redis.Redis(port=self.port, socket_timeout=PATIENCE_S) as raw:
            return raw.execute_command(*command)

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at once, frozen or not, and wait for its end."""
        if self.alive:
            self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(PATIENCE_S)

    def empty(self) -> None:
        """Drop all data."""
        self.ask("FLUSHALL")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep it from answering for a while."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def _command(self) -> list[str]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
        }
        return _words(options | self.options)

    def _launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [redis_server_path(), *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except redis.RedisError:
            return False


class Cluster:
    """Three masters without replicas, each with a third of the slots.

    Args:
        folder: Where they work.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: list[RedisServer] = []

    @property
    def url(self) -> str:
        """The address for Waitroom."""
        return f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    def start(self) -> None:
        """Start the masters, give them their slots and wait until they agree."""
        options = {
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            # A master that is lost takes its rooms along, not the rooms of the others.
            "cluster-require-full-coverage": "no",
            "cluster-node-timeout": "15000",
        }
        for i in range(3):
            self.nodes.append(RedisServer(self.folder / f"node{i}", dict(options)))
            self.nodes[-1].start()
        ends = [SLOTS * i // 3 for i in range(4)]
        for i, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            node.ask("CLUSTER", "ADDSLOTSRANGE", ends[i], ends[i + 1] - 1)
            for other in self.nodes[:i]:
                other.ask("CLUSTER", "MEET", "127.0.0.1", node.port, node.options["cluster-port"])
        wait_until(lambda: all(self._agrees(node) for node in self.nodes))

    def _agrees(self, node: RedisServer) -> bool:
        with redis.Redis(port=node.port) as raw:
            info = raw.execute_command("CLUSTER INFO")
            slots = raw.execute_command("CLUSTER SLOTS")
        return info["cluster_state"] == "ok" and len(slots) == 3

    def node_of(self, key: str) -> RedisServer:
        """Return the master that holds a key."""
        slot = self.nodes[0].ask("CLUSTER", "KEYSLOT", key)
        return next(node for i, node in enumerate(self.nodes) if slot < SLOTS * (i + 1) // 3)

    def empty(self) -> None:
        """Drop all data of all masters."""
        for node in self.nodes:
            node.ask("FLUSHALL")

    def end(self) -> None:
        """End all masters."""
        for node in self.nodes:
            node.kill()


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Give a temporary folder and remove it with all that is in it."""
    path = Path(tempfile.mkdtemp(prefix=f"waitroom-{name}-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


class Watched:
    """A master and a replica that Sentinels watch; when the master dies, the replica follows it.

    Args:
        folder: Where they work.
    """

    #: What Sentinels call the master.
    MASTER = "rooms"

    def __init__(self, folder: Path) -> None:
        self.master = RedisServer(folder / "one")
        self.replica = RedisServer(folder / "two")
        self.sentinels = [Sentinel(folder / f"sentinel{i}") for i in range(3)]

    @property
    def url(self) -> str:
        """The address for Waitroom."""
        hosts = ",".join(sentinel.address for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{self.MASTER}"

    def start(self) -> None:
        """Start all, and wait until everybody knows everybody."""
        self.master.start()
        self.replica.options["replicaof"] = f"127.0.0.1 {self.master.port}"
        self.replica.start()
        for sentinel in self.sentinels:
            sentinel.watch(self.MASTER, self.master.port)
            sentinel.start()
        wait_until(lambda: all(self._knows(sentinel) for sentinel in self.sentinels))

    def _knows(self, sentinel: RedisServer) -> bool:
        with redis.Redis(port=sentinel.port) as raw:
            state = raw.sentinel_master(self.MASTER)
        return (state["num-slaves"], state["num-other-sentinels"]) == (1, 2)

    def wait_for_replica(self) -> None:
        """Wait until the replica has all that the master has now."""
        assert self.master.ask("WAIT", 1, int(PATIENCE_S * 1000)) == 1

    def end(self) -> None:
        """End all."""
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()


@dataclass(eq=False)
class Sentinel(RedisServer):
    """One Sentinel; it keeps what it learns in its configuration."""

    def watch(self, name: str, port: int) -> None:
        """Have it watch a master, before it is started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sentinel.conf").write_text(
            f"sentinel monitor {name} 127.0.0.1 {port} 2\n"
            f"sentinel down-after-milliseconds {name} 2000\n"
            f"sentinel failover-timeout {name} 10000\n"
        )

    def _command(self) -> list[str]:
        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder)}
        return [str(self.folder / "sentinel.conf"), "--sentinel", *_words(options)]
