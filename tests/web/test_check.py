"""What proxies ask before each request: who may ask, who is let through, who is held."""

import httpx
import pytest

from tests.conftest import EDGE_TOKEN
from tests.web.checks import (
    BROWSER,
    FULL,
    NGINX,
    PROGRAM,
    ROUTES,
    TOKENS,
    VISITOR,
    Ask,
    asking,
    becomes,
    cookies,
    knows,
    make_full,
    proxied,
    seat,
    with_pass,
)
from tests.web.helpers import eventually
from waitroom.clock import now_ms, now_us
from waitroom.room import Directory, Room
from waitroom.tokens import Ticket


@pytest.fixture
async def room(directory: Directory) -> Room:
    """Return a room in front of `/shop`, with seats."""
    return await directory.create("shop", ROUTES, who="test")


@pytest.fixture
async def ask(http: httpx.AsyncClient, room: Room) -> Ask:
    """Return a way to ask as a proxy does, of a process that knows the room."""
    await eventually(lambda: knows(http))
    return asking(http)


# -- who may ask ----------------------------------------------------------------------------------


async def test_a_wrong_token_is_neither_a_line_nor_an_open_door(
    http: httpx.AsyncClient, room: Room
) -> None:
    for token in ("", "x", EDGE_TOKEN + "x", EDGE_TOKEN.upper(), "\u00ff"):
        for name, value in (
            ("Waitroom-Edge-Token", token),
            ("Authorization", f"Bearer {token}".strip()),
        ):
            shown = proxied() | NGINX | {"Waitroom-Edge-Token": "", name: value}
            found = await http.get(
                "/api/edge/check",
                headers=[(key.encode(), text.encode("latin-1")) for key, text in shown.items()],
            )
            assert (found.status_code, found.json()["error"]) == (500, "unauthorized"), value
            assert EDGE_TOKEN not in found.text


async def test_the_token_may_be_a_bearer_token(ask: Ask) -> None:
    found = await ask(Waitroom_Edge_Token="", Authorization=f"Bearer {EDGE_TOKEN}")
    assert found.status_code == 204


async def test_a_visitors_own_authorization_does_not_matter(ask: Ask) -> None:
    assert (await ask(Authorization="Bearer of-the-site")).status_code == 204
    wrong = await ask(Waitroom_Edge_Token="x" * 40, Authorization=f"Bearer {EDGE_TOKEN}")
    assert wrong.status_code == 500


@pytest.mark.parametrize("name", ["X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Host"])
async def test_a_proxy_that_does_not_tell_the_request_is_refused(
    ask: Ask, http: httpx.AsyncClient, name: str
) -> None:
    for extra in (FULL, NGINX):
        shown = list((proxied() | extra).items())
        without = [pair for pair in shown if pair[0] != name]
        # Two of one name: the proxy's and the visitor's.
        for headers in (without, [*without, (name, "")], [*shown, (name, "/free")]):
            found = await http.get("/api/edge/check", headers=headers)
            assert (found.status_code, found.json()["error"]) == (400, "bad_check")
            assert name in found.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_a_proxy_may_ask_with_the_visitors_method(
    ask: Ask, http: httpx.AsyncClient, method: str
) -> None:
    found = await http.request(method, "/api/edge/check", headers=proxied(**PROGRAM))
    assert (found.status_code, found.content) == (204, b"")


# -- let through ----------------------------------------------------------------------------------


async def test_an_open_room_lets_a_visitor_in_with_a_pass(ask: Ask, room: Room) -> None:
    found = await ask(**BROWSER)
    assert found.status_code == 204
    assert found.headers["waitroom-gate"] == "shop"
    assert TOKENS.read_origin(found.headers["waitroom-origin"], now_ms=now_ms()).deadline_ms
    assert found.headers["cache-control"] == "no-store"
    cookie = cookies(found)["waitroom_pass_shop"]
    assert (cookie["path"], cookie["samesite"], cookie["httponly"], cookie["secure"]) == (
        "/",
        "Lax",
        True,
        True,
    )
    # nginx copies single headers only.
    assert found.headers["waitroom-pass-cookie"] == found.headers["set-cookie"]
    assert "waitroom-ticket-cookie" not in found.headers
    again = await ask(**BROWSER, **with_pass(cookie.value))
    assert (again.status_code, again.headers["waitroom-gate"]) == (204, "shop")
    assert "set-cookie" not in again.headers
    figures = await room.figures()
    assert (figures.active, figures.counters["claimed"]) == (1, 1)


async def test_a_ticket_is_given_up_at_the_door(ask: Ask) -> None:
    ticket = TOKENS.sign_ticket(Ticket("shop", VISITOR, now_us()))
    found = await ask(**BROWSER, Cookie=f"waitroom_ticket_shop={ticket}")
    jar = cookies(found)
    assert (jar["waitroom_ticket_shop"].value, jar["waitroom_ticket_shop"]["max-age"]) == ("", "0")
    granted = TOKENS.read_pass(jar["waitroom_pass_shop"].value, "shop", epoch=0, now_ms=now_ms())
    assert granted.visitor == VISITOR
    assert found.headers["waitroom-ticket-cookie"].startswith("waitroom_ticket_shop=;")
    assert found.headers["waitroom-pass-cookie"].startswith("waitroom_pass_shop=")


async def test_by_plain_http_cookies_are_not_secure(ask: Ask) -> None:
    found = await ask(**BROWSER, X_Forwarded_Proto="http")
    assert not cookies(found)["waitroom_pass_shop"]["secure"]


@pytest.mark.parametrize(
    "uri", ["/", "/free", "/shopping", "/__waitroom/shop", "/__waitroom/x/y?z"]
)
async def test_what_no_room_guards_goes_through_uncounted(ask: Ask, room: Room, uri: str) -> None:
    found = await ask(uri, **BROWSER)
    assert found.status_code == 204
    assert "waitroom-gate" not in found.headers
    assert "waitroom-origin" in found.headers
    assert "set-cookie" not in found.headers
    assert (await room.figures()).active == 0


async def test_a_bypass_rule_sees_the_visitors_own_request(
    ask: Ask, room: Room, directory: Directory
) -> None:
    rules = [
        {"path": "/shop/hook", "methods": ["POST"]},
        {"header": "x-monitor", "value": "a-secret-of-16-characters"},
        {"network": "198.51.100.0/24"},
    ]
    await directory.update("shop", {"bypass": rules, "total_active_users": 0}, who="test")
    await becomes(lambda: ask("/shop/hook", "POST"), 204)
    for uri, method, headers in (
        ("/shop/hook", "POST", {}),
        ("/shop", "GET", {"X-Monitor": "a-secret-of-16-characters"}),
        ("/shop", "GET", {"X-Forwarded-For": "198.51.100.9, 192.0.2.7"}),
    ):
        found = await ask(uri, method, **headers)
        assert found.status_code == 204, uri
        assert "waitroom-gate" not in found.headers
    assert (await ask("/shop/hook", **PROGRAM)).status_code == 429
    assert (await ask(**PROGRAM, X_Forwarded_For="192.0.2.7, 198.51.100.9")).status_code == 429
    # The proxy's token is not one of the visitor's headers.
    rule = [{"header": "waitroom-edge-token", "value": EDGE_TOKEN}]
    await directory.update("shop", {"bypass": rule}, who="test")
    await becomes(lambda: ask("/shop/hook", "POST"), 429)
    assert (await ask(**PROGRAM)).status_code == 429


async def test_a_suspended_room_lets_everybody_through(
    ask: Ask, room: Room, directory: Directory
) -> None:
    await directory.update("shop", {"suspended": True, "total_active_users": 0}, who="test")
    found = await becomes(lambda: ask(**BROWSER), 204)
    assert "waitroom-gate" not in found.headers
    assert "set-cookie" not in found.headers


async def test_the_proof_for_the_origin_is_not_signed_for_each_request(ask: Ask) -> None:
    proofs = {(await ask("/free")).headers["waitroom-origin"] for _ in range(5)}
    assert len(proofs) == 1


# -- held -----------------------------------------------------------------------------------------


async def test_a_person_is_sent_to_the_splash_page(
    ask: Ask, room: Room, directory: Directory
) -> None:
    await make_full(room, directory, ask)
    found = await ask("/shop/a?b=c&d", **BROWSER)
    assert found.status_code == 302
    assert found.headers["location"] == "/__waitroom/shop?return_to=%2Fshop%2Fa%3Fb%3Dc%26d"
    assert found.headers["cache-control"] == "no-store"
    # Whoever reads this answer is the visitor, and scripts have no business with the ticket.
    assert "waitroom-ticket-cookie" not in found.headers
    assert cookies(found)["waitroom_ticket_shop"]["httponly"]
    posted = await ask("/shop", "POST", **BROWSER)
    assert posted.status_code == 303
    assert posted.headers["location"].endswith("return_to=%2Fshop&unsent=1")


async def test_a_program_gets_json(ask: Ask, room: Room, directory: Directory) -> None:
    await make_full(room, directory, ask)
    found = await ask(**PROGRAM)
    assert found.status_code == 429
    assert (found.json()["error"], found.json()["splash"]) == ("queued", "/__waitroom/shop")
    assert int(found.headers["retry-after"]) > 0
    assert "waitroom_ticket_shop" in cookies(found)


async def test_nginx_is_told_in_its_own_words(ask: Ask, room: Room, directory: Directory) -> None:
    await make_full(room, directory, ask)
    found = await ask("/shop?a=1", **BROWSER, **NGINX)
    assert (found.status_code, found.content) == (401, b"")
    assert found.headers["waitroom-location"] == "/__waitroom/shop?return_to=%2Fshop%3Fa%3D1"
    assert found.headers["waitroom-status"] == "302"
    assert found.headers["waitroom-ticket-cookie"] == found.headers["set-cookie"]
    assert "location" not in found.headers
    posted = await ask("/shop", "POST", **BROWSER, **NGINX)
    assert (posted.status_code, posted.headers["waitroom-status"]) == (401, "303")
    program = await ask(**PROGRAM, **NGINX)
    assert (program.status_code, program.content) == (403, b"")
    assert program.headers["waitroom-status"] == "429"
    assert program.headers["waitroom-error"] == "queued"
    assert program.headers["waitroom-splash"] == "/__waitroom/shop"
    assert int(program.headers["retry-after"]) > 0


async def test_a_ticket_that_is_shown_stays_as_it_is(
    ask: Ask, room: Room, directory: Directory
) -> None:
    await make_full(room, directory, ask)
    ticket = TOKENS.sign_ticket(Ticket("shop", VISITOR, now_us()))
    for mode in (FULL, NGINX):
        # A neighbour's cookie of the same name does not hide it.
        shown = f"waitroom_ticket_shop=garbage; waitroom_ticket_shop={ticket}"
        found = await ask(**BROWSER, **mode, Cookie=shown)
        assert found.status_code in (302, 401)
        assert "set-cookie" not in found.headers
    assert (await room.figures()).waiting == 1


async def test_a_full_room_that_nobody_waits_for_gives_the_place_it_noted(
    ask: Ask, room: Room, directory: Directory
) -> None:
    await directory.update("shop", {"total_active_users": 0}, who="test")
    found = await becomes(lambda: ask(**BROWSER), 302)
    ticket = TOKENS.read_ticket(cookies(found)["waitroom_ticket_shop"].value, "shop")
    waiting = {row.visitor: row.place for row in await room.visitors()}
    assert waiting[ticket.visitor] == ticket.place


async def test_a_closed_room_says_so(ask: Ask, room: Room, directory: Directory) -> None:
    changes = {"closed": True, "message": 'See you "tomorrow"'}
    await directory.update("shop", changes, who="test")
    page = await becomes(lambda: ask(**BROWSER), 302)
    assert "set-cookie" not in page.headers
    found = await ask(**PROGRAM)
    assert (found.status_code, found.json()["error"]) == (429, "closed")

    async def says_why() -> bool:
        return bool((await ask(**PROGRAM)).json()["detail"] == 'See you "tomorrow"')

    await eventually(says_why)
    nginx = await ask(**PROGRAM, **NGINX)
    assert (nginx.status_code, nginx.headers["waitroom-error"]) == (403, "closed")
    assert (await ask(**BROWSER, **with_pass(seat()))).status_code == 204


async def test_a_room_that_shows_its_page_in_place_redirects_here(
    ask: Ask, http: httpx.AsyncClient, room: Room, directory: Directory
) -> None:
    await make_full(room, directory, ask)
    await directory.update("shop", {"delivery": "inline"}, who="test")

    async def heard() -> bool:
        headers = {"Authorization": f"Bearer {EDGE_TOKEN}"}
        found = await http.get("/api/edge/rooms", headers=headers)
        return bool(found.json()["rooms"][0]["delivery"] == "inline")

    await eventually(heard)
    found = await ask(**BROWSER)
    assert (found.status_code, found.headers["location"]) == (
        302,
        "/__waitroom/shop?return_to=%2Fshop",
    )


async def test_a_websocket_is_held_without_a_place(
    ask: Ask, room: Room, directory: Directory
) -> None:
    socket = {"Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==", "Sec-WebSocket-Version": "13"}
    assert (await ask("/shop/live", **socket)).status_code == 429
    assert (await ask("/shop/live", **socket, **NGINX)).status_code == 403
    figures = await room.figures()
    assert (figures.active, figures.waiting) == (0, 0)
    assert (await ask("/shop/live", **socket, **with_pass(seat()))).status_code == 204
