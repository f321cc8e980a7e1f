"""The jobs themselves: short, repeatable, safe beside each other.

Correctness never waits for them: `admit` counts unexpired seats only. They keep Redis small and
the history complete. The engine is async; `in_rooms` is the one way in from here.
"""

import asyncio
from collections.abc import Awaitable, Callable

from waitroom.clock import now_ms
from waitroom.config import Config, load_config
from waitroom.embedded import redis_url, rq_redis_url
from waitroom.jobs.names import LAST_SWEEP, SWEEPING, connect
from waitroom.room import Directory, Room, RoomSettings, Store
from waitroom.room.turns import in_turn

#: A sweep that follows another one by less is left out, milliseconds.
SWEEP_GAP_MS = 2_000


def sweep() -> int:
    """Drop what has expired in all rooms.

    Returns:
        Visitors handled; -1 when another sweep began just before and this one was left out.

    Raises:
        WaitroomError: If a room could not be swept; the others were. Asking again is safe.
    """
    config = load_config()
    with connect(rq_redis_url(config)) as raw:
        if not raw.set(SWEEPING, 1, nx=True, px=SWEEP_GAP_MS):
            return -1
        handled = in_rooms(config, Room.sweep_all)
        raw.set(LAST_SWEEP, now_ms())
    return handled


def sample() -> int:
    """Write one sample of every room into its history; the second one of a minute changes nothing.

    Returns:
        Samples written.

    Raises:
        WaitroomError: If a room could not be sampled; the others were. Asking again is safe.
    """
    return in_rooms(load_config(), sample_room)


async def sample_room(room: Room) -> int:
    """Sample one room, and sum up the day before when that is still to be done.

    Returns:
        1 if this call wrote the sample of the minute, else 0.
    """
    written = int(await room.sample())
    await room.sum_up()
    return written


def in_rooms(config: Config, work: Callable[[Room], Awaitable[int]]) -> int:
    """Do some work in every room, one after the other, and add up what it returns.

    Args:
        config: Where the rooms are.
        work: What to do; one room's failure does not keep the others from it.

    Raises:
        WaitroomError: The first failure, after all rooms had their turn.
    """
    return asyncio.run(_in_rooms(config, work))


async def _in_rooms(config: Config, work: Callable[[Room], Awaitable[int]]) -> int:
    store = Store.connect(redis_url(config))
    try:
        done, failures = await in_turn(Directory(store, RoomSettings()), work)
    finally:
        await store.close()
    if failures:
        raise failures[0]
    return sum(done)
