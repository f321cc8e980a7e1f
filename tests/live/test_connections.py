"""A socket is not a visitor; who may open one, and how many."""

from typing import Any

import aiohttp
import httpx
import pytest

from tests.live.helpers import OpenPage, visitor_of
from tests.web.helpers import (
    SOCKET_PATH,
    TOKEN_MODE,
    Page,
    Site,
    eventually,
    eventually_true,
    ticket_cookie,
)
from waitroom.errors import RequestError
from waitroom.live.holders import Holders
from waitroom.room import Directory, Room, Store

# -- a socket is not a visitor --------------------------------------------------------------------


async def test_disconnect_is_not_leave(
    register: Any, take_place: Any, full: Room, site: Site
) -> None:
    ticket = await take_place()
    page = await register(ticket)
    page.break_off()
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
    with pytest.raises(RequestError, match="another tab"):
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
    links: aiohttp.ClientSession, site: Site, full: Room, take_place: Any
) -> None:
    ticket = await take_place()
    page = await Page.open(links, site.url, query=f"&ticket={ticket}&waitroom_ticket_full={ticket}")
    assert (await page.register("full"))["error"] == "bad_token"
    await page.close()
