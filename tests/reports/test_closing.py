"""Rooms that close by themselves, are reported once, and forget their visitors in time."""

from typing import Any

import orjson
import pytest

from waitroom.reports import Reports
from waitroom.reports.closing import read_closing
from waitroom.reports.errors import ReportFolderError
from waitroom.reports.forgetting import forget
from waitroom.room import Directory, Room, Store

from .conftest import Make, Sale, rows_of, trail
from .filling import fill
from .test_faults import largest_file

DAY_MS = 86_400_000


async def tend(reports: Reports, directory: Directory, times: int = 3) -> None:
    for _ in range(times):
        await reports.tend(await directory.get("shop"), 30.0)


async def closed_days_ago(
    sale: Sale, directory: Directory, store: Store, days: float, **changes: Any
) -> None:
    """Close a room and have it be closed for so many days."""
    room = await directory.update("shop", {"closed": True, **changes}, who="test")
    now_ms = await store.time_ms(room.keys.meta)
    closed_ms = int(now_ms - days * DAY_MS)
    await trail(
        store,
        room,
        (min(sale.t_ms, closed_ms - 1), {"created": [None, "shop"]}),
        (closed_ms, {"closed": [False, True]}),
    )


async def left_of(store: Store, room: Room) -> dict[str, int]:
    """Return how much is stored about visitors of a room, of each kind."""
    keys, redis = room.keys, store.redis
    zsets = ("waiting", "seen", "parked", "active", "unclaimed")
    found = {name: await redis.zcard(getattr(keys, name)) for name in zsets}
    found |= {name: await redis.hlen(getattr(keys, name)) for name in ("kept", "served")}
    found["journal"] = await redis.xlen(keys.journal)
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize(("seconds", "closes"), [(480, True), (560, False)])
async def test_a_room_closes_so_long_after_its_opening(
    seconds: int, closes: bool, sale: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    # The fixture's room was opened 500 s ago.
    room = await directory.update("shop", {"close_after_s": seconds}, who="ada")
    await trail(
        store,
        room,
        (sale.t_ms, {"created": [None, "shop"]}),
        (sale.t_ms + 1, {"close_after_s": [None, seconds]}),
    )
    await tend(reports, directory, 1)
    assert (await directory.get("shop")).settings.closed is closes
    if closes:
        newest = (await store.redis.xrevrange(room.keys.audit, count=1))[0][1]
        assert newest[b"who"] == b"close_after_s"
        assert orjson.loads(newest[b"changes"]) == {"closed": [False, True]}


async def test_a_room_that_is_open_for_long_does_not_close_when_somebody_tries_the_setting(
    sale: Sale, directory: Directory, reports: Reports
) -> None:
    await directory.update("shop", {"close_after_s": 60}, who="ada")
    await tend(reports, directory, 1)
    assert not (await directory.get("shop")).settings.closed


async def test_a_room_that_is_opened_again_counts_anew(
    sale: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    room = await directory.update("shop", {"close_after_s": 400}, who="ada")
    opened = {"closed": [True, False]}
    await trail(
        store,
        room,
        (sale.t_ms - 99, {"close_after_s": [None, 400]}),
        (sale.t_ms, opened),
        (sale.t_ms + 300_000, {"closed": [False, True]}),
        (sale.t_ms + 350_000, opened),
    )
    await tend(reports, directory, 1)
    assert not (await directory.get("shop")).settings.closed
    found = await read_closing(store, room.keys, room.settings)
    assert (found.opened_ms, found.closed_ms) == (sale.t_ms + 350_000, None)


async def test_who_takes_the_setting_back_in_the_last_moment_is_heard(
    sale: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    read = await directory.update("shop", {"close_after_s": 400}, who="ada")
    before = read.settings
    await directory.update("shop", {"close_after_s": 4_000}, who="ada")
    await trail(store, read, (sale.t_ms, {"created": [None, "shop"]}))
    stale = await directory.get("shop")
    stale.settings = before
    await reports.tend(stale, 30.0)
    assert not (await directory.get("shop")).settings.closed


async def test_a_closed_room_is_reported_once(
    sale: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    await directory.update("shop", {"closed": True}, who="ada")
    await tend(reports, directory)
    (report,) = await reports.list("shop")
    assert (report.rows, report.plan.who) == (5, "closing")
    assert report.plan.closed_ms is not None
    # Not even when the owner does not want to keep it.
    await reports.delete("shop", report.id, "ada")
    await tend(reports, directory)
    assert await reports.list("shop") == []
    # By hand it is made again, from the same moment on.
    again = await reports.start("shop", "ada")
    assert (again.plan.since_ms, again.plan.closed_ms) == (report.plan.since_ms, None)


async def test_a_room_that_nobody_ever_entered_is_not_reported(
    directory: Directory, reports: Reports
) -> None:
    await directory.create("shop", {"closed": True}, who="ada")
    await tend(reports, directory)
    assert await reports.list("shop") == []


async def test_the_next_report_begins_where_the_last_one_ended(
    sale: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    await directory.update("shop", {"closed": True}, who="ada")
    await tend(reports, directory)
    (first,) = await reports.list("shop")
    # Dora leaves while the room is closed.
    await sale.room.leave("dora")
    await directory.update("shop", {"closed": False}, who="ada")
    await directory.update("shop", {"closed": True}, who="ada")
    await tend(reports, directory)
    second = (await reports.list("shop"))[0]
    assert second.id != first.id and second.plan.since_ms == first.plan.asked_ms
    rows = rows_of(await reports.open("shop", second.id, "csv"))
    assert [row["outcome"] for row in rows] == ["left_site", "waiting"]


async def test_visitors_are_forgotten_after_the_days_kept_and_seats_when_they_end(
    sale: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    await closed_days_ago(sale, directory, store, 2.9, keep_days=3)
    await tend(reports, directory)
    assert len(await reports.list("shop")) == 1
    before = await left_of(store, sale.room)
    assert before["waiting"] == 1 and before["served"] == 1
    await closed_days_ago(sale, directory, store, 3.1, keep_days=3)
    # Another closing, as the trail tells it: reported before anything goes.
    await reports.tend(await directory.get("shop"), 30.0)
    assert await left_of(store, sale.room) == before
    await tend(reports, directory)
    # Dora is on the site.
    assert await left_of(store, sale.room) == {"active": 1, "served": 1}


async def test_nobody_is_forgotten_while_the_report_fails(
    sale: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    await closed_days_ago(sale, directory, store, 9, keep_days=1)
    before = await left_of(store, sale.room)
    with largest_file(100), pytest.raises(ReportFolderError):
        await tend(reports, directory, 1)
    await tend(reports, directory)
    assert await left_of(store, sale.room) == before
    assert await reports.make("shop", 30.0) is not None
    await tend(reports, directory)
    assert await left_of(store, sale.room) == {"active": 1, "served": 1}


async def test_nobody_of_an_open_room_is_forgotten(
    sale: Sale, directory: Directory, store: Store
) -> None:
    before = await left_of(store, sale.room)
    assert await forget(store, sale.room.keys, until_s=0) == 0
    assert await left_of(store, sale.room) == before
    await directory.update("shop", {"closed": True}, who="ada")
    assert await forget(store, sale.room.keys, until_s=0) > 0


async def test_a_room_opened_between_two_batches_keeps_the_rest(
    directory: Directory, store: Store
) -> None:
    room = await directory.create("shop", {"total_active_users": 0}, who="ada")
    await room.enter_many([(f"v{n}", 0) for n in range(50)])
    await directory.update("shop", {"closed": True}, who="ada")
    assert await forget(store, room.keys, until_s=0, batch_max=20) == 20
    await directory.update("shop", {"closed": False}, who="ada")
    assert await forget(store, room.keys, until_s=1e18, batch_max=20) == 0
    assert await left_of(store, room) == {"waiting": 30, "seen": 30}


async def test_a_seat_that_has_ended_is_counted_before_it_is_forgotten(
    sale: Sale, directory: Directory, store: Store
) -> None:
    room = await directory.update("shop", {"closed": True}, who="ada")
    before = (await room.figures()).counters["ended"]
    # An hour later Dora's seat has ended, and no sweep came by.
    later_ms = await store.time_ms(room.keys.meta) + 3_600_000
    await forget(store, room.keys, until_s=1e18, now_ms=later_ms)
    assert await left_of(store, room) == {"active": 1, "served": 1}
    await room.sweep(now_ms=later_ms)
    assert (await room.figures()).counters["ended"] == before + 1
    await forget(store, room.keys, until_s=1e18, now_ms=later_ms)
    assert await left_of(store, room) == {}


async def test_who_came_before_a_short_closing_is_in_the_first_report(
    sale: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    room = await directory.update("shop", {"closed": True}, who="ada")
    await trail(
        store,
        room,
        (sale.t_ms, {"created": [None, "shop"]}),
        # Nobody came by in that second to report it.
        (sale.t_ms + 200_000, {"closed": [False, True]}),
        (sale.t_ms + 201_000, {"closed": [True, False]}),
        (sale.t_ms + 490_000, {"closed": [False, True]}),
    )
    await tend(reports, directory)
    (report,) = await reports.list("shop")
    assert report.rows == 5


async def test_everything_of_many_visitors_goes_in_batches(
    directory: Directory, store: Store, redis_url: str
) -> None:
    room = await directory.create("shop", {"total_active_users": 900}, who="ada")
    fill(redis_url, "shop", 2_500)
    now_ms = await store.time_ms(room.keys.meta)
    await room.enter_many([(f"v{n}", 0) for n in range(4_000)], now_ms=now_ms - 100_000)
    await room.beat([f"v{n}" for n in range(2_000, 4_000)], now_ms=now_ms)
    await room.sweep(now_ms=now_ms)
    assert set(await left_of(store, room)) >= {"waiting", "parked", "kept", "journal", "active"}
    await directory.update("shop", {"closed": True}, who="ada")
    # An hour later every seat has ended.
    later_ms = now_ms + 3_600_000
    while any(await room.sweep(now_ms=later_ms)):
        pass
    await forget(store, room.keys, until_s=1e18, now_ms=later_ms)
    assert await left_of(store, room) == {}


async def test_the_trail_is_read_again_only_after_a_change(
    sale: Sale, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await read_closing(store, sale.room.keys, sale.room.settings)
    await store.redis.unlink(sale.room.keys.audit)
    assert await read_closing(store, sale.room.keys, sale.room.settings) == first


async def test_a_long_trail_is_gone_through(sale: Sale, store: Store) -> None:
    changes = [(sale.t_ms + n, {"message": ["a", "b"]}) for n in range(1, 450)]
    await trail(store, sale.room, (sale.t_ms, {"created": [None, "shop"]}), *changes)
    found = await read_closing(store, sale.room.keys, sale.room.settings)
    assert found.opened_ms == sale.t_ms


async def test_a_report_by_hand_does_not_stand_for_that_of_the_closing(
    sale: Sale, directory: Directory, reports: Reports, make: Make
) -> None:
    await make(sale.room)
    await directory.update("shop", {"closed": True}, who="ada")
    await tend(reports, directory)
    assert [report.plan.who for report in await reports.list("shop")] == ["closing", "test"]
