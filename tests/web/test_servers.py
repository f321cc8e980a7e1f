"""Each server that can be chosen carries the application, and guards it, alike."""

import asyncio
import sys
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest

from tests.conftest import Processes
from tests.web.helpers import (
    SOCKET_PATH,
    Page,
    Serve,
    Site,
    eventually,
    eventually_true,
    no_cookies,
    ticket_cookie,
    ticket_of,
)
from tests.web.test_hardening import NO_HTTP
from waitroom.clock import monotonic_s
from waitroom.errors import ConfigError
from waitroom.room import Directory, Room
from waitroom.web.serve import listen
from waitroom.web.servers import MAX_HEADERS, MAX_WEBSOCKET_MESSAGE, choose


@pytest.fixture
async def site(serve: Serve, server: str, full: Room) -> Site:
    return await serve(server=server)


async def waiting_page(links: aiohttp.ClientSession, http: httpx.AsyncClient, url: str) -> Page:
    """Return a page that has taken a place in the full room and has heard so."""
    ticket = ticket_of(await http.post(f"{url}/__waitroom/full/enter"), "full")
    page = await Page.open(links, url, Cookie=ticket_cookie(ticket, "full")["Cookie"])
    assert await page.register("full") == {"ok": True}
    assert (await page.hear("queue_update"))["position"] == 1
    return page


async def raw(
    site: Site, sent: bytes, *, end: bool = False, pause_s: float = 0, more: bytes = b""
) -> bytes:
    """Send bytes, and nothing more if that is the end; return the head of the answer."""
    address = urlsplit(site.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(sent)
    if more:
        await asyncio.sleep(pause_s)
        writer.write(more)
    if end:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    except asyncio.IncompleteReadError as e:
        return e.partial
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def kept_s(site: Site, sent: bytes, drop: bytes = b"") -> float:
    """Send bytes, then a drop now and again; return after how long the connection is closed."""
    address = urlsplit(site.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(sent)
    began_s = monotonic_s()
    while (left_s := began_s + 5 - monotonic_s()) > 0:
        try:
            if not await asyncio.wait_for(reader.read(65_536), min(0.3, left_s)):
                break
        except TimeoutError:
            writer.write(drop)
        except ConnectionError:
            break
    writer.close()
    return monotonic_s() - began_s


async def test_a_page_waits_beats_and_is_admitted(
    site: Site, http: httpx.AsyncClient, links: aiohttp.ClientSession, directory: Directory
) -> None:
    page = await waiting_page(links, http, site.url)
    assert await page.ask("heartbeat") == {"ok": True}
    await directory.update("full", {"total_active_users": 1}, who="test")
    assert await page.hear("admitted") == {"go_by_s": 120}
    await page.close()
    await eventually_true(lambda: len(site.services.sockets) == 0)


async def test_requests_of_all_kinds_are_answered(site: Site, http: httpx.AsyncClient) -> None:
    entered = await http.post("/__waitroom/full/enter")
    ticket = ticket_cookie(ticket_of(entered, "full"), "full")
    # With a body and without, it is the same place.
    again = await http.post("/__waitroom/full/enter", headers=ticket, content=b"x" * 100)
    found = await http.get("/__waitroom/full/status", headers=ticket)
    assert entered.json()["position"] == again.json()["position"] == found.json()["position"] == 1
    assert entered.headers["content-type"] == "application/json"
    assert entered.headers["retry-after"] == found.headers["retry-after"]
    went = await http.get("/__waitroom/full/go?return_to=/caf%C3%A9%3F", headers=ticket)
    assert (went.status_code, went.headers["location"][:23]) == (303, "/__waitroom/full?return")
    assert (await http.head("/__waitroom/full")).content == b""
    for answer in (entered, found, went):
        # Whoever looks for holes in a server's version is not told which one to try.
        assert not answer.headers.get("server")
        assert "date" in answer.headers


async def test_a_head_that_is_too_long_is_refused(site: Site, http: httpx.AsyncClient) -> None:
    head = b"POST /__waitroom/full/enter HTTP/1.1\r\nHost: a\r\nCookie: a="
    for length in (MAX_HEADERS + 70_000, 5_000_000):
        first_line, *_ = (await raw(site, head + b"x" * length + b"\r\n\r\n")).split(b"\r\n")
        assert first_line == b"" or first_line.split(b" ")[1] in (b"400", b"431")
    # What nginx lets through by default has to come through here too.
    long = {"Cookie": "a=" + "x" * 30_000}
    assert (await http.post("/__waitroom/full/enter", headers=long)).json()["position"] == 1


async def test_what_is_no_http_is_cut_off(site: Site, http: httpx.AsyncClient) -> None:
    for request_text in NO_HTTP:
        first_line, *_ = (await raw(site, request_text, end=True)).split(b"\r\n")
        assert first_line == b"" or first_line.split(b" ")[1] in (b"400", b"404"), request_text
    assert (await http.get("/healthz")).status_code == 200


async def test_whoever_asks_for_nothing_is_not_kept_for_ever(
    serve: Serve,
    server: str,
    full: Room,
    http: httpx.AsyncClient,
    links: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A few thousand of them would use up all open files."""
    limit_s = 1 if server == "granian" else 0.5
    monkeypatch.setattr(f"waitroom.web.servers.under_{server}.KEEP_ALIVE_S", limit_s)
    quick = await serve(server=server)
    page = await waiting_page(links, http, quick.url)
    whole = b"GET /__waitroom/full/board HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"GET /__waitroom/full/board HTTP/1.1\r\nHost: a\r\nX: "
    body = b"POST /__waitroom/full/enter HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n"
    kept = [kept_s(quick, *sent) for sent in ((b"",), (whole,), (head, b"a"), (whole, head[:1]))]
    assert max(await asyncio.gather(*kept, kept_s(quick, body, b"a"))) < 3
    # A socket may be silent.
    assert await page.ask("heartbeat") == {"ok": True}
    await page.close()


async def test_a_slow_answer_is_not_cut_off(
    serve: Serve, full: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uvicorn has a limit of ours for whoever asks for nothing."""
    monkeypatch.setattr("waitroom.web.servers.under_uvicorn.KEEP_ALIVE_S", 0.4)
    quick = await serve(server="uvicorn")
    room = quick.services.hub.room

    async def slow(name: str) -> Room:
        await asyncio.sleep(0.7)
        return await room(name)

    monkeypatch.setattr(quick.services.hub, "room", slow)
    head = b"GET /__waitroom/full HTTP/1.1\r\nHost: a\r\n"
    assert (await raw(quick, head, pause_s=0.1, more=b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_socket_to_another_address_is_refused_without_a_word_in_the_log(
    site: Site, links: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/", "/__waitroom/full", "/__waitroom/full/enter", "/nowhere"):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="40[0345]"):
            await links.ws_connect(site.url + path)
    assert not caplog.records


async def test_odd_addresses_and_handshakes_leave_no_traceback(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody could fill the log with them."""
    upgrade = (
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nHost: a"
    )
    socket = f"GET {SOCKET_PATH} HTTP/1.1\r\n".encode() + upgrade
    for head in (
        b"GET http://[::1 HTTP/1.1\r\nHost: a",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a",
        b"GET http://a HTTP/1.1\r\nHost: a",
        b"OPTIONS * HTTP/1.1\r\nHost: a",
        socket + b"\r\nSec-WebSocket-Extensions: \xff",
        socket + b"\r\nSec-WebSocket-Protocol: a, \xff b",
        socket + b"\xff",
        socket.replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"GET /x HTTP/1.1\r\n" + upgrade,
    ):
        answer = await raw(site, head + b"\r\n\r\n", pause_s=0.05, more=b"\x81\x80abcd")
        assert answer[9:12] in (b"101", b"200", b"400", b"403", b"404", b"405"), (head, answer)
    assert not [each for each in caplog.records if each.exc_info or "Traceback" in each.message]


async def test_an_upgrade_to_http2_is_answered_in_http1(site: Site) -> None:
    answer = await raw(
        site,
        b"GET /__waitroom/full HTTP/1.1\r\nHost: shop.example\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
        b"Upgrade: h2c\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_messages_are_not_compressed(site: Site, links: aiohttp.ClientSession) -> None:
    # Compression costs 300 kB a socket, and our messages are shorter than what it needs.
    ws = await links.ws_connect(site.url + SOCKET_PATH, compress=15)
    assert ws.compress == 0
    await ws.close()


async def test_an_oversize_message_ends_its_connection_only(
    site: Site, http: httpx.AsyncClient, links: aiohttp.ClientSession
) -> None:
    neighbour = await waiting_page(links, http, site.url)
    page = await Page.open(links, site.url)
    await page.send('42["register",{"room":"' + "x" * MAX_WEBSOCKET_MESSAGE * 2 + '"}]')
    await page.until_closed()
    assert await neighbour.ask("heartbeat") == {"ok": True}
    await eventually_true(lambda: len(site.services.sockets) == 1)
    await page.close()
    await neighbour.close()


async def test_a_process_stops_clean_and_logs_no_request(
    server: str, start_web: Any, full: Room, links: aiohttp.ClientSession, processes: Processes
) -> None:
    (web,) = await start_web(WAITROOM_SERVER=server, WAITROOM_DRAIN_S="0")
    async with httpx.AsyncClient(cookies=no_cookies()) as http:
        page = await waiting_page(links, http, web.url)
    # The page goes when it is told to.
    assert await asyncio.to_thread(processes.stop, web.child, 20) == 0
    await page.until_closed()
    output = processes.output(web.child)
    assert f'"server":"{server}"' in output and "web_stopped" in output
    assert "Traceback" not in output and "__waitroom" not in output


# -- the choice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["uvicorn", "granian"])
def test_a_server_that_is_not_installed_is_named_with_the_command(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"waitroom.web.servers.under_{name}", raising=False)
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install 'waitroom\[servers\]'"):
        choose(name)


# -- one port, several processes -------------------------------------------------------------------


def test_a_port_is_shared_only_by_those_who_say_so() -> None:
    with listen("127.0.0.1", 0) as alone:
        port = alone.getsockname()[1]
        alone.listen()
        for shared in (False, True):
            with pytest.raises(OSError, match="in use"):
                listen("127.0.0.1", port, shared=shared)
    with listen("127.0.0.1", 0, shared=True) as first:
        port = first.getsockname()[1]
        first.listen()
        with listen("127.0.0.1", port, shared=True) as second:
            second.listen()
            with pytest.raises(OSError, match="in use"):
                listen("127.0.0.1", port)


async def test_processes_on_one_port_all_serve_and_one_that_ends_leaves_the_others(
    processes: Processes, free_port: Any, full: Room
) -> None:
    more = {"WAITROOM_WEB_PROCESSES": "2", "WAITROOM_DRAIN_S": "0"}
    url = f"http://127.0.0.1:{(port := free_port())}"

    async def answering() -> str | None:
        """Return the start of the process that answers a new connection."""
        try:
            async with httpx.AsyncClient() as http:
                page = (await http.get(f"{url}/metrics")).text
        except httpx.TransportError:
            return None
        name = "process_start_time_seconds "
        [line] = [line for line in page.splitlines() if line.startswith(name)]
        return line

    children: list[Any] = []
    seen: set[str | None] = set()

    async def another() -> bool:
        seen.add(await answering())
        return len(seen - {None}) == len(children)

    for _ in range(2):
        children.append(processes.start("web", "--port", str(port), **more))
        await eventually(another)
    await asyncio.to_thread(processes.stop, children[0], 20)
    seen.clear()
    for _ in range(10):
        seen.add(await answering())
    assert len(seen) == 1 and None not in seen
