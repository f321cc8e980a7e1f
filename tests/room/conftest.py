"""Fixtures of the engine's tests; the server and the store are those of all tests."""

import pytest
from hypothesis import HealthCheck, settings

from waitroom.room import Directory, Room

from .helpers import T0, MakeRoom

#: For a long look: pytest tests/room/test_machine.py --hypothesis-profile=thorough
settings.register_profile(
    "thorough",
    max_examples=1_500,
    stateful_step_count=80,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def make_room(directory: Directory) -> MakeRoom:
    """Return a way to make rooms that were born at T0, with the settings given."""

    async def make(name: str = "shop", **changes: object) -> Room:
        return await directory.create(name, changes, who="test", now_ms=T0)

    return make
