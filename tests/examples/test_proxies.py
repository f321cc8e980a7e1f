"""What all proxies do with the examples: what reaches the origin, and what does not.

`edge/examples/nginx.conf` under Debian's nginx, `edge/examples/Caddyfile` under Debian's Caddy.
"""

import pytest

from tests.conftest import Processes
from tests.examples.helpers import HOST, PAGE, SMUGGLED, TOKENS, Site, eventually
from tests.examples.proxies import Behind
from tests.web.helpers import Page, crowd
from waitroom.clock import now_ms


@pytest.fixture(params=["nginx", "caddy"])
async def site(request: pytest.FixtureRequest, behind: Behind) -> Site:
    """Return the site as each example guards it."""
    return await (behind.nginx() if request.param == "nginx" else behind.caddy())


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
    assert '"splash":"/__waitroom/shop"' in program.text
    assert int(program.headers["Retry-After"]) > 0
    assert "waitroom_ticket_shop" in program.cookies()
    posted = await site.ask(method="POST", body=b"x" * 100_000, headers=PAGE)
    assert posted.status == 303
    assert posted.headers["Location"] == "/__waitroom/shop?return_to=%2Fshop&unsent=1"
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
        # Three cookies in one answer: the ticket given up, the pass, the origin's own.
        assert (jar["waitroom_ticket_shop"].value, jar["basket"].value) == ("", "1")
        assert "private, no-cache" in answer.headers.get_all("Cache-Control", [])
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
    assert (await site.room.figures()).active == 1


# -- who says what --------------------------------------------------------------------------------


async def test_what_a_visitor_says_in_our_name_is_dropped(site: Site) -> None:
    assert (await site.page("/free", **SMUGGLED)).status == 200
    assert (await site.page(Cookie=site.seat(), **SMUGGLED)).status == 200
    free, shop = site.origin.reached
    assert (free.header("waitroom-gate"), shop.header("waitroom-gate")) == ([], ["shop"])
    for reached in (free, shop):
        [proof] = reached.header("waitroom-origin")
        assert TOKENS.read_origin(proof, now_ms=now_ms()).deadline_ms > now_ms()
        for name in ("waitroom-edge-token", "x-original-url", "x-rewrite-url"):
            assert reached.header(name) == []
        assert reached.header("x-forwarded-for") == ["127.0.0.1"]
        [host] = reached.header("x-forwarded-host")
        assert host.partition(":")[0] == HOST
    await site.fill()
    assert (await site.page(**SMUGGLED)).status == 302
    assert (await site.program(**SMUGGLED)).status == 429
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
    "/shop/../shop",
    "http://shop.example/shop",
]


async def test_no_spelling_of_a_path_walks_past_a_full_room(site: Site) -> None:
    await site.fill()
    for path in TRICKS:
        assert (path, (await site.page(path)).status) == (path, 302)
        assert (path, (await site.program(path)).status) == (path, 429)
    for path in ("/__waitroom/../shop", "/__waitroom/%2e%2e/shop"):
        # To the check or to the waiting room, but not to the site.
        assert (await site.page(path)).status in (302, 404)
    assert site.origin.reached == []


async def test_a_path_without_a_clear_meaning_is_refused(site: Site) -> None:
    for path in ("/free%2f..%2fshop", "/x%5c..%5cshop", "/x/..;/shop"):
        answer = await site.page(path, Cookie=site.seat())
        assert (path, answer.status) == (path, 400)
        assert '"error":"bad_path"' in answer.text
    assert site.origin.reached == []


async def test_no_spelling_of_a_host_walks_past_a_full_room(site: Site) -> None:
    routes = [{"host": HOST, "path": "/shop"}]
    await site.directory.update("shop", {"routes": routes}, who="test")
    await site.fill()
    for host in (f"{HOST}:8443", HOST.upper()):
        assert (host, (await site.page(host=host)).status) == (host, 302)
    assert (await site.page(f"http://{HOST}/shop", host="free.example")).status == 302
    # Some answer these themselves.
    for host in (f"{HOST}.", f"{HOST}.:80", "free.example", f"free.{HOST}", f"{HOST}.free.example"):
        assert "the site" not in (await site.page(host=host)).text
        assert "the site" not in (await site.page("/free", host=f"free.{host}")).text
    assert "the site" not in (await site.page("http://free.example/shop")).text
    assert site.origin.reached == []


# -- upgrades -------------------------------------------------------------------------------------


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
        for headers in ({}, {"Cookie": "waitroom_pass_shop=forged"}):
            with pytest.raises(Exception, match="429"):
                await links.ws_connect(f"{site.url}/shop/live", headers=headers)
        assert site.origin.reached == []
        socket = await links.ws_connect(f"{site.url}/shop/live", headers={"Cookie": site.seat()})
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
        await socket.close()


UPGRADES = [
    {"Upgrade": "h2c"},
    {"Upgrade": "H2C, websocket"},
    {"Upgrade": "websocket, h2c"},
    {"Upgrade": "h2c", "upgrade": "websocket"},
    {"Upgrade": "websocket", "upgrade": "h2c"},
    {"Upgrade": "TLS/1.0"},
]


async def test_no_other_upgrade_is_handed_on(site: Site) -> None:
    """Behind one to HTTP/2, requests would follow that the proxy never sees."""
    settings = {
        "Connection": "Upgrade, HTTP2-Settings",
        "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA",
    }
    for upgrade in UPGRADES:
        for path in ("/free", "/__waitroom/shop"):
            # 400: the handshake of a WebSocket with something missing.
            assert (await site.page(path, **settings, **upgrade)).status in (200, 400)
    assert len(site.origin.reached) == len(UPGRADES)
    for reached, upgrade in zip(site.origin.reached, UPGRADES, strict=True):
        # Of two values one is as good as the other.
        most = ["websocket"] if "websocket" in upgrade.values() else []
        assert reached.header("upgrade") in ([], most)
        assert reached.header("http2-settings") == []


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
        assert answer.status in (502, 503)
        # A page that comes back by itself, and that no cache keeps.
        assert "asks again by itself" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
    assert site.origin.reached == []
