"""Fixtures of the engine's tests: the same tests on every kind of store that rooms may live on."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.cluster.servers import Cluster, RedisServer
from waitroom.embedded import Valkey
from waitroom.room import Directory, Room

from .helpers import T0, MakeRoom

#: The embedded Valkey, Debian's Redis 7, and three masters of the latter.
BACKENDS = ("valkey", "redis", "cluster")

#: For a long look: pytest tests/room/test_machine.py --hypothesis-profile=thorough
settings.register_profile(
    "thorough",
    max_examples=1_500,
    stateful_step_count=80,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # Slow tests, of what is the same on all, say on which they run: @pytest.mark.backends(...).
    if "backend" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("backends")
        metafunc.parametrize("backend", only.args if only else BACKENDS)


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
def make_room(directory: Directory) -> MakeRoom:
    """Return a way to make rooms that were born at T0, with the settings given."""

    async def make(name: str = "shop", **changes: object) -> Room:
        return await directory.create(name, changes, who="test", now_ms=T0)

    return make
