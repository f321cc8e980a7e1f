"""workerd itself, on the loopback, with a configuration made here: no development proxy.

A Worker is a file of ES module code, text bindings, and services by address. Tests and
benchmarks start as many as they like; one takes about a tenth of a second.
"""

import fcntl
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: The Worker that `npm --prefix edge run build` makes.
BUNDLE = ROOT / "edge" / "dist" / "index.js"
#: Longest wait for a process to serve, seconds.
PATIENCE_S = 20.0
#: What an owner deploys by.
WRANGLER = ROOT / "edge" / "wrangler.jsonc"
_BUILD_LIMIT_S = 120


@dataclass
class Worker:
    """What one workerd serves.

    Attributes:
        code: The module's file.
        text: Text bindings.
        services: Service bindings -> ``host:port`` of an HTTP server.
        cache: ``host:port`` of what keeps the Cache API's answers; none means no cache.
    """

    code: Path
    text: Mapping[str, str] = field(default_factory=dict, repr=False)
    services: Mapping[str, str] = field(default_factory=dict)
    cache: str = ""

    def config(self, port: int) -> str:
        """Return the configuration in workerd's own language."""
        outside = [(name.lower(), at) for name, at in self.services.items()]
        if self.cache:
            outside.append(("cache", self.cache))
        services = "".join(
            f"    (name = {_quoted(name)}, external = (address = {_quoted(at)}, http = ())),\n"
            for name, at in outside
        )
        bindings = [f"(name = {_quoted(k)}, text = {_quoted(v)})" for k, v in self.text.items()]
        bindings += [
            f"(name = {_quoted(name)}, service = {_quoted(name.lower())})" for name in self.services
        ]
        # wrangler puts what the code imports as text beside it, as files of their own.
        texts = "".join(
            f", (name = {_quoted(path.name)}, text = embed {_quoted(path.name)})"
            for path in bundle_files(self.code)[1:]
        )
        kept = ', cacheApiOutbound = "cache"' if self.cache else ""
        return f"""using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "loopback", network = (allow = ["local"])),
{services}  ],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed {_quoted(self.code.name)}){texts}],
  compatibilityDate = "{compatibility_date()}",
  bindings = [{", ".join(bindings)}],
  globalOutbound = "loopback"{kept},
);
"""


class Workerd:
    """A running workerd; ended by its own process id.

    Args:
        worker: What it serves.
        folder: Where its configuration and its log go; made if it is not there.
        port: Where it listens.
    """

    def __init__(self, worker: Worker, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        # Its own copy: a build meanwhile must not change what a restart serves.
        for path in bundle_files(worker.code):
            if path.parent != folder:
                shutil.copy(path, folder)
        (folder / "workerd.capnp").write_text(worker.config(port))

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process; 0 when none runs."""
        return self._child.pid if self._child is not None else 0

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            RuntimeError: If it ended instead, or did not serve in time; with what it said.
        """
        with (self._folder / "workerd.log").open("ab") as log:
            self._child = subprocess.Popen(
                [binary(), "serve", str(self._folder / "workerd.capnp")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_S
        while not _takes_connections(self.port):
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"workerd does not serve: {self.output()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it at once, with all that it remembers."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def output(self) -> str:
        """Return what it has written so far."""
        return (self._folder / "workerd.log").read_text(errors="replace")


@cache
def build() -> Path:
    """Return the Worker's bundle; built anew only if a source is newer, once a process.

    Raises:
        RuntimeError: If the build failed; with what it said.
    """
    edge = ROOT / "edge"
    sources = [*(edge / "src").rglob("*.*"), edge / "package.json", WRANGLER]
    newest = max(path.stat().st_mtime for path in sources if ".test." not in path.name)
    with (edge / "node_modules" / ".building").open("w") as turn:
        # Tests run in several processes, and all of them want it.
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not BUNDLE.exists() or BUNDLE.stat().st_mtime < newest:
            done = npm("run", "build")
            if done.returncode:
                raise RuntimeError(f"the Worker was not built: {done.stdout}{done.stderr}")
    return BUNDLE


def bundle_files(code: Path = BUNDLE) -> list[Path]:
    """Return all that is deployed: the code, then what it imports as text."""
    beside = sorted(code.parent.iterdir())
    return [code, *(path for path in beside if path.suffix in (".html", ".css"))]


def npm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run npm in `edge/`, with the Node that came with the Python packages if there is one."""
    beside = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["npm", "--prefix", str(ROOT / "edge"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_BUILD_LIMIT_S,
        check=False,
    )


@cache
def compatibility_date() -> str:
    """Return the day whose runtime behaviour the Worker was written for.

    Raises:
        RuntimeError: If `edge/wrangler.jsonc` does not name it.
    """
    found = re.search(r'"compatibility_date": *"([0-9-]+)"', WRANGLER.read_text())
    if found is None:
        raise RuntimeError("edge/wrangler.jsonc names no compatibility_date")
    return found[1]


def binary() -> str:
    """Return the path of the workerd that npm brought.

    Raises:
        RuntimeError: If there is none.
    """
    machine = {"x86_64": "64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "64")
    system = {"Darwin": "darwin"}.get(platform.system(), "linux")
    package = f"@cloudflare/workerd-{system}-{machine}"
    found = ROOT / "edge" / "node_modules" / package / "bin" / "workerd"
    if not found.exists():
        raise RuntimeError("workerd is missing; `make setup` brings it")
    return str(found)


def _takes_connections(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
