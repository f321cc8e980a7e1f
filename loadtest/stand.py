"""A private waiting room to test: Valkey, web processes, worker, clock, the demo shop and its gate.

Everything is on the loopback, in a temporary folder, and ended by process id; a child whose
parent is gone ends by itself.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import orjson

from loadtest.children import await_end
from loadtest.ports import free_port
from waitroom.embedded import Valkey

ROOM = "shop"
#: Longest wait for a process, seconds.
START_S = 30.0
STOP_S = 10.0


class StandError(Exception):
    """The stand does not come up; says why."""


class Stand:
    """One waiting room of our own.

    Args:
        web_processes: How many serve visitors; each on a port of its own.
        settings: Of the room.
        environment: More for the processes, such as ``WAITROOM_SERVER``.
    """

    def __init__(
        self,
        web_processes: int = 1,
        settings: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="waitroom-loadtest-"))
        self.valkey = Valkey(self.folder / "valkey", persist=False)
        self.secret_key = secrets.token_hex(32)
        self.ports = [free_port() for _ in range(web_processes)]
        self._demo_port = free_port()
        self._settings = dict(settings or {})
        self._more = dict(environment or {})
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def site(self) -> str:
        """The site's address, behind the gate."""
        return f"http://127.0.0.1:{self._demo_port}"

    @property
    def services(self) -> tuple[str, ...]:
        """The addresses of the web processes."""
        return tuple(f"http://127.0.0.1:{port}" for port in self.ports)

    @property
    def pids(self) -> dict[str, int]:
        """The processes whose cost is measured, by name."""
        found = {name: child.pid for name, child in self._children.items()}
        return found | {"valkey": self.valkey.pid}

    def start(self) -> None:
        """Start it all and wait until it answers.

        Raises:
            StandError: If it does not; with the end of the log.
        """
        try:
            self.valkey.start()
            self.create_room(ROOM, {"routes": [{"host": "*", "path": "/"}], **self._settings})
            for number, port in enumerate(self.ports):
                self._start(f"web{number}", "web", "--port", str(port))
            for name in ("worker", "clock"):
                self._start(name, name)
            for number, url in enumerate(self.services):
                self._wait(f"web{number}", f"{url}/readyz")
            self._start("site", "demo", "--demo-port", str(self._demo_port))
            self._wait("site", f"{self.site}/__waitroom/{ROOM}/board")
        except BaseException:
            self.stop()
            raise

    def create_room(self, name: str, settings: Mapping[str, Any]) -> None:
        """Make a room, by the command line as an owner does.

        Raises:
            StandError: If it is refused; says why.
        """
        self._run("rooms", "create", name, *_assignments(settings))

    def stop(self) -> None:
        """End it all; what was asked and does not end is killed."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        for child in self._children.values():
            await_end(child, STOP_S)
        self.valkey.stop(kill=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self, name: str) -> None:
        """End one process at once, as a crash does; it does not come back."""
        self._children[name].send_signal(signal.SIGKILL)
        self._children[name].wait()

    def restart_web(self, pause_s: float = 2.0) -> None:
        """Replace the web processes one after another, as an upgrade does."""
        for number, port in enumerate(self.ports):
            name = f"web{number}"
            self._children[name].terminate()
            await_end(self._children[name], STOP_S * 3)
            self._start(name, "web", "--port", str(port))
            self._wait(name, f"{self.services[number]}/readyz")
            time.sleep(pause_s)

    def log(self, name: str) -> str:
        """Return the end of what a process has written."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-2_000:] if path.exists() else ""

    def _environment(self) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.upper().startswith("WAITROOM_")}
        return own | {
            "WAITROOM_REDIS_URL": self.valkey.url,
            "WAITROOM_SECRET_KEYS": self.secret_key,
            "WAITROOM_EDGE_TOKEN": self.secret_key[::-1],
            "WAITROOM_SERVICE_URL": self.services[0],
            "WAITROOM_DATA_DIR": str(self.folder / "data"),
            "WAITROOM_LOG_LEVEL": "warning",
            **self._more,
        }

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, "-m", "waitroom", *command, "--parent", str(os.getpid())],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the generator; it ends these when it has its report.
                start_new_session=True,
            )

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "waitroom", *command],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            timeout=START_S,
            check=False,
        )
        if done.returncode:
            raise StandError(done.stderr.decode(errors="replace")[-500:])

    def _wait(self, name: str, url: str) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._children[name].poll() is not None:
                break
            try:
                with urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (URLError, OSError):
                time.sleep(0.1)
        raise StandError(f"{name} does not answer; its log ends:\n{self.log(name)}")


def _assignments(settings: Mapping[str, Any]) -> list[str]:
    return [f"{name}={orjson.dumps(value).decode()}" for name, value in settings.items()]
