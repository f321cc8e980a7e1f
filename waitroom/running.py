"""Which `waitroom up` runs on a data folder, and on which port its web process serves.

Both are one file of the folder: whoever runs has it locked, and what it holds counts as long.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waitroom.config import Config
from waitroom.errors import ConfigError


@contextmanager
def only_one(config: Config) -> Iterator[None]:
    """Be the only one that runs on a data folder.

    Args:
        config: The installation, with the port that its web process serves on.

    Raises:
        ConfigError: If another one runs, or the folder cannot be used.
    """
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = _file(config).open("a")
    except OSError as e:
        raise ConfigError(
            f"WAITROOM_DATA_DIR={config.data_dir}: cannot be used ({e.strerror}); name a folder "
            "that can be written"
        ) from e
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"`waitroom up` runs on {config.data_dir} already; "
                "stop it, or set WAITROOM_DATA_DIR to another folder"
            ) from None
        lock.truncate(0)
        print(config.port, file=lock, flush=True)
        yield


def running_port(config: Config) -> int | None:
    """Return the port of the web process that runs on a data folder; None when none does.

    Args:
        config: The installation.
    """
    try:
        with _file(config).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
    except (OSError, ValueError):
        # No such file, or one of another version.
        pass
    return None


def _file(config: Config) -> Path:
    return config.data_dir / "up.lock"
