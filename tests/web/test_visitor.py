"""What a visitor's browser, or an app without cookies, asks: enter, status, board, go, leave."""

from typing import Any

import httpx
import orjson
import pytest

from tests.conftest import SECRET_KEY
from tests.web.helpers import (
    TOKEN_MODE,
    Site,
    cookie_of,
    eventually,
    pass_of,
    shown,
    ticket_cookie,
    ticket_of,
)
from waitroom.clock import now_ms
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.room import Board, Directory, Room, Store
from waitroom.tokens import Pass, Ticket, Tokens

TOKENS = Tokens([SECRET_KEY])
FORGER = Tokens(["f" * 32])
VISITOR = "AAAAAAAAAAAAAAAAAAAAAA"
FIELDS = {
    "room",
    "status",
    "state",
    "position",
    "waiting",
    "active",
    "wait_s",
    "admitted_per_minute",
    "message",
    "title",
    "place_ttl_s",
    "poll_after_s",
}


def read(ticket: str, room: str = "shop") -> Ticket:
    return TOKENS.read_ticket(ticket, room)


async def free_seat(directory: Directory, room: str = "full", seats: int = 1) -> None:
    await directory.update(room, {"total_active_users": seats}, who="test")


# -- enter ----------------------------------------------------------------------------------------


async def test_a_visitor_takes_a_place_and_gets_it_as_a_cookie(
    http: httpx.AsyncClient, full: Room
) -> None:
    found = await http.post("/__waitroom/full/enter")
    answer = found.json()
    assert found.status_code == 200
    assert set(answer) == FIELDS
    assert (answer["room"], answer["status"], answer["state"]) == ("full", "waiting", "queueing")
    assert (answer["position"], answer["waiting"], answer["wait_s"]) == (1, 1, None)
    assert found.headers["cache-control"] == "no-store"
    assert int(found.headers["retry-after"]) == answer["poll_after_s"]
    placed_ms = read(ticket_of(found, "full"), "full").place / 1000
    assert abs(placed_ms - now_ms()) < 10_000


async def test_an_open_room_never_shows_a_splash(http: httpx.AsyncClient) -> None:
    found = await http.post("/__waitroom/shop/enter")
    assert (found.json()["status"], found.json()["position"]) == ("admitted", None)
    assert "retry-after" not in found.headers


async def test_entering_again_finds_the_same_place(http: httpx.AsyncClient, full: Room) -> None:
    first = await http.post("/__waitroom/full/enter")
    await http.post("/__waitroom/full/enter")
    ticket = ticket_of(first, "full")
    for _ in range(2):
        again = await http.post("/__waitroom/full/enter", headers=ticket_cookie(ticket, "full"))
        assert again.json()["position"] == 1
        assert ticket_of(again, "full") == ticket


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        FORGER.sign_ticket(Ticket("full", VISITOR, 1)),
        TOKENS.sign_ticket(Ticket("shop", VISITOR, 1)),
        TOKENS.sign_pass(Pass("full", VISITOR, 2**52, 0)),
    ],
    ids=["garbage", "forged", "other room", "a pass"],
)
async def test_a_cookie_that_does_not_count_gets_a_new_place(
    http: httpx.AsyncClient, full: Room, token: str
) -> None:
    await http.post("/__waitroom/full/enter")
    found = await http.post("/__waitroom/full/enter", headers=ticket_cookie(token, "full"))
    assert (found.status_code, found.json()["position"]) == (200, 2)
    assert read(ticket_of(found, "full"), "full").visitor != VISITOR


async def test_an_app_that_shows_a_bad_ticket_is_told(http: httpx.AsyncClient) -> None:
    for header in ("Ticket garbage", "ticket", "Bearer x"):
        headers = TOKEN_MODE | {"Authorization": header}
        found = await http.post("/__waitroom/shop/enter", headers=headers)
        assert (found.status_code, found.json()["error"]) == (401, "bad_token"), header


async def test_the_password_of_a_site_is_not_taken_for_a_ticket(
    http: httpx.AsyncClient, full: Room
) -> None:
    password = {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}
    entered = await http.post("/__waitroom/full/enter", headers=password)
    ticket = ticket_cookie(ticket_of(entered, "full"), "full")
    again = await http.get("/__waitroom/full/status", headers=password | ticket)
    assert again.json()["position"] == 1


async def test_the_scheme_is_read_in_any_case(http: httpx.AsyncClient, full: Room) -> None:
    ticket = (await http.post("/__waitroom/full/enter", headers=TOKEN_MODE)).json()["ticket"]
    headers = TOKEN_MODE | {"Authorization": f"TICKET {ticket}"}
    assert (await http.get("/__waitroom/full/status", headers=headers)).status_code == 200


async def test_token_mode_answers_with_a_ticket_and_sets_no_cookie(
    http: httpx.AsyncClient, full: Room
) -> None:
    found = await http.post("/__waitroom/full/enter", headers=TOKEN_MODE)
    assert "set-cookie" not in found.headers
    assert set(found.json()) == FIELDS | {"ticket"}
    again = await http.get("/__waitroom/full/status", headers=shown(found.json()["ticket"]))
    assert again.json()["ticket"] == found.json()["ticket"]


async def test_token_mode_answers_with_a_pass_once_admitted(
    http: httpx.AsyncClient, room: Room
) -> None:
    found = await http.post("/__waitroom/shop/enter", headers=TOKEN_MODE)
    assert found.json()["status"] == "admitted"
    granted = TOKENS.read_pass(found.json()["pass"], "shop", epoch=0, now_ms=now_ms())
    assert granted.visitor == read(found.json()["ticket"]).visitor
    # The seat is in use: an app has no `go`.
    figures = await room.figures()
    assert (figures.active, figures.unclaimed) == (1, 0)


async def test_of_several_tickets_the_one_that_verifies_counts(
    http: httpx.AsyncClient, full: Room
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    name = ticket_cookie_name("full")
    header = {"Cookie": f"{name}=old; theirs=\u00ff; {name}={ticket}"}
    found = await http.post(
        "/__waitroom/full/enter", headers=[(b"cookie", header["Cookie"].encode("latin-1"))]
    )
    assert (found.status_code, ticket_of(found, "full")) == (200, ticket)


async def test_a_ticket_split_over_two_cookie_headers_is_found(
    http: httpx.AsyncClient, full: Room
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    mine = f"{ticket_cookie_name('full')}={ticket}"
    found = await http.post(
        "/__waitroom/full/enter", headers=[("Cookie", "theirs=1"), ("Cookie", mine)]
    )
    assert ticket_of(found, "full") == ticket


# -- cookies --------------------------------------------------------------------------------------


async def test_the_ticket_cookie_is_first_party_and_out_of_reach(http: httpx.AsyncClient) -> None:
    found = cookie_of(await http.post("/__waitroom/shop/enter"), ticket_cookie_name("shop"))
    assert found["httponly"] and not found["secure"]
    assert (found["samesite"], found["path"], found["domain"]) == ("Lax", "/", "")
    assert int(found["max-age"]) >= 3_600


@pytest.mark.parametrize(
    ("proto", "secure"), [("https", True), ("http", False), ("HTTPS, http", True)]
)
async def test_cookies_are_secure_on_https(
    http: httpx.AsyncClient, proto: str, secure: bool
) -> None:
    headers = {"X-Forwarded-Proto": proto}
    entered = await http.post("/__waitroom/shop/enter", headers=headers)
    assert bool(cookie_of(entered, ticket_cookie_name("shop"))["secure"]) is secure
    headers |= ticket_cookie(ticket_of(entered))
    went = await http.get("/__waitroom/shop/go", headers=headers)
    assert bool(cookie_of(went, pass_cookie_name("shop"))["secure"]) is secure
    left = await http.post("/__waitroom/shop/leave", headers=headers)
    assert bool(cookie_of(left, ticket_cookie_name("shop"))["secure"]) is secure


# -- status ---------------------------------------------------------------------------------------


async def test_status_without_a_ticket_is_refused(http: httpx.AsyncClient) -> None:
    for headers in ({}, {"Cookie": "other=1"}, ticket_cookie("garbage")):
        found = await http.get("/__waitroom/shop/status", headers=headers)
        assert (found.status_code, found.json()["error"]) == (401, "bad_token")


async def test_status_says_the_same_as_enter_and_when_to_ask_again(
    http: httpx.AsyncClient, full: Room
) -> None:
    entered = await http.post("/__waitroom/full/enter")
    ticket = ticket_cookie(ticket_of(entered, "full"), "full")
    found = await http.get("/__waitroom/full/status", headers=ticket)
    assert set(found.json()) == FIELDS
    assert found.json()["position"] == entered.json()["position"] == 1
    assert int(found.headers["retry-after"]) == found.json()["poll_after_s"]


async def test_status_counts_as_a_heartbeat(
    http: httpx.AsyncClient, full: Room, store: Store
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    visitor = read(ticket, "full").visitor
    await store.redis.zadd(full.keys.seen, {visitor: 1})
    await http.get("/__waitroom/full/status", headers=ticket_cookie(ticket, "full"))
    assert await store.redis.zscore(full.keys.seen, visitor) > now_ms() - 60_000


async def test_who_was_silent_stands_as_before_on_return(
    http: httpx.AsyncClient, full: Room, store: Store
) -> None:
    tickets = [ticket_of(await http.post("/__waitroom/full/enter"), "full") for _ in range(3)]
    silent = read(tickets[1], "full").visitor
    await store.redis.zadd(full.keys.seen, {silent: now_ms() - 60_000})
    assert (await full.sweep()).parked == 1
    await eventually(lambda: _position(http, tickets[2], 2))
    found = await http.get("/__waitroom/full/status", headers=ticket_cookie(tickets[1], "full"))
    assert found.json()["position"] == 2
    assert ticket_of(found, "full") == tickets[1]


async def _position(http: httpx.AsyncClient, ticket: str, expected: int) -> bool:
    found = await http.get("/__waitroom/full/status", headers=ticket_cookie(ticket, "full"))
    return bool(found.json()["position"] == expected)


async def test_a_spent_ticket_makes_a_new_visitor_at_the_tail(
    http: httpx.AsyncClient, room: Room, directory: Directory
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/shop/enter"))
    await room.leave(read(ticket).visitor)
    await directory.update("shop", {"total_active_users": 0}, who="test")
    found = await http.get("/__waitroom/shop/status", headers=ticket_cookie(ticket))
    assert found.json()["status"] == "waiting"
    assert read(ticket_of(found)).visitor != read(ticket).visitor
    assert read(ticket_of(found)).place > read(ticket).place


async def test_a_seat_that_is_freed_goes_to_the_head_of_the_line(
    http: httpx.AsyncClient, full: Room, directory: Directory
) -> None:
    tickets = [ticket_of(await http.post("/__waitroom/full/enter"), "full") for _ in range(2)]
    await free_seat(directory)

    async def statuses() -> Any:
        found = [
            await http.get("/__waitroom/full/status", headers=ticket_cookie(ticket, "full"))
            for ticket in tickets
        ]
        return [each.json()["status"] for each in found] == ["admitted", "waiting"]

    await eventually(statuses)


# -- board ----------------------------------------------------------------------------------------


async def test_the_board_is_public_for_a_second_and_holds_nobodys_name(
    http: httpx.AsyncClient, full: Room
) -> None:
    tickets = [ticket_of(await http.post("/__waitroom/full/enter"), "full") for _ in range(3)]

    async def counted() -> Any:
        found = await http.get("/__waitroom/full/board")
        return found if orjson.loads(found.content)["waiting"] == 3 else None

    found = await eventually(counted)
    assert found.headers["cache-control"] == "public, max-age=1"
    assert "set-cookie" not in found.headers
    board = Board.parse(found.content)
    for i, ticket in enumerate(tickets):
        assert board.position(read(ticket, "full").place) == i + 1
        assert read(ticket, "full").visitor not in found.text


async def test_the_board_of_a_very_long_line_stays_small(
    http: httpx.AsyncClient, full: Room, store: Store
) -> None:
    # Places as they really are, with gaps; heartbeats do not matter to the board.
    now_us = now_ms() * 1000
    line = {f"{i:022d}": now_us - 60_000_000_000 + i * 137 for i in range(100_000)}
    await store.redis.zadd(full.keys.waiting, line)

    async def counted() -> Any:
        found = await http.get("/__waitroom/full/board")
        return found if orjson.loads(found.content)["waiting"] == len(line) else None

    found = await eventually(counted)
    assert len(found.content) < 20_000


# -- what the organiser decides -------------------------------------------------------------------


async def test_a_closed_room_refuses_newcomers_with_its_message(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await directory.create("past", {"closed": True, "message": "See you"}, who="test")
    found = await http.post("/__waitroom/past/enter")
    answer = found.json()
    assert (answer["status"], answer["state"]) == ("closed", "closed")
    assert (answer["position"], answer["message"]) == (None, "See you")
    assert "set-cookie" not in found.headers
    assert int(found.headers["retry-after"]) >= 1


async def test_a_draining_room_refuses_newcomers_and_lets_the_line_in(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    sale = await directory.create("sale", {"total_active_users": 0, "message": "Over"}, who="test")
    mine = await http.post("/__waitroom/sale/enter")
    ticket = {"Cookie": f"waitroom_ticket_sale={mine.cookies['waitroom_ticket_sale']}"}
    http.cookies.clear()
    await directory.update("sale", {"draining": True}, who="test")
    found = await http.post("/__waitroom/sale/enter")
    answer = found.json()
    assert (answer["status"], answer["position"], answer["message"]) == ("closed", None, "Over")
    assert "set-cookie" not in found.headers
    page = await http.get("/__waitroom/sale?nojs=1&return_to=/")
    assert "Closed for now" in page.text

    async def known() -> bool:
        found = (await http.get("/__waitroom/sale/status", headers=ticket)).json()
        assert (found["status"], found["position"]) == ("waiting", 1)
        return bool(found["state"] == "draining")

    await eventually(known)
    await directory.update("sale", {"total_active_users": 1}, who="test")
    await sale.admit()
    assert (await http.get("/__waitroom/sale/status", headers=ticket)).json()[
        "status"
    ] == "admitted"
    going = await http.get("/__waitroom/sale/go?return_to=/buy", headers=ticket)
    assert (going.status_code, going.headers["location"]) == (303, "/buy")


async def test_a_suspended_room_lets_everybody_through_without_a_seat(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    free = await directory.create("free", {"suspended": True, "total_active_users": 0}, who="test")
    entered = await http.post("/__waitroom/free/enter")
    assert (entered.json()["status"], entered.json()["state"]) == ("admitted", "suspended")
    ticket = ticket_cookie(ticket_of(entered, "free"), "free")
    found = await http.get("/__waitroom/free/go?return_to=/seat", headers=ticket)
    assert (found.status_code, found.headers["location"]) == (303, "/seat")
    # Only until every edge has heard of it.
    granted = TOKENS.read_pass(pass_of(found, "free"), "free", epoch=0, now_ms=now_ms())
    assert granted.deadline_ms < now_ms() + 60_000
    assert (await free.figures()).active == 0


async def test_a_paused_room_holds_everybody_and_says_so(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await directory.create("held", {"queue_all": True}, who="test")
    found = await http.post("/__waitroom/held/enter")
    answer = found.json()
    assert (answer["status"], answer["state"], answer["position"]) == ("waiting", "paused", 1)
    assert answer["wait_s"] is None


async def test_title_and_message_of_the_room_are_in_the_answer(
    http: httpx.AsyncClient, directory: Directory, site: Site
) -> None:
    await directory.create("fair", {"title": "Fair", "message": "Soon"}, who="test")
    answer = (await http.post("/__waitroom/fair/enter")).json()
    assert (answer["title"], answer["message"]) == ("Fair", "Soon")
    # A change counts within a second or two in every process.
    await directory.update("fair", {"message": None}, who="test")

    async def changed() -> bool:
        return (await http.post("/__waitroom/fair/enter")).json()["message"] is None

    await eventually(changed)
