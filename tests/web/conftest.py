"""Fixtures of the web process's tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import httpx
import pytest

from tests.web.helpers import Page, Serve, Site, no_cookies, serving
from waitroom.config import Config
from waitroom.room import Directory, Room


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
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"User-Agent": "test"}) as found:
        yield found


@pytest.fixture
def open_page(links: aiohttp.ClientSession, site: Site) -> Callable[..., Any]:
    """Return a way to open sockets of splash pages on that process."""

    async def open_one(ticket: str = "", **headers: str) -> Page:
        return await Page.open(links, site.url, ticket=ticket, **headers)

    return open_one
