"""Fixtures of the tests of what an owner can do."""

import pytest

from waitroom.accounts.who import Who
from waitroom.config import Config
from waitroom.control import Control
from waitroom.room import Directory, Store

OWNER = Who("ada", "owner")
OPERATOR = Who("bo", "operator")
VIEWER = Who("cy", "viewer")


@pytest.fixture
def control(store: Store, directory: Directory, config: Config) -> Control:
    """Return all that an owner can do, on an empty store."""
    return Control(store, directory, config)
