"""`waitroom report`: what happened in a room, as files."""

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from waitroom.cli.common import as_json, console, print_json, who, with_rooms
from waitroom.config import Config
from waitroom.reports import Progress as Standing
from waitroom.reports import Report, Reports
from waitroom.reports.errors import ReportFolderError
from waitroom.reports.folder import FILES
from waitroom.room import Directory, Store

#: How long a slice is after which progress is shown, seconds.
SLICE_S = 1.0
#: How long to wait for a process that is at it before looking again, seconds.
PAUSE_S = 0.2


@click.command()
@click.argument("room")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Copy the files into this folder, too.",
)
@as_json
def report(room: str, out: Path | None, json_: bool) -> None:
    """Make a report of ROOM as it is now: a CSV with one row a visit, and a summary page.

    It is made here, whether a worker runs or not; one that is under way is brought to its end.
    """

    async def work(config: Config, store: Store, _directory: Directory) -> dict[str, Any]:
        reports = Reports(store, config)
        found = await _make(reports, room, shown=not json_)
        paths = {kind: await reports.open(room, found.id, kind) for kind in FILES}
        if out is not None:
            paths = {
                kind: _copy(path, out, room, f"{room}-{found.id}{path.suffix}")
                for kind, path in paths.items()
            }
        return {
            "room": room,
            "id": found.id,
            "rows": found.rows,
            "visitors": found.visitors,
            **{kind: str(path) for kind, path in paths.items()},
        }

    found = with_rooms(work)
    if json_:
        print_json(found)
        return
    click.echo(f"{found['visitors']:,} visitors, {found['rows']:,} visits.")
    click.echo(f"  rows      {found['csv']}\n  summary   {found['html']}")


async def _make(reports: Reports, room: str, *, shown: bool) -> Report:
    asked = await reports.start(room, who())
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console(), disable=not shown, transient=True) as bar:
        task = bar.add_task("queued", total=1.0)
        before: Standing | None = None
        while True:
            if (made := await reports.make(room, SLICE_S)) is not None:
                return made
            progress = await reports.progress(room)
            if progress is None:
                # A worker has brought it to its end.
                return next(each for each in await reports.list(room) if each.id == asked.plan.id)
            if progress == before:
                # Another process is at it.
                await asyncio.sleep(PAUSE_S)
            before = progress
            bar.update(task, description=progress.stage, completed=progress.share)


def _copy(path: Path, out: Path, room: str, name: str) -> Path:
    half = out / f".{name}.half"
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, half)
        half.replace(out / name)
    except OSError as e:
        with suppress(OSError):
            half.unlink()
        raise ReportFolderError(room, f"The folder {out} cannot be written: {e.strerror}.") from e
    return out / name
