"""Fixtures of the tests of accounts: real Valkey, cheap passwords, a clock that a test moves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from tests.cluster.servers import Cluster, RedisServer
from tests.conftest import EDGE_TOKEN, SECRET_KEY
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.passwords import Passwords
from waitroom.accounts.signins import SignIn
from waitroom.accounts.who import Role, Who
from waitroom.config import Config
from waitroom.embedded import Valkey
from waitroom.room import Store

#: 2023-11-14, at the beginning of a half minute.
T0 = 1_700_000_010_000
PASSWORD = "correct horse battery"
CLI = Who("cli root", "owner", None)


#: As the engine's: one server of two kinds, and three masters. A test of what a script does at
#: once, or with time, runs on all: @pytest.mark.backends(*BACKENDS); the others on the first.
BACKENDS = ("valkey", "redis", "cluster")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        named = metafunc.definition.get_closest_marker("backends")
        metafunc.parametrize("backend", named.args if named else BACKENDS[:1])


@pytest.fixture
def redis_url(backend: str, request: pytest.FixtureRequest) -> str:
    """Return the address of an empty store of one kind."""
    server: Any = request.getfixturevalue({"redis": "redis_server"}.get(backend, backend))
    if isinstance(server, Valkey):
        return str(request.getfixturevalue("valkey_url"))
    assert isinstance(server, Cluster | RedisServer)
    server.empty()
    return server.url


@pytest.fixture
def config(redis_url: str, tmp_path: Path) -> Config:
    """Return the settings of an installation; its queues are asked for nothing."""
    return Config(
        _env_file=None,
        redis_url=redis_url,
        rq_redis_url="redis://127.0.0.1:1",
        secret_keys=(SECRET_KEY,),
        edge_token=EDGE_TOKEN,
        data_dir=tmp_path / "data",
    )


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now_ms: int = T0

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ms += int(seconds * 1000)


def cheap() -> Passwords:
    """Return passwords that cost a test nothing."""
    return Passwords(PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def clock() -> Clock:
    """Return the clock of this test's accounts."""
    return Clock()


@pytest.fixture
async def accounts(store: Store, config: Config, clock: Clock) -> AsyncIterator[Accounts]:
    """Return accounts of an empty store."""
    yield Accounts(store, config, passwords=cheap(), now_ms=clock)


Enter = Callable[..., Awaitable[SignIn]]


@pytest.fixture
def enter(accounts: Accounts) -> Enter:
    """Return a way to make an account and sign in by its link."""

    async def make(
        name: str = "ada", role: Role = "owner", rooms: frozenset[str] | None = None
    ) -> SignIn:
        link = await accounts.invite(CLI, name, role, rooms)
        made = await accounts.accept(link.value, PASSWORD)
        assert made is not None
        return made

    return make


@pytest.fixture
async def ada(enter: Enter) -> SignIn:
    """Return the sign-in of an owner of all rooms."""
    return await enter()
