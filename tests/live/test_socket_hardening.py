"""Hostile packets: they cost the one who sends them, and nobody else notices."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import orjson
import pytest

from tests.web.helpers import (
    SOCKET_PATH,
    GoneError,
    Page,
    Site,
    eventually,
    eventually_true,
    ticket_cookie,
    ticket_of,
)
from waitroom.live.budget import BURST
from waitroom.live.sockets import MAX_PACKET_BYTES
from waitroom.room import Room
from waitroom.web.servers import MAX_WEBSOCKET_MESSAGE

OpenPage = Callable[..., Any]

#: Text frames that no page sends, by what is wrong with them.
PACKETS = {
    "empty": "",
    "no packet": "x",
    "unknown engine packet": "9",
    "open": "0{}",
    "pong out of turn": "3",
    "upgrade": "5",
    "noop": "6",
    "probe": "2probe",
    "no socket packet": "4",
    "unknown socket packet": "48",
    "letter": "4x",
    "connect error": "44{}",
    "connect twice": "40",
    "connect with data": '40{"token":1}',
    "other namespace": "40/admin,",
    "event elsewhere": '42/admin,["register",{"room":"full"}]',
    "leave elsewhere": "41/admin,",
    "no data": "42",
    "cut": '42["register"',
    "an object": '42{"a":1}',
    "a number": "421",
    "no name": "42[]",
    "name is a number": '42[1,{"room":"full"}]',
    "name is null": "42[null]",
    "name is an object": '42[{"a":1}]',
    "reserved name": '42["disconnect","x"]',
    "reserved connect": '42["connect",{}]',
    "unknown name": '42["admin",{"room":"full"}]',
    "ack of nothing": "43999[1]",
    "ack without number": "43[1]",
    "long ack number": "43" + "9" * 200 + "[1]",
    "long event number": "42" + "9" * 200 + '["heartbeat"]',
    "binary event": '451-["register",{"_placeholder":true,"num":0}]',
    "binary event of billions": '459999999999-["register"]',
    "binary ack": '461-1[{"_placeholder":true,"num":0}]',
    "deep": '42["register",' + "[" * 900 + "]" * 900 + "]",
    "bad unicode": '42["\\ud800",{"room":"\\ud800"}]',
    "duplicate keys": '42["register",{"room":"full","room":1}]',
    "not a number": '42["register",NaN]',
    "huge number": '42["register",' + "9" * 1_900 + "]",
}
#: Payloads of `register` that are none.
REGISTERS: list[list[Any]] = [
    [],
    [None],
    [1],
    ["full"],
    [[]],
    [{}],
    [{"room": None}],
    [{"room": 1}],
    [{"room": ["full"]}],
    [{"room": {"a": 1}}],
    [{"room": ""}],
    [{"room": "../full"}],
    [{"room": "FULL"}],
    [{"room": "full\n"}],
    [{"room": "x" * 1_000}],
    [{"room": "full", "ticket": 1}],
    [{"room": "full", "ticket": ["x"]}],
    [{"room": "full", "visitor": "me"}],
    [{"room": "full", "place": 1}],
]


@pytest.fixture
async def neighbour(http: httpx.AsyncClient, open_page: OpenPage, full: Room) -> Page:
    """Return a page that waits in peace, first in the line."""
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    page: Page = await open_page(Cookie=ticket_cookie(ticket, "full")["Cookie"])
    assert await page.register("full") == {"ok": True}
    await page.hear("queue_update")
    return page


async def still_well(neighbour: Page) -> None:
    assert await neighbour.ask("heartbeat") == {"ok": True}
    assert await neighbour.register("full") == {"ok": True}
    assert (await neighbour.hear("queue_update"))["position"] == 1


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS.keys())
async def test_a_broken_packet_hurts_only_its_sender(
    site: Site, open_page: OpenPage, neighbour: Page, packet: str
) -> None:
    page: Page = await open_page()
    await page.send(packet)
    try:
        # Ignored, or answered with an error: either way it is served as before.
        assert (await page.ask("heartbeat"))["error"] in ("bad_request", "too_many_messages")
    except GoneError:
        pass  # Shown the door.
    await page.close()
    await still_well(neighbour)
    await eventually_true(lambda: len(site.services.sockets) == 1)
    await neighbour.close()


async def test_binary_frames_hurt_only_their_sender(
    site: Site, open_page: OpenPage, neighbour: Page
) -> None:
    for frame in (b"", b"\x00", b"42", b"\x04" * 1_000):
        page: Page = await open_page()
        try:
            await page.ws.send_bytes(frame)
            await page.ask("heartbeat")
        except GoneError:
            pass
        await page.close()
    await still_well(neighbour)
    await neighbour.close()


async def test_announced_binary_parts_are_not_collected(
    site: Site, open_page: OpenPage, neighbour: Page
) -> None:
    for binary in (True, False):
        page: Page = await open_page()
        await page.send('459999999-["register",{"_placeholder":true,"num":0}]')
        for _ in range(50):
            # The library takes text for a part as well.
            await (page.ws.send_bytes(b"x" * 1_000) if binary else page.send("4" + "x" * 1_000))
            if page.closed:
                break
        await still_well(neighbour)
        assert site.services.sockets.server._binary_packet == {}
        await page.close()
    await neighbour.close()


@pytest.mark.parametrize("size", [MAX_PACKET_BYTES + 100, MAX_WEBSOCKET_MESSAGE * 2, 3_000_000])
async def test_an_oversize_packet_ends_the_connection(
    site: Site, open_page: OpenPage, neighbour: Page, size: int
) -> None:
    page: Page = await open_page()
    await page.send('42["register",{"room":"' + "x" * size + '"}]')
    await page.until_closed()
    await still_well(neighbour)
    await page.close()
    await neighbour.close()


async def test_a_register_of_wrong_types_is_a_bad_request(open_page: OpenPage, full: Room) -> None:
    for payload in REGISTERS:
        page: Page = await open_page()
        answer = await page.ask("register", *payload)
        assert answer["error"] == "bad_request", payload
        assert (await page.hear("error"))["code"] == "bad_request"
        # The socket stays good.
        assert (await page.ask("heartbeat"))["error"] == "bad_request"
        await page.close()
    assert (await full.figures()).waiting == 0


async def test_extra_arguments_are_ignored(open_page: OpenPage, full: Room) -> None:
    page: Page = await open_page()
    assert (await page.ask("register", {"room": "full"}, 1, {"x": 2}))["error"] == "bad_token"
    assert (await page.ask("heartbeat", {"x": 1}, 2))["error"] == "bad_request"
    await page.close()


async def test_a_thousand_registers_cost_a_burst_and_no_place(
    site: Site, http: httpx.AsyncClient, open_page: OpenPage, neighbour: Page, full: Room
) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    page: Page = await open_page(Cookie=ticket_cookie(ticket, "full")["Cookie"])
    calls = await _calls(site)
    for _ in range(1_000):
        await page.emit("register", {"room": "full"})
    await page.until_closed()
    assert page.count("queue_update") <= BURST + 5
    assert [payload["code"] for name, payload in page.heard if name == "error"] == [
        "too_many_messages"
    ]
    # Commands inside of scripts count as well, some ten a register; ticks go on beside them.
    assert await _calls(site) - calls < 1_000
    await still_well(neighbour)
    assert [row.position for row in await full.visitors()] == [1, 2]
    # Back with a new connection, the place is as before.
    again: Page = await open_page(Cookie=ticket_cookie(ticket, "full")["Cookie"])
    assert await again.register("full") == {"ok": True}
    assert (await again.hear("queue_update"))["position"] == 2
    for each in (page, again, neighbour):
        await each.close()


async def _calls(site: Site) -> int:
    found = await site.services.store.redis.info("stats")
    return int(found["total_commands_processed"])


async def test_a_flood_of_unknown_packets_holds_up_nobody(
    open_page: OpenPage, neighbour: Page
) -> None:
    page: Page = await open_page()
    for _ in range(2_000):
        await page.send('42["nothing",{"a":"bbbbbbbbbbbbbbbbbbbb"}]')
    await asyncio.wait_for(still_well(neighbour), 5)
    await page.close()
    await neighbour.close()


@pytest.mark.parametrize(
    "packets", [['42["register"]'], ["40", "43999[1]"]], ids=["before connecting", "unasked answer"]
)
async def test_what_the_library_warns_of_fills_no_log(
    links: aiohttp.ClientSession,
    site: Site,
    packets: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A line for each packet of a flood, which costs its sender nothing.
    async with links.ws_connect(site.url + SOCKET_PATH) as ws:
        for packet in packets:
            await ws.send_str(packet)
        while (await ws.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
    assert [line.getMessage() for line in caplog.records if line.levelname != "DEBUG"] == []


@pytest.mark.parametrize(
    "trick",
    [
        ["40"],
        ["41", "40"],
        # As if the page were the library, which calls this handler with the handshake.
        ['42["connect",{"asgi.scope":{"headers":[]}}]'],
        ['42["disconnect","x"]', "40"],
    ],
    ids=["connect", "disconnect and connect", "call connect", "call disconnect"],
)
async def test_connecting_over_and_over_gives_no_second_budget(
    open_page: OpenPage, trick: list[str]
) -> None:
    page: Page = await open_page()
    for _ in range(60):
        for packet in trick:
            await page.send(packet)
        await page.emit("register", {"room": "nowhere"})
    await page.until_closed()
    codes = [payload["code"] for name, payload in page.heard if name == "error"]
    assert codes.count("room_not_found") <= BURST + 5
    await page.close()


async def test_many_connections_that_say_nothing_are_forgotten_when_they_go(
    links: aiohttp.ClientSession, site: Site, neighbour: Page
) -> None:
    open_ones = [await links.ws_connect(site.url + SOCKET_PATH) for _ in range(100)]
    for ws in open_ones:
        await ws.close()
    await eventually_true(lambda: len(site.services.sockets) == 1)
    await eventually_true(lambda: len(site.services.sockets.server.eio.sockets) == 1)
    await still_well(neighbour)
    await neighbour.close()


async def test_odd_handshakes_are_refused(links: aiohttp.ClientSession, site: Site) -> None:
    path = "/__waitroom/socket.io/"
    for query in ("", "?EIO=3&transport=websocket", "?EIO=4", "?EIO=4&transport=x", "?EIO=x"):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await links.ws_connect(f"{site.url}{path}{query}")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await links.ws_connect(site.url + SOCKET_PATH + "&sid=made-up")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await links.ws_connect(f"{site.url}/somewhere/else")
    async with httpx.AsyncClient() as http:

        async def alive() -> bool:
            return (await http.get(f"{site.url}/healthz")).status_code == 200

        await eventually(alive)


async def test_the_answers_hold_nothing_that_was_sent(open_page: OpenPage) -> None:
    page: Page = await open_page()
    for payload in ({"room": "<script>"}, {"room": "full", "ticket": "secret-" * 10}):
        answer = orjson.dumps(await page.ask("register", payload)).decode()
        assert "script" not in answer and "secret" not in answer
    await page.close()
