"""Fixtures of the owner API's tests: a real web process, real tokens, plain requests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.web.helpers import Site, no_cookies, serving
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.who import Role, Who
from waitroom.config import Config
from waitroom.room import Room, Store
from waitroom.web.app import create_app
from waitroom.web.services import EXTENSION, Services

OWNER = Who("cli root", "owner")

Ask = Callable[..., Awaitable[httpx.Response]]
MakeToken = Callable[..., Awaitable[str]]


@pytest.fixture
async def site(config: Config, room: Room, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    """Return one web process; the room `shop` is there."""
    async with serving(config, free_port()) as found:
        yield found


@pytest.fixture
def make_token(store: Store, config: Config) -> MakeToken:
    """Return a way to make API tokens."""
    accounts = Accounts(store, config)

    async def make(name: str, role: Role, rooms: tuple[str, ...] | None = None) -> str:
        return (await accounts.tokens.make(OWNER, name, role, rooms=rooms)).value

    return make


@pytest.fixture
async def http(config: Config, room: Room) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the whole application, asked without a server between."""
    app = create_app(config)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://api.example", cookies=no_cookies()
    ) as found:
        yield found
    services: Services = app.other_asgi_app.extensions[EXTENSION]
    await services.store.close()


@pytest.fixture
async def ask(http: httpx.AsyncClient, make_token: MakeToken) -> AsyncIterator[Ask]:
    """Return a way to ask the API; as an owner unless another role is named."""
    tokens: dict[str, str] = {}

    async def send(
        method: str,
        path: str,
        *,
        role: Role = "owner",
        rooms: tuple[str, ...] | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        name = "-".join((role, *(rooms or ("all",))))
        if name not in tokens:
            tokens[name] = await make_token(name, role, rooms)
        shown = {"Authorization": f"Bearer {tokens[name]}"} | (headers or {})
        return await http.request(method, f"/api{path}", headers=shown, **more)

    yield send
