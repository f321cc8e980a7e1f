"""Alerts on an empty store, with real receivers on the loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import Envelope

from loadtest.ports import free_port
from waitroom.accounts.who import Who
from waitroom.alerts import Alerts
from waitroom.alerts.book import Book
from waitroom.alerts.health import Jobs
from waitroom.config import Config
from waitroom.jobs import JobHealth
from waitroom.room import Store

OWNER = Who("ada", "owner")
#: A Monday, 12:00 in UTC; the clock of every test begins here.
NOW_MS = 1_795_435_200_000


@pytest.fixture
def config(redis_url: str) -> Config:
    """Return a configuration that lets alerts reach the loopback."""
    return Config(_env_file=None, redis_url=redis_url, alerts_allow_networks="127.0.0.0/8,::1/128")


@pytest.fixture
def book(store: Store) -> Book:
    return Book(store)


@pytest.fixture
def alerts(store: Store, config: Config) -> Alerts:
    return Alerts(store, config)


@dataclass
class Told:
    """What a test says of the jobs."""

    workers: int = 1
    clocks: int = 1
    last_sweep_ms: int | None = None

    async def __call__(self) -> Jobs:
        return JobHealth(0, 0, self.last_sweep_ms, self.workers, self.clocks)


@pytest.fixture
def jobs() -> Told:
    return Told()


@dataclass
class Receiver:
    """A webhook's receiver: does in turn what `answers` says, the last one for ever."""

    url: str = ""
    answers: list[Callable[[web.Request], Awaitable[web.StreamResponse]] | int] = field(
        default_factory=lambda: [200]
    )
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.got.append((dict(request.headers), await request.read()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=answer) if isinstance(answer, int) else await answer(request)

    async def hang(self, request: web.Request) -> web.StreamResponse:
        await self.release.wait()
        return web.Response()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", free_port())
    await site.start()
    found.url = f"{site.name}/hook/s3cret-path?token=hunter2"
    yield found
    found.release.set()
    await runner.cleanup()


class Mailbox:
    """Keeps what arrives; refuses recipients that begin with `no`, and with `busy` while it is."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.refuse: str = ""
        self.busy = True

    @staticmethod
    def content(envelope: Envelope) -> bytes:
        assert isinstance(envelope.content, bytes)
        return envelope.content

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address.startswith("no"):
            return "550 no such mailbox"
        if address.startswith("busy") and self.busy:
            return "450 mailbox is busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        if self.refuse:
            return self.refuse
        self.got.append(envelope)
        return "250 OK"


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, str]]:
    """Return a mail server's mailbox, and the server's address."""
    box, port = Mailbox(), free_port()
    controller = UnthreadedController(
        box, hostname="127.0.0.1", port=port, loop=asyncio.get_running_loop()
    )
    server = await controller._create_server()
    yield box, f"smtp://127.0.0.1:{port}"
    server.close()
    await server.wait_closed()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("waitroom.alerts.deliver.DELAYS_S", (1, 1, 1))
    yield
