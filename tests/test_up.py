"""`waitroom up` as a newcomer runs it: one command, real processes, an empty folder."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Processes
from waitroom.clock import monotonic_s
from waitroom.config import Config
from waitroom.embedded import embedded

Until = Callable[..., None]


class Up:
    """An installation in a folder of its own."""

    def __init__(self, processes: Processes, port: int, demo_port: int) -> None:
        self._processes = processes
        self.port, self.demo_port = port, demo_port
        self.data_dir = Path(processes.environment["WAITROOM_DATA_DIR"])
        for name in ("WAITROOM_REDIS_URL", "WAITROOM_SECRET_KEYS", "WAITROOM_EDGE_TOKEN"):
            processes.environment.pop(name, None)

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        ports = ("--port", str(self.port), "--demo-port", str(self.demo_port))
        return self._processes.start("up", *ports, **environment)

    def output(self, child: subprocess.Popen[bytes]) -> str:
        return self._processes.output(child)

    def ready(self) -> bool:
        try:
            for url in (f"{self.port}/readyz", f"{self.demo_port}/"):
                with urllib.request.urlopen(f"http://127.0.0.1:{url}", timeout=2) as answer:
                    if answer.status != 200:
                        return False
        except OSError:
            return False
        return True

    @property
    def valkey(self) -> Any:
        return embedded(Config(_env_file=None, data_dir=self.data_dir))


@pytest.fixture
def up(processes: Processes, free_port: Callable[[], int]) -> Iterator[Up]:
    found = Up(processes, free_port(), free_port())
    yield found
    processes.end()
    if found.data_dir.exists():
        found.valkey.stop(kill=True)


def children(child: subprocess.Popen[bytes]) -> dict[str, psutil.Process]:
    """Return command (web, worker, …, valkey) -> process."""
    found = {}
    for process in psutil.Process(child.pid).children():
        try:
            words = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        # One that has just been forked, or is just ending, has no name yet, or none any more.
        if "--parent" in words:
            name = words[words.index("--parent") - 1]
            found[f"{name} {process.pid}" if name in found else name] = process
        elif words and "valkey-server" in words[0]:
            found["valkey"] = process
    return found


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_it_serves_and_ctrl_c_leaves_nothing_behind(up: Up, until: Until) -> None:
    child = up.start()
    until(up.ready)
    until(lambda: "Waitroom is running." in up.output(child))
    assert f"http://127.0.0.1:{up.demo_port}" in up.output(child)
    # Nobody looks at a screen here: a link in a log would be anybody's who reads that.
    until(lambda: "no_owner_yet" in up.output(child))
    assert "welcome#" not in up.output(child)
    all_of_them = children(child)
    assert set(all_of_them) == {"web", "worker", "clock", "demo", "valkey"}
    began = monotonic_s()
    # Ctrl-C in a terminal goes to the whole process group.
    os.killpg(child.pid, signal.SIGINT)
    assert child.wait(10) == 0
    assert monotonic_s() - began < 10
    assert all(gone(process) for process in all_of_them.values())
    for port in (up.port, up.demo_port):
        with socket.create_server(("127.0.0.1", port)):
            pass
    assert "Traceback" not in up.output(child)


def test_whatever_is_killed_comes_back(up: Up, until: Until) -> None:
    child = up.start()
    until(up.ready)
    for name in ("valkey", "web", "worker", "clock", "demo"):
        first = children(child)[name]
        first.kill()
        until(lambda first=first, name=name: children(child).get(name, first) != first)
    until(up.ready)
    assert child.poll() is None


def test_rooms_and_secrets_survive_a_restart(up: Up, until: Until) -> None:
    child = up.start()
    until(up.ready)
    secrets = (up.data_dir / "secrets.env").read_text()
    command = up._processes.start("rooms", "set", "shop", "total_active_users=9")
    assert command.wait(10) == 0
    os.killpg(child.pid, signal.SIGTERM)
    child.wait(10)
    up.start()
    until(up.ready)
    shown = up._processes.start("rooms", "show", "shop", "--json")
    assert shown.wait(10) == 0
    assert '"total_active_users": 9' in up.output(shown)
    # A link leads to where it serves, though this command was told nothing of that.
    invited = up._processes.start("owners", "invite", "ada")
    assert invited.wait(10) == 0
    assert f"http://127.0.0.1:{up.port}/console/welcome#" in up.output(invited)
    assert (up.data_dir / "secrets.env").read_text() == secrets


def test_after_a_kill_the_next_one_takes_over(up: Up, until: Until) -> None:
    child = up.start()
    until(up.ready)
    orphans = children(child)
    child.kill()
    child.wait()
    valkey = orphans.pop("valkey")
    until(lambda: all(gone(process) for process in orphans.values()))
    assert not gone(valkey)
    second = up.start()
    until(up.ready)
    assert up.valkey.pid == valkey.pid
    os.killpg(second.pid, signal.SIGINT)
    second.wait(10)
    until(lambda: gone(valkey))


def test_a_port_in_use_is_one_line_before_anything_starts(up: Up) -> None:
    with socket.create_server(("127.0.0.1", up.demo_port)):
        child = up.start()
        assert child.wait(10) == 1
    out = up.output(child)
    assert out.startswith(f"error [bad_config]: WAITROOM_DEMO_PORT={up.demo_port}: cannot listen")
    assert out.count("\n") == 1
    assert not up.data_dir.exists()


def test_two_on_one_folder_are_refused(up: Up, until: Until, free_port: Any) -> None:
    up.start()
    until(up.ready)
    ports = ("--port", str(free_port()), "--demo-port", str(free_port()))
    second = up._processes.start("up", *ports)
    assert second.wait(10) == 1
    assert "runs on" in up.output(second)
    assert up.ready()


def test_several_web_processes_share_the_port_and_the_one_that_dies_comes_back(
    up: Up, until: Until
) -> None:
    def web() -> dict[int, psutil.Process]:
        found = children(child).items()
        return {each.pid: each for name, each in found if name.startswith("web")}

    def alive() -> int:
        shown = up._processes.start("status", "--json")
        assert shown.wait(20) == 0
        return len(json.loads(up.output(shown))["web"])

    child = up.start(WAITROOM_WEB_PROCESSES="2")
    until(lambda: len(web()) == 2 and up.ready() and alive() == 2)
    assert "web.1" in up.output(child) and "web.2" in up.output(child)
    first = web()
    first.popitem()[1].kill()
    until(lambda: len(web()) == 2 and set(web()) != set(first))
    until(up.ready)
    # Whoever is not one of them is kept off the port, as ever.
    other = up._processes.start("web", "--port", str(up.port), WAITROOM_WEB_PROCESSES="1")
    assert other.wait(20) == 1
    assert f"error [bad_config]: WAITROOM_PORT={up.port}: cannot listen" in up.output(other)
    os.killpg(child.pid, signal.SIGINT)
    assert child.wait(20) == 0
