"""Where reports are on disk, and how they get there: whole or not at all.

A report is a folder, ``<reports>/<room>/<name>/``. It is made under another name, written to the
disk, and then renamed, so what has a report's name is complete. Several machines share the folder
of the reports, or the process that is asked for a file says on which host it was written.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import orjson

from waitroom.clock import now_ms
from waitroom.config import Config
from waitroom.reports.errors import ReportFolderError, ReportNotFoundError

Kind = Literal["csv", "html"]

#: Names of the files in a report.
FILES: dict[Kind, str] = {"csv": "visitors.csv", "html": "summary.html"}
#: What is known of a report, beside its files.
META = "report.json"
#: Names of reports: when they were begun, UTC.
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z(-[0-9]{1,3})?")
#: What nobody has worked at for longer was given up, seconds.
OLD_S = 86_400
_WORK = ".work"


def reports_folder(config: Config) -> Path:
    """Return the folder of all reports of an installation."""
    return (config.reports_dir or config.data_dir / "reports").absolute()


class Folder:
    """The reports of one room on disk.

    Args:
        root: The folder of all reports.
        room: The room's name, already checked.
    """

    def __init__(self, root: Path, room: str) -> None:
        self.room = room
        self.path = root / room

    def report(self, name: str) -> Path:
        """Return where a report is, whether it is there or not.

        Raises:
            ReportNotFoundError: If no report can be called so.
        """
        if not NAME.fullmatch(name):
            raise ReportNotFoundError(self.room, name)
        return self.path / name

    def work(self, name: str) -> Path:
        """Return where a report is made."""
        return self.path / f"{_WORK}-{self.report(name).name}"

    def begin(self, name: str) -> Path:
        """Make the folder in which a report is made; one that is there is emptied.

        Raises:
            ReportFolderError: If it cannot be made; the reason is said.
        """
        work = self.work(name)
        with self.errors():
            shutil.rmtree(work, ignore_errors=True)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # What visitors did is nobody else's here; whoever shares the folder makes it before.
            self.path.mkdir(exist_ok=True, mode=0o700)
            self._clear()
            work.mkdir()
        return work

    def _clear(self) -> None:
        """Delete what was begun long ago and never finished: nothing knows of it any more."""
        for entry in os.scandir(self.path):
            if entry.name.startswith(_WORK) and now_ms() / 1000 - entry.stat().st_mtime > OLD_S:
                shutil.rmtree(entry.path, ignore_errors=True)

    def publish(self, name: str, keep: Iterable[str]) -> Path:
        """Give a finished report its name; what was only for the work is deleted before.

        Args:
            name: The report.
            keep: Names of its files.

        Returns:
            Where it is.

        Raises:
            ReportFolderError: If that failed; the report is not there then, or it is whole.
        """
        work, final, kept = self.work(name), self.report(name), set(keep)
        with self.errors():
            for file in work.iterdir():
                if file.name not in kept:
                    file.unlink()
            _sync_folder(work)
            work.rename(final)
            _sync_folder(self.path)
        return final

    def abandon(self, name: str) -> None:
        """Delete what was made of a report that is not finished."""
        shutil.rmtree(self.work(name), ignore_errors=True)

    def delete(self, name: str) -> bool:
        """Delete a report.

        Returns:
            Whether it was there.

        Raises:
            ReportFolderError: If it could not be deleted; asking again is safe.
        """
        final = self.report(name)
        with self.errors():
            # Renamed first: half a report must not have a name.
            gone = self.path / f"{_WORK}-gone-{name}"
            shutil.rmtree(gone, ignore_errors=True)
            try:
                final.rename(gone)
            except FileNotFoundError:
                return False
            shutil.rmtree(gone)
        return True

    def names(self) -> list[str]:
        """Return the names of the reports that are here, the newest first."""
        try:
            found = [entry.name for entry in os.scandir(self.path) if NAME.fullmatch(entry.name)]
        except OSError:
            return []
        return sorted(found, reverse=True)

    def meta(self, name: str) -> bytes | None:
        """Return what is known of a report that is here; None if it is not."""
        try:
            return (self.report(name) / META).read_bytes()
        except OSError:
            return None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the system says of files inside into a ReportFolderError."""
        try:
            yield
        except OSError as e:
            why = e.strerror or type(e).__name__
            raise ReportFolderError(
                self.room, f"The folder {self.path} cannot be written: {why}."
            ) from e


def write_whole(path: Path, parts: Iterable[bytes]) -> int:
    """Write a file under another name and rename it when it is on the disk.

    Args:
        path: Where; a file that is there is replaced.
        parts: Its bytes.

    Returns:
        How many bytes it has.

    Raises:
        OSError: If that failed; nothing new is at ``path`` and no half file beside it.
    """
    half = path.with_name(f"{path.name}.half")
    try:
        with half.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        half.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            half.unlink()
        raise
    return size


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, whole or not at all.

    Raises:
        OSError: If that failed.
    """
    write_whole(path, [orjson.dumps(value)])


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some shared file systems do not sync folders; their renames are durable by themselves.
        pass
    finally:
        os.close(descriptor)
