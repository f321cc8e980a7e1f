import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from waitroom.accounts.who import Who
from waitroom.config import Config
from waitroom.control import Control
from waitroom.errors import RoomNotFoundError
from waitroom.reports import Reports
from waitroom.reports.errors import ReportNotFoundError, ReportNotHereError
from waitroom.reports.source import Source
from waitroom.room import Directory, Room, Store, Swept

from .conftest import Make, Sale, rows_of


def iso(ms: int) -> str:
    text = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


async def test_each_visit_is_a_row_in_the_order_of_arrival(
    sale: Sale, make: Make, reports: Reports
) -> None:
    report = await make(sale.room)
    rows = rows_of(await reports.open("shop", report.id, "csv"))
    assert [row["place"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["outcome"] for row in rows] == [
        "left_site", "left_line", "no_show", "on_site", "waiting",
    ]  # fmt: skip
    t = sale.t_ms
    assert rows[0] == {
        "place": "1",
        "arrived": iso(t),
        "admitted": iso(t),
        "claimed": iso(t + 10_000),
        "left": iso(t + 40_000),
        "wait_s": "0.000",
        "claim_s": "10.000",
        "on_site_s": "30.000",
        "total_s": "40.000",
        "outcome": "left_site",
    }
    assert (rows[1]["admitted"], rows[1]["wait_s"]) == ("", "40.000")
    assert (rows[2]["wait_s"], rows[2]["claimed"], rows[2]["total_s"]) == ("41.000", "", "101.000")
    assert (rows[3]["claim_s"], rows[3]["left"], rows[3]["on_site_s"]) == ("1.000", "", "")
    assert (rows[4]["arrived"], rows[4]["wait_s"]) == (iso(t + 4_000), "")
    assert (report.rows, report.visitors) == (5, 5)


async def test_no_id_of_a_visitor_is_in_any_file(
    sale: Sale, make: Make, reports: Reports, config: Config
) -> None:
    await make(sale.room)
    assert config.reports_dir is not None
    files = [path for path in config.reports_dir.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"visitors.csv", "summary.html", "report.json"}
    for path in files:
        assert not re.search(r"\b(ada|ben|cleo|dora|eve)\b", path.read_text())


async def test_a_report_of_nobody_is_whole(room: Room, make: Make, reports: Reports) -> None:
    report = await make(room)
    assert rows_of(await reports.open("shop", report.id, "csv")) == []
    assert "Nobody who was admitted" in (await reports.open("shop", report.id, "html")).read_text()


async def test_a_second_start_finds_the_one_under_way(sale: Sale, reports: Reports) -> None:
    first = await reports.start("shop", "ada")
    assert await reports.start("shop", "ben") == first
    assert first.plan.who == "ada"
    assert await reports.progress("shop") == first


async def test_two_who_make_it_at_once_make_one(
    sale: Sale, reports: Reports, config: Config
) -> None:
    await reports.start("shop", "ada")
    made = await asyncio.gather(*(reports.make("shop", 30.0) for _ in range(4)))
    assert len([report for report in made if report is not None]) == 1
    assert len(await reports.list("shop")) == 1
    assert await reports.progress("shop") is None


async def test_the_list_has_the_newest_first(sale: Sale, make: Make, reports: Reports) -> None:
    first, second = await make(sale.room), await make(sale.room)
    assert [report.id for report in await reports.list("shop")] == [second.id, first.id]


async def test_reports_are_listed_after_redis_lost_everything(
    sale: Sale, make: Make, reports: Reports, store: Store
) -> None:
    report = await make(sale.room)
    await store.redis.flushall()
    assert await reports.list("shop") == [report]
    assert (await reports.open("shop", report.id, "csv")).is_file()


async def test_a_process_with_another_folder_says_where_the_file_is(
    sale: Sale, make: Make, store: Store, config: Config, tmp_path: Path
) -> None:
    report = await make(sale.room)
    elsewhere = Reports(store, config.model_copy(update={"reports_dir": tmp_path / "other"}))
    assert [found.here for found in await elsewhere.list("shop")] == [False]
    with pytest.raises(ReportNotHereError, match="WAITROOM_REPORTS_DIR") as refused:
        await elsewhere.open("shop", report.id, "csv")
    assert report.host in refused.value.detail
    with pytest.raises(ReportNotHereError):
        await elsewhere.delete("shop", report.id, "ada")


async def test_a_deleted_report_is_gone(
    sale: Sale, make: Make, reports: Reports, config: Config
) -> None:
    report = await make(sale.room)
    await reports.delete("shop", report.id, "ada")
    assert await reports.list("shop") == []
    with pytest.raises(ReportNotFoundError):
        await reports.open("shop", report.id, "html")
    with pytest.raises(ReportNotFoundError):
        await reports.delete("shop", report.id, "ada")
    assert config.reports_dir is not None
    assert list((config.reports_dir / "shop").iterdir()) == []


@pytest.mark.parametrize("room", ["..", "../..", "a/b", "", "A", "a\n"])
async def test_a_room_that_is_a_path_is_no_room(room: str, reports: Reports) -> None:
    for asked in (
        reports.list(room), reports.open(room, "20261123T120000Z", "csv"), reports.start(room, "x"),
        reports.delete(room, "20261123T120000Z", "x"), reports.progress(room),
        reports.delete_all(room),
    ):  # fmt: skip
        with pytest.raises(RoomNotFoundError):
            await asked


@pytest.mark.parametrize("name", ["..", ".work-20261123T120000Z", "20261123T120000Z/..", "", "x\n"])
async def test_a_name_that_is_a_path_is_no_report(
    name: str, sale: Sale, make: Make, reports: Reports
) -> None:
    await make(sale.room)
    with pytest.raises(ReportNotFoundError):
        await reports.open("shop", name, "csv")
    with pytest.raises(ReportNotFoundError):
        await reports.delete("shop", name, "ada")


async def test_all_reports_of_a_room_that_is_deleted_go(
    sale: Sale, make: Make, reports: Reports, directory: Directory, config: Config
) -> None:
    await make(sale.room)
    await reports.start("shop", "ada")
    await reports.delete_all("shop")
    assert config.reports_dir is not None
    assert list((config.reports_dir / "shop").iterdir()) == []
    assert await reports.progress("shop") is None


async def test_a_report_that_is_finished_while_its_room_is_deleted_goes_with_it(
    sale: Sale,
    make: Make,
    store: Store,
    directory: Directory,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delete = directory.delete

    async def finished_before(name: str, *, who: str) -> None:
        await make(sale.room)
        await delete(name, who=who)

    monkeypatch.setattr(directory, "delete", finished_before)
    await Control(store, directory, config).delete(Who("ada", "owner"), "shop")
    assert config.reports_dir is not None
    assert list((config.reports_dir / "shop").iterdir()) == []
    assert await store.redis.exists(*sale.room.keys.all()) == 0


async def test_a_visit_that_ends_while_it_is_read_is_one_row(
    sale: Sale, make: Make, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Source.page

    async def moving(self: Source, part: str, *args: object) -> object:
        found = await page(self, part, *args)  # type: ignore[arg-type]
        if part == "waiting":
            # Eve was read in the line; Dora makes room for her.
            await sale.room.leave("dora")
            await sale.room.beat(["eve"])
            assert await sale.room.admit() == ["eve"]
        if part == "active":
            await sale.room.leave("eve")
        return found

    monkeypatch.setattr(Source, "page", moving)
    report = await make(sale.room)
    rows = rows_of(await reports.open("shop", report.id, "csv"))
    assert [row["outcome"] for row in rows] == [
        "left_site", "left_line", "no_show", "left_site", "left_site",
    ]  # fmt: skip


async def test_a_seat_that_ends_between_the_sweep_and_the_reading_is_a_row(
    sale: Sale, make: Make, reports: Reports, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Room.sweep

    async def and_then_it_ends(room: Room) -> Swept:
        swept = await sweep(room)
        if not any(swept):
            ends_ms = await store.time_ms(room.keys.meta) + 1
            await store.redis.zadd(room.keys.active, {"dora": ends_ms})
            await asyncio.sleep(0.01)
        return swept

    monkeypatch.setattr(Room, "sweep", and_then_it_ends)
    report = await make(sale.room)
    rows = rows_of(await reports.open("shop", report.id, "csv"))
    assert [row["outcome"] for row in rows].count("on_site") == 1 and len(rows) == 5
