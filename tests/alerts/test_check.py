"""A look at rooms and installation: what is told, once, whoever looks and whatever breaks."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.alerts.conftest import NOW_MS, OWNER, Told
from waitroom.alerts import Alerts
from waitroom.alerts.alert import Alert
from waitroom.alerts.book import Book
from waitroom.alerts.check import ROOMS_MAX, _share, check
from waitroom.alerts.readings import wait
from waitroom.alerts.rules import Rule
from waitroom.clock import new_visitor
from waitroom.config import Config
from waitroom.embedded import Valkey
from waitroom.errors import StoreError
from waitroom.reports import Reports
from waitroom.reports.errors import ReportError
from waitroom.room import Directory, Room, Store
from waitroom.room.keys import EDGES

HOOK = {"name": "hook", "kind": "webhook", "url": "https://hooks.example.com/a"}


async def told(
    book: Book, directory: Directory, jobs: Any, *at_s: int, by: str = "worker"
) -> list[str]:
    """Return the ids of what looks tell, at some seconds after the beginning."""
    found: list[Alert] = []
    for second in at_s:
        found += (await check(book, directory, jobs, by=by, now_ms=NOW_MS + second * 1000)).told
    return [alert.id.replace(str(NOW_MS), "0") for alert in found]


async def fill(room: Room, people: int, at_s: int = 0) -> list[str]:
    """Have people come; those beyond the seats wait."""
    names = [new_visitor() for _ in range(people)]
    await room.enter_many([(name, 0) for name in names], now_ms=NOW_MS + at_s * 1000)
    return names


@pytest.fixture
async def shop(directory: Directory) -> Room:
    return await directory.create(
        "shop", {"total_active_users": 2, "place_ttl_s": 86_400}, who="ada", now_ms=NOW_MS
    )


async def test_a_line_is_told_once_and_its_end_too(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts, shop: Room
) -> None:
    await alerts.save_channel(OWNER, HOOK)
    await alerts.save_rule(OWNER, {"kind": "low_use", "on": False})
    names = await fill(shop, 3)
    assert await told(book, directory, jobs, 0, 5, 10, 20, 30) == ["queueing-shop-0-started"]
    now = await alerts.state(OWNER)
    assert [(c.id, c.phase) for c in now.conditions] == [("queueing:shop", "firing")]
    assert now.conditions[0].title == "shop: visitors wait"
    assert (now.checked_by, now.waiting) == ("worker", 1)
    await shop.leave(names[2], now_ms=NOW_MS + 31_000)
    assert await told(book, directory, jobs, 40, 100, 150) == []
    assert await told(book, directory, jobs, 160, 170) == ["queueing-shop-0-ended"]
    assert [each.phase for each in await alerts.told(OWNER)] == ["ended", "started"]
    assert (await alerts.told(OWNER))[0].text == "It lasted 40 s."
    assert len(await alerts.waiting(OWNER)) == 2


async def test_two_at_once_tell_it_once(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts, shop: Room
) -> None:
    await alerts.save_channel(OWNER, HOOK)
    await fill(shop, 3)
    await told(book, directory, jobs, 0)
    looks = [told(book, Directory(book.store), jobs, 15) for _ in range(8)]
    found = await asyncio.gather(*looks)
    assert sum(found, []).count("queueing-shop-0-started") == 1
    assert len(await alerts.waiting(OWNER)) == 1


async def test_nothing_is_told_twice_or_lost_when_the_look_breaks_off(
    book: Book,
    directory: Directory,
    jobs: Told,
    alerts: Alerts,
    shop: Room,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await alerts.save_channel(OWNER, HOOK)
    await fill(shop, 3)
    await told(book, directory, jobs, 0)
    real = book.tell

    async def uncertain(*args: Any) -> bool:
        await real(*args)
        raise StoreError("the answer was lost")

    monkeypatch.setattr(book, "tell", uncertain)
    with pytest.raises(StoreError):
        await told(book, directory, jobs, 15)
    monkeypatch.undo()
    assert await told(book, directory, jobs, 20, 30) == []
    assert [each.alert.phase for each in await alerts.waiting(OWNER)] == ["started"]


async def test_a_report_that_cannot_be_made_is_told_until_it_is_there(
    book: Book, directory: Directory, jobs: Told, store: Store, config: Config, tmp_path: Path
) -> None:
    room = await directory.create("shop", {"keep_days": 1}, who="ada", now_ms=NOW_MS)
    await fill(room, 1)
    room = await directory.update("shop", {"closed": True}, who="ada", now_ms=NOW_MS)
    in_the_way = tmp_path / "reports"
    in_the_way.write_text("")
    reports = Reports(store, config.model_copy(update={"reports_dir": in_the_way}))
    with pytest.raises(ReportError):
        await reports.tend(room, 1.0)
    assert await told(book, directory, jobs, 0, 30) == []
    found = (await check(book, directory, jobs, by="worker", now_ms=NOW_MS + 60_000)).told
    assert [each.id for each in found] == [f"report_failed-shop-{NOW_MS}-started"]
    assert "Tried once." in found[0].text and "deleted after a day all the same" in found[0].text
    assert found[0].urgent
    in_the_way.unlink()
    assert await reports.make("shop", 30.0) is not None
    assert await told(book, directory, jobs, 70) == ["report_failed-shop-0-ended"]


async def test_what_was_told_survives_a_restart_of_redis(
    own_valkey: Valkey, jobs: Told, config: Any
) -> None:
    store = Store.connect(own_valkey.url)
    book, directory, alerts = Book(store), Directory(store), Alerts(store, config)
    await alerts.save_channel(OWNER, HOOK)
    room = await directory.create("shop", {"total_active_users": 1}, who="ada", now_ms=NOW_MS)
    await fill(room, 2)
    assert await told(book, directory, jobs, 0, 15) == ["queueing-shop-0-started"]
    with redis.Redis.from_url(own_valkey.url) as raw:
        raw.waitaof(1, 0, 2000)
    own_valkey.stop(kill=True)
    own_valkey.start()
    await store.close()
    store = Store.connect(own_valkey.url)
    book, directory, alerts = Book(store), Directory(store), Alerts(store, config)
    assert await told(book, directory, jobs, 20, 30) == []
    assert [each.id for each in await alerts.waiting(OWNER)] == [
        f"queueing-shop-{NOW_MS}-started-hook"
    ]
    await store.close()


async def test_a_long_wait_is_told_by_what_the_first_in_line_has_waited(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts, shop: Room
) -> None:
    await alerts.save_rule(OWNER, {"kind": "queueing", "on": False})
    await alerts.save_rule(OWNER, {"kind": "wait", "limit": 600, "for_s": 0, "clear_s": 0})
    await directory.update("shop", {"queue_all": True}, who="ada")
    await fill(shop, 3)
    assert await told(book, directory, jobs, 590) == []
    assert await told(book, directory, jobs, 610) == [f"wait-shop-{NOW_MS + 610_000}-started"]
    text = (await alerts.told(OWNER))[0].text
    assert text == "The first in line has waited 10 min; 3 visitors are waiting."


async def test_a_long_wait_in_a_draining_room_is_nobody_elses_than_the_lines(
    directory: Directory, shop: Room
) -> None:
    await fill(shop, 62)
    board = replace(await shop.board(now_ms=NOW_MS), rate_per_minute=(5.0, 7.0))
    rule = Rule(kind="wait", limit=60)
    for state, who in (("queueing", "A newcomer"), ("draining", "The last in line")):
        found = wait("shop", replace(board, state=state), rule, told=False, now_ms=NOW_MS)  # type: ignore[arg-type]
        assert found.met and found.text.startswith(f"{who} waits about")


async def test_the_rule_of_a_room_goes_before_the_general_one(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts, shop: Room
) -> None:
    await directory.create("other", {"total_active_users": 0}, who="ada", now_ms=NOW_MS)
    await fill(await directory.get("other"), 1)
    await fill(shop, 3)
    await alerts.save_rule(OWNER, {"kind": "queueing", "room": "other", "on": False})
    assert await told(book, directory, jobs, 0, 15) == ["queueing-shop-0-started"]
    assert await alerts.delete_rule(OWNER, "queueing:other")
    assert await told(book, directory, jobs, 20, 35) == [
        f"queueing-other-{NOW_MS + 20_000}-started"
    ]


@pytest.mark.parametrize("draining", [False, True])
async def test_seats_that_nobody_claims_are_told(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts, shop: Room, draining: bool
) -> None:
    await directory.update("shop", {"total_active_users": 10}, who="ada")
    await alerts.save_rule(OWNER, {"kind": "queueing", "on": False})
    await alerts.save_rule(OWNER, {"kind": "low_use", "for_s": 0, "clear_s": 0})
    names = await fill(shop, 15)
    await directory.update("shop", {"draining": draining}, who="ada")
    found = await told(book, directory, jobs, 1)
    assert found == [f"low_use-shop-{NOW_MS + 1000}-started"]
    text = (await alerts.told(OWNER))[0].text
    assert text.startswith("0 of 10 seats are used, 10 were given and not claimed yet;")
    for name in names[:6]:
        await shop.claim(name, now_ms=NOW_MS + 2000)
    # 60 % is the limit; told once, it has to come back by a margin.
    assert await told(book, directory, jobs, 3) == []
    await shop.claim(names[6], now_ms=NOW_MS + 4000)
    assert await told(book, directory, jobs, 5) == [f"low_use-shop-{NOW_MS + 1000}-ended"]


async def test_what_was_told_of_a_room_ends_with_the_room(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts, shop: Room
) -> None:
    await alerts.save_rule(OWNER, {"kind": "low_use", "on": False})
    await fill(shop, 3)
    await told(book, directory, jobs, 0, 15)
    await directory.delete("shop", who="ada")
    assert await told(book, directory, jobs, 20) == ["queueing-shop-0-ended"]
    assert (await alerts.told(OWNER))[0].text == "The room was deleted."
    assert (await alerts.state(OWNER)).conditions == []


async def test_a_rule_that_is_switched_off_ends_what_was_told(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts, shop: Room
) -> None:
    await fill(shop, 3)
    await told(book, directory, jobs, 0, 15)
    for kind in ("queueing", "wait", "low_use"):
        await alerts.save_rule(OWNER, {"kind": kind, "on": False})
    assert await told(book, directory, jobs, 20, 30) == ["queueing-shop-0-ended"]


async def test_silent_workers_and_clocks_are_told(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts
) -> None:
    assert await told(book, directory, jobs, 0) == []
    jobs.workers = 0
    assert await told(book, directory, jobs, 10, 60) == []
    assert await told(book, directory, jobs, 70) == [f"worker_silent-{NOW_MS + 10_000}-started"]
    jobs.workers, jobs.clocks = 1, 0
    found = await told(book, directory, jobs, 80, 110, 140)
    assert found == [
        f"worker_silent-{NOW_MS + 10_000}-ended",
        f"clock_silent-{NOW_MS + 80_000}-started",
    ]
    assert all(each.urgent for each in await alerts.told(OWNER))


async def test_workers_that_are_there_and_do_nothing_are_told(
    book: Book, directory: Directory, jobs: Told
) -> None:
    jobs.last_sweep_ms = NOW_MS - 400_000
    assert len(await told(book, directory, jobs, 0, 60)) == 1


async def test_an_rq_that_cannot_be_asked_is_told(book: Book, directory: Directory) -> None:
    async def away() -> Any:
        raise StoreError("RQ's Redis did not answer (ConnectionError).")

    assert await told(book, directory, away, 0, 60) == ["worker_silent-0-started"]


async def test_an_edge_that_fell_silent_is_told_and_its_return_too(
    book: Book, directory: Directory, jobs: Told, alerts: Alerts
) -> None:
    redis_ = book.store.redis
    await redis_.zadd(EDGES, {"shop.example.com": NOW_MS, "edge two": NOW_MS + 400_000})
    assert await told(book, directory, jobs, 290) == []
    started = f"edge_silent-shop-example-com-121ab819-{NOW_MS + 300_000}"
    assert await told(book, directory, jobs, 300, 310) == [f"{started}-started"]
    assert (await alerts.told(OWNER))[0].title == "No contact from the edge shop.example.com"
    await redis_.zadd(EDGES, {"shop.example.com": NOW_MS + 315_000})
    assert await told(book, directory, jobs, 320, 330) == [f"{started}-ended"]
    await told(book, directory, jobs, 650)
    assert await alerts.forget_edge(OWNER, "shop.example.com")
    found = await told(book, directory, jobs, 660)
    assert [id_[-6:] for id_ in found] == ["-ended"]
    assert (await alerts.told(OWNER))[0].text == "The edge was forgotten."


async def test_redis_near_its_limit_is_told(own_valkey: Valkey, jobs: Told, config: Any) -> None:
    store = Store.connect(own_valkey.url)
    book, directory, alerts = Book(store), Directory(store), Alerts(store, config)
    await alerts.save_channel(OWNER, HOOK)
    await alerts.save_rule(OWNER, {"kind": "redis_memory", "for_s": 0, "clear_s": 0})
    assert await told(book, directory, jobs, 0) == []
    used = (await store.redis.info("memory"))["used_memory"]
    # Full, at that: what there is to tell is noted all the same.
    await store.redis.config_set("maxmemory", used // 2)
    assert await told(book, directory, jobs, 10, 20) == [f"redis_memory-{NOW_MS + 10_000}-started"]
    assert [each.alert.kind for each in await alerts.waiting(OWNER)] == ["redis_memory"]
    assert "MB are used" in (await alerts.told(OWNER))[0].text
    await store.redis.config_set("maxmemory", 0)
    assert await told(book, directory, jobs, 30) == [f"redis_memory-{NOW_MS + 10_000}-ended"]
    await store.close()


async def test_a_redis_that_may_not_be_asked_for_its_memory_stops_nothing_else(
    own_valkey: Valkey, jobs: Told
) -> None:
    store = Store.connect(own_valkey.url)
    await store.redis.acl_setuser("default", commands=["-info"])
    jobs.workers = 0
    assert len(await told(Book(store), Directory(store), jobs, 0, 60)) == 1
    await store.close()


def test_with_many_rooms_each_has_its_turn() -> None:
    names = [str(i) for i in range(3 * ROOMS_MAX - 7)]
    shares = [_share(names, turn) for turn in range(3)]
    assert sum(shares, []) == names and max(map(len, shares)) == ROOMS_MAX
    assert _share(names[:ROOMS_MAX], 17) == names[:ROOMS_MAX]


async def test_a_line_of_many_rooms_is_looked_at_at_a_bounded_cost(
    book: Book, directory: Directory, jobs: Told
) -> None:
    for i in range(30):
        await directory.create(f"r{i}", {}, who="ada")
    before = (await book.store.redis.info("stats"))["total_commands_processed"]
    await check(book, directory, jobs, by="worker")
    after = (await book.store.redis.info("stats"))["total_commands_processed"]
    # Settings, board, clock and figures of each room, scripts' own commands included.
    assert after - before < 30 * 40 + 40
