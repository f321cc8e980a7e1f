"""A report that is broken off, whose disk is full, or whose Redis fails: nothing is lost."""

import asyncio
import contextlib
import os
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from waitroom.config import Config
from waitroom.errors import StoreError
from waitroom.reports import Report, Reports
from waitroom.reports.errors import ReportError, ReportFolderError
from waitroom.reports.folder import Folder
from waitroom.reports.source import Source
from waitroom.reports.states import Plan, States
from waitroom.reports.work import Work
from waitroom.room import Directory, Room, Store

from .conftest import Make, trail
from .filling import T0_MS, fill

COUNT = 3_500


@pytest.fixture
async def filled(directory: Directory, store: Store, redis_url: str) -> Room:
    room = await directory.create("shop", {}, who="test")
    fill(redis_url, "shop", COUNT)
    await trail(store, room, (T0_MS, {"created": [None, "shop"]}))
    return room


@pytest.fixture
async def whole(filled: Room, make: Make, reports: Reports) -> AsyncIterator[bytes]:
    """Return the CSV as it is when nothing happens."""
    report = await make(filled)
    yield (await reports.open("shop", report.id, "csv")).read_bytes()


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Have the system refuse to write more than so many bytes into a file, as a full disk does."""
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, was[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)


async def csv_of(reports: Reports, report: Report) -> bytes:
    return (await reports.open("shop", report.id, "csv")).read_bytes()


async def test_a_report_in_many_slices_is_the_same(
    whole: bytes, store: Store, config: Config
) -> None:
    await Reports(store, config).start("shop", "ada")
    stages, made = [], None
    while made is None:
        # Each time a process that knows nothing yet.
        reports = Reports(store, config)
        made = await reports.make("shop", 0.0)
        if (progress := await reports.progress("shop")) is not None:
            stages.append((progress.stage, progress.share))
    assert await csv_of(Reports(store, config), made) == whole
    assert [stage for stage, _ in stages[:1] + stages[-1:]] == ["reading", "counting"]
    assert len(stages) > 8
    assert [share for _, share in stages] == sorted(share for _, share in stages)


async def test_a_report_whose_process_is_killed_again_and_again_is_the_same(
    whole: bytes, store: Store, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, calls = Work.keep, 0

    class Killed(BaseException):
        pass

    def dying(self: Work) -> None:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            # Files are written, and nobody has noted how far.
            raise Killed
        keep(self)

    monkeypatch.setattr(Work, "keep", dying)
    reports = Reports(store, config)
    await reports.start("shop", "ada")
    made = None
    while made is None:
        with contextlib.suppress(Killed):
            made = await reports.make("shop", 0.0)
    assert await csv_of(reports, made) == whole


async def test_a_report_goes_on_after_redis_failed(
    whole: bytes, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, calls = Source.page, 0

    async def failing(self: Source, *args: object) -> object:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise StoreError("Redis did not answer.")
        return await page(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Source, "page", failing)
    await reports.start("shop", "ada")
    made, failures = None, 0
    while made is None:
        try:
            made = await reports.make("shop", 30.0)
        except StoreError:
            failures += 1
    assert failures > 2
    assert await csv_of(reports, made) == whole


@pytest.mark.parametrize("size", [20_000, 250_000], ids=["while reading", "while writing"])
async def test_a_full_disk_is_said_leaves_nothing_and_deletes_no_visitor(
    size: int, filled: Room, reports: Reports, store: Store, config: Config
) -> None:
    await reports.start("shop", "ada")
    with largest_file(size), pytest.raises(ReportFolderError, match="File too large"):
        while True:
            await reports.make("shop", 30.0)
    assert config.reports_dir is not None
    assert list((config.reports_dir / "shop").iterdir()) == []
    assert await reports.list("shop") == []
    progress = await reports.progress("shop")
    assert progress is not None
    assert (progress.stage, progress.tries) == ("failed", 1)
    assert "File too large" in progress.error
    assert await store.redis.xlen(filled.keys.journal) == COUNT
    # Not at once again; and when there is space, it is made.
    await reports.tend(filled, 30.0)
    assert await reports.list("shop") == []
    assert await reports.make("shop", 30.0) is not None
    assert [report.rows for report in await reports.list("shop")] == [COUNT]


async def test_a_failed_report_is_tried_again_by_itself_ever_later(
    filled: Room, reports: Reports, store: Store
) -> None:
    await reports.start("shop", "ada")
    waits = []
    for _ in range(8):
        with largest_file(20_000), pytest.raises(ReportFolderError):
            await reports.make("shop", 30.0)
        progress = await reports.progress("shop")
        assert progress is not None
        waits.append(round((progress.retry_ms - await store.time_ms(filled.keys.meta)) / 60_000))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_folder_that_cannot_be_is_said(
    filled: Room, store: Store, config: Config, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    reports = Reports(store, config.model_copy(update={"reports_dir": tmp_path / "file"}))
    await reports.start("shop", "ada")
    with pytest.raises(ReportFolderError, match=str(tmp_path / "file")):
        await reports.make("shop", 30.0)


async def test_a_mistake_of_ours_is_shown_and_does_not_say_what_it_touched(
    filled: Room, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(self: Work, until_s: float) -> None:
        raise ValueError("ada's id")

    monkeypatch.setattr(Work, "_write", wrong)
    await reports.start("shop", "ada")
    with pytest.raises(ReportError, match=r"unexpectedly \(ValueError\)"):
        await reports.make("shop", 30.0)
    progress = await reports.progress("shop")
    assert progress is not None and "id" not in progress.error


async def test_a_report_cut_off_after_it_was_published_is_taken_as_it_is(
    whole: bytes, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = States.finish

    async def cut_off(self: States, report: Report) -> None:
        monkeypatch.setattr(States, "finish", finish)
        raise StoreError("Redis did not answer.")

    monkeypatch.setattr(States, "finish", cut_off)
    await reports.start("shop", "ada")
    with pytest.raises(StoreError):
        await reports.make("shop", 30.0)
    made = await reports.make("shop", 30.0)
    assert made is not None and len(await reports.list("shop")) == 2
    assert await csv_of(reports, made) == whole


@pytest.mark.parametrize("when", [(Work, "_write"), (Folder, "publish")], ids=["midway", "at last"])
async def test_nothing_of_a_report_outlives_the_room_that_is_deleted_meanwhile(
    when: tuple[type, str],
    filled: Room,
    reports: Reports,
    directory: Directory,
    store: Store,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, original = asyncio.get_running_loop(), getattr(*when)
    deleting: list[asyncio.Task[None]] = []

    async def delete() -> None:
        await reports.delete_all("shop")
        await directory.delete("shop", who="ada")

    def deleted_behind(self: object, *args: object) -> object:
        found = original(self, *args)
        deleting.append(loop.create_task(delete()))
        return found

    async def told(self: States, *args: Any) -> bool:
        await asyncio.gather(*deleting)
        return await tell(self, *args)

    async def finished(self: States, *args: Any) -> bool:
        await asyncio.gather(*deleting)
        return await finish(self, *args)

    tell, finish = States.tell, States.finish
    monkeypatch.setattr(States, "tell", told)
    monkeypatch.setattr(States, "finish", finished)
    await reports.start("shop", "ada")
    monkeypatch.setattr(*when, deleted_behind)
    assert await reports.make("shop", 30.0) is None
    assert deleting and config.reports_dir is not None
    assert list((config.reports_dir / "shop").iterdir()) == []
    assert await store.redis.exists(*filled.keys.all()) == 0


async def test_a_report_of_a_room_that_is_deleted_is_not_asked_for(
    filled: Room, directory: Directory, store: Store
) -> None:
    states = States(store, filled.keys)
    await directory.delete("shop", who="ada")
    assert not await states.plan(Plan("20270101T000000Z", "ada", 0, None, 0))
    assert await states.progress() is None


async def test_what_was_never_finished_is_cleared_away(
    filled: Room, make: Make, config: Config
) -> None:
    assert config.reports_dir is not None
    old, new = (config.reports_dir / "shop" / f".work-2026010{n}T000000Z" for n in (1, 2))
    for path in (old, new):
        path.mkdir(parents=True)
    os.utime(old, (0, 0))
    await make(filled)
    assert (old.exists(), new.exists()) == (False, True)
