"""The job that looks after reports, and the command, as an owner and a worker run them."""

import asyncio
import csv
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Processes
from waitroom.cli import main
from waitroom.config import load_config
from waitroom.jobs import reports as job
from waitroom.reports import Reports
from waitroom.reports.errors import ReportFolderError
from waitroom.room import Directory, Store

from .filling import fill


@pytest.fixture
def installation(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this process's own environment that of an installation; return its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAITROOM_REDIS_URL", redis_url)
    return tmp_path


def inside(work: Callable[[Store, Directory, Reports], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        config = load_config()
        assert config.redis_url is not None
        store = Store.connect(config.redis_url)
        try:
            return await work(store, Directory(store), Reports(store, config))
        finally:
            await store.close()

    return asyncio.run(run())


async def two_rooms(store: Store, directory: Directory, _reports: Reports) -> None:
    for name in ("shop", "tickets"):
        room = await directory.create(name, {}, who="test")
        await room.enter("ada")
        await room.leave("ada")
        await directory.update(name, {"closed": True}, who="test")


async def listed(_store: Store, _directory: Directory, reports: Reports) -> list[int]:
    return [len(await reports.list(name)) for name in ("shop", "tickets")]


def test_the_job_makes_the_reports_of_all_rooms(installation: Path) -> None:
    inside(two_rooms)
    job.reports()
    assert inside(listed) == [1, 1]


def test_a_room_whose_report_fails_does_not_keep_the_others_from_theirs(
    installation: Path,
) -> None:
    inside(two_rooms)
    folder = installation / ".waitroom" / "reports"
    folder.mkdir(parents=True)
    (folder / "shop").write_text("in the way")
    with pytest.raises(ReportFolderError):
        job.reports()
    assert inside(listed) == [0, 1]


def test_a_job_takes_no_longer_than_its_slice(
    installation: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def both(store: Store, directory: Directory, reports: Reports) -> Any:
        await two_rooms(store, directory, reports)
        for name in ("shop", "tickets"):
            await reports.start(name, "test")

    inside(both)
    for name in ("shop", "tickets"):
        fill(redis_url, name, 5_000)
    monkeypatch.setattr(job, "SLICE_S", 0.0)
    job.reports()

    async def stages(_store: Store, _directory: Directory, reports: Reports) -> list[Any]:
        return [await reports.progress(name) for name in ("shop", "tickets")]

    # Both came forward, neither is finished.
    assert [found.stage for found in inside(stages)] == ["reading", "reading"]


def test_a_worker_and_a_clock_report_a_closed_room_by_themselves(
    installation: Path, processes: Processes, until: Callable[..., None]
) -> None:
    inside(two_rooms)
    worker, clock = processes.start("worker"), processes.start("clock")
    data = installation / "data" / "reports"
    try:
        until(lambda: len(list(data.glob("*/2*/visitors.csv"))) == 2, 150.0)
    except AssertionError:
        print(processes.output(worker), processes.output(clock))
        raise
    assert processes.stop(clock) == 0 and processes.stop(worker) == 0


def test_the_command_makes_a_report_and_copies_it(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside(two_rooms)
    assert main(["report", "shop", "--out", "there", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["visitors"]) == (1, 1)
    path = Path(found["csv"])
    assert path.parent == Path("there") and path.name == f"shop-{found['id']}.csv"
    with path.open(newline="") as file:
        assert [row["outcome"] for row in csv.DictReader(file)] == ["left_site"]
    assert Path(found["html"]).read_text().startswith("<!doctype html>")
    assert main(["report", "shop"]) == 0
    out = capsys.readouterr().out
    assert "1 visitors, 1 visits." in out and "summary.html" in out


def test_the_command_says_what_is_wrong(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "nowhere"]) == 1
    assert "error [room_not_found]" in capsys.readouterr().err
    inside(two_rooms)
    Path("there").write_text("in the way")
    assert main(["report", "shop", "--out", "there"]) == 1
    assert "error [report_folder]: The folder there cannot be written" in capsys.readouterr().err


def test_nothing_is_said_on_standard_output_but_the_answer(
    installation: Path, redis_url: str
) -> None:
    inside(two_rooms)
    done = subprocess.run(
        [sys.executable, "-m", "waitroom", "report", "shop", "--json"],
        env=os.environ | {"WAITROOM_REDIS_URL": redis_url},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["rows"] == 1
