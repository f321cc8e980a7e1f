"""Fixtures of the live tests; a web process is served as in the tests of `web`."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.live.helpers import OpenPage
from tests.web.conftest import full as full
from tests.web.conftest import http as http
from tests.web.conftest import links as links
from tests.web.conftest import open_page as open_page
from tests.web.conftest import serve as serve
from tests.web.conftest import site as site
from tests.web.conftest import start_web as start_web
from tests.web.helpers import Page, ticket_cookie, ticket_of
from waitroom.room import Room


@pytest.fixture
def take_place(http: httpx.AsyncClient) -> Callable[..., Any]:
    """Return a way to take a place by HTTP; it gives the ticket."""

    async def take(room: str = "full") -> str:
        return ticket_of(await http.post(f"/__waitroom/{room}/enter"), room)

    return take


@pytest.fixture
def register(open_page: OpenPage, full: Room) -> Callable[..., Any]:
    """Return a way to open a page that waits in the full room; it has heard the first answer."""

    async def registered(ticket: str, room: str = "full") -> Page:
        page: Page = await open_page(Cookie=ticket_cookie(ticket, room)["Cookie"])
        assert await page.register(room) == {"ok": True}
        await page.hear("queue_update")
        return page

    return registered
