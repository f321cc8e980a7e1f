"""Jobs run in processes without a running loop; so do these tests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from waitroom.room import Directory, RoomSettings, Store

T = TypeVar("T")
InRooms = Callable[[Callable[[Directory], Awaitable[T]]], T]


@pytest.fixture
def in_directory(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> InRooms[T]:
    """Return a function that runs async work on an empty store, which is this process's own too."""
    monkeypatch.setenv("WAITROOM_REDIS_URL", redis_url)

    def run(work: Callable[[Directory], Awaitable[T]]) -> T:
        async def inner() -> T:
            store = Store.connect(redis_url)
            try:
                return await work(Directory(store, RoomSettings()))
            finally:
                await store.close()

        return asyncio.run(inner())

    return run
