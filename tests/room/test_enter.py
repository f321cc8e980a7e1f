import asyncio

import pytest

from waitroom.errors import RoomNotFoundError
from waitroom.room import Directory, Room, Store

from .helpers import T0, MakeRoom, S, fill, live, look, meta, names

CLAIM_MS = 120 * S
PLACE_TTL_MS = 600 * S


async def test_first_visitor_of_an_empty_room_is_seated_in_the_same_call(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    standing = await room.enter("ada", now_ms=T0)
    assert standing == ("seated", "ada", T0 * 1000, 0, T0 + CLAIM_MS)
    inside = await look(store, room)
    assert inside.active == {"ada": T0 + CLAIM_MS}
    assert inside.unclaimed == {"ada": T0}
    assert not inside.waiting and not inside.seen


async def test_visitor_waits_when_all_seats_are_taken(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    assert await room.enter("bob", now_ms=T0 + 1) == ("waiting", "bob", (T0 + 1) * 1000, 1, 0)
    assert (await room.enter("cat", now_ms=T0 + 2)).position == 2


async def test_those_of_one_call_stand_in_its_order(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=2)
    standings = await room.enter_many([(v, 0) for v in ("d", "c", "b", "a")], now_ms=T0)
    assert [s.state for s in standings] == ["seated", "seated", "waiting", "waiting"]
    assert [(s.visitor, s.position) for s in standings[2:]] == [("b", 1), ("a", 2)]


async def test_earliest_place_of_one_call_takes_the_free_seat(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    place = T0 * 1000
    standings = await room.enter_many([("late", place - 1), ("early", place - 2)], now_ms=T0)
    assert [(s.state, s.position) for s in standings] == [("waiting", 1), ("seated", 0)]


async def test_somebody_present_before_one_of_a_call_keeps_only_those_behind_from_a_seat(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("first", now_ms=T0)
    await directory.update("shop", {"total_active_users": 5}, who="test")
    visits = [("edge", (T0 - 1) * 1000), ("new", 0)]
    standings = await room.enter_many(visits, now_ms=T0 + S)
    assert [(s.state, s.position) for s in standings] == [("seated", 0), ("waiting", 2)]


@pytest.mark.parametrize("seats", [0, 1])
async def test_somebody_who_asks_twice_in_one_call_has_one_standing(
    make_room: MakeRoom, store: Store, seats: int
) -> None:
    room = await make_room(total_active_users=seats)
    # The second ticket alone is too old to count.
    visits = [("ada", 0), ("bob", 0), ("ada", (T0 - PLACE_TTL_MS) * 1000), ("ada", T0 * 1000)]
    ada, bob, old, young = await room.enter_many(visits, now_ms=T0)
    assert ada == old == young
    assert (ada.state, bob.position) == (("waiting", 2), ("seated", 1))[seats]
    assert (await meta(store, room))["entered"] == "2"
    assert (await room.figures(now_ms=T0)).waiting == 2 - seats


async def test_entering_nobody_asks_nothing(make_room: MakeRoom) -> None:
    room = await make_room()
    assert await room.enter_many([], now_ms=T0) == []


async def test_any_number_enters_in_batches(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=3)
    standings = await room.enter_many([(v, 0) for v in names(2_500)], now_ms=T0)
    assert [s.visitor for s in standings] == names(2_500)
    assert (await room.figures(now_ms=T0)).waiting == 2_497


async def test_entering_again_finds_the_place_and_counts_as_a_heartbeat(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    first = await room.enter("ada", now_ms=T0)
    again = await room.enter("ada", first.place, now_ms=T0 + 40 * S)
    without_ticket = await room.enter("ada", now_ms=T0 + 41 * S)
    assert first == again == without_ticket
    assert (await look(store, room)).seen == {"ada": T0 + 41 * S}
    assert (await meta(store, room))["entered"] == "1"


async def test_entering_again_finds_the_seat_and_does_not_extend_it(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    first = await room.enter("ada", now_ms=T0)
    again = await room.enter("ada", first.place, now_ms=T0 + 10 * S)
    assert again == first


async def test_seat_is_free_at_the_very_millisecond_of_its_deadline(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    assert (await room.enter("bob", now_ms=T0 + CLAIM_MS - 1)).state == "waiting"
    assert (await room.enter("bob", now_ms=T0 + CLAIM_MS)).state == "seated"


async def test_visitor_of_an_ended_seat_becomes_a_new_one_at_the_tail(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=1)
    ada = await room.enter("ada", now_ms=T0)
    await room.enter("bob", now_ms=T0 + S)
    later = T0 + CLAIM_MS
    assert (await room.enter("bob", now_ms=later)).state == "seated"
    back = await room.enter("ada", ada.place, now_ms=later + S)
    assert back.state == "waiting" and back.place == (later + S) * 1000
    assert back.visitor != "ada" and len(back.visitor) == 22


async def test_spent_ticket_leads_to_the_same_successor_every_time(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    place = (await room.enter("ada", now_ms=T0)).place
    await room.leave("ada", now_ms=T0 + S)
    first = await room.enter("ada", place, now_ms=T0 + 2 * S)
    assert await room.enter("ada", place, now_ms=T0 + 3 * S) == first
    assert await room.enter(first.visitor, first.place, now_ms=T0 + 4 * S) == first
    assert (await room.figures(now_ms=T0)).waiting == 1


async def test_hundred_spent_tickets_in_a_row_still_end_in_one_standing(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    for i in range(100):
        found = await room.enter("ada", T0 * 1000, now_ms=T0 + i)
        assert found.state == "seated"
        assert await room.leave(found.visitor, now_ms=T0 + i) == "seat"
    inside = await look(store, room)
    assert len(inside.active) == 100 and not inside.seated(T0 + 100)


@pytest.mark.parametrize(("age_ms", "kept"), [(PLACE_TTL_MS - 1, True), (PLACE_TTL_MS, False)])
async def test_unknown_place_counts_while_it_is_young(
    make_room: MakeRoom, age_ms: int, kept: bool
) -> None:
    room = await make_room(total_active_users=0)
    now_ms = T0 + 2 * PLACE_TTL_MS
    place = (now_ms - age_ms) * 1000
    standing = await room.enter("ada", place, now_ms=now_ms)
    assert (standing.visitor == "ada") is kept
    assert standing.place == (place if kept else now_ms * 1000)


async def test_place_stamped_by_an_edge_stands_where_it_was_stamped(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    await room.enter("ada", now_ms=T0)
    await room.enter("cat", now_ms=T0 + 20 * S)
    late = await room.enter("bob", (T0 + 10 * S) * 1000, now_ms=T0 + 30 * S)
    assert (late.position, late.place) == (2, (T0 + 10 * S) * 1000)


async def test_place_in_the_future_counts_as_now(make_room: MakeRoom, store: Store) -> None:
    room = await make_room(total_active_users=0, heartbeat_ttl_s=30)
    future = (T0 + 60 * S) * 1000
    assert (await room.enter("ada", future, now_ms=T0)).place == T0 * 1000
    await room.sweep(now_ms=T0 + 30 * S)
    assert "ada" in (await look(store, room)).parked
    back = await room.enter("ada", future, now_ms=T0 + 40 * S)
    assert back.place == (T0 + 40 * S) * 1000


async def test_free_seat_goes_to_nobody_while_somebody_present_is_before(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=1)
    await room.enter("ada", now_ms=T0)
    await room.enter("bob", now_ms=T0)
    await room.leave("ada", now_ms=T0 + S)
    assert (await room.enter("cat", now_ms=T0 + 2 * S)).state == "waiting"
    assert (await room.enter("bob", now_ms=T0 + 3 * S)).state == "seated"


async def test_earlier_ticket_takes_the_free_seat_before_those_who_wait(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 3, now_ms=T0 + 10 * S)
    await live(room, T0 + 10 * S, T0 + 10 * S, [])
    assert (await room.enter("edge", (T0 + S) * 1000, now_ms=T0 + 11 * S)).position == 1


async def test_equal_places_stand_in_order_of_their_names(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    place = T0 * 1000
    # Lower case after upper case, whatever the server's language is.
    await room.enter_many([(v, place) for v in ("a", "B", "_", "b", "Z")], now_ms=T0 + 1)
    assert [row.visitor for row in await room.visitors()] == ["B", "Z", "_", "a", "b"]


async def test_silent_visitors_at_the_head_do_not_keep_a_newcomer_from_a_free_seat(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 99)
    await directory.update("shop", {"total_active_users": 1}, who="test")
    assert (await room.enter("new", now_ms=T0 + 45 * S)).state == "seated"
    inside = await look(store, room)
    assert len(inside.parked) == 99 and not inside.waiting and not inside.seen


async def test_one_call_parks_at_most_a_hundred_on_the_way(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    await fill(room, 150)
    await directory.update("shop", {"total_active_users": 1}, who="test")
    assert (await room.enter("new", now_ms=T0 + 45 * S)).state == "waiting"
    assert len((await look(store, room)).parked) == 100
    assert await room.admit(now_ms=T0 + 45 * S) == ["new"]


async def test_parked_visitor_comes_back_to_the_old_place(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    ada = await room.enter("ada", now_ms=T0)
    await room.enter("bob", now_ms=T0 + S)
    await live(room, T0, T0 + 60 * S, ["bob"])
    await room.sweep(now_ms=T0 + 60 * S)
    assert (await look(store, room)).parked == {"ada": T0}
    assert await room.enter("ada", ada.place, now_ms=T0 + 61 * S) == ada
    assert (await look(store, room)).parked == {}
    assert (await room.figures(now_ms=T0)).counters["returned"] == 1


async def test_lapsed_place_is_gone(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=0)
    ada = await room.enter("ada", now_ms=T0)
    await live(room, T0, T0 + PLACE_TTL_MS, [])
    await room.sweep(now_ms=T0 + PLACE_TTL_MS)
    back = await room.enter("ada", ada.place, now_ms=T0 + PLACE_TTL_MS)
    assert back.visitor != "ada" and back.place == (T0 + PLACE_TTL_MS) * 1000


async def test_closed_room_refuses_newcomers_and_keeps_the_rest(
    make_room: MakeRoom, directory: Directory, store: Store
) -> None:
    room = await make_room(total_active_users=1)
    seated = await room.enter("ada", now_ms=T0)
    waiting = await room.enter("bob", now_ms=T0)
    await directory.update("shop", {"closed": True}, who="test")
    assert (await room.enter("cat", now_ms=T0 + S)).state == "closed"
    assert await room.enter("ada", seated.place, now_ms=T0 + S) == seated
    assert await room.enter("bob", waiting.place, now_ms=T0 + S) == waiting
    assert list((await look(store, room)).waiting) == ["bob"]


async def test_suspended_room_lets_everybody_through_and_keeps_no_line(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0, suspended=True)
    standing = await room.enter("ada", now_ms=T0)
    assert (standing.state, standing.position, standing.deadline_ms) == ("suspended", 0, 0)
    assert not (await look(store, room)).waiting


async def test_who_came_while_suspended_has_a_place_from_then(
    make_room: MakeRoom, directory: Directory
) -> None:
    room = await make_room(total_active_users=0, suspended=True)
    ada = await room.enter("ada", now_ms=T0)
    await directory.update("shop", {"suspended": False}, who="test")
    await room.enter("bob", now_ms=T0 + S)
    back = await room.enter("ada", ada.place, now_ms=T0 + 2 * S)
    assert (back.state, back.position) == ("waiting", 1)


async def test_queue_all_lets_nobody_in_though_seats_are_free(make_room: MakeRoom) -> None:
    room = await make_room(total_active_users=5, queue_all=True)
    assert (await room.enter("ada", now_ms=T0)).state == "waiting"


async def test_rate_lets_one_in_at_once_and_the_next_a_second_later(
    make_room: MakeRoom,
) -> None:
    room = await make_room(total_active_users=9, new_users_per_minute=60)
    assert (await room.enter("ada", now_ms=T0)).state == "seated"
    assert (await room.enter("bob", now_ms=T0)).state == "waiting"
    assert (await room.enter("bob", now_ms=T0 + 999)).state == "waiting"
    assert (await room.enter("bob", now_ms=T0 + 1_000)).state == "seated"


async def test_entering_an_unknown_room_says_so(room: Room, directory: Directory) -> None:
    await directory.delete("shop", who="test")
    with pytest.raises(RoomNotFoundError):
        await room.enter("ada")


async def test_server_clock_stamps_the_place_when_no_time_is_given(
    room: Room, store: Store
) -> None:
    seconds, micros = await store.redis.time()
    place = (await room.enter("ada")).place
    assert 0 <= place - (seconds * 1_000_000 + micros) < 60_000_000


async def test_many_callers_at_once_never_take_more_seats_than_there_are(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=10)
    visitors = names(60)
    standings = await asyncio.gather(*(room.enter(v, now_ms=T0) for v in visitors))
    assert sum(s.state == "seated" for s in standings) == 10
    inside = await look(store, room)
    assert len(inside.seated(T0)) == 10 and len(inside.waiting) == 50
    assert not inside.seated(T0) & set(inside.waiting)


async def test_one_visitor_from_many_callers_at_once_has_one_place(
    make_room: MakeRoom, store: Store
) -> None:
    room = await make_room(total_active_users=0)
    standings = await asyncio.gather(*(room.enter("ada", now_ms=T0 + i) for i in range(40)))
    assert len({s.place for s in standings}) == 1
    assert len((await look(store, room)).waiting) == 1
