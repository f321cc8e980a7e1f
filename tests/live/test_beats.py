"""Heartbeats on their way to Redis: none is lost that came while others were passed on."""

import asyncio
from collections.abc import Sequence

import pytest

from waitroom.errors import StoreError
from waitroom.live.hub import Hub
from waitroom.live.ticker import Ticker
from waitroom.room import Directory, Room, Store
from waitroom.web.metrics import Metrics


@pytest.mark.parametrize("fails", [False, True])
async def test_a_beat_that_comes_while_others_are_passed_on_is_kept_for_the_next_tick(
    directory: Directory, store: Store, room: Room, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    hub = Hub(directory)
    ticker, line = Ticker(store, directory, hub, Metrics()), hub.line(room)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(visitors: Sequence[str]) -> list[str]:
        begun.set()
        await may_end.wait()
        if fails:
            raise StoreError("away")
        return []

    monkeypatch.setattr(room, "beat", slow)
    line.beats = {"ada", "bob"}
    passing = asyncio.create_task(ticker._pass_on_beats(line))
    await begun.wait()
    # As after a loss of the data: everybody here is to show the ticket again.
    line.beats.update({"bob", "cat"})
    may_end.set()
    await asyncio.wait([passing])
    assert isinstance(passing.exception(), StoreError) is fails
    assert line.beats == ({"ada", "bob", "cat"} if fails else {"bob", "cat"})
