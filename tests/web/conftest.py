"""Fixtures of the web process's tests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import aiohttp
import httpx
import pytest

from tests.conftest import Processes
from tests.web.helpers import (
    Page,
    Serve,
    Site,
    WebProcess,
    answers,
    crowd,
    eventually,
    no_cookies,
    serving,
)
from waitroom.config import Config
from waitroom.room import Directory, Room
from waitroom.web.servers.choice import SERVERS


@pytest.fixture
async def serve(config: Config, free_port: Callable[[], int]) -> AsyncIterator[Serve]:
    """Return a way to start web processes inside this test, each on a port of its own."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Site:
            changed = config.model_copy(update=changes)
            return await stack.enter_async_context(serving(changed, free_port()))

        yield start


@pytest.fixture
async def site(serve: Serve, room: Room) -> Site:
    """Return one web process; the room `shop` is there."""
    return await serve()


@pytest.fixture
async def full(directory: Directory) -> Room:
    """Return a room without a seat, where everybody waits."""
    return await directory.create("full", {"total_active_users": 0}, who="test")


@pytest.fixture
async def http(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of that process which keeps no cookies and follows no redirect."""
    async with httpx.AsyncClient(base_url=site.url, cookies=no_cookies(), timeout=20) as found:
        yield found


@pytest.fixture
async def links() -> AsyncIterator[aiohttp.ClientSession]:
    """Return what opens sockets."""
    async with crowd() as found:
        yield found


@pytest.fixture
def open_page(links: aiohttp.ClientSession, site: Site) -> Callable[..., Any]:
    """Return a way to open sockets of splash pages on that process."""

    async def open_one(ticket: str = "", **headers: str) -> Page:
        return await Page.open(links, site.url, ticket=ticket, **headers)

    return open_one


@pytest.fixture
def start_web(
    processes: Processes, free_port: Callable[[], int]
) -> Callable[..., Awaitable[list[WebProcess]]]:
    """Return a way to start real web processes; it waits until they serve."""

    async def start(count: int = 1, **environment: str) -> list[WebProcess]:
        found = []
        for _ in range(count):
            port = free_port()
            child = processes.start("web", "--port", str(port), **environment)
            found.append(WebProcess(f"http://127.0.0.1:{port}", child))
        async with httpx.AsyncClient() as http:
            for each in found:
                await eventually(partial(answers, http, f"{each.url}/readyz"))
        return found

    return start


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """Return the name of a server; the test runs under each."""
    return str(request.param)
