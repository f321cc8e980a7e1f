"""What a browser that holds a pass is told: the pass comes first, and a ticket ends at the door."""

import httpx

from tests.conftest import SECRET_KEY
from tests.web.helpers import PAGE, Site, cookie_of
from waitroom.clock import now_ms
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.room import Directory, Room, Store
from waitroom.tokens import Tokens

SHOP = "/__waitroom/shop"
TOKENS = Tokens([SECRET_KEY])
TICKET, PASS = ticket_cookie_name("shop"), pass_cookie_name("shop")


async def come_in(http: httpx.AsyncClient) -> tuple[dict[str, str], dict[str, str]]:
    """Return the cookies of a visitor before and after the door."""
    entered = await http.post(f"{SHOP}/enter")
    ticket = {"Cookie": f"{TICKET}={cookie_of(entered, TICKET).value}"}
    gone = await http.get(f"{SHOP}/go?return_to=/seats", headers=ticket)
    assert (gone.status_code, gone.headers["location"]) == (303, "/seats")
    dropped = cookie_of(gone, TICKET)
    assert (dropped.value, dropped["max-age"]) == ("", "0")
    return ticket, {"Cookie": f"{PASS}={cookie_of(gone, PASS).value}"}


async def test_the_ticket_is_given_up_at_the_door_and_the_pass_does_for_all(
    http: httpx.AsyncClient, room: Room
) -> None:
    _, inside = await come_in(http)
    for found in (
        await http.get(f"{SHOP}/status", headers=inside),
        await http.post(f"{SHOP}/enter", headers=inside),
    ):
        assert found.json()["status"] == "admitted"
        assert TICKET not in found.headers.get("set-cookie", "")
    again = await http.get(f"{SHOP}/go?return_to=/b", headers=inside)
    assert (again.status_code, again.headers["location"]) == (303, "/b")
    assert (await room.figures()).active == 1


async def test_going_in_can_be_repeated_when_the_answer_was_lost(
    http: httpx.AsyncClient, room: Room
) -> None:
    ticket, _ = await come_in(http)
    again = await http.get(f"{SHOP}/go?return_to=/seats", headers=ticket)
    assert (again.status_code, again.headers["location"]) == (303, "/seats")
    figures = await room.figures()
    assert (figures.active, figures.counters["claimed"]) == (1, 1)


async def test_leaving_with_the_pass_alone_frees_the_seat(
    http: httpx.AsyncClient, room: Room
) -> None:
    _, inside = await come_in(http)
    found = await http.post(f"{SHOP}/leave", headers=inside)
    assert found.json()["left"] == "seat"
    assert (await room.figures()).active == 0
    # The pass is of no more use, though it has not run out.
    found = await http.get(f"{SHOP}/status", headers=inside)
    assert (found.status_code, found.json()["error"]) == (401, "bad_token")


async def test_a_pass_brings_back_a_seat_that_redis_lost(
    http: httpx.AsyncClient, room: Room, store: Store
) -> None:
    _, inside = await come_in(http)
    await store.redis.unlink(room.keys.active, room.keys.unclaimed)
    assert (await http.get(f"{SHOP}/status", headers=inside)).json()["status"] == "admitted"
    figures = await room.figures()
    assert (figures.active, figures.counters["restored"]) == (1, 1)


async def test_a_new_epoch_sends_whoever_is_inside_to_the_tail(
    http: httpx.AsyncClient, directory: Directory, room: Room
) -> None:
    _, inside = await come_in(http)
    await directory.update("shop", {"epoch": 1, "total_active_users": 0}, who="test")
    other = await room.enter("B" * 22)
    assert (await http.get(f"{SHOP}/status", headers=inside)).status_code == 401
    found = await http.post(f"{SHOP}/enter", headers=inside)
    assert (found.json()["status"], found.json()["position"]) == ("waiting", 2)
    assert other.position == 1


async def test_a_browser_in_a_suspended_room_gets_through_an_edge_that_has_not_heard_of_it(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await directory.update("shop", {"total_active_users": 0}, who="test")
    entered = await http.post(f"{SHOP}/enter")
    await directory.update("shop", {"suspended": True}, who="test")
    ticket = {"Cookie": f"{TICKET}={cookie_of(entered, TICKET).value}"}
    found = await http.get(f"{SHOP}/go?return_to=/seats", headers=ticket)
    assert (found.status_code, found.headers["location"]) == (303, "/seats")
    assert cookie_of(found, PASS).value


async def test_whoever_is_admitted_just_after_a_new_epoch_gets_a_pass_of_it(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    entered = await http.post(f"{SHOP}/enter")
    ticket = {"Cookie": f"{TICKET}={cookie_of(entered, TICKET).value}"}
    # The web process reads settings once a second; this one it has not heard of yet.
    await directory.update("shop", {"epoch": 7}, who="test")
    await http.post(f"{SHOP}/enter", headers=ticket)
    gone = await http.get(f"{SHOP}/go?return_to=/", headers=ticket)
    granted = TOKENS.read_pass(cookie_of(gone, PASS).value, "shop", epoch=7, now_ms=now_ms())
    assert granted.epoch == 7


async def test_a_pass_to_a_suspended_room_is_worth_no_seat_afterwards(
    http: httpx.AsyncClient, directory: Directory, room: Room
) -> None:
    await directory.update("shop", {"total_active_users": 0}, who="test")
    entered = await http.post(f"{SHOP}/enter")
    await directory.update("shop", {"suspended": True}, who="test")
    ticket = {"Cookie": f"{TICKET}={cookie_of(entered, TICKET).value}"}
    gone = await http.get(f"{SHOP}/go?return_to=/", headers=ticket)
    await directory.update("shop", {"suspended": False, "total_active_users": 5}, who="test")
    await directory.update("shop", {"queue_all": True}, who="test")
    inside = {"Cookie": f"{PASS}={cookie_of(gone, PASS).value}"}
    assert (await http.get(f"{SHOP}/status", headers=inside)).status_code == 401
    assert (await room.figures()).active == 0


async def test_a_page_without_scripts_comes_back_by_itself_after_a_fault(
    http: httpx.AsyncClient, site: Site, store: Store
) -> None:
    await store.redis.rename("waitroom:{shop}:settings", "kept")
    try:
        found = await http.get(f"{SHOP}?nojs=1&return_to=/", headers=PAGE)
    finally:
        await store.redis.rename("kept", "waitroom:{shop}:settings")
    assert found.status_code == 503
    assert 'http-equiv="refresh"' in found.text
