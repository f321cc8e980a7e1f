"""How a visitor goes to the site, and how they give up place or seat."""

import httpx

from tests.conftest import SECRET_KEY
from tests.web.helpers import (
    PAGE,
    TOKEN_MODE,
    cookie_of,
    pass_of,
    shown,
    ticket_cookie,
    ticket_of,
)
from waitroom.clock import now_ms
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.room import Directory, Room, Store
from waitroom.tokens import Ticket, Tokens

TOKENS = Tokens([SECRET_KEY])
FORGER = Tokens(["f" * 32])
VISITOR = "AAAAAAAAAAAAAAAAAAAAAA"


def read(ticket: str, room: str = "shop") -> Ticket:
    return TOKENS.read_ticket(ticket, room)


# -- go -------------------------------------------------------------------------------------------


async def test_an_admitted_visitor_goes_to_the_page_first_asked_for(
    http: httpx.AsyncClient, room: Room
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/shop/enter"))
    found = await http.get(
        "/__waitroom/shop/go?return_to=/seat%3Frow%3D1%26x%3D%2525", headers=ticket_cookie(ticket)
    )
    assert (found.status_code, found.headers["location"]) == (303, "/seat?row=1&x=%25")
    assert found.headers["cache-control"] == "no-store"
    granted = TOKENS.read_pass(pass_of(found), "shop", epoch=0, now_ms=now_ms())
    assert granted.visitor == read(ticket).visitor
    assert granted.deadline_ms > now_ms() + 200_000
    cookie = cookie_of(found, pass_cookie_name("shop"))
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
    # The browser keeps it for one session after the seat's end; see identity.py.
    assert 500 < int(cookie["max-age"]) <= 600
    assert (await room.figures()).unclaimed == 0


async def test_going_twice_is_as_good_as_once(http: httpx.AsyncClient, room: Room) -> None:
    ticket = ticket_cookie(ticket_of(await http.post("/__waitroom/shop/enter")))
    for _ in range(2):
        found = await http.get("/__waitroom/shop/go", headers=ticket)
        assert (found.status_code, found.headers["location"]) == (303, "/")
        assert pass_of(found)
    assert (await room.figures()).active == 1


async def test_who_is_not_admitted_is_led_back_to_the_splash(
    http: httpx.AsyncClient, full: Room
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    for headers in (ticket_cookie(ticket, "full"), {}, ticket_cookie("garbage", "full")):
        found = await http.get("/__waitroom/full/go?return_to=/seat?row=1", headers=headers)
        assert found.status_code == 303
        assert found.headers["location"] == "/__waitroom/full?return_to=%2Fseat%3Frow%3D1"
        assert cookie_of(found, pass_cookie_name("full")) is None


async def test_going_never_leads_to_another_host(http: httpx.AsyncClient) -> None:
    ticket = ticket_cookie(ticket_of(await http.post("/__waitroom/shop/enter")))
    for hostile in ("//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil"):
        found = await http.get("/__waitroom/shop/go", params={"return_to": hostile}, headers=ticket)
        location = found.headers.get("location", "/")
        assert location.startswith("/") and not location.startswith(("//", "/\\")), hostile
    found = await http.get("/__waitroom/shop/go?return_to=%2F%2Fevil.example", headers=ticket)
    assert (found.status_code, found.json()["error"]) == (400, "bad_return_to")
    # Nothing was claimed for it.
    assert "set-cookie" not in found.headers


async def test_a_pass_brings_back_a_seat_that_redis_lost(
    http: httpx.AsyncClient, room: Room, store: Store, directory: Directory
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/shop/enter"))
    went = await http.get("/__waitroom/shop/go", headers=ticket_cookie(ticket))
    await store.redis.delete(room.keys.active, room.keys.unclaimed)
    await directory.update("shop", {"queue_all": True}, who="test")
    held = {"Cookie": f"{pass_cookie_name('shop')}={pass_of(went)}"}
    both = {"Cookie": "; ".join([ticket_cookie(ticket)["Cookie"], held["Cookie"]])}
    found = await http.get("/__waitroom/shop/status", headers=both)
    assert found.json()["status"] == "admitted"


# -- leave ----------------------------------------------------------------------------------------


async def test_leaving_gives_up_the_place_and_can_be_repeated(
    http: httpx.AsyncClient, full: Room
) -> None:
    ticket = ticket_cookie(ticket_of(await http.post("/__waitroom/full/enter"), "full"), "full")
    answers = [await http.post("/__waitroom/full/leave", headers=ticket) for _ in range(2)]
    assert [found.json() for found in answers] == [
        {"room": "full", "left": "place"},
        {"room": "full", "left": None},
    ]
    for found in answers:
        for name in (ticket_cookie_name("full"), pass_cookie_name("full")):
            assert cookie_of(found, name)["max-age"] == "0"
    assert (await full.figures()).waiting == 0


async def test_leaving_gives_up_the_seat(http: httpx.AsyncClient, room: Room) -> None:
    entered = await http.post("/__waitroom/shop/enter", headers=TOKEN_MODE)
    found = await http.post("/__waitroom/shop/leave", headers=shown(entered.json()["ticket"]))
    assert found.json()["left"] == "seat"
    assert (await room.figures()).active == 0


async def test_leaving_without_a_ticket_changes_nothing(
    http: httpx.AsyncClient, full: Room
) -> None:
    await http.post("/__waitroom/full/enter")
    found = await http.post("/__waitroom/full/leave")
    assert (found.status_code, found.json()["left"]) == (200, None)
    assert (await full.figures()).waiting == 1


async def test_a_browser_without_scripts_leaves_by_a_form(
    http: httpx.AsyncClient, full: Room
) -> None:
    ticket = ticket_cookie(ticket_of(await http.post("/__waitroom/full/enter"), "full"), "full")
    found = await http.post("/__waitroom/full/leave", headers=ticket | PAGE)
    assert found.headers["content-type"].startswith("text/html")
    assert cookie_of(found, ticket_cookie_name("full"))["max-age"] == "0"
