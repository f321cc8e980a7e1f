"""One process writes a report at a time: whoever holds a key of the room that expires."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import files

from waitroom.errors import StoreError
from waitroom.room import Store
from waitroom.room.keys import Keys
from waitroom.room.store import store_errors

#: How long a process that died keeps its turn, seconds; longer than any single step.
TURN_S = 30


@asynccontextmanager
async def turn(store: Store, keys: Keys, seconds: int = TURN_S) -> AsyncIterator[bool]:
    """Hold the right to write the report of a room, or to mail one.

    Args:
        store: Where the room lives.
        keys: The room's keys.
        seconds: How long it lasts at most.

    Yields:
        Whether it is ours; False while another process writes.

    Raises:
        StoreError: If Redis failed.
    """
    token = secrets.token_hex(8)
    with store_errors():
        ours = await store.redis.set(keys.writing, token, nx=True, ex=seconds)
    try:
        yield bool(ours)
    finally:
        if ours:
            text = (files("waitroom.reports") / "unlock.lua").read_text()
            # Else it expires by itself.
            with suppress(StoreError), store_errors():
                await store.redis.register_script(text)(keys=[keys.writing], args=[token])
