"""What a splash page says over its socket and what it hears."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import socketio

from tests.conftest import SECRET_KEY
from tests.web.helpers import (
    SOCKET_PATH,
    TOKEN_MODE,
    Page,
    Site,
    eventually,
    eventually_true,
    ticket_cookie,
    ticket_of,
)
from waitroom.clock import now_ms
from waitroom.live.holders import Holders
from waitroom.room import Directory, Room, Store
from waitroom.tokens import Ticket, Tokens

TOKENS = Tokens([SECRET_KEY])
OpenPage = Callable[..., Any]


def visitor_of(ticket: str, room: str = "full") -> str:
    return TOKENS.read_ticket(ticket, room).visitor


@pytest.fixture
def take_place(http: httpx.AsyncClient) -> Callable[..., Any]:
    """Return a way to take a place by HTTP; it gives the ticket."""

    async def take(room: str = "full") -> str:
        return ticket_of(await http.post(f"/__waitroom/{room}/enter"), room)

    return take


@pytest.fixture
def register(open_page: OpenPage, full: Room) -> Callable[..., Any]:
    """Return a way to open a page that waits in the full room; it has heard the first answer."""

    async def registered(ticket: str, room: str = "full") -> Page:
        page: Page = await open_page(Cookie=ticket_cookie(ticket, room)["Cookie"])
        assert await page.register(room) == {"ok": True}
        await page.hear("queue_update")
        return page

    return registered


async def give_seats(directory: Directory, seats: int, room: str = "full") -> None:
    await directory.update(room, {"total_active_users": seats}, who="test")


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


# -- a socket is not a visitor --------------------------------------------------------------------


async def test_disconnect_is_not_leave(
    register: Any, take_place: Any, full: Room, site: Site
) -> None:
    ticket = await take_place()
    page = await register(ticket)
    page.ws._conn.transport.abort() if page.ws._conn else None
    await eventually_true(lambda: len(site.services.sockets) == 0)
    assert site.services.hub.lines["full"].watchers == {}
    assert (await full.visitors())[0].visitor == visitor_of(ticket)
    again = await register(ticket)
    await again.close()


async def test_a_page_can_change_rooms(
    register: Any, take_place: Any, directory: Directory, full: Room, site: Site, http: Any
) -> None:
    await directory.create("fair", {"total_active_users": 0}, who="test")
    page = await register(await take_place())
    ticket = (await http.post("/__waitroom/fair/enter", headers=TOKEN_MODE)).json()["ticket"]
    assert await page.register("fair", ticket=ticket) == {"ok": True}
    lines = site.services.hub.lines
    assert (len(lines["full"].watchers), len(lines["fair"].watchers)) == (0, 1)
    await page.close()


# -- one connection only --------------------------------------------------------------------------


@pytest.fixture
async def single(directory: Directory) -> Room:
    return await directory.create(
        "single", {"total_active_users": 0, "second_connection": "refuse"}, who="test"
    )


async def test_a_second_connection_is_refused_and_the_first_stays(
    register: Any, take_place: Any, open_page: OpenPage, single: Room
) -> None:
    ticket = await take_place("single")
    first = await register(ticket, "single")
    second = await open_page(Cookie=ticket_cookie(ticket, "single")["Cookie"])
    assert (await second.register("single"))["error"] == "already_connected"
    assert (await second.hear("error"))["code"] == "already_connected"
    assert await first.ask("heartbeat") == {"ok": True}
    assert await first.register("single") == {"ok": True}
    assert (await single.figures()).waiting == 1
    # What the refused one does frees nothing.
    await second.close()
    third = await open_page(Cookie=ticket_cookie(ticket, "single")["Cookie"])
    assert (await third.register("single"))["error"] == "already_connected"
    await first.close()

    async def taken() -> bool:
        return bool(await third.register("single") == {"ok": True})

    await eventually(taken)
    await third.close()


async def test_a_connection_that_died_without_a_word_holds_no_more_after_a_while(
    single: Room, store: Store
) -> None:
    holders = Holders(store)
    await holders.hold(single, "visitor", "first")
    left_ms = await store.redis.pttl(single.keys.holder("visitor"))
    assert 0 < left_ms <= 30_000
    await store.redis.delete(single.keys.holder("visitor"))
    await holders.hold(single, "visitor", "second")
    # Awake again, the first one takes nothing away from the second.
    with pytest.raises(Exception, match="another tab"):
        await holders.renew(single, "visitor", "first")
    await holders.release(single, "visitor", "first")
    assert await store.redis.get(single.keys.holder("visitor")) == b"second"


async def test_heartbeats_keep_the_connection_held(single: Room, store: Store) -> None:
    holders = Holders(store)
    key = single.keys.holder("visitor")
    await holders.hold(single, "visitor", "first")
    await store.redis.pexpire(key, 100)
    await holders.renew(single, "visitor", "first")
    assert await store.redis.pttl(key) > 10_000
    # Lost with its data, it is held again.
    await store.redis.delete(key)
    await holders.renew(single, "visitor", "first")
    assert await store.redis.get(key) == b"first"


async def test_changing_rooms_lets_go_of_the_first_one(
    register: Any, take_place: Any, single: Room, http: Any, store: Store, room: Room
) -> None:
    ticket = await take_place("single")
    page = await register(ticket, "single")
    other = (await http.post("/__waitroom/shop/enter", headers=TOKEN_MODE)).json()["ticket"]
    assert await page.register("shop", ticket=other) == {"ok": True}
    assert not await store.redis.exists(single.keys.holder(visitor_of(ticket, "single")))
    await page.close()


# -- who may connect ------------------------------------------------------------------------------


async def test_polling_is_refused(http: httpx.AsyncClient) -> None:
    found = await http.get("/__waitroom/socket.io/?EIO=4&transport=polling")
    assert found.status_code == 400


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://{host}"}, True),
        ({"Origin": "https://{host}", "X-Forwarded-Proto": "https"}, True),
        ({"Origin": "https://{host}"}, False),
        (
            {
                "Origin": "https://shop.example",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "shop.example",
            },
            True,
        ),
        ({"Origin": "https://shop.example", "Host": "shop.example:443"}, False),
    ],
)
async def test_a_page_of_another_site_opens_no_socket(
    links: Any, site: Site, headers: dict[str, str], allowed: bool
) -> None:
    host = site.url.removeprefix("http://")
    sent = {name: value.format(host=host) for name, value in headers.items()}
    try:
        ws = await links.ws_connect(site.url + SOCKET_PATH, headers=sent)
        first = await ws.receive(timeout=5)
        opened = isinstance(first.data, str) and first.data.startswith("0{")
        await ws.close()
    except Exception as e:
        assert "status" in str(e) or "403" in str(e) or "400" in str(e)
        opened = False
    assert opened is allowed


async def test_a_ticket_in_an_address_is_not_looked_at(
    links: Any, site: Site, full: Room, take_place: Any
) -> None:
    ticket = await take_place()
    page = await Page.open(links, site.url)
    assert (await page.register("full"))["error"] == "bad_token"
    await page.close()
    assert TOKENS.read_ticket(ticket, "full") == Ticket(
        "full", visitor_of(ticket), TOKENS.read_ticket(ticket, "full").place
    )
