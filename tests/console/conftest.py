"""The console under its real server, and people who are signed in to it."""

import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest
from argon2 import PasswordHasher
from quart import Quart

from tests.web.helpers import Site, serving
from waitroom.accounts import accounts as all_accounts
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.passwords import Passwords
from waitroom.accounts.who import Role, Who
from waitroom.config import Config
from waitroom.console.blueprint import console
from waitroom.room import Room

PASSWORD = "four unrelated words here"
PAGE = {"Accept": "text/html,application/xhtml+xml"}
ROOT = Who("root", "owner")


def views(method: str) -> list[str]:
    """Return all addresses that take a method, from the code; about the room `shop`."""
    app = Quart("test", static_folder=None)
    app.register_blueprint(console)
    rules = [str(rule) for rule in app.url_map.iter_rules() if method in (rule.methods or ())]
    named = [rule.replace("<name>", "shop").replace("<verb>", "stop") for rule in rules]
    return sorted(re.sub(r"<[^>]+>", "x", rule) for rule in named)


@dataclass
class Person:
    """Somebody with a browser.

    Attributes:
        http: Keeps cookies and follows no redirect.
        name: Of the account.
    """

    http: httpx.AsyncClient
    name: str

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def token(self) -> str:
        page = await self.http.get("/console/test")
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
        assert found, page.text[:500]
        return found[1]

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form as the page would."""
        return await self.http.post(path, data={"csrf": await self.token(), **fields})

    async def open(self, page: str, path: str, of: str = "") -> dict[str, str]:
        """Open a page and return what one of its forms carries unseen.

        Args:
            page: Where the form is.
            path: Where it is sent.
            of: Text that only this one of those holds.
        """
        text = (await self.http.get(page)).text
        forms = re.findall(rf'<form[^>]*action="{re.escape(path)}"[^>]*>(.*?)</form>', text, re.S)
        found = [form for form in forms if of in form]
        assert len(found) == 1, (page, path, of, len(found))
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found[0])
        return {name: html.unescape(value) for name, value in hidden}


Sign = Callable[..., Awaitable[Person]]


@pytest.fixture
async def site(
    config: Config, free_port: Callable[[], int], room: Room, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """Return one web process, whose passwords cost little; the room `shop` is there."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(all_accounts, "Passwords", lambda: Passwords(cheap))
    async with serving(config, free_port()) as found:
        yield found


@pytest.fixture
def accounts(site: Site) -> Accounts:
    """Return the accounts of that process."""
    return site.services.accounts


@pytest.fixture
async def visit(site: Site) -> AsyncIterator[Callable[[], httpx.AsyncClient]]:
    """Return a way to open browsers that are not signed in."""
    async with AsyncExitStack() as stack:
        made: list[httpx.AsyncClient] = []

        def come() -> httpx.AsyncClient:
            # As every browser does with every form.
            headers = {**PAGE, "Origin": site.url}
            made.append(httpx.AsyncClient(base_url=site.url, headers=headers, timeout=20))
            stack.push_async_callback(made[-1].aclose)
            return made[-1]

        yield come


@pytest.fixture
async def sign(accounts: Accounts, visit: Callable[[], httpx.AsyncClient]) -> Sign:
    """Return a way to have somebody signed in."""

    async def come(
        name: str = "ada", role: Role = "owner", rooms: list[str] | None = None
    ) -> Person:
        link = await accounts.invite(ROOT, name, role, rooms)
        made = await accounts.accept(link.value, PASSWORD)
        assert made is not None
        http = visit()
        http.cookies.set("waitroom_console", made.cookie)
        return Person(http, name)

    return come


@pytest.fixture
async def ada(sign: Sign) -> Person:
    """Return an owner of all rooms."""
    return await sign()
