"""Live figures: who gets them over a socket, and until when."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import socketio
from socketio.exceptions import ConnectionError as RefusedError
from socketio.exceptions import SocketIOError

from tests.console.conftest import Person, Sign
from tests.web.helpers import PATIENCE_S, Site, eventually, eventually_true
from waitroom import clock

Connect = Callable[[str], Awaitable["Watcher"]]


class Watcher:
    """One open room page."""

    def __init__(self) -> None:
        self.link = socketio.AsyncClient(reconnection=False)
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.link.on("figures", self.told.put)
        self.link.on("gone", self._gone)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.told.get()

    async def _gone(self, _: Any) -> None:
        self.gone.set()


@pytest.fixture
async def connect(site: Site) -> AsyncIterator[Connect]:
    """Return a way to open the socket of a room page."""
    opened: list[Watcher] = []

    async def come(cookie: str) -> Watcher:
        found = Watcher()
        await found.link.connect(
            site.url,
            headers={"Cookie": f"waitroom_console={cookie}"},
            transports=["websocket"],
            socketio_path="console/socket.io",
        )
        opened.append(found)
        return found

    yield come
    for each in opened:
        await each.link.disconnect()


def cookie_of(person: Person) -> str:
    return str(person.http.cookies["waitroom_console"])


async def test_figures_come_and_follow_the_room(ada: Person, site: Site, connect: Connect) -> None:
    page = await connect(cookie_of(ada))
    await page.link.emit("watch", {"room": "shop"})
    assert (await page.next())["texts"]["sentence"].startswith("Open: 0 on the site")
    await site.services.directory.update("shop", {"queue_all": True}, who="test")
    room = await site.services.directory.get("shop")
    await room.enter_many([(clock.new_visitor(), 0) for _ in range(3)])

    async def held() -> bool:
        told = await page.next()
        return bool(told["state"] == "paused") and told["texts"]["waiting"] == "3"

    await eventually(held)


async def test_nobody_gets_in_without_a_sign_in(site: Site, connect: Connect) -> None:
    for cookie in ("", "x" * 43):
        with pytest.raises(RefusedError):
            await connect(cookie)
    assert len(site.services.console.sockets) == 0


async def test_room_of_others_is_not_told(sign: Sign, site: Site, connect: Connect) -> None:
    await site.services.directory.create("other", {}, who="test")
    page = await connect(cookie_of(await sign("gus", "viewer", ["other"])))
    await page.link.emit("watch", {"room": "shop"})
    async with asyncio.timeout(PATIENCE_S):
        await page.gone.wait()
    assert page.told.empty()


async def test_socket_ends_with_the_sign_in_and_does_not_keep_it(
    ada: Person, site: Site, connect: Connect
) -> None:
    page, idle = await connect(cookie_of(ada)), await connect(cookie_of(ada))
    await page.link.emit("watch", {"room": "shop"})
    await page.next()
    await ada.post("/console/sign-out")
    async with asyncio.timeout(PATIENCE_S):
        await page.gone.wait()
        # One that never said which room it shows has no slot left either.
        await idle.gone.wait()
    await eventually_true(lambda: len(site.services.console.sockets) == 0)


async def test_a_stolen_cookie_is_told_nothing_once_its_owner_has_signed_out(
    ada: Person, connect: Connect
) -> None:
    thief = await connect(cookie_of(ada))
    await ada.post("/console/sign-out")
    # It may have been ended already: the answer is the same.
    with suppress(SocketIOError):
        await thief.link.emit("watch", {"room": "shop"})
    async with asyncio.timeout(PATIENCE_S):
        await thief.gone.wait()
    assert thief.told.empty()


async def test_one_person_does_not_take_all_sockets(
    ada: Person, sign: Sign, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitroom.console.sockets.MAX_OPEN_EACH", 2)
    for _ in range(2):
        await connect(cookie_of(ada))
    with pytest.raises(RefusedError):
        await connect(cookie_of(ada))
    await connect(cookie_of(await sign("bo", "viewer")))


async def test_odd_packets_harm_nobody(ada: Person, connect: Connect) -> None:
    good, odd = await connect(cookie_of(ada)), await connect(cookie_of(ada))
    payloads: list[Any] = [None, [], {"room": 1}, {"room": "../x"}, {"room": "shop" * 20}]
    for payload in payloads:
        assert "error" in await odd.link.call("watch", payload)
    await good.link.emit("watch", {"room": "shop"})
    assert (await good.next())["state"] == "open"


async def test_figures_are_there_without_a_socket(ada: Person) -> None:
    told = (await ada.http.get("/console/rooms/shop/figures")).json()
    assert told["state"] == "open"
    assert told["texts"]["active"] == "0"
