"""Fixtures of the gate's tests: the site behind its gate, under a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig

from waitroom.gate import GateMiddleware, WSGIGateMiddleware, kept, proxy, service, sockets
from waitroom.tokens import Tokens

from .helpers import EDGE_TOKEN, KEYS, PATIENCE_S, FakeService, Origin, Site, WSGIOrigin, listening


@pytest.fixture
def fake_service() -> FakeService:
    return FakeService(rooms=[{"name": "shop", "routes": [{"host": "*", "path": "/shop"}]}])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what runs in the background run much more often."""
    monkeypatch.setattr(service, "PULL_S", 0.02)
    monkeypatch.setattr(service, "PROBE_S", 0.02)
    monkeypatch.setattr(service, "FIRST_PROBE_S", 0.02)
    monkeypatch.setattr(service, "FIRST_WORD_S", 0.02)
    monkeypatch.setattr(service, "RENEW_S", 0.02)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no call to the service end early: on a busy machine it would count as away."""
    for module in (service, proxy, kept, sockets):
        monkeypatch.setattr(module, "TIME_LIMIT_S", 3 * PATIENCE_S)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    jar = aiohttp.DummyCookieJar()
    # Browsers take longer addresses than aiohttp does by itself.
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=jar, max_field_size=2**16
    ) as session:
        yield session


@pytest.fixture
def shell() -> str:
    """Return the server interface that the gate speaks; modules may ask for both."""
    return "asgi"


@pytest.fixture
async def open_site(
    fake_service: FakeService,
    free_port: Callable[[], int],
    http: aiohttp.ClientSession,
    shell: str,
) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Return a function that opens a site behind the gate, under Hypercorn."""
    ending = asyncio.Event()
    servers = []
    gates = []

    async def start(
        app: Any = None,
        *,
        with_service: bool = True,
        whole: bool = False,
        real_url: str = "",
        edge_token: str = EDGE_TOKEN,
        keys: Sequence[str] = KEYS,
    ) -> Site:
        if whole:
            fake_service.rooms = [{"name": "shop", "routes": [{"host": "*", "path": "/"}]}]
        fake_service.port = fake_service.port or free_port()
        if with_service and not real_url:
            await fake_service.start()
        origin = WSGIOrigin() if shell == "wsgi" else Origin()
        middleware: Any = WSGIGateMiddleware if shell == "wsgi" else GateMiddleware
        gate = middleware(
            app or origin,
            service_url=real_url or fake_service.url,
            edge_token=edge_token,
            secret_keys=keys,
        )
        gates.append(gate)
        port = free_port()
        settings = ServerConfig.from_mapping(bind=f"127.0.0.1:{port}", graceful_timeout=0.2)
        settings.errorlog = settings.accesslog = None
        mode: Any = shell
        servers.append(
            asyncio.create_task(serve(gate, settings, shutdown_trigger=ending.wait, mode=mode))
        )
        await listening(port)
        if shell == "wsgi":
            # There is no lifespan; the first request would start it.
            await asyncio.to_thread(gate._gates.running)
        return Site(origin, fake_service, http, port, gate, Tokens(keys))

    yield start
    ending.set()
    await asyncio.gather(*servers)
    for gate in gates if shell == "wsgi" else []:
        await asyncio.to_thread(gate.close)
    await fake_service.stop()


@pytest.fixture
async def site(open_site: Callable[..., Awaitable[Site]], quick: None) -> Site:
    """Return a site whose room covers ``/shop``; the service lets nobody in."""
    found = await open_site()
    found.service.entered = {"status": "waiting", "ticket": found.ticket()}
    return found
