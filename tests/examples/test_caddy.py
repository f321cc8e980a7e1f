"""`edge/examples/Caddyfile` under Debian's Caddy: what reaches the origin, and what does not."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import EDGE_TOKEN, Processes
from tests.examples.helpers import (
    EXAMPLES,
    HOST,
    PAGE,
    TOKENS,
    Origin,
    Site,
    as_nobody,
    eventually,
    find_server,
    served,
)
from tests.web.helpers import Page, crowd
from waitroom.clock import now_ms
from waitroom.room import Directory, Room

SMUGGLED = {
    "Waitroom-Gate": "fair",
    "Waitroom-Origin": "forged",
    "waitroom_gate": "fair",
    "WAITROOM_ORIGIN": "forged",
    "Waitroom-Ticket-Cookie": "forged=1",
    "Waitroom-Edge-Token": "forged",
    "Waitroom-Mode": "auth_request",
    "X-Forwarded-Uri": "/free",
    "X-Forwarded-Host": "free.example",
    "X-Forwarded-Method": "OPTIONS",
    "X-Forwarded-For": "198.51.100.9",
}


@pytest.fixture
async def site(
    folder: Path,
    run: Callable[..., subprocess.Popen[bytes]],
    free_port: Callable[[], int],
    service: subprocess.Popen[bytes],
    service_port: int,
    origin: Origin,
    room: Room,
    directory: Directory,
) -> Site:
    """Return the site as the example guards it."""
    port = free_port()
    # The administration's port is one for the whole machine.
    text = "{\n\tadmin off\n}\n" + (EXAMPLES / "Caddyfile").read_text()
    (folder / "Caddyfile").write_text(text)
    environment = os.environ | {
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "SITE": f"http://:{port}",
        "ORIGIN": f"127.0.0.1:{origin.port}",
        "WAITROOM": f"127.0.0.1:{service_port}",
        "WAITROOM_EDGE_TOKEN": EDGE_TOKEN,
    }
    command = (find_server("caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile")
    await served(port, run(*command, env=environment, **as_nobody()))
    return Site(port, origin, room, directory, service)


async def test_a_full_room_holds_persons_and_programs(site: Site) -> None:
    await site.fill()
    page = await site.page("/shop/a?b=c")
    assert page.status == 302
    assert page.headers["Location"] == "/__waitroom/shop?return_to=%2Fshop%2Fa%3Fb%3Dc"
    assert page.cookies()["waitroom_ticket_shop"]["httponly"]
    program = await site.program()
    assert (program.status, program.headers.get_content_type()) == (429, "application/json")
    assert int(program.headers["Retry-After"]) > 0
    posted = await site.ask(method="POST", body=b"x" * 100_000, headers=PAGE)
    assert posted.status == 303
    splash = await site.page(page.headers["Location"])
    assert (splash.status, splash.headers.get_content_type()) == (200, "text/html")
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
        assert (jar["waitroom_ticket_shop"].value, jar["basket"].value) == ("", "1")
        assert answer.headers.get_all("Cache-Control") == ["private, no-cache"]
        return jar["waitroom_pass_shop"].value

    held = await eventually(let_in)
    seats = (await site.room.figures()).active
    site.origin.reached.clear()
    answer = await site.page(Cookie=f"waitroom_pass_shop={held}")
    assert (answer.status, answer.text) == (200, "the site")
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert list(answer.cookies()) == ["basket"]
    assert len(site.origin.reached) == 1
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
    await site.fill()
    assert (await site.page(**SMUGGLED)).status == 302
    assert (await site.program(**SMUGGLED)).status == 429
    assert site.origin.reached == []


async def test_no_spelling_of_a_path_or_host_walks_past_a_full_room(site: Site) -> None:
    routes = [{"host": HOST, "path": "/shop"}]
    await site.directory.update("shop", {"routes": routes}, who="test")
    await site.fill()
    for path in (
        "/%73hop",
        "//shop",
        "/x/../shop",
        "/./shop",
        "/shop;x",
        "/SHOP",
        "/x/%2e%2e/shop",
        "/shop/../shop",
    ):
        assert (path, (await site.page(path)).status) == (path, 302)
        assert (path, (await site.program(path)).status) == (path, 429)
    for path in ("/__waitroom/../shop", "/__waitroom/%2e%2e/shop"):
        # To the check or to the waiting room, but not to the site.
        assert (await site.page(path)).status in (302, 404)
    for path in ("/free%2f..%2fshop", "/x%5c..%5cshop", "/x/..;/shop"):
        assert (path, (await site.page(path)).status) == (path, 400)
    for host in (f"{HOST}:8443", f"{HOST}.", HOST.upper()):
        assert (host, (await site.page(host=host)).status) == (host, 302)
    assert (await site.page(f"http://{HOST}/shop", host="free.example")).status == 302
    assert site.origin.reached == []


async def test_the_splash_pages_websocket_goes_through(site: Site) -> None:
    await site.fill()
    ticket = (await site.page()).cookies()["waitroom_ticket_shop"].value
    async with crowd() as links:
        page = await Page.open(links, site.url, ticket=ticket)
        await page.register()
        assert (await page.hear("queue_update"))["position"] >= 1
        await page.close()


async def test_the_sites_own_websocket_is_guarded(site: Site) -> None:
    async with crowd() as links:
        await site.fill()
        with pytest.raises(Exception, match="429"):
            await links.ws_connect(f"{site.url}/shop/live")
        assert site.origin.reached == []
        socket = await links.ws_connect(f"{site.url}/shop/live", headers={"Cookie": site.seat()})
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
        await socket.close()


async def test_without_the_waiting_room_nobody_is_let_through(
    site: Site, processes: Processes
) -> None:
    processes.stop(site.service)
    for answer in (
        await site.page(),
        await site.page("/free"),
        await site.page(Cookie=site.seat()),
    ):
        assert answer.status == 502
    assert site.origin.reached == []
