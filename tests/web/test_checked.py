"""What a proxy is told of odd paths and hosts, of passes, and while Redis is away."""

import asyncio
from typing import Any

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
from tests.web.helpers import Serve, eventually, no_cookies
from waitroom.clock import now_ms, now_us
from waitroom.embedded import Valkey
from waitroom.errors import StoreError
from waitroom.room import Directory, Room, RoomSettings, Store
from waitroom.tokens import CLOCK_SKEW_MS, Pass, Ticket, Tokens


@pytest.fixture
async def room(directory: Directory) -> Room:
    """Return a room in front of `/shop`, with seats."""
    return await directory.create("shop", ROUTES, who="test")


@pytest.fixture
async def ask(http: httpx.AsyncClient, room: Room) -> Ask:
    """Return a way to ask as a proxy does, of a process that knows the room."""
    await eventually(lambda: knows(http))
    return asking(http)


# -- paths and hosts ------------------------------------------------------------------------------

TRICKS = [
    "/%73hop",
    "/SHOP",
    "/shop;x=1",
    "/shop/",
    "/shop//x",
    "/shop?x=/../free",
    "/shop%3bx",
]
MOVED = ["//shop", "/x/../shop", "/./shop", "/free/%2e%2e/shop", "///shop?a=1"]
UNCLEAR = [
    "/free%2f..%2fshop",
    "/free%5c..%5cshop",
    "/x/..;/shop",
    "/%zzshop",
    "/sh%00op",
    "\\shop",
    "/\\shop",
    "shop",
    "*",
    "http://shop.example/shop",
    "/shop#x",
]


async def test_no_spelling_of_a_path_walks_past_a_full_room(
    ask: Ask, room: Room, directory: Directory
) -> None:
    await make_full(room, directory, ask)
    for uri in TRICKS + MOVED:
        assert (uri, (await ask(uri, **BROWSER)).status_code) == (uri, 302)
        assert (uri, (await ask(uri, **BROWSER, **NGINX)).status_code) == (uri, 401)
        assert (uri, (await ask(uri, **PROGRAM)).status_code) == (uri, 429)
        assert (uri, (await ask(uri, **PROGRAM, **NGINX)).status_code) == (uri, 403)


async def test_a_path_without_a_clear_meaning_is_refused(ask: Ask) -> None:
    for uri in UNCLEAR:
        found = await ask(uri, **BROWSER)
        assert (found.status_code, found.json()["error"]) == (400, "bad_path"), uri
        nginx = await ask(uri, **BROWSER, **NGINX)
        # Not 400: nginx would take it for a fault, and faults may open the door.
        assert (nginx.status_code, nginx.headers["waitroom-status"]) == (403, "400"), uri
        assert nginx.headers["waitroom-error"] == "bad_path"


@pytest.mark.parametrize(
    ("uri", "plain"),
    [
        ("//shop", "/shop"),
        ("///shop?a=1&b", "/shop?a=1&b"),
        ("/x/../shop/", "/shop/"),
        ("//evil.example/x", "/evil.example/x"),
        ("/shop/../free?\\", "/free?%5C"),
        ("/shop/../__waitroom/x", "/__waitroom/x"),
    ],
)
async def test_a_page_is_let_through_only_as_it_was_judged(
    ask: Ask, room: Room, uri: str, plain: str
) -> None:
    found = await ask(uri, **BROWSER, **with_pass(seat()))
    assert (found.status_code, found.headers["location"]) == (308, plain)
    nginx = await ask(uri, **BROWSER, **NGINX)
    assert (nginx.status_code, nginx.headers["waitroom-status"]) == (401, "308")
    assert nginx.headers["waitroom-location"] == plain
    # The seat is taken on arrival, not on the way.
    assert (await room.figures()).active == 0


async def test_no_spelling_of_a_host_walks_past_a_full_room(
    ask: Ask, room: Room, directory: Directory
) -> None:
    routes = [{"host": "shop.example", "path": "/"}]
    await directory.update("shop", {"routes": routes, "total_active_users": 0}, who="test")
    await becomes(lambda: ask(**BROWSER), 302)
    for host in ("shop.example.", "SHOP.example", "shop.example:8443", "shop.example.:80"):
        assert (await ask(**BROWSER, X_Forwarded_Host=host)).status_code == 302, host
        assert (await ask(**PROGRAM, **NGINX, X_Forwarded_Host=host)).status_code == 403, host


async def test_a_host_that_is_none_is_refused(ask: Ask) -> None:
    for host in ("shop.example, free.example", "a b", "a/x", "evil@shop.example", "x\\"):
        found = await ask(**BROWSER, X_Forwarded_Host=host)
        assert (found.status_code, found.json()["error"]) == (400, "bad_host"), host
        nginx = await ask(**BROWSER, **NGINX, X_Forwarded_Host=host)
        assert (nginx.status_code, nginx.headers["waitroom-error"]) == (403, "bad_host"), host


async def test_the_longest_address_still_leads_to_the_splash_page(
    ask: Ask, room: Room, directory: Directory
) -> None:
    await make_full(room, directory, ask)
    found = await ask("/shop?" + "/" * 2_042, **BROWSER, **NGINX)
    assert found.headers["waitroom-location"].endswith("%2F" * 2_042)
    # Less than edge/examples/nginx.conf has room for.
    assert len(found.headers["waitroom-location"]) < 7_000
    too_long = await ask("/shop?" + "/" * 7_000, **BROWSER, **NGINX)
    assert too_long.headers["waitroom-location"] == "/__waitroom/shop?return_to=%2Fshop"


async def test_no_address_is_too_long_for_nginx_to_be_told(ask: Ask) -> None:
    moved = await ask("//free?" + "x" * 3_000, **BROWSER, **NGINX)
    assert (moved.headers["waitroom-status"], moved.headers["waitroom-location"]) == (
        "308",
        "/free",
    )
    assert (await ask("//free?a=1", **BROWSER)).headers["location"] == "/free?a=1"
    refused = await ask("//" + "x" * 5_000, **BROWSER, **NGINX)
    assert (refused.status_code, refused.headers["waitroom-error"]) == (403, "bad_path")


# -- passes ---------------------------------------------------------------------------------------


async def test_a_pass_that_does_not_count_opens_nothing(
    ask: Ask, room: Room, directory: Directory
) -> None:
    await make_full(room, directory, ask)
    good = Pass("shop", VISITOR, now_ms() + 200_000, 0)
    for token in (
        "garbage",
        seat()[:-4] + "AAAA",
        seat(-20),
        TOKENS.sign_pass(Pass("fair", VISITOR, good.deadline_ms, 0)),
        TOKENS.sign_ticket(Ticket("shop", VISITOR, now_us())),
        Tokens(["another-key-of-at-least-32-characters-0"]).sign_pass(good),
        "x" * 5_000,
    ):
        assert (await ask(**BROWSER, **with_pass(token))).status_code == 302, token
        assert (await ask(**BROWSER, **NGINX, **with_pass(token))).status_code == 401, token
    assert (await ask(**BROWSER, **with_pass(TOKENS.sign_pass(good)))).status_code == 204


async def test_a_pass_past_half_its_life_is_renewed_in_the_same_request(
    ask: Ask, room: Room
) -> None:
    first = await ask(**BROWSER)
    held = cookies(first)["waitroom_pass_shop"].value
    visitor = TOKENS.read_pass(held, "shop", epoch=0, now_ms=now_ms()).visitor
    old = seat(100, visitor=visitor)
    found = await ask(**BROWSER, **with_pass(old))
    renewed = cookies(found)["waitroom_pass_shop"]
    granted = TOKENS.read_pass(renewed.value, "shop", epoch=0, now_ms=now_ms())
    assert granted.visitor == visitor
    assert granted.deadline_ms > now_ms() + 290_000 - CLOCK_SKEW_MS
    # Until the seat ends, and one session more.
    assert 580 < int(renewed["max-age"]) <= 600
    assert found.headers["waitroom-pass-cookie"].startswith("waitroom_pass_shop=")
    young = await ask(**BROWSER, **with_pass(renewed.value))
    assert "set-cookie" not in young.headers


async def test_a_pass_is_not_renewed_where_the_owner_does_not_want_it(
    ask: Ask, room: Room, directory: Directory
) -> None:
    await directory.update("shop", {"disable_session_renewal": True}, who="test")
    await eventually(lambda: _not_renewed(ask))


async def _not_renewed(ask: Ask) -> bool:
    found = await ask(**BROWSER, **with_pass(seat(100)))
    assert found.status_code == 204
    return "set-cookie" not in found.headers


async def test_a_pass_whose_seat_is_gone_counts_until_it_runs_out(ask: Ask, room: Room) -> None:
    # Of an age before which Redis would bring the seat back.
    old = seat(100)
    await room.claim(VISITOR)
    await room.leave(VISITOR)
    found = await ask(**BROWSER, **with_pass(old))
    assert (found.status_code, found.headers["waitroom-gate"]) == (204, "shop")


async def test_a_pass_that_ran_out_finds_its_seat_again(ask: Ask, room: Room) -> None:
    held = cookies(await ask(**BROWSER))["waitroom_pass_shop"].value
    visitor = TOKENS.read_pass(held, "shop", epoch=0, now_ms=now_ms()).visitor
    found = await ask(**BROWSER, **with_pass(seat(-20, visitor=visitor)))
    granted = cookies(found)["waitroom_pass_shop"].value
    assert TOKENS.read_pass(granted, "shop", epoch=0, now_ms=now_ms()).visitor == visitor
    assert (await room.figures()).active == 1


async def test_the_requests_of_one_page_with_a_pass_that_ran_out_get_one_seat(
    ask: Ask, room: Room
) -> None:
    shown = with_pass(seat(-20))
    found = await asyncio.gather(*(ask(f"/shop/{i}", **PROGRAM, **shown) for i in range(8)))
    held = [cookies(answer)["waitroom_pass_shop"].value for answer in found]
    visitors = {TOKENS.read_pass(token, "shop", epoch=0, now_ms=now_ms()).visitor for token in held}
    assert len(visitors) == (await room.figures()).active == 1


async def test_a_new_epoch_ends_all_passes_within_five_seconds(
    ask: Ask, room: Room, directory: Directory
) -> None:
    assert (await ask(**BROWSER, **with_pass(seat()))).status_code == 204
    await directory.update("shop", {"epoch": 1, "total_active_users": 0}, who="test")
    began_ms = now_ms()
    await becomes(lambda: ask(**BROWSER, **with_pass(seat())), 302)
    assert now_ms() - began_ms < 5_000
    assert (await ask(**BROWSER, **with_pass(seat(epoch=1)))).status_code == 204


# -- Redis away -----------------------------------------------------------------------------------


async def test_a_process_that_has_not_read_the_rooms_lets_nobody_through(
    serve: Serve, store: Store, room: Room
) -> None:
    await store.redis.rename("waitroom:rooms", "kept")
    await store.redis.set("waitroom:rooms", "no set")
    site = await serve()
    async with httpx.AsyncClient(base_url=site.url, cookies=no_cookies()) as http:
        for mode in (FULL, NGINX):
            headers = proxied("/free", **BROWSER, **mode, **with_pass(seat()))
            found = await http.get("/api/edge/check", headers=headers)
            assert found.status_code == 503
            assert int(found.headers["retry-after"]) > 0


async def test_while_redis_is_away_passes_count_and_everybody_else_gets_503(
    serve: Serve, own_valkey: Valkey
) -> None:
    store = Store.connect(own_valkey.url)
    directory = Directory(store, RoomSettings())
    await directory.create("shop", ROUTES, who="test")
    routes = [{"host": "*", "path": "/full"}]
    full = await directory.create("full", {"routes": routes, "total_active_users": 0}, who="test")
    await full.enter(VISITOR)
    site = await serve(redis_url=own_valkey.url)
    async with httpx.AsyncClient(base_url=site.url, cookies=no_cookies(), timeout=20) as http:

        async def check(uri: str = "/shop", **headers: str) -> httpx.Response:
            return await http.get("/api/edge/check", headers=proxied(uri, **headers))

        await eventually(lambda: knows(http))
        assert (await check(**BROWSER)).status_code == 204
        await becomes(lambda: check("//full", **BROWSER), 302)
        own_valkey.stop(kill=True)
        # The splash page would have nobody to ask.
        await becomes(lambda: check("/full", **BROWSER), 503)
        page = await becomes(lambda: check(**BROWSER), 503)
        assert "text/html" in page.headers["content-type"]
        program = await check(**PROGRAM)
        assert (program.status_code, program.json()["error"]) == (503, "service_unavailable")
        assert (await check(**BROWSER, **NGINX)).status_code == 503
        # Past half its life, too: there is nobody to renew it.
        for left_s in (250, 100):
            found = await check(**BROWSER, **with_pass(seat(left_s)))
            assert (found.status_code, found.headers["waitroom-gate"]) == (204, "shop")
        assert (await check("/free")).status_code == 204
        own_valkey.start()
        await becomes(lambda: check(**BROWSER), 204)
    await store.close()


async def test_a_visitor_whom_redis_may_have_noted_holds_the_ticket_of_that_place(
    ask: Ask, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    entering = Room.enter

    async def loses_the_answer(self: Room, visitor: str, place: int = 0, **more: Any) -> Any:
        await entering(self, visitor, place, **more)
        raise StoreError("no answer in time")

    monkeypatch.setattr(Room, "enter", loses_the_answer)
    found = await ask(**BROWSER)
    assert (found.status_code, found.headers["cache-control"]) == (503, "no-store")
    assert "You keep your place" in found.text
    ticket = cookies(found)["waitroom_ticket_shop"].value
    monkeypatch.setattr(Room, "enter", entering)
    again = await ask(**BROWSER, Cookie=f"waitroom_ticket_shop={ticket}")
    assert again.status_code == 204
    figures = await room.figures()
    assert (figures.active, figures.counters["admitted"]) == (1, 1)


async def test_nginx_can_hand_on_the_ticket_of_a_place_that_redis_may_have_noted(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: Room, visitor: str, place: int = 0) -> Any:
        raise StoreError("no answer in time")

    monkeypatch.setattr(Room, "enter", away)
    nginx = await ask(**BROWSER, **NGINX)
    assert nginx.status_code == 503
    assert nginx.headers["waitroom-ticket-cookie"] == nginx.headers["set-cookie"]
    # Whoever shows a pass that ran out is known by that.
    lapsed = await ask(**BROWSER, **NGINX, **with_pass(seat(-20)))
    assert (lapsed.status_code, cookies(lapsed)) == (503, {})


async def test_nothing_secret_stands_in_the_log(
    ask: Ask, capfd: pytest.CaptureFixture[str], room: Room
) -> None:
    found = await ask(**BROWSER)
    token = cookies(found)["waitroom_pass_shop"].value
    await ask("/%2f", **BROWSER, **with_pass(token))
    written = "".join(capfd.readouterr())
    assert token not in written
    assert EDGE_TOKEN not in written
