"""What tests on several servers do as visitors."""

import aiohttp
import httpx

from tests.conftest import SECRET_KEY
from tests.web.helpers import TOKEN_MODE, Page
from waitroom.errors import StoreError
from waitroom.room import Room
from waitroom.tokens import Tokens

TOKENS = Tokens([SECRET_KEY])


async def take_place(web: httpx.AsyncClient, room: str) -> str:
    """Enter by HTTP and return the ticket."""
    answer = await web.post(f"/__waitroom/{room}/enter", headers=TOKEN_MODE)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["ticket"])


async def wait_at(
    links: aiohttp.ClientSession, web: httpx.AsyncClient, ticket: str, room: str
) -> Page:
    """Open a page's socket with a ticket; it has heard where it stands."""
    page = await Page.open(links, str(web.base_url).rstrip("/"))
    assert await page.register(room, ticket=ticket) == {"ok": True}
    await page.hear("queue_update")
    return page


def visitors_of(tickets: list[str], room: str) -> list[str]:
    """Return whose tickets they are."""
    return [TOKENS.read_ticket(ticket, room).visitor for ticket in tickets]


async def is_line(room: Room, expected: list[str]) -> bool:
    """Return whether exactly these wait, in this order; no while the store is away."""
    try:
        return [row.visitor for row in await room.visitors(count=1_000)] == expected
    except StoreError:
        return False
