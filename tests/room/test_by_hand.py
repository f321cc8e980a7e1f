"""The line by hand: who is let in, who never is, and that a repeated request does nothing twice."""

import asyncio

import pytest

from waitroom.room import Directory, Room, Store
from waitroom.room.hand import Hand
from waitroom.room.scripts import AuditRow, Scripts

from .helpers import T0, S, fill, look


@pytest.fixture
def hand(store: Store) -> Hand:
    return Hand(store)


async def make_full(directory: Directory, **changes: object) -> Room:
    """Return a room without a seat, born at T0."""
    settings = {"total_active_users": 0} | changes
    return await directory.create("full", settings, who="test", now_ms=T0)


async def seats(directory: Directory, count: int) -> None:
    await directory.update("full", {"total_active_users": count}, who="test")


async def test_the_first_n_are_let_in_beside_the_rate_and_while_paused(
    directory: Directory, store: Store, hand: Hand
) -> None:
    room = await make_full(directory, new_users_per_minute=1, queue_all=True)
    visitors = await fill(room, 20)
    await seats(directory, 100)
    assert await room.admit(now_ms=T0 + S) == []
    assert await hand.admit_now(room.keys, 12, who="bo", now_ms=T0 + S) == (12, "done")
    inside = await look(store, room)
    assert set(inside.active) == set(visitors[:12]) and inside.line() == visitors[12:]


async def test_never_more_are_let_in_than_seats_are_free(
    directory: Directory, store: Store, hand: Hand
) -> None:
    room = await make_full(directory)
    visitors = await fill(room, 50)
    await seats(directory, 30)
    await room.admit(now_ms=T0 + S, batch_max=10)
    found = await asyncio.gather(
        *(hand.admit_now(room.keys, 7, who="bo", now_ms=T0 + S) for _ in range(10))
    )
    inside = await look(store, room)
    assert inside.seated(T0 + S) == set(visitors[:30])
    assert {how for done, how in found if done < 7} == {"full"}
    await seats(directory, 10)
    assert await hand.admit_now(room.keys, 5, who="bo", now_ms=T0 + 2 * S) == (0, "full")


async def test_the_silent_are_passed_over(directory: Directory, store: Store, hand: Hand) -> None:
    room = await make_full(directory)
    visitors = await fill(room, 6)
    await room.beat(visitors[3:], now_ms=T0 + 40 * S)
    await room.admit(now_ms=T0 + 30 * S)
    await seats(directory, 10)
    assert await hand.admit_now(room.keys, 2, who="bo", now_ms=T0 + 50 * S) == (2, "done")
    assert set((await look(store, room)).active) == set(visitors[3:5])
    assert await hand.admit_now(room.keys, 5, who="bo", now_ms=T0 + 50 * S) == (1, "empty")


async def test_a_request_sent_again_under_its_name_lets_nobody_else_in(
    directory: Directory, store: Store, hand: Hand
) -> None:
    room = await make_full(directory)
    await fill(room, 20)
    await seats(directory, 100)
    for _ in range(3):
        done = await hand.admit_now(room.keys, 4, who="bo", once="monday", now_ms=T0 + S)
        assert done == (4, "done")
    assert len((await look(store, room)).active) == 4
    await hand.admit_now(room.keys, 4, who="bo", once="tuesday", now_ms=T0 + S)
    assert len((await look(store, room)).active) == 8
    deeds = [row.changes for row in await hand.trail(room.keys) if "admit_now" in row.changes]
    assert deeds == [{"admit_now": [None, 4]}] * 2


async def test_a_request_that_was_cut_off_goes_on_where_it_was(
    directory: Directory, store: Store, hand: Hand
) -> None:
    room = await make_full(directory)
    await fill(room, 60)
    await seats(directory, 100)
    row = AuditRow("bo", b'{"admit_now":[null,50]}')
    how, done = await Scripts(store).admit_now(
        room.keys, 50, "big", row, now_ms=T0 + S, batch_max=20
    )
    assert (how, done) == ("more", 20)
    assert await hand.admit_now(room.keys, 50, who="bo", once="big", now_ms=T0 + S) == (50, "done")
    assert len((await look(store, room)).active) == 50


async def test_thousands_are_let_in_in_batches(
    directory: Directory, store: Store, hand: Hand
) -> None:
    room = await make_full(directory)
    await fill(room, 2_500)
    await seats(directory, 5_000)
    assert await hand.admit_now(room.keys, 2_200, who="bo", now_ms=T0 + S) == (2_200, "done")
    assert len((await look(store, room)).active) == 2_200


async def test_nobody_is_let_in_by_hand_while_a_loss_is_recovered_from(
    directory: Directory, hand: Hand, store: Store
) -> None:
    room = await make_full(directory)
    await fill(room, 3)
    await seats(directory, 10)
    await store.redis.hset(room.keys.meta, "hold_until_ms", T0 + 20 * S)
    assert await hand.admit_now(room.keys, 1, who="bo", now_ms=T0 + S) == (0, "recovering")
    assert await hand.let_in(room.keys, "v000001", who="bo", now_ms=T0 + S) == "recovering"


async def test_the_processes_that_hold_the_sockets_hear_of_it(
    directory: Directory, store: Store, hand: Hand
) -> None:
    room = await make_full(directory)
    visitors = await fill(room, 3)
    await seats(directory, 10)
    listener = store.redis.pubsub()
    await listener.subscribe(room.keys.admitted)
    await listener.get_message(timeout=5)
    await hand.let_in(room.keys, visitors[2], who="bo", now_ms=T0 + S)
    await hand.admit_now(room.keys, 2, who="bo", now_ms=T0 + S)
    heard = [(await listener.get_message(timeout=5))["data"].decode() for _ in range(2)]
    assert heard == [visitors[2], " ".join(visitors[:2])]
    await listener.aclose()


async def test_one_visitor_is_let_in_before_all_others(
    directory: Directory, store: Store, hand: Hand
) -> None:
    room = await make_full(directory, queue_all=True, new_users_per_minute=1)
    visitors = await fill(room, 5)
    await seats(directory, 1)
    for _ in range(3):
        assert await hand.let_in(room.keys, visitors[3], who="bo", now_ms=T0 + S) == "admitted"
    inside = await look(store, room)
    assert set(inside.active) == {visitors[3]} and set(inside.unclaimed) == {visitors[3]}
    assert await hand.let_in(room.keys, visitors[4], who="bo", now_ms=T0 + S) == "full"
    assert await hand.let_in(room.keys, "nobody", who="bo", now_ms=T0 + S) == "unknown"
    await seats(directory, 2)
    silent = await hand.let_in(room.keys, visitors[4], who="bo", now_ms=T0 + 46 * S)
    assert silent == "silent"
    deeds = [row.changes for row in await hand.trail(room.keys) if "let_in" in row.changes]
    assert deeds == [{"let_in": [None, visitors[3]]}]


async def test_who_claims_after_being_let_in_by_hand_has_a_whole_session(
    directory: Directory, hand: Hand
) -> None:
    room = await make_full(directory)
    await fill(room, 1)
    await seats(directory, 1)
    await hand.admit_now(room.keys, 1, who="bo", now_ms=T0 + S)
    assert await room.claim("v000000", now_ms=T0 + 2 * S) == T0 + 302 * S
