"""`edge/examples/nginx.conf` under Debian's nginx: what reaches the origin, and what does not."""

import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.conftest import EDGE_TOKEN, Processes
from tests.examples.helpers import (
    HOST,
    PAGE,
    TOKENS,
    Origin,
    Site,
    as_nobody,
    eventually,
    filled_in,
    find_server,
    served,
)
from tests.web.helpers import Page, crowd
from waitroom.clock import monotonic_s, now_ms
from waitroom.room import Directory, Room, Store

Open = Callable[..., Awaitable[Site]]

MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include site.conf;
}}
"""
OPEN = {
    "    error_page 500 = @waitroom_away;\n": "",
    "# error_page 500 = @waitroom_open;": "error_page 500 = @waitroom_open;",
}


@pytest.fixture
def open_site(
    folder: Path,
    run: Callable[..., subprocess.Popen[bytes]],
    free_port: Callable[[], int],
    service: subprocess.Popen[bytes],
    service_port: int,
    origin: Origin,
    room: Room,
    directory: Directory,
) -> Open:
    """Return a way to start nginx with the example, some of its lines changed."""

    async def start(changes: dict[str, str] | None = None, token: str = EDGE_TOKEN) -> Site:
        port = free_port()
        site = filled_in(
            "nginx.conf",
            {
                "127.0.0.1:8000": f"127.0.0.1:{service_port}",
                "127.0.0.1:3000": f"127.0.0.1:{origin.port}",
                "listen 8080;": f"listen 127.0.0.1:{port};",
                **(changes or {}),
            },
        )
        (folder / "site.conf").write_text(site)
        line = f'proxy_set_header Waitroom-Edge-Token "{token}";\n'
        (folder / "waitroom-token.conf").write_text(line)
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
        config = str(folder / "nginx.conf")
        command = (find_server("nginx"), "-p", str(folder), "-e", "stderr", "-c", config)
        child = run(*command, **as_nobody())
        await served(port, child)
        return Site(port, origin, room, directory, service)

    return start


@pytest.fixture
async def site(open_site: Open) -> Site:
    """Return the site as the example guards it."""
    return await open_site()


# -- held and let in ------------------------------------------------------------------------------


async def test_a_full_room_holds_persons_and_programs(site: Site) -> None:
    await site.fill()
    page = await site.page("/shop/a?b=c")
    assert page.status == 302
    assert page.headers["Location"] == "/__waitroom/shop?return_to=%2Fshop%2Fa%3Fb%3Dc"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.cookies()["waitroom_ticket_shop"]["httponly"]
    program = await site.program()
    assert (program.status, program.headers.get_content_type()) == (429, "application/json")
    assert program.text == '{"error":"queued","splash":"/__waitroom/shop"}'
    assert int(program.headers["Retry-After"]) > 0
    assert "waitroom_ticket_shop" in program.cookies()
    posted = await site.ask(method="POST", body=b"x" * 100_000, headers=PAGE)
    assert (posted.status, posted.headers["Location"]) == (
        303,
        "/__waitroom/shop?return_to=%2Fshop&unsent=1",
    )
    assert site.origin.reached == []


async def test_the_splash_page_and_its_calls_are_served_from_the_same_host(site: Site) -> None:
    await site.fill()
    page = await site.page("/__waitroom/shop?return_to=%2Fshop")
    assert (page.status, page.headers.get_content_type()) == (200, "text/html")
    status = await site.ask("/__waitroom/shop/enter", method="POST", body=b"")
    assert '"status":"waiting"' in status.text
    assert "waitroom_ticket_shop" in status.cookies()
    assert site.origin.reached == []


async def test_a_visitor_is_let_in_when_a_seat_frees_and_keeps_it(site: Site) -> None:
    await site.fill()
    ticket = (await site.page()).cookies()["waitroom_ticket_shop"].value
    await site.directory.update("shop", {"total_active_users": 5}, who="test")

    async def let_in() -> str:
        answer = await site.page(Cookie=f"waitroom_ticket_shop={ticket}")
        jar = answer.cookies()
        if answer.status != 200 or "waitroom_pass_shop" not in jar:
            return ""
        # Three cookies in one answer: the ticket given up, the pass, the origin's own.
        assert (jar["waitroom_ticket_shop"].value, jar["basket"].value) == ("", "1")
        assert "private, no-cache" in answer.headers.get_all("Cache-Control", [])
        return jar["waitroom_pass_shop"].value

    held = await eventually(let_in)
    seats = (await site.room.figures()).active
    site.origin.reached.clear()
    for _ in range(3):
        answer = await site.page(Cookie=f"waitroom_pass_shop={held}")
        assert (answer.status, answer.text) == (200, "the site")
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert list(answer.cookies()) == ["basket"]
    assert len(site.origin.reached) == 3
    assert (await site.room.figures()).active == seats


async def test_an_open_room_lets_a_form_in_with_all_that_it_sends(site: Site) -> None:
    body = b"x" * 500_000
    answer = await site.ask("/shop/buy?x=1", method="POST", body=body, headers=PAGE)
    assert answer.status == 200
    [reached] = site.origin.reached
    assert (reached.method, reached.path, len(reached.body)) == ("POST", "/shop/buy?x=1", 500_000)
    chunked = {"Transfer-Encoding": "chunked", "Cookie": site.seat()}
    await site.ask(method="PUT", body=b"5\r\nhello\r\n0\r\n\r\n", headers=chunked)
    assert site.origin.reached[-1].body == b"hello"
    assert (await site.room.figures()).active == 1


async def test_a_pass_past_half_its_life_is_renewed(site: Site) -> None:
    await site.room.enter("A" * 22)
    answer = await site.page(Cookie=site.seat(100))
    token = answer.cookies()["waitroom_pass_shop"].value
    granted = TOKENS.read_pass(token, "shop", epoch=0, now_ms=now_ms())
    assert granted.deadline_ms > now_ms() + 200_000


async def test_the_origins_own_errors_are_handed_on_with_the_pass(site: Site) -> None:
    for status in (401, 403, 404, 500, 503):
        site.origin.status = status
        answer = await site.page()
        assert (answer.status, answer.text) == (status, "the site")
        assert "waitroom_pass_shop" in answer.cookies()


# -- who says what --------------------------------------------------------------------------------

SMUGGLED = {
    "Waitroom-Gate": "fair",
    "Waitroom-Origin": "forged",
    "waitroom_gate": "fair",
    "WAITROOM_ORIGIN": "forged",
    "Waitroom_Gate": "fair",
    "Waitroom-Edge-Token": "forged",
    "Waitroom-Mode": "token",
    "X-Forwarded-Uri": "/free",
    "X-Forwarded-Host": "free.example",
    "X-Forwarded-Method": "OPTIONS",
    "X-Forwarded-For": "198.51.100.9",
}


async def test_what_a_visitor_says_in_our_name_is_dropped(site: Site) -> None:
    assert (await site.page("/free", **SMUGGLED)).status == 200
    assert (await site.page(Cookie=site.seat(), **SMUGGLED)).status == 200
    free, shop = site.origin.reached
    assert (free.header("waitroom-gate"), shop.header("waitroom-gate")) == ([], ["shop"])
    for reached in (free, shop):
        [proof] = reached.header("waitroom-origin")
        assert TOKENS.read_origin(proof, now_ms=now_ms()).deadline_ms > now_ms()
        assert reached.header("waitroom-edge-token") == []
        assert reached.header("x-forwarded-for") == ["127.0.0.1"]
        assert reached.header("x-forwarded-host") == [HOST]
    await site.fill()
    assert (await site.page(**SMUGGLED)).status == 302
    assert (await site.program(**SMUGGLED)).status == 429
    assert site.origin.reached == []


async def test_a_bypass_rule_by_address_does_not_believe_the_visitor(site: Site) -> None:
    await site.fill()
    rule = [{"network": "198.51.100.0/24"}, {"header": "x-monitor", "value": "sixteen-letters-"}]
    await site.directory.update("shop", {"bypass": rule}, who="test")

    async def lets_the_monitor_through() -> bool:
        return (await site.page(**{"X-Monitor": "sixteen-letters-"})).status == 200

    await eventually(lets_the_monitor_through)
    site.origin.reached.clear()
    assert (await site.page(**{"X-Forwarded-For": "198.51.100.9"})).status == 302
    assert site.origin.reached == []


async def test_headers_as_large_as_nginx_takes_them_are_judged(site: Site) -> None:
    large = {f"X-Large-{i}": "x" * 7_900 for i in range(3)}
    assert (await site.page(Cookie=site.seat(), **large)).status == 200
    await site.fill()
    assert (await site.page(**large)).status == 302
    assert (await site.page("/shop?" + "/" * 2_000)).status == 302
    assert (await site.page("/shop?" + "/" * 7_000)).status == 302
    assert site.origin.reached == []


# -- paths and hosts ------------------------------------------------------------------------------

TRICKS = [
    "/%73hop",
    "//shop",
    "/x/../shop",
    "/./shop",
    "/shop;x",
    "/SHOP",
    "/shop/",
    "/x/%2e%2e/shop",
    "/__waitroom/../shop",
    "/__waitroom/%2e%2e/shop",
    "/shop/../shop",
    "http://shop.example/shop",
]


async def test_no_spelling_of_a_path_walks_past_a_full_room(site: Site) -> None:
    await site.fill()
    for path in TRICKS:
        assert (path, (await site.page(path)).status) == (path, 302)
        assert (path, (await site.program(path)).status) == (path, 429)
    assert site.origin.reached == []


async def test_a_path_without_a_clear_meaning_is_refused(site: Site) -> None:
    for path in ("/free%2f..%2fshop", "/x%5c..%5cshop", "/x/..;/shop"):
        answer = await site.page(path, Cookie=site.seat())
        assert (answer.status, answer.text) == (400, '{"error":"bad_path"}'), path
    assert site.origin.reached == []


async def test_a_page_reaches_the_origin_only_as_it_was_judged(site: Site) -> None:
    answer = await site.page("/shop/../free?a=1")
    assert (answer.status, answer.headers["Location"]) == (308, "/free?a=1")
    assert site.origin.reached == []


async def test_no_spelling_of_a_host_walks_past_a_full_room(site: Site) -> None:
    routes = [{"host": HOST, "path": "/shop"}]
    await site.directory.update("shop", {"routes": routes}, who="test")
    await site.fill()
    for host in (f"{HOST}:8443", f"{HOST}.", HOST.upper(), f"{HOST}.:80"):
        assert (host, (await site.page(host=host)).status) == (host, 302)
    assert site.origin.reached == []


async def test_of_two_hosts_the_one_that_is_judged_is_the_one_that_the_origin_is_told(
    site: Site,
) -> None:
    routes = [{"host": HOST, "path": "/shop"}]
    await site.directory.update("shop", {"routes": routes}, who="test")
    await site.fill()
    assert (await site.page(f"http://{HOST}/shop", host="free.example")).status == 302
    assert site.origin.reached == []
    await site.page("http://free.example/shop", host=HOST)
    assert [reached.header("host") for reached in site.origin.reached] == [["free.example"]]


async def test_a_location_that_an_owner_adds_is_guarded_as_well(open_site: Open) -> None:
    added = "    location ~ [.]css$ { proxy_pass http://origin; }\n\n    location / {"
    site = await open_site({"    location / {": added})
    await site.fill()
    assert (await site.program("/shop/a.css")).status == 429
    assert site.origin.reached == []
    assert (await site.program("/shop/a.css", Cookie=site.seat())).status == 200
    [reached] = site.origin.reached
    assert reached.header("waitroom-gate") == ["shop"]


# -- WebSockets -----------------------------------------------------------------------------------


async def test_the_splash_pages_websocket_goes_through(site: Site) -> None:
    await site.fill()
    ticket = (await site.page()).cookies()["waitroom_ticket_shop"].value
    async with crowd() as links:
        page = await Page.open(links, site.url, ticket=ticket)
        await page.register()
        assert (await page.hear("queue_update"))["position"] >= 1
        await site.directory.update("shop", {"total_active_users": 5}, who="test")
        assert (await page.hear("admitted"))["go_by_s"] > 0
        await page.close()


async def test_the_sites_own_websocket_is_guarded(site: Site) -> None:
    async with crowd() as links:
        await site.fill()
        async with links.get(f"{site.url}/shop") as held:
            assert held.status == 429
        for headers in ({}, {"Cookie": "waitroom_pass_shop=forged"}):
            with pytest.raises(Exception, match="429"):
                await links.ws_connect(f"{site.url}/shop/live", headers=headers)
        assert site.origin.reached == []
        socket = await links.ws_connect(f"{site.url}/shop/live", headers={"Cookie": site.seat()})
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
        await socket.close()


# -- when the waiting room is away ----------------------------------------------------------------


async def test_without_the_waiting_room_nobody_is_let_through(
    site: Site, processes: Processes
) -> None:
    processes.stop(site.service)
    for answer in (
        await site.page(),
        await site.program(),
        await site.page("/free"),
        await site.page(Cookie=site.seat()),
    ):
        assert answer.status == 503
        assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("5", "no-store")
    assert site.origin.reached == []


async def test_a_waiting_room_that_hangs_holds_nobody_up_for_long(site: Site) -> None:
    site.service.send_signal(signal.SIGSTOP)
    began = monotonic_s()
    try:
        assert (await site.page(Cookie=site.seat())).status == 503
    finally:
        site.service.send_signal(signal.SIGCONT)
    assert monotonic_s() - began < 6
    assert site.origin.reached == []

    async def is_back() -> bool:
        return (await site.page(Cookie=site.seat())).status == 200

    await eventually(is_back)


async def test_without_redis_only_passes_are_let_through(site: Site, store: Store) -> None:
    # Of a type that can't be read: like a Redis that answers with an error.
    await store.redis.rename("waitroom:rooms", "kept")
    await store.redis.set("waitroom:rooms", "no set")

    async def held() -> bool:
        return (await site.page()).status == 503

    await eventually(held)
    site.origin.reached.clear()
    assert (await site.program()).status == 503
    assert site.origin.reached == []
    assert (await site.page(Cookie=site.seat())).status == 200
    assert (await site.page("/free")).status == 200


async def test_a_wrong_token_lets_nobody_through(open_site: Open) -> None:
    site = await open_site(token="of-another-installation")
    assert (await site.page()).status == 503
    assert (await site.page("/free")).status == 503
    assert site.origin.reached == []


async def test_an_owner_can_have_the_door_open_while_the_waiting_room_is_away(
    open_site: Open, processes: Processes
) -> None:
    site = await open_site(OPEN)
    await site.fill()
    assert (await site.page()).status == 302
    assert (await site.page("/%2f")).status == 400
    assert site.origin.reached == []
    processes.stop(site.service)
    answer = await site.page(**SMUGGLED)
    assert (answer.status, answer.text) == (200, "the site")
    [reached] = site.origin.reached
    assert reached.header("waitroom-gate") == reached.header("waitroom-origin") == []


async def test_an_open_door_is_not_opened_by_a_request_that_is_refused(open_site: Open) -> None:
    site = await open_site(OPEN, token="of-another-installation")
    assert (await site.page()).status == 503
    assert site.origin.reached == []
