"""One connection: packets keep their order, and a page that does not read holds up nobody."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.web.helpers import Site, end, eventually_true
from waitroom.live.connection import MAX_BACKLOG, PageSocket
from waitroom.live.engine import PageEngine, PageManager
from waitroom.live.updates import event_packet

TEXT = "websocket.send"


class Wire:
    """What a server gives to an application: it keeps what is sent, and can hold it up."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.broken = False
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send(self, message: dict[str, Any]) -> None:
        if self.broken:
            raise ConnectionResetError
        # As servers do: the text is on its way before the page has to make room for more.
        self.sent.append(message.get("text") or message["type"])
        while not self.reads.is_set():
            await self.reads.wait()

    def hear(self, text: str) -> None:
        self.frames.put_nowait({"type": "websocket.receive", "text": text})


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def engine(heard: list[str]) -> PageEngine:
    """Return a server that notes what it hears, and who has gone why."""
    found = PageEngine(async_mode="asgi", ping_interval=25, ping_timeout=20)

    async def message(sid: str, text: str) -> None:
        heard.append(text)

    async def disconnect(sid: str, reason: str) -> None:
        heard.append(f"gone: {reason}")

    found.on("message", message)
    found.on("disconnect", disconnect)
    return found


@asynccontextmanager
async def connected(engine: PageEngine, wire: Wire) -> AsyncIterator[PageSocket]:
    """Serve one connection; it is ended at the end."""
    page = PageSocket(engine, "a")
    page.push("0hello")
    serving = asyncio.create_task(page.serve(wire.send, wire.frames.get))
    await eventually_true(lambda: "0hello" in wire.sent)
    await eventually_true(lambda: not page.busy)
    yield page
    wire.reads.set()
    page.end()
    await asyncio.wait_for(serving, 20)


def _ended(page: PageSocket) -> bool:
    # A call, because mypy takes what was false for false for ever.
    return page.ended


async def test_what_is_said_before_the_handshake_comes_right_after_it(engine: PageEngine) -> None:
    wire = Wire()
    async with connected(engine, wire):
        assert wire.sent == ["websocket.accept", "0hello"]


async def test_a_packet_is_written_at_once(engine: PageEngine) -> None:
    wire = Wire()
    async with connected(engine, wire) as page:
        for number in range(3):
            page.push(f"4{number}")
            assert wire.sent[-1] == f"4{number}"
            assert not page.busy


async def test_packets_keep_their_order_while_a_page_does_not_read(engine: PageEngine) -> None:
    wire = Wire()
    async with connected(engine, wire) as page:
        wire.reads.clear()
        expected = [f"4{number}" for number in range(MAX_BACKLOG)]
        for text in expected:
            page.push(text)
        assert page.busy and not page.ended
        wire.reads.set()
        await eventually_true(lambda: not page.busy)
        page.push("4last")
        assert wire.sent[2:] == [*expected, "4last"]


async def test_one_that_lets_its_backlog_fill_is_cut_off(
    engine: PageEngine, heard: list[str]
) -> None:
    wire = Wire()
    async with connected(engine, wire) as page:
        wire.reads.clear()
        for number in range(MAX_BACKLOG + 1):
            page.push(f"4{number}")
        assert not page.ended
        page.push("4too much")
        assert _ended(page)
        page.push("4nobody hears this")
        await eventually_true(lambda: heard == ["gone: transport close"])
    assert "4too much" not in wire.sent and "4nobody hears this" not in wire.sent
    # What came before it is written all the same, once the page reads again.
    assert wire.sent[-2:] == [f"4{MAX_BACKLOG}", "websocket.close"]


async def test_a_connection_that_breaks_while_it_is_written_to_is_nobodys_error(
    engine: PageEngine, heard: list[str]
) -> None:
    wire = Wire()
    async with connected(engine, wire) as page:
        wire.broken = True
        page.push("4x")
        assert page.ended
        # Though no server has said so: one that raises may say nothing to whoever reads.
        await eventually_true(lambda: heard == ["gone: transport close"])


async def test_frames_are_heard_in_order_and_the_goodbye_ends_it(
    engine: PageEngine, heard: list[str]
) -> None:
    wire = Wire()
    async with connected(engine, wire):
        for text in ("4a", "2", "4b", "6", "1", "4after the goodbye"):
            wire.hear(text)
        await eventually_true(lambda: len(heard) == 3)
    assert heard == ["a", "b", "gone: client disconnect"]


async def test_an_end_waits_for_what_a_packet_has_set_off(
    engine: PageEngine, heard: list[str]
) -> None:
    wire, go = Wire(), asyncio.Event()

    async def message(sid: str, text: str) -> None:
        heard.append("begun")
        await go.wait()
        heard.append("done")

    engine.on("message", message)
    async with connected(engine, wire) as page:
        wire.hear("4a")
        await eventually_true(lambda: heard == ["begun"])
        page.end()
        go.set()
        await eventually_true(lambda: len(heard) == 3)
    assert heard == ["begun", "done", "gone: transport close"]


async def test_an_end_that_is_told_again_while_it_happens_is_no_fault(engine: PageEngine) -> None:
    # A page may be cut off, left without an answer to its ping and drained at the same moment.
    wire = Wire()
    async with connected(engine, wire) as page:
        page.end()
        # The wait for its next frame is being broken off from here on.
        await asyncio.sleep(0)
        page.end()


async def test_a_page_that_is_gone_before_it_is_accepted_is_forgotten(
    engine: PageEngine, heard: list[str]
) -> None:
    wire = Wire()
    wire.broken = True
    with pytest.raises(ConnectionResetError):
        await PageSocket(engine, "a").serve(wire.send, wire.frames.get)
    assert heard == ["gone: transport close"]


async def test_a_page_that_is_gone_keeps_nothing_of_the_server_until_its_next_ping(
    engine: PageEngine,
) -> None:
    wire = Wire()
    kept = weakref.ref(wire)
    async with connected(engine, wire) as page:
        page.schedule_ping()
    del wire
    gc.collect()
    assert [each for _, each in engine._to_ask] == [page]
    assert kept() is None


# -- pings ----------------------------------------------------------------------------------------


@pytest.fixture
def clock_s(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a way to set the time."""

    def set_s(now_s: float) -> None:
        monkeypatch.setattr("waitroom.clock.monotonic_s", lambda: now_s)

    return set_s


async def test_a_page_that_answers_is_asked_again_after_the_interval(
    engine: PageEngine, clock_s: Callable[[float], None]
) -> None:
    wire = Wire()
    async with connected(engine, wire) as page:
        clock_s(100)
        page.schedule_ping()
        engine.look(124.9)
        assert "2" not in wire.sent
        engine.look(125)
        assert wire.sent.count("2") == 1
        clock_s(126)
        for _ in range(3):
            # Only the first one answers; the others would make more pings than one.
            wire.hear("3")
        await eventually_true(wire.frames.empty)
        await eventually_true(lambda: page.last_ping is None)
        engine.look(146)
        assert not page.ended
        engine.look(151)
        engine.look(160)
        assert wire.sent.count("2") == 2


async def test_a_page_that_leaves_a_ping_unanswered_is_let_go(
    engine: PageEngine, heard: list[str], clock_s: Callable[[float], None]
) -> None:
    wire = Wire()
    async with connected(engine, wire) as page:
        clock_s(100)
        page.schedule_ping()
        engine.look(125)
        engine.look(144.9)
        assert not page.ended
        engine.look(145)
        assert _ended(page)
        await eventually_true(lambda: heard == ["gone: transport close"])


# -- who is connected -----------------------------------------------------------------------------


async def test_a_disconnect_costs_the_same_however_many_are_connected(engine: PageEngine) -> None:
    server: Any = type("Server", (), {"eio": engine})()
    manager = PageManager()
    manager.server = server
    sids = []
    for number in range(1_000):
        sid = await manager.pre_connect(f"eio{number}", "/")
        sids.append(await manager.connect(sid, "/"))
    # The library walks over this list at each disconnect.
    assert len(manager.rooms["/"]) == 1
    assert list(manager.get_participants("/", sids[5])) == [(sids[5], "eio5")]
    for sid in sids:
        manager.pre_disconnect(sid, "/")
        await manager.disconnect(sid, "/")
    assert (manager.rooms, manager.pending_connect, manager.pending_disconnect) == ({}, {}, {})


# -- under the real server ------------------------------------------------------------------------


async def test_a_page_that_stops_reading_holds_up_nobody_and_is_cut_off(
    site: Site, take_place: Any, register: Any
) -> None:
    neighbour, deaf = [await register(await take_place()) for _ in range(2)]
    hub = site.services.hub
    line = hub.lines["full"]
    first, second = sorted(line.watchers.values(), key=lambda watcher: watcher.position)
    link: Any = second.links[0]
    # Nobody takes its frames now, and its library stops to read.
    await end(deaf._reader)
    update = event_packet("filler", "x" * 10_000)
    for _ in range(100):
        while not link.busy:
            link.push(update)
        # Until all buffers on the way are full.
        await asyncio.sleep(0.1)
        if link.busy:
            break
    assert link.busy
    # Positions are not even kept for it; what happens once is.
    for _ in range(2 * MAX_BACKLOG):
        hub.tell(line, second)
    assert not link.ended
    for _ in range(MAX_BACKLOG + 1):
        hub.send(second, "message", {"text": "x" * 10_000})
    assert link.ended
    hub.tell(line, first)
    assert (await neighbour.hear("queue_update"))["position"] == 1
    assert await neighbour.ask("heartbeat") == {"ok": True}
    await eventually_true(lambda: len(line.watchers) == 1)
    await eventually_true(lambda: len(site.services.sockets.pages()) == 1)
    # When it reads again, it finds the end.
    deaf._reader = asyncio.create_task(deaf._read())
    await deaf.until_closed()
    await deaf.close()
    await neighbour.close()
