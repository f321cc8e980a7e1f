"""A room that drains: newcomers are refused, and whoever has a place is let in, in order."""

import pytest

from waitroom.room import Directory, Room, Store

from .helpers import T0, MakeRoom, S, fill, live, look
from .test_restore import lose_all, reborn

PLACE_TTL_MS = 600 * S
US = 1_000


async def drain(directory: Directory, now_ms: int, **more: object) -> None:
    await directory.update("shop", {"draining": True, **more}, who="test", now_ms=now_ms)


async def states(room: Room, visits: list[tuple[str, int]], now_ms: int) -> list[str]:
    return [standing.state for standing in await room.enter_many(visits, now_ms=now_ms)]


async def test_a_newcomer_is_refused_though_a_seat_is_free(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=5)
    await drain(directory, T0)
    assert (await room.enter("ada", now_ms=T0 + S)).state == "closed"
    inside = await look(store, room)
    assert (inside.waiting, inside.active) == ({}, {})
    assert (await room.figures(now_ms=T0 + S)).counters["entered"] == 0


async def test_seats_and_places_stay_and_the_line_is_let_in_in_order_until_it_is_empty(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=1, session_duration_s=10)
    seated = await room.enter("ada", now_ms=T0)
    line = await fill(room, 5)
    await drain(directory, T0)
    assert await room.enter("ada", seated.place, now_ms=T0 + S) == seated
    assert await room.claim("ada", now_ms=T0 + S) == T0 + 11 * S
    assert (await look(store, room)).line() == line
    admitted, now_ms = [], T0 + S
    while (await look(store, room)).waiting:
        now_ms += S
        let_in = await live(room, now_ms, now_ms, line)
        admitted += let_in
        for visitor in let_in:
            await room.claim(visitor, now_ms=now_ms)
        assert (await room.enter(f"new{now_ms}", now_ms=now_ms)).state == "closed"
    assert admitted == line
    # Empty, and with a seat free again: it goes on refusing until the owner opens it.
    later_ms = now_ms + 60 * S
    assert (await room.enter("new", now_ms=later_ms)).state == "closed"
    await directory.update("shop", {"draining": False}, who="test", now_ms=later_ms)
    assert (await room.enter("new", now_ms=later_ms)).state == "seated"


async def test_in_one_call_each_has_what_is_theirs(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("seated", now_ms=T0)
    await room.enter("waits", now_ms=T0 + 1)
    await drain(directory, T0 + S)
    visits = [
        ("new", 0),
        ("seated", 0),
        ("waits", 0),
        ("edge", (T0 + 500) * US),
        ("edge", (T0 + 500) * US),
        ("new", 0),
        ("late", (T0 + S) * US + 1),
    ]
    expected = ["closed", "seated", "waiting", "waiting", "waiting", "closed", "closed"]
    standings = await room.enter_many(visits, now_ms=T0 + 2 * S)
    assert [standing.state for standing in standings] == expected
    assert [standing.position for standing in standings[2:5]] == [1, 2, 2]


@pytest.mark.parametrize(
    ("place", "state"),
    [
        ((T0 + S) * US - 1, "seated"),
        ((T0 + S) * US, "seated"),
        ((T0 + S) * US + 1, "closed"),
        # An edge's clock may run ahead: such a place counts as of now.
        ((T0 + 90 * S) * US, "closed"),
        ((T0 - PLACE_TTL_MS) * US, "closed"),
        (0, "closed"),
    ],
)
async def test_a_place_that_only_a_ticket_knows_of_counts_when_it_is_of_before(
    make_room: MakeRoom, directory: Directory, place: int, state: str
) -> None:
    room = await make_room(total_active_users=1)
    await drain(directory, T0 + S)
    assert (await room.enter("edge", place, now_ms=T0 + 2 * S)).state == state


async def test_who_was_refused_with_an_edges_ticket_stands_by_it_when_the_room_opens(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    await drain(directory, T0)
    late = (T0 + S) * US
    assert (await room.enter("late", late, now_ms=T0 + 2 * S)).state == "closed"
    await directory.update("shop", {"draining": False}, who="test", now_ms=T0 + 3 * S)
    await room.enter("new", now_ms=T0 + 4 * S)
    assert await room.enter("late", late, now_ms=T0 + 5 * S) == ("waiting", "late", late, 1, 0)


async def test_who_fell_silent_comes_back_to_the_place_until_it_has_lapsed(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    ada = await room.enter("ada", now_ms=T0)
    bob = await room.enter("bob", now_ms=T0 + 1)
    await drain(directory, T0 + S)
    await live(room, T0, T0 + 60 * S, [])
    await room.sweep(now_ms=T0 + 60 * S)
    assert set((await look(store, room)).parked) == {"ada", "bob"}
    # Without the ticket's place too, as by a socket.
    assert await room.enter("ada", now_ms=T0 + 61 * S) == ada
    await live(room, T0 + 65 * S, T0 + PLACE_TTL_MS + S, [])
    await room.sweep(now_ms=T0 + PLACE_TTL_MS + S)
    back = await room.enter("bob", bob.place, now_ms=T0 + PLACE_TTL_MS + S)
    assert back.state == "closed"


async def test_whose_seat_has_ended_is_a_newcomer(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=1, session_duration_s=10)
    ada = await room.enter("ada", now_ms=T0)
    assert await room.claim("ada", now_ms=T0) == T0 + 10 * S
    await drain(directory, T0 + S)
    assert (await room.enter("ada", ada.place, now_ms=T0 + 9 * S)).state == "seated"
    assert (await room.enter("ada", ada.place, now_ms=T0 + 10 * S)).state == "closed"
    await room.sweep(now_ms=T0 + 11 * S)
    assert (await room.enter("ada", ada.place, now_ms=T0 + 11 * S)).state == "closed"


async def test_who_left_is_a_newcomer(make_room: MakeRoom, directory: Directory) -> None:
    room = await make_room(total_active_users=0)
    ada = await room.enter("ada", now_ms=T0)
    await drain(directory, T0 + S)
    assert await room.leave("ada", now_ms=T0 + S) == "place"
    assert (await room.enter("ada", ada.place, now_ms=T0 + S)).state == "closed"


async def test_after_a_loss_the_tickets_bring_the_line_back_and_newcomers_stay_out(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=2)
    seats = await fill(room, 2, prefix="seat")
    line = await fill(room, 3, now_ms=T0 + S)
    places = (await look(store, room)).waiting
    await drain(directory, T0 + 2 * S)
    await lose_all(store, directory)
    lost_ms = T0 + 60 * S
    await reborn(store, room, lost_ms)
    assert await room.renew([(v, T0 + 120 * S) for v in seats], now_ms=lost_ms + S)
    visits = [("new", 0), ("late", lost_ms * US + 1), *((v, places[v]) for v in reversed(line))]
    found = await states(room, visits, lost_ms + 2 * S)
    assert found == ["closed", "closed", "waiting", "waiting", "waiting"]
    assert (await look(store, room)).line() == line
    await directory.update("shop", {"total_active_users": 9}, who="test", now_ms=lost_ms + 3 * S)
    assert await live(room, lost_ms + 30 * S, lost_ms + 30 * S, line) == line
    assert (await room.enter("new", now_ms=lost_ms + 31 * S)).state == "closed"


async def test_a_drain_begins_when_it_is_switched_on_and_goes_on_through_a_pause(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    between = (T0 + 15 * S) * US

    async def state(now_ms: int) -> str:
        return (await room.enter(f"edge{now_ms}", between, now_ms=now_ms)).state

    await drain(directory, T0 + 10 * S)
    await drain(directory, T0 + 20 * S, queue_all=True)
    assert await state(T0 + 21 * S) == "closed"
    await drain(directory, T0 + 30 * S, queue_all=False)
    assert await state(T0 + 31 * S) == "closed"
    await directory.update("shop", {"draining": False}, who="test", now_ms=T0 + 40 * S)
    await drain(directory, T0 + 50 * S)
    assert await state(T0 + 51 * S) == "waiting"


async def test_a_room_that_was_made_draining_takes_those_with_tickets(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=1, draining=True)
    assert (await room.enter("new", now_ms=T0 + S)).state == "closed"
    assert (await room.enter("edge", (T0 - S) * US, now_ms=T0 + S)).state == "seated"


@pytest.mark.parametrize(
    ("change", "state"), [({"closed": True}, "closed"), ({"suspended": True}, "suspended")]
)
async def test_a_stronger_switch_decides(
    make_room: MakeRoom, directory: Directory, change: dict[str, object], state: str
) -> None:
    room = await make_room(total_active_users=1)
    await drain(directory, T0, **change)
    standing = await room.enter("edge", (T0 - S) * US, now_ms=T0 + S)
    assert standing.state == state and await room.admit(now_ms=T0 + S) == []


@pytest.mark.parametrize(
    ("waiting", "change", "state"),
    [
        (2, {}, "draining"),
        (0, {}, "draining"),
        (2, {"queue_all": True}, "paused"),
        (2, {"closed": True}, "closed"),
        (2, {"suspended": True}, "suspended"),
    ],
)
async def test_the_board_says_that_it_drains_and_for_how_long(
    make_room: MakeRoom,
    directory: Directory,
    waiting: int,
    change: dict[str, object],
    state: str,
) -> None:
    room = await make_room(total_active_users=0, new_users_per_minute=60)
    await fill(room, waiting)
    await drain(directory, T0, **change)
    board = await room.board(now_ms=T0)
    assert (board.state, board.waiting) == (state, waiting)
    # Newcomers do not wait, so their pages ask at once, and hear that they are refused.
    assert board.queueing == (state == "paused")


async def test_those_who_wait_hear_how_long_it_takes(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=100, new_users_per_minute=60, queue_all=True)
    line = await fill(room, 40)
    await drain(directory, T0, queue_all=False)
    for second in range(31):
        now_ms = T0 + second * S
        await live(room, now_ms, now_ms, line)
        board = await room.board(now_ms=now_ms)
    wait_s = board.wait_s(5)
    assert board.state == "draining" and wait_s is not None and wait_s[0] <= 5 <= wait_s[1]


async def test_many_newcomers_at_once_get_nothing(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=3)
    line = await fill(room, 500)
    await drain(directory, T0)
    mixed = [*((v, 0) for v in line), *((f"new{i}", 0) for i in range(500))]
    mixed.sort(key=lambda visit: visit[0][-3:])
    standings = await room.enter_many(mixed, now_ms=T0 + S)
    assert {s.visitor for s in standings if s.state != "closed"} == set(line)
    inside = await look(store, room)
    assert set(inside.waiting) | set(inside.active) == set(line)


async def test_a_clock_that_was_set_back_costs_nobody_the_place(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    ada = await room.enter("ada", now_ms=T0)
    await drain(directory, T0 - 3_600 * S)
    assert (await room.enter("ada", ada.place, now_ms=T0 - 3_599 * S))[:2] == ("waiting", "ada")
