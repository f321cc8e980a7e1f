"""One row a visit that is over; ``test_machine.py`` holds the journal against a model."""

import asyncio

import pytest

from waitroom.room import Directory, Room, Store
from waitroom.room.records import Visit, journal, journal_length

from .helpers import T0, MakeRoom, S, fill, live, look, meta, names

CLAIM_MS = 120 * S
SESSION_MS = 300 * S
PLACE_TTL_MS = 600 * S
DAY_MS = 86_400 * S


async def rows(store: Store, room: Room, since_ms: int = 0, page: int = 3) -> list[Visit]:
    return [visit async for visit in journal(store, room.keys, since_ms, page=page)]


async def test_journal_of_a_new_room_is_empty(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    assert await rows(store, room) == [] and await journal_length(store, room.keys) == 0


async def test_visit_through_the_room_is_noted_when_the_visitor_leaves(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    place = (await room.enter("ada", now_ms=T0)).place
    await store.redis.hset(room.keys.settings, "total_active_users", 1)
    assert await room.admit(now_ms=T0 + 7 * S) == ["ada"]
    await room.claim("ada", now_ms=T0 + 9 * S)
    await room.claim("ada", now_ms=T0 + 30 * S)
    assert await rows(store, room) == []
    await room.leave("ada", now_ms=T0 + 60 * S)
    visit = Visit("ada", place, T0 + 7 * S, T0 + 9 * S, T0 + 60 * S, "left_site")
    assert await rows(store, room) == [visit]
    assert (visit.arrived_ms, visit.wait_ms) == (T0, 7 * S)


async def test_every_call_may_be_repeated_and_nothing_is_noted_twice(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter_many([("seat", 0), ("line", 0), ("quiet", 0)], now_ms=T0)
    await live(room, T0, T0 + 45 * S, ["line"])
    await room.sweep(now_ms=T0 + 45 * S)
    for _ in range(3):
        await room.leave("line", now_ms=T0 + 46 * S)
        await room.sweep(now_ms=T0 + PLACE_TTL_MS)
        await room.renew([("seat", T0 + CLAIM_MS)], now_ms=T0 + PLACE_TTL_MS)
        await room.leave("seat", now_ms=T0 + PLACE_TTL_MS)
    found = {visit.visitor: visit.outcome for visit in await rows(store, room)}
    assert found == {"line": "left_line", "seat": "no_show", "quiet": "lapsed"}
    assert await journal_length(store, room.keys) == 3


@pytest.mark.parametrize("claims", [True, False])
async def test_seat_that_runs_out_ended_at_its_deadline_whenever_it_is_swept(
    make_room: MakeRoom, store: Store, claims: bool
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    if claims:
        await room.claim("ada", now_ms=T0 + S)
    end_ms = T0 + S + SESSION_MS if claims else T0 + CLAIM_MS
    await room.sweep(now_ms=end_ms - 1)
    assert await rows(store, room) == []
    await room.sweep(now_ms=end_ms + 50 * S)
    [visit] = await rows(store, room)
    assert visit.left_ms == end_ms
    assert visit.outcome == ("ended" if claims else "no_show")


async def test_lapsed_visitor_left_when_last_heard_of(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=0)
    place = (await room.enter("ada", now_ms=T0)).place
    await room.beat(["ada"], now_ms=T0 + 20 * S)
    await room.sweep(now_ms=T0 + 65 * S)
    await room.sweep(now_ms=T0 + 20 * S + PLACE_TTL_MS)
    assert await rows(store, room) == [Visit("ada", place, None, None, T0 + 20 * S, "lapsed")]


async def test_who_comes_back_from_silence_goes_on_with_the_same_visit(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    ada = await room.enter("ada", now_ms=T0)
    for start_ms in (T0, T0 + 100 * S):
        await room.sweep(now_ms=start_ms + 45 * S)
        # The second time without the ticket: Redis has the place too.
        place = ada.place if start_ms == T0 else 0
        assert await room.enter("ada", place, now_ms=start_ms + 100 * S) == ada
    assert await store.redis.exists(room.keys.kept) == 0
    await room.leave("ada", now_ms=T0 + 210 * S)
    assert [visit.place for visit in await rows(store, room)] == [ada.place]
    assert (await room.figures(now_ms=T0)).counters["entered"] == 1


async def test_seats_that_end_with_their_epoch_are_noted_bit_by_bit(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=25)
    visitors = await fill(room, 25)
    await room.renew([(visitor, 0) for visitor in visitors[:10]], now_ms=T0 + S)
    await room.leave(visitors[0], now_ms=T0 + 2 * S)
    await directory.update("shop", {"epoch": 1}, who="test", now_ms=T0 + 3 * S)
    # At once all seats are free, and the same visitors may come again.
    assert (await room.figures(now_ms=T0 + 3 * S)).active == 0
    again = await room.enter(visitors[1], T0 * 1000 - 24, now_ms=T0 + 4 * S)
    assert again.visitor == visitors[1] and again.state == "seated"
    swept = [(await room.sweep(10, now_ms=T0 + 5 * S)).over for _ in range(4)]
    assert swept == [10, 10, 5, 0]
    found = {visit.visitor: visit for visit in await rows(store, room)}
    assert sorted(found) == visitors and await journal_length(store, room.keys) == 25
    assert {visit.outcome for visit in found.values()} == {"left_site", "ended"}
    assert {found[visitor].left_ms for visitor in visitors[1:]} == {T0 + 3 * S}
    assert [found[v].claimed_ms for v in visitors[9:11]] == [T0 + S, None]
    # The second visit of the same visitor is one of its own.
    await room.leave(visitors[1], now_ms=T0 + 9 * S)
    assert (await rows(store, room))[-1].admitted_ms == T0 + 4 * S


async def test_passes_ended_twice_in_a_row_lose_no_visit(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=2_500)
    visitors = await fill(room, 2_500)
    for epoch in (1, 2):
        # A seat that had run out before was a no-show, not ended by the owner.
        now_ms = T0 + epoch * 100 * S
        await directory.update("shop", {"epoch": epoch}, who="test", now_ms=now_ms)
        await room.enter(f"new{epoch}", now_ms=now_ms)
    for _ in range(10):
        await room.sweep(now_ms=T0 + 400 * S)
    found = await rows(store, room, page=1_000)
    ended = [visit.visitor for visit in found if visit.outcome == "ended"]
    assert sorted(ended) == ["new1", *visitors]
    assert [visit.visitor for visit in found if visit.outcome == "no_show"] == ["new2"]


async def test_seat_that_a_pass_brings_back_after_a_loss_says_what_is_not_known(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=2)
    ticket = await room.enter("line", now_ms=T0)
    await store.redis.flushall()
    await directory.refresh()
    await store.redis.hset(room.keys.meta, mapping={"restored_ms": T0 + S, "hold_until_ms": T0})
    # One comes back into the line before the pass is shown, the other with the pass alone.
    await store.redis.hset(room.keys.settings, "queue_all", "true")
    await room.enter("line", ticket.place, now_ms=T0 + S)
    shown = [("line", T0 + 200 * S), ("gone", T0 + 200 * S)]
    await room.renew(shown, now_ms=T0 + 2 * S)
    await room.leave("gone", now_ms=T0 + 3 * S)
    await room.sweep(now_ms=T0 + 200 * S)
    assert await rows(store, room) == [
        Visit("gone", None, None, None, T0 + 3 * S, "left_site"),
        Visit("line", ticket.place, None, None, T0 + 200 * S, "ended"),
    ]


async def test_seats_of_an_earlier_version_are_noted_with_what_is_known(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=4)
    visitors = await fill(room, 4)
    await room.claim(visitors[0], now_ms=T0)
    await store.redis.delete(room.keys.served)
    await room.claim(visitors[3], now_ms=T0 + S)
    await room.leave(visitors[0], now_ms=T0 + S)
    await room.leave(visitors[1], now_ms=T0 + S)
    assert (await room.sweep(now_ms=T0 + CLAIM_MS)).no_shows == 1
    await room.sweep(now_ms=T0 + S + SESSION_MS)
    assert await rows(store, room) == [
        Visit(visitors[0], None, None, None, T0 + S, "left_site"),
        Visit(visitors[1], None, None, None, T0 + S, "left_site"),
        Visit(visitors[2], None, T0, None, T0 + CLAIM_MS, "no_show"),
        Visit(visitors[3], None, None, T0 + S, T0 + S + SESSION_MS, "ended"),
    ]
    assert not (await look(store, room)).unclaimed


async def test_parked_visitors_of_an_earlier_version_are_noted_without_a_place(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    tickets = [await room.enter(visitor, now_ms=T0) for visitor in names(3)]
    await room.sweep(now_ms=T0 + 45 * S)
    await store.redis.delete(room.keys.kept)
    back = await room.enter(tickets[2].visitor, tickets[2].place, now_ms=T0 + 50 * S)
    assert back.place == tickets[2].place
    await room.leave(tickets[0].visitor, now_ms=T0 + 50 * S)
    await room.sweep(now_ms=T0 + PLACE_TTL_MS)
    found = [(visit.visitor, visit.place, visit.outcome) for visit in await rows(store, room)]
    assert found == [("v000000", None, "left_line"), ("v000001", None, "lapsed")]


async def test_many_seats_of_one_deadline_are_all_noted_in_batches(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=50)
    visitors = await fill(room, 50)
    # Marks of those who left stand among them, of the same millisecond too.
    await room.leave(visitors[7], now_ms=T0 + CLAIM_MS - S)
    for _ in range(20):
        await room.sweep(7, now_ms=T0 + CLAIM_MS)
    assert await journal_length(store, room.keys) == 50
    assert (await room.figures(now_ms=T0)).counters["no_shows"] == 49


async def test_seats_that_nobody_swept_for_days_are_noted_before_they_are_forgotten(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=30)
    await fill(room, 30)
    forgotten = 0
    for _ in range(20):
        forgotten += (await room.sweep(4, now_ms=T0 + 3 * DAY_MS)).ended
    assert forgotten == 30 and await journal_length(store, room.keys) == 30


async def test_clock_that_is_set_back_loses_no_visit(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=2)
    await room.enter("ada", now_ms=T0)
    await room.leave("ada", now_ms=T0 + S)
    await room.sweep(now_ms=T0 + S)
    back_ms = T0 - 1_000 * S
    await room.enter("bob", now_ms=back_ms)
    await room.claim("bob", now_ms=back_ms)
    await room.sweep(now_ms=back_ms + SESSION_MS)
    assert [visit.left_ms for visit in await rows(store, room)] == [T0 + S, back_ms + SESSION_MS]


async def test_seat_is_noted_though_the_one_before_it_was_forgotten_meanwhile(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=2)
    await room.enter("ada", now_ms=T0)
    await room.leave("ada", now_ms=T0)
    await room.sweep(now_ms=T0)
    await room.enter("bob", now_ms=T0 + PLACE_TTL_MS)
    await room.claim("bob", now_ms=T0 + PLACE_TTL_MS)
    assert (await room.sweep(now_ms=T0 + PLACE_TTL_MS)).ended == 1
    await room.sweep(now_ms=T0 + PLACE_TTL_MS + SESSION_MS)
    assert [visit.visitor for visit in await rows(store, room)] == ["ada", "bob"]


async def test_rows_older_than_the_owner_keeps_them_are_dropped_to_the_last_one(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0, keep_days=2)
    for visitor, hour in (("a", 0), ("b", 1), ("c", 30)):
        now_ms = T0 + hour * 3_600 * S
        await room.enter(visitor, now_ms=now_ms)
        await room.leave(visitor, now_ms=now_ms)
    assert (await room.sweep(now_ms=T0 + 2 * DAY_MS)).trimmed == 0
    assert (await room.sweep(now_ms=T0 + 2 * DAY_MS + 1)).trimmed == 1
    assert [visit.visitor for visit in await rows(store, room)] == ["b", "c"]
    assert (await room.sweep(now_ms=T0 + 9 * DAY_MS)).trimmed == 2
    assert await journal_length(store, room.keys) == 0


async def test_long_journal_is_trimmed_in_bounded_steps(make_room: MakeRoom, store: Store) -> None:
    room = await make_room()
    async with store.redis.pipeline(transaction=False) as pipe:
        for i in range(25_000):
            pipe.xadd(room.keys.journal, {"v": "x"}, id=f"{T0 + i // 1_000}-{i % 1_000 + 1}")
        await pipe.execute()
    steps = [(await room.sweep(now_ms=T0 + 32 * DAY_MS)).trimmed for _ in range(5)]
    assert sum(steps) == 25_000 and max(steps) <= 10_000 and steps[-1] == 0


async def test_journal_is_read_page_by_page_while_it_grows(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    found = []

    async def visit(number: int) -> None:
        await room.enter(f"v{number:03}", now_ms=T0 + number)
        await room.leave(f"v{number:03}", now_ms=T0 + number)

    for number in range(20):
        await visit(number)
    async for row in journal(store, room.keys, page=5):
        found.append(row.visitor)
        if len(found) == 12:
            await visit(20)
    assert found == [f"v{number:03}" for number in range(21)]
    late = [row.visitor async for row in journal(store, room.keys, T0 + 18)]
    assert late == ["v018", "v019", "v020"]


async def test_many_at_once_note_each_visit_once(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=40)
    visitors = await fill(room, 80)
    leaving = [visitor for visitor in visitors[:20] for _ in range(3)]
    for now_ms in (T0 + CLAIM_MS - S, T0 + CLAIM_MS):
        await asyncio.gather(
            *(room.leave(visitor, now_ms=now_ms) for visitor in leaving),
            *(room.sweep(7, now_ms=now_ms) for _ in range(20)),
        )
    noted = sorted(visit.visitor for visit in await rows(store, room, page=100))
    assert noted == visitors[:40]


async def test_nothing_of_a_visit_stays_behind_in_redis(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=5)
    visitors = await fill(room, 9)
    await live(room, T0, T0 + 60 * S, visitors[5:7])
    await room.renew([(visitor, 0) for visitor in visitors[:3]], now_ms=T0 + 60 * S)
    assert await store.redis.hlen(room.keys.served) == 5
    for second in range(60, 2_000, 20):
        await room.admit(now_ms=T0 + second * S)
        await room.sweep(now_ms=T0 + second * S)
    keys = room.keys
    left = [keys.waiting, keys.seen, keys.parked, keys.kept, keys.active, keys.unclaimed]
    assert await store.redis.exists(*left, keys.served, keys.cut, keys.cut_rows) == 0
    assert await journal_length(store, room.keys) == 9
    assert "over_ms" in await meta(store, room)
