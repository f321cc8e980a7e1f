"""What a splash page says over its socket and what it hears."""

from typing import Any

import httpx
import pytest
import socketio

from tests.live.helpers import TOKENS, OpenPage, give_seats, visitor_of
from tests.web.helpers import (
    TOKEN_MODE,
    Site,
    eventually,
    eventually_true,
    pass_of,
    ticket_cookie,
    ticket_of,
)
from waitroom.clock import new_visitor, now_ms
from waitroom.identity import pass_cookie_name
from waitroom.room import Directory, Room, Store
from waitroom.tokens import Ticket


async def seen_ms(store: Store, room: Room, visitor: str) -> float:
    return float(await store.redis.zscore(room.keys.seen, visitor) or 0)


# -- register -------------------------------------------------------------------------------------


async def test_the_library_of_the_page_gets_along_with_the_server(
    site: Site, full: Room, take_place: Any
) -> None:
    ticket = await take_place()
    heard: list[dict[str, Any]] = []
    async with socketio.AsyncSimpleClient() as link:
        await link.connect(
            site.url,
            headers=ticket_cookie(ticket, "full"),
            transports=["websocket"],
            socketio_path="/__waitroom/socket.io",
        )
        assert await link.call("register", {"room": "full"}) == {"ok": True}
        name, answer = await link.receive(timeout=5)
        heard.append(answer)
        assert await link.call("heartbeat") == {"ok": True}
    assert name == "queue_update"
    assert (heard[0]["room"], heard[0]["status"], heard[0]["position"]) == ("full", "waiting", 1)


async def test_the_first_answer_is_that_of_http(
    http: httpx.AsyncClient, full: Room, open_page: OpenPage
) -> None:
    entered = await http.post("/__waitroom/full/enter")
    ticket = ticket_of(entered, "full")
    page = await open_page(Cookie=ticket_cookie(ticket, "full")["Cookie"])
    assert await page.register("full") == {"ok": True}
    assert await page.hear("queue_update") == entered.json()
    await page.close()


async def test_an_app_registers_with_its_ticket(
    http: httpx.AsyncClient, full: Room, open_page: OpenPage
) -> None:
    ticket = (await http.post("/__waitroom/full/enter", headers=TOKEN_MODE)).json()["ticket"]
    page = await open_page()
    assert await page.register("full", ticket=ticket) == {"ok": True}
    assert (await page.hear("queue_update"))["position"] == 1
    await page.close()


async def test_the_page_cannot_say_who_it_is(open_page: OpenPage, full: Room) -> None:
    page = await open_page()
    for made_up in ({}, {"ticket": "x"}, {"ticket": visitor_like()}):
        assert (await page.register("full", **made_up))["error"] == "bad_token"
        assert (await page.hear("error"))["code"] == "bad_token"
    assert (await page.register("full", visitor=visitor_like()))["error"] == "bad_request"
    assert (await full.figures()).waiting == 0
    await page.close()


def visitor_like() -> str:
    return "A" * 22


async def test_an_unknown_room_is_named_as_such(open_page: OpenPage) -> None:
    page = await open_page()
    assert (await page.register("nowhere"))["error"] == "room_not_found"
    assert (await page.hear("error"))["code"] == "room_not_found"
    await page.close()


async def test_a_spent_ticket_is_to_be_renewed_by_http(
    open_page: OpenPage, full: Room, take_place: Any
) -> None:
    ticket = await take_place()
    await full.leave(visitor_of(ticket))
    page = await open_page(Cookie=ticket_cookie(ticket, "full")["Cookie"])
    assert (await page.register("full"))["error"] == "bad_token"
    await page.close()


async def test_who_has_a_seat_already_hears_so_at_once(
    open_page: OpenPage, room: Room, take_place: Any
) -> None:
    page = await open_page(ticket=await take_place("shop"))
    assert await page.register("shop") == {"ok": True}
    assert (await page.hear("queue_update"))["status"] == "admitted"
    assert await page.hear("admitted") == {"go_by_s": 120}
    await page.close()


@pytest.mark.parametrize("second_connection", ["share", "refuse"])
async def test_whoever_holds_a_pass_is_seated_and_its_new_ticket_takes_no_place(
    http: httpx.AsyncClient,
    open_page: OpenPage,
    directory: Directory,
    room: Room,
    take_place: Any,
    second_connection: str,
) -> None:
    # As after a form from another site: the gate saw no cookies, and gave a ticket to wait with.
    holder = await take_place("shop")
    went = await http.get("/__waitroom/shop/go?return_to=/", headers=ticket_cookie(holder))
    held = f"{pass_cookie_name('shop')}={pass_of(went)}"
    full = {"total_active_users": 1, "second_connection": second_connection}
    await directory.update("shop", full, who="test")
    made = Ticket("shop", new_visitor(), now_ms() * 1_000)
    second = ticket_cookie(TOKENS.sign_ticket(made))["Cookie"]
    page = await open_page(Cookie=f"{second}; {held}")
    assert await page.register("shop") == {"ok": True}
    assert (await page.hear("queue_update"))["status"] == "admitted"
    assert await page.hear("admitted") == {"go_by_s": 120}
    assert await page.ask("heartbeat") == {"ok": True}
    figures = await room.figures()
    assert (figures.active, figures.waiting) == (1, 0)
    await page.close()
    # The pass alone is enough; one of another epoch is not.
    again = await open_page(Cookie=held)
    assert await again.register("shop") == {"ok": True}
    await directory.update("shop", {"epoch": 1, "total_active_users": 0}, who="test")
    late = await open_page(Cookie=f"{second}; {held}")
    assert await late.register("shop") == {"ok": True}
    assert (await late.hear("queue_update"))["status"] == "waiting"
    await again.close()
    await late.close()


async def test_registering_again_tells_again(register: Any, take_place: Any) -> None:
    page = await register(await take_place())
    assert await page.register("full") == {"ok": True}
    assert (await page.hear("queue_update"))["position"] == 1
    await page.close()


# -- heartbeats -----------------------------------------------------------------------------------


async def test_a_heartbeat_makes_the_visitor_present(
    register: Any, take_place: Any, full: Room, store: Store
) -> None:
    ticket = await take_place()
    page = await register(ticket)
    await store.redis.zadd(full.keys.seen, {visitor_of(ticket): now_ms() - 40_000})
    assert await page.ask("heartbeat") == {"ok": True}

    async def fresh() -> bool:
        return await seen_ms(store, full, visitor_of(ticket)) > now_ms() - 20_000

    await eventually(fresh)
    await page.close()


async def test_a_heartbeat_before_register_is_refused(open_page: OpenPage) -> None:
    page = await open_page()
    assert (await page.ask("heartbeat"))["error"] == "bad_request"
    assert (await page.hear("error"))["code"] == "bad_request"
    await page.close()


async def test_a_heartbeat_brings_back_who_was_parked(
    register: Any, take_place: Any, full: Room, store: Store
) -> None:
    tickets = [await take_place() for _ in range(2)]
    page = await register(tickets[0])
    await store.redis.zadd(full.keys.seen, {visitor_of(tickets[0]): now_ms() - 60_000})
    assert (await full.sweep()).parked == 1
    assert await page.ask("heartbeat") == {"ok": True}

    async def back() -> bool:
        return [row.visitor for row in await full.visitors()] == [visitor_of(t) for t in tickets]

    await eventually(back)
    await page.close()


async def test_an_open_socket_alone_keeps_nobody_present(
    register: Any, take_place: Any, full: Room, store: Store, site: Site, directory: Directory
) -> None:
    # A frozen page sends no heartbeats, though its connection may stay open for long.
    frozen, awake = await take_place(), await take_place()
    page = await register(frozen)
    line = site.services.hub.lines["full"]
    line.watchers[visitor_of(frozen)].heard_ms -= 60_000
    await store.redis.zadd(full.keys.seen, {visitor_of(frozen): now_ms() - 60_000})
    assert (await full.sweep()).parked == 1
    before = line.board_read_ms
    # Two more boards have not shown the visitor.
    await eventually_true(lambda: line.board_read_ms > before + 1_500)
    assert await store.redis.zscore(full.keys.waiting, visitor_of(frozen)) is None
    await give_seats(directory, 1)

    async def seated() -> list[str]:
        return [name.decode() for name in await store.redis.zrange(full.keys.active, 0, -1)]

    await eventually(seated)
    assert await seated() == [visitor_of(awake)]
    # Awake again, it stands where it stood.
    assert await page.ask("heartbeat") == {"ok": True}

    async def back() -> bool:
        return [row.visitor for row in await full.visitors()] == [visitor_of(frozen)]

    await eventually(back)
    await page.close()


# -- news -----------------------------------------------------------------------------------------


async def test_visitors_hear_when_the_line_moves(
    register: Any, take_place: Any, full: Room
) -> None:
    tickets = [await take_place() for _ in range(3)]
    page = await register(tickets[2])
    await full.leave(visitor_of(tickets[0]))
    assert (await page.hear("queue_update", patience_s=4))["position"] == 2
    await full.leave(visitor_of(tickets[1]))
    assert (await page.hear("queue_update", patience_s=4))["position"] == 1
    await page.close()


async def test_who_does_not_move_is_left_in_peace(
    register: Any, take_place: Any, site: Site
) -> None:
    page = await register(await take_place())
    line = site.services.hub.lines["full"]
    for _ in range(3):
        await take_place()
    before = line.board_read_ms
    await eventually_true(lambda: line.board_read_ms > before + 1_500)
    assert page.heard == []
    await page.close()


async def test_a_freed_seat_calls_the_head_of_the_line_within_a_second(
    register: Any, take_place: Any, directory: Directory
) -> None:
    first, second = await take_place(), await take_place()
    pages = [await register(first), await register(second)]
    started = now_ms()
    await give_seats(directory, 1)
    assert await pages[0].hear("admitted") == {"go_by_s": 120}
    assert now_ms() - started < 1_000
    assert (await pages[1].hear("queue_update"))["position"] == 1
    assert pages[1].count("admitted") == 0
    for page in pages:
        await page.close()


async def test_two_tabs_share_one_place_and_both_are_called(
    register: Any, take_place: Any, full: Room, directory: Directory
) -> None:
    ticket = await take_place()
    tabs = [await register(ticket) for _ in range(2)]
    assert (await full.figures()).waiting == 1
    await tabs[0].close()
    assert (await full.figures()).waiting == 1
    tabs[0] = await register(ticket)
    await give_seats(directory, 1)
    for tab in tabs:
        await tab.hear("admitted")
        await tab.close()
    assert (await full.figures()).active == 1


async def test_a_lost_hint_is_made_good_within_two_seconds(
    register: Any, take_place: Any, directory: Directory, store: Store, full: Room
) -> None:
    ticket = await take_place()
    page = await register(ticket)
    await store.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    # At once, so that whoever listened has no time to listen again.
    await give_seats(directory, 1)
    await full.admit()
    await page.hear("admitted", patience_s=3)
    await page.close()


async def test_a_hint_that_nobody_sent_is_not_needed(
    register: Any, take_place: Any, store: Store, full: Room
) -> None:
    # The visitor's seat appears without any message, as if it had been lost on the way.
    ticket = await take_place()
    page = await register(ticket)
    async with store.redis.pipeline(transaction=True) as pipe:
        pipe.zrem(full.keys.waiting, visitor_of(ticket))
        pipe.zrem(full.keys.seen, visitor_of(ticket))
        pipe.zadd(full.keys.active, {visitor_of(ticket): now_ms() + 60_000})
        await pipe.execute()
    await page.hear("admitted", patience_s=3)
    await page.close()


async def test_the_organisers_message_reaches_everybody(
    register: Any, take_place: Any, directory: Directory
) -> None:
    page = await register(await take_place())
    await directory.update("full", {"message": "Back at noon"}, who="test")
    assert await page.hear("message") == {"text": "Back at noon"}
    await directory.update("full", {"message": None}, who="test")
    assert await page.hear("message") == {"text": None}
    await page.close()


async def test_who_waits_hears_of_a_pause_and_of_its_end(
    register: Any, take_place: Any, directory: Directory
) -> None:
    page = await register(await take_place())
    await directory.update("full", {"queue_all": True}, who="test")
    assert (await page.hear("queue_update"))["state"] == "paused"
    await directory.update("full", {"queue_all": False}, who="test")
    assert (await page.hear("queue_update"))["state"] == "queueing"
    await page.close()


async def test_who_waits_hears_that_the_room_was_closed(
    register: Any, take_place: Any, directory: Directory
) -> None:
    page = await register(await take_place())
    await directory.update("full", {"closed": True}, who="test")
    answer = await page.hear("queue_update")
    assert (answer["status"], answer["position"]) == ("closed", None)
    await page.close()


async def test_suspending_a_room_lets_everybody_in(
    register: Any, take_place: Any, directory: Directory
) -> None:
    pages = [await register(await take_place()) for _ in range(2)]
    await directory.update("full", {"suspended": True}, who="test")
    for page in pages:
        await page.hear("admitted")
        await page.close()


async def test_who_waits_in_a_room_that_is_deleted_is_told(
    register: Any, take_place: Any, directory: Directory
) -> None:
    page = await register(await take_place())
    await directory.delete("full", who="test")
    assert (await page.hear("error"))["code"] == "room_not_found"
    await page.close()


async def test_who_gave_up_the_place_elsewhere_is_told_and_not_lined_up_again(
    register: Any, take_place: Any, http: httpx.AsyncClient, full: Room, directory: Directory
) -> None:
    ticket = await take_place()
    page = await register(ticket)
    await http.post("/__waitroom/full/leave", headers=ticket_cookie(ticket, "full"))
    assert (await page.hear("error"))["code"] == "bad_token"
    assert (await full.figures()).waiting == 0
    await give_seats(directory, 1)
    assert (await full.figures()).active == 0
    await page.close()
