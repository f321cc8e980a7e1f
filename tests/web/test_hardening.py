"""Hostile input over HTTP: a clear error with a stable code, little cost, nothing lost."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import SECRET_KEY
from tests.web.helpers import PAGE, TOKEN_MODE, Site, shown, ticket_cookie, ticket_of
from waitroom.clock import now_ms
from waitroom.room import Room
from waitroom.tokens import Pass, Ticket, Tokens
from waitroom.web.requests import MAX_BODY

TOKENS = Tokens([SECRET_KEY])
VISITOR = "AAAAAAAAAAAAAAAAAAAAAA"
GOOD = TOKENS.sign_ticket(Ticket("full", VISITOR, 1_700_000_000_000_000))

BAD_TICKETS = {
    "empty": "",
    "no shape": "garbage",
    "dots": "...",
    "no signature": GOOD.split(".")[0],
    "cut": GOOD[:-1],
    "grown": GOOD + "A",
    "last bits": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "changed payload": "A" + GOOD[1:],
    "forged": Tokens(["f" * 32]).sign_ticket(Ticket("full", VISITOR, 1)),
    "other room": TOKENS.sign_ticket(Ticket("shop", VISITOR, 1)),
    "a pass": TOKENS.sign_pass(Pass("full", VISITOR, now_ms() + 60_000, 0)),
    "an ended pass": TOKENS.sign_pass(Pass("full", VISITOR, 1, 0)),
    "endless": "A" * 8_000,
    "percent": "%00" * 20,
}


# -- tokens ---------------------------------------------------------------------------------------


async def test_all_defects_of_a_ticket_look_alike_from_outside(
    http: httpx.AsyncClient, full: Room
) -> None:
    # What tells an attacker which part was wrong tells how to forge the rest.
    reference = await http.get("/__waitroom/full/status", headers=shown("garbage"))
    for name, token in BAD_TICKETS.items():
        by_header = await http.get("/__waitroom/full/status", headers=shown(token or "x"))
        by_cookie = await http.get("/__waitroom/full/status", headers=ticket_cookie(token, "full"))
        for answer in (by_header, by_cookie):
            assert (answer.status_code, answer.json()["error"]) == (401, "bad_token"), name
            assert answer.content == reference.content


async def test_a_forged_ticket_disturbs_nobody_else(http: httpx.AsyncClient, full: Room) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    for token in BAD_TICKETS.values():
        for verb in ("leave", "enter"):
            await http.post(f"/__waitroom/full/{verb}", headers=shown(token or "x"))
        await http.post("/__waitroom/full/leave", headers=ticket_cookie(token, "full"))
    found = await http.get("/__waitroom/full/status", headers=ticket_cookie(ticket, "full"))
    assert (found.json()["position"], found.json()["waiting"]) == (1, 1)


async def test_an_ancient_ticket_gets_no_ancient_place(http: httpx.AsyncClient, full: Room) -> None:
    # A good signature, but a place older than any that this room still keeps.
    await http.post("/__waitroom/full/enter")
    found = await http.post("/__waitroom/full/enter", headers=ticket_cookie(GOOD, "full"))
    assert found.json()["position"] == 2


async def test_a_ticket_of_the_future_stands_at_the_tail(
    http: httpx.AsyncClient, full: Room
) -> None:
    future = TOKENS.sign_ticket(Ticket("full", VISITOR, 2**53 - 1))
    first = await http.post("/__waitroom/full/enter", headers=ticket_cookie(future, "full"))
    assert first.json()["position"] == 1
    second = await http.post("/__waitroom/full/enter")
    assert second.json()["position"] == 2


# -- rooms and paths ------------------------------------------------------------------------------


ODD_NAMES = [
    "nowhere",
    "assets",
    "api",
    "SHOP",
    "-shop",
    "sh op",
    "shop%00",
    "shop%0d%0aX:1",
    "%7Bshop%7D",
    "*",
    "shop:waiting",
    "a" * 41,
    "a" * 3_000,
    "%ff%fe",
    "caf\u00e9",
    "shop;a",
    "__proto__",
]


@pytest.mark.parametrize(
    ("method", "verb"),
    [
        ("GET", ""),
        ("POST", "/enter"),
        ("GET", "/status"),
        ("GET", "/board"),
        ("GET", "/go"),
        ("POST", "/leave"),
    ],
)
async def test_an_unknown_room_is_a_clear_404(
    http: httpx.AsyncClient, method: str, verb: str
) -> None:
    for name in ODD_NAMES:
        found = await http.request(method, f"/__waitroom/{name}{verb}")
        assert found.status_code == 404, name
        assert found.json()["error"] in ("room_not_found", "not_found"), name
        assert len(found.content) < 300


async def test_an_unknown_room_costs_no_key_in_redis(http: httpx.AsyncClient, site: Site) -> None:
    for i in range(20):
        await http.post(f"/__waitroom/made-up-{i}/enter")
    assert set(site.services.hub.lines) <= {"shop"}
    assert not await site.services.store.redis.keys("*made-up*")


ODD_PATHS = [
    "/__waitroom",
    "/__waitroom/",
    "/__waitroom//enter",
    "/__waitroom/shop/enter/",
    "/__waitroom/shop/",
    "/__waitroom/shop/x",
    "/__waitroom/assets/",
    "/__waitroom/assets/../index.html",
    "/__waitroom/assets/%2e%2e%2fnojs.html",
    "/__waitroom/assets/..%5cnojs.html",
    "/__waitroom/assets/index.html",
    "/__waitroom/assets/package.json",
    "/__waitroom/assets/x\u00e9",
    "/api",
    "/api/edge",
    "/static/x",
]


async def test_a_path_that_is_none_of_ours_is_a_clear_404(http: httpx.AsyncClient) -> None:
    for path in ODD_PATHS:
        found = await http.get(path)
        assert found.status_code == 404, path
        # The owner API has problem details, where the code is called so.
        told = found.json()
        assert (told.get("error") or told["code"]) in ("not_found", "room_not_found"), path


WRONG_METHODS = [
    ("POST", ""),
    ("PUT", ""),
    ("DELETE", ""),
    ("GET", "/enter"),
    ("PUT", "/enter"),
    ("POST", "/status"),
    ("POST", "/board"),
    ("POST", "/go"),
    ("GET", "/leave"),
    ("PATCH", "/leave"),
    ("BREW", "/enter"),
]


async def test_a_wrong_method_changes_nothing(http: httpx.AsyncClient, full: Room) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    for method, path in WRONG_METHODS:
        found = await http.request(
            method, f"/__waitroom/full{path}", headers=ticket_cookie(ticket, "full")
        )
        assert (found.status_code, found.json()["error"]) == (405, "method_not_allowed"), path
        assert "set-cookie" not in found.headers
    assert (await full.figures()).waiting == 1


# -- return_to ------------------------------------------------------------------------------------


HOSTILE = [
    "https://evil.example/",
    "https%3A%2F%2Fevil.example",
    "//evil.example",
    "%2F%2Fevil.example",
    "%252F%252Fevil.example",
    "/%2F%2Fevil.example",
    "/%252e%252e//x",
    "/%5Cevil.example",
    "%5C%5Cevil.example",
    "/%09/evil.example",
    "/%0A/evil.example",
    "/%0D%0ASet-Cookie:%20a=b",
    "/%00",
    "/%20x",
    "/x/..//evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "%E3%80%82%2Fevil.example",
    "/" + "a" * 3_000,
]


@pytest.mark.parametrize("verb", ["", "/go"])
async def test_return_to_leads_to_a_path_on_this_host_or_nowhere(
    http: httpx.AsyncClient, verb: str
) -> None:
    ticket = ticket_cookie(ticket_of(await http.post("/__waitroom/shop/enter")))
    for raw in HOSTILE:
        address = f"/__waitroom/shop{verb}?return_to={raw}"
        found = await http.get(address, headers=ticket)
        assert (found.status_code, found.json()["error"]) == (400, "bad_return_to"), raw
        assert "location" not in found.headers and "set-cookie" not in found.headers
        plain = await http.get(address.replace("?", "?nojs=1&"), headers=ticket | PAGE)
        assert plain.status_code == 400
        assert "location" not in plain.headers
    # The seat is still there for a proper request.
    went = await http.get("/__waitroom/shop/go?return_to=/ok", headers=ticket)
    assert (went.status_code, went.headers["location"]) == (303, "/ok")


ODD_RETURN_TO = [
    "/%252F%252Fevil.example",
    "/caf%C3%A9?q=%26",
    "/\u00e9",
    "/%EF%BC%8F%EF%BC%8Fevil",
    "/a//b",
    "/@evil.example",
]


async def test_an_odd_path_stays_a_path_on_this_host(http: httpx.AsyncClient) -> None:
    ticket = ticket_cookie(ticket_of(await http.post("/__waitroom/shop/enter")))
    for raw in ODD_RETURN_TO:
        found = await http.get(f"/__waitroom/shop/go?return_to={raw}", headers=ticket)
        assert found.status_code == 303, raw
        location = found.headers["location"]
        assert location.isascii() and location.startswith("/") and not location.startswith("//")
        assert urlsplit(location).netloc == ""


# -- size -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["enter", "leave"])
async def test_an_oversize_body_is_refused(http: httpx.AsyncClient, full: Room, verb: str) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    found = await http.post(
        f"/__waitroom/full/{verb}",
        content=b"x" * (MAX_BODY + 1),
        headers=ticket_cookie(ticket, "full"),
    )
    assert (found.status_code, found.json()["error"]) == (413, "body_too_large")
    assert (await full.figures()).waiting == 1


async def test_an_oversize_body_of_an_edge_is_refused(http: httpx.AsyncClient, site: Site) -> None:
    token = site.services.config.edge_token
    assert token is not None
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
    found = await http.post("/api/edge/enter", content=b"x" * 1_000_000, headers=headers)
    assert (found.status_code, found.json()["error"]) == (413, "body_too_large")


async def test_a_body_without_a_length_is_not_kept(
    http: httpx.AsyncClient, full: Room, site: Site
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 65_536

    headers = {"Authorization": "Bearer x"}
    try:
        found = await http.post("/api/edge/enter", content=endless(), headers=headers)
        assert found.status_code in (401, 413)
    except httpx.TransportError:
        pass  # It was cut off, which is as good.
    assert (await http.get("/healthz")).status_code == 200


async def test_an_oversize_cookie_is_refused_before_anything_is_asked(
    http: httpx.AsyncClient, full: Room
) -> None:
    cookie = {"Cookie": "a=" + "x" * 100_000}
    try:
        found = await http.post("/__waitroom/full/enter", headers=cookie)
        assert found.status_code in (400, 431)
    except httpx.RemoteProtocolError:
        pass  # Cut off after that status.
    assert (await full.figures()).waiting == 0


async def test_a_jar_full_of_strange_cookies_does_not_hide_the_ticket(
    http: httpx.AsyncClient, full: Room
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    junk = [f"c{i}=%{i}; =; ;;x" for i in range(200)]
    header = "; ".join([*junk, ticket_cookie(ticket, "full")["Cookie"], *junk])
    found = await http.get("/__waitroom/full/status", headers={"Cookie": header})
    assert (found.status_code, found.json()["position"]) == (200, 1)


async def test_many_tickets_in_one_request_cost_little(http: httpx.AsyncClient, full: Room) -> None:
    header = "; ".join([ticket_cookie(BAD_TICKETS["forged"], "full")["Cookie"]] * 100)
    found = await asyncio.wait_for(
        http.get("/__waitroom/full/status", headers={"Cookie": header}), 2
    )
    assert found.status_code in (400, 401, 431)


# -- the shape of errors --------------------------------------------------------------------------


async def test_browsers_get_an_error_as_a_page_and_programs_as_json(
    http: httpx.AsyncClient,
) -> None:
    page = await http.get("/__waitroom/nowhere", headers=PAGE)
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "room_not_found" in page.text
    assert page.headers["cache-control"] == "no-store"
    found = await http.get("/__waitroom/nowhere")
    assert set(found.json()) == {"error", "detail"}
    assert found.headers["cache-control"] == "no-store"


async def test_an_error_page_runs_nothing_of_the_address(http: httpx.AsyncClient) -> None:
    hostile = "%3Cscript%3Ealert(1)%3C/script%3E"
    for address in (f"/__waitroom/{hostile}", f"/__waitroom/shop?return_to={hostile}"):
        found = await http.get(address, headers=PAGE)
        assert found.status_code in (400, 404)
        assert "<script>alert" not in found.text
        assert "default-src 'none'" in found.headers["content-security-policy"]


async def test_a_defect_of_ours_shows_nothing_of_its_inside(
    http: httpx.AsyncClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("the inside")

    monkeypatch.setattr(site.services.hub, "answer", broken)
    found = await http.post("/__waitroom/shop/enter", headers=TOKEN_MODE)
    assert (found.status_code, found.json()["error"]) == (500, "internal_error")
    assert "inside" not in found.text


NO_HTTP = [
    b"\r\n\r\n",
    b"GET /nowhere HTTP/9.9\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /__waitroom/shop/enter HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /__waitroom/shop/enter HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
]


async def test_what_is_no_http_is_cut_off(site: Site) -> None:
    address = urlsplit(site.url)
    for request_text in NO_HTTP:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request_text)
        writer.write_eof()
        first_line = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        await writer.wait_closed()
        assert first_line == b"" or first_line.split(b" ")[1] in (b"400", b"404"), request_text
    async with httpx.AsyncClient() as other:
        assert (await other.get(f"{site.url}/healthz")).status_code == 200
