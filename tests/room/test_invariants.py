"""What must always hold (design, section 3), one test each, and where the corners are tested.

``test_machine`` and ``test_concurrency`` assert the first three after every step and round.

I1 never over      here; test_admit (capacity), test_renew (lost seats)
I2 in order        here; test_admit (place, batches), test_concurrency (Kendall tau)
I3 nobody blocks   here; test_admit, test_enter and test_sweep (silence)
I4 repeatable      here; a "twice" test in each test of a script, test_machine (``times``)
I5 socket          here; the engine knows no connection at all, see tests/live for the rest
I6 bounded         here; test_scripts (commands, loops), test_admit and test_sweep (batches)
I7 survives        here; test_restore (200 visitors), test_directory (processes), test_machine
I8 smooth          here; test_enter (at once), test_admit (rate)
I9 honest          here; test_board (ranges, unknown waits)
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waitroom.room import Directory, Room, Store

from .helpers import T0, MakeRoom, S, fill, live, look, names


async def test_i1_unexpired_seats_never_exceed_capacity_whatever_runs_at_once(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=5, claim_ttl_s=10, session_duration_s=10)
    dice = random.Random(1)
    for step in range(40):
        now_ms = T0 + step * 3 * S
        visitors = names(8, f"s{step}v")
        seated = sorted((await look(store, room)).seated(now_ms))
        calls: list[Awaitable[object]] = [
            *(room.enter(visitor, now_ms=now_ms) for visitor in visitors),
            *(room.renew([(visitor, 0)], now_ms=now_ms) for visitor in seated[::2]),
            *(room.renew([(f"lost{i}", now_ms + S)], now_ms=now_ms) for i in range(2)),
            *(room.leave(visitor, now_ms=now_ms) for visitor in seated[1::4]),
            *(room.admit(now_ms=now_ms) for _ in range(4)),
            room.sweep(now_ms=now_ms),
        ]
        dice.shuffle(calls)
        await asyncio.gather(*calls)
        inside = await look(store, room)
        assert len(inside.seated(now_ms)) <= 5
        assert not inside.seated(now_ms) & (set(inside.waiting) | set(inside.parked))


async def test_i1_lower_capacity_evicts_nobody(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=5)
    visitors = await fill(room, 8)
    await directory.update("shop", {"total_active_users": 2}, who="test")
    assert all(await room.renew([(visitor, 0) for visitor in visitors[:5]], now_ms=T0 + S))
    assert await room.admit(now_ms=T0 + S) == []
    assert (await look(store, room)).seated(T0 + S) == set(visitors[:5])


async def test_i2_admission_follows_place_and_ties_follow_the_id_in_any_process(
    make_room: MakeRoom, directory: Directory, redis_url: str
) -> None:
    room = await make_room(total_active_users=0)
    dice = random.Random(2)
    tickets = [(visitor, T0 * 1000 - dice.randrange(40)) for visitor in names(120)]
    await room.enter_many(dice.sample(tickets, 120), now_ms=T0)
    stores = [Store.connect(redis_url) for _ in range(3)]
    processes = [await Directory(store).get("shop") for store in stores]
    admitted: list[str] = []
    for seats in range(4, 124, 4):
        await directory.update("shop", {"total_active_users": seats}, who="test")
        admitted += await dice.choice(processes).admit(3, now_ms=T0)
    assert admitted == [v for v, _ in sorted(tickets, key=lambda ticket: (ticket[1], ticket[0]))]
    for store in stores:
        await store.close()


async def test_i3_silent_visitor_delays_nobody_and_returns_to_the_old_place(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    silent = await room.enter("silent", now_ms=T0)
    others = [f"other{i}" for i in range(3)]
    await room.enter_many([(visitor, 0) for visitor in others], now_ms=T0 + S)
    await live(room, T0, T0 + 50 * S, others)
    await directory.update("shop", {"total_active_users": 1}, who="test")
    assert await room.admit(now_ms=T0 + 50 * S) == [others[0]]
    assert await room.enter("silent", silent.place, now_ms=T0 + 55 * S) == silent
    await room.leave(others[0], now_ms=T0 + 56 * S)
    assert await room.admit(now_ms=T0 + 56 * S) == ["silent"]


VERBS: dict[str, Callable[[Room], Awaitable[Any]]] = {
    "enter, new": lambda room: room.enter("new", now_ms=T0 + S),
    "enter, waiting": lambda room: room.enter("v000002", T0 * 1000 - 1, now_ms=T0 + S),
    "enter, seated": lambda room: room.enter("v000000", now_ms=T0 + S),
    "enter, spent": lambda room: room.enter("left", T0 * 1000, now_ms=T0 + S),
    "beat": lambda room: room.beat(["v000002", "nobody"], now_ms=T0 + S),
    "claim": lambda room: room.claim("v000000", now_ms=T0 + S),
    "renew, lost": lambda room: room.renew([("lost", T0 + 300 * S + S)], now_ms=T0 + S),
    "restore": lambda room: room._scripts.restore(
        room.keys, room.settings.to_hash(), 30, now_ms=T0 + S
    ),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_i4_asking_again_gives_the_same_answer_and_changes_nothing(
    make_room: MakeRoom, store: Store, verb: str
) -> None:
    room = await make_room(total_active_users=3)
    await room.enter("left", now_ms=T0)
    await fill(room, 3)
    await room.leave("left", now_ms=T0)
    first = await VERBS[verb](room)
    before = await look(store, room)
    assert await VERBS[verb](room) == first
    assert await look(store, room) == before


@pytest.mark.parametrize("verb", ["leave", "admit", "sweep"])
async def test_i4_doing_again_does_nothing_more(
    make_room: MakeRoom, store: Store, directory: Directory, verb: str
) -> None:
    room = await make_room(total_active_users=1)
    await fill(room, 4)
    await directory.update("shop", {"total_active_users": 3}, who="test")
    now_ms = T0 + (130 * S if verb == "sweep" else S)
    verbs: dict[str, Callable[[], Awaitable[object]]] = {
        "leave": lambda: room.leave("v000002", now_ms=now_ms),
        "admit": lambda: room.admit(now_ms=now_ms),
        "sweep": lambda: room.sweep(now_ms=now_ms),
    }
    await verbs[verb]()
    before, counters = await look(store, room), (await room.figures(now_ms=now_ms)).counters
    await verbs[verb]()
    assert await look(store, room) == before
    assert (await room.figures(now_ms=now_ms)).counters == counters


async def test_i5_two_tabs_share_one_place_and_either_keeps_it(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    one = await room.enter("ada", now_ms=T0)
    other = await room.enter("ada", one.place, now_ms=T0 + 10 * S)
    assert one == other and len((await look(store, room)).waiting) == 1
    # The first tab is closed without a word; the heartbeats of the other one are enough.
    await live(room, T0 + 10 * S, T0 + 200 * S, ["ada"])
    await room.sweep(now_ms=T0 + 200 * S)
    assert list((await look(store, room)).waiting) == ["ada"]


async def calls_made(store: Store, doing: Callable[[], Awaitable[object]]) -> int:
    """Return how many commands the server ran, those inside scripts too."""
    await store.redis.config_resetstat()
    await doing()
    stats = await store.redis.info("commandstats")
    return sum(int(row["calls"]) for name, row in stats.items() if "config" not in name)


@pytest.mark.backends("valkey")
async def test_i6_cost_does_not_grow_with_the_line(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    costs = []
    for count in (200, 20_000):
        room = await make_room(f"of{count}", total_active_users=0)
        await fill(room, count)
        # The scripts are known to the server after the first call.
        await room.admit(now_ms=T0)
        await directory.update(room.name, {"total_active_users": 3}, who="test")
        last = f"v{count - 1:06d}"
        verbs: list[Callable[[Room], Awaitable[object]]] = [
            lambda room: room.enter("new", now_ms=T0),
            lambda room: room.beat([last], now_ms=T0),  # noqa: B023 - called in this round
            lambda room: room.admit(now_ms=T0),
            lambda room: room.claim("v000000", now_ms=T0),
            lambda room: room.leave("v000001", now_ms=T0),
            lambda room: room.sweep(100, now_ms=T0 + 45 * S),
            lambda room: room.figures(now_ms=T0),
            lambda room: room.visitors(),
        ]
        # So that the server knows every script.
        for i, verb in enumerate(verbs):
            await verb(await make_room(f"try{count}-{i}"))
        costs.append(
            [await calls_made(store, lambda v=verb, r=room: v(r)) for verb in verbs]  # type: ignore[misc]
        )
        board = await calls_made(store, lambda r=room: r.board(now_ms=T0))  # type: ignore[misc]
        assert board < 400
    assert costs[0] == costs[1]


@pytest.mark.backends("valkey")
@pytest.mark.parametrize("verb", ["enter", "beat", "admit", "sweep"])
async def test_i6_batch_is_read_and_written_at_once(
    make_room: MakeRoom, directory: Directory, store: Store, verb: str
) -> None:
    costs = []
    for count in (10, 1_000):
        room = await make_room(f"of{count}", total_active_users=0)
        visitors = await fill(room, count)
        # A tick now and then: the visitors fall silent, the service does not.
        await live(room, T0, T0 + 40 * S, [])
        await directory.update(room.name, {"total_active_users": count}, who="test")
        verbs: dict[str, Callable[[], Awaitable[object]]] = {
            "enter": lambda r=room, vs=visitors: r.enter_many(  # type: ignore[misc]
                [(visitor, 0) for visitor in vs], now_ms=T0 + 41 * S
            ),
            "beat": lambda r=room, vs=visitors: r.beat(vs, now_ms=T0 + 41 * S),  # type: ignore[misc]
            "admit": lambda r=room: r.admit(now_ms=T0 + 41 * S),  # type: ignore[misc]
            "sweep": lambda r=room: r.sweep(now_ms=T0 + 45 * S),  # type: ignore[misc]
        }
        costs.append(await calls_made(store, verbs[verb]))
        figures = await room.figures(now_ms=T0 + 41 * S)
        assert figures.active == (count if verb in ("enter", "admit") else 0)
        assert figures.parked == (count if verb == "sweep" else 0)
    assert costs[0] == costs[1] < 25


async def test_i7_order_survives_the_loss_of_all_data(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    tickets = [await room.enter(f"v{i}", now_ms=T0 + i) for i in (3, 1, 2)]
    await store.redis.flushall()
    await directory.refresh()
    hold = {"restored_ms": T0 + 900 * S, "hold_until_ms": T0 + 930 * S}
    await store.redis.hset(room.keys.meta, mapping=hold)
    await directory.update("shop", {"total_active_users": 3}, who="test")
    for ticket in tickets:
        assert (
            await room.enter(ticket.visitor, ticket.place, now_ms=T0 + 901 * S)
        ).state != "seated"
    assert await room.admit(now_ms=T0 + 929 * S) == []
    assert await room.admit(now_ms=T0 + 930 * S) == ["v1", "v2", "v3"]


async def test_i8_open_room_seats_at_once_and_a_waiting_one_at_the_next_tick(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=2)
    assert [(await room.enter(v, now_ms=T0)).state for v in "abc"] == ["seated"] * 2 + ["waiting"]
    await room.leave("a", now_ms=T0 + 100)
    assert await room.admit(now_ms=T0 + 200) == ["c"]


async def test_i8_rate_never_admits_a_batch_a_minute(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=5_000, new_users_per_minute=600)
    visitors = await fill(room, 1_000)
    ticks: list[int] = []
    for tick in range(200, 30 * S, 200):
        await room.beat(visitors, now_ms=T0 + tick)
        ticks.append(len(await room.admit(now_ms=T0 + tick)))
    assert set(ticks) == {2}


async def test_i9_position_of_a_present_visitor_never_climbs(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=5, heartbeat_ttl_s=3_600, place_ttl_s=3_600)
    visitors = await fill(room, 105)
    dice = random.Random(9)
    place = {row.visitor: row.place for row in await room.visitors(0, 100)}
    shown = dict.fromkeys(place, 10**9)
    gone: set[str] = set()
    for second in range(1, 120):
        now_ms = T0 + second * S
        leaver = dice.choice([v for v in visitors if v not in gone])
        await room.leave(leaver, now_ms=now_ms)
        gone.add(leaver)
        await room.enter(f"behind{second}", now_ms=now_ms)
        await room.admit(now_ms=now_ms)
        board = await room.board(now_ms=now_ms, max_age_ms=0)
        for visitor in set(place) - gone:
            position = board.position(place[visitor])
            assert position is not None and position <= shown[visitor]
            shown[visitor] = position
        wait = board.wait_s(10)
        assert wait is None or 0 <= wait[0] < wait[1]
        if len(gone) == len(visitors) - 1:
            break
