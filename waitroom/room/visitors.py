"""Lists of a room's visitors, page by page, and one visitor by name; for who looks after it."""

from typing import Literal, NamedTuple

from waitroom.room.keys import Keys
from waitroom.room.store import Store, store_errors

List = Literal["waiting", "parked", "seated"]


class Trace(NamedTuple):
    """What Redis holds of one visitor; None where it holds nothing.

    Attributes:
        visitor: The id.
        rank: How many stand before them in the line.
        place: Microseconds since the epoch.
        seen_ms: Last heartbeat in the line, milliseconds since the epoch.
        silent_since_ms: Last heartbeat before falling silent, likewise.
        deadline_ms: When the seat ends or ended, likewise.
        admitted_ms: When a seat that is not used yet was given, likewise.
    """

    visitor: str
    rank: int | None
    place: int | None
    seen_ms: int | None
    silent_since_ms: int | None
    deadline_ms: int | None
    admitted_ms: int | None


async def count_visitors(store: Store, keys: Keys, of: List, now_ms: int) -> int:
    """Return how many are in a list.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        if of == "seated":
            return int(await store.redis.zcount(keys.active, f"({now_ms}", "+inf"))
        return int(await store.redis.zcard(keys.waiting if of == "waiting" else keys.parked))


async def count_present(store: Store, keys: Keys, heard_after_ms: int) -> int:
    """Return how many of those in the line were heard of after a moment.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        return int(await store.redis.zcount(keys.seen, f"({heard_after_ms}", "+inf"))


async def list_visitors(
    store: Store, keys: Keys, of: List, start: int, count: int, now_ms: int
) -> list[Trace]:
    """Return a page of a list.

    Args:
        store: Where the room lives.
        keys: The room's keys.
        of: Those in the line by place; those who fell silent, the longest first; or those with
            a seat, by when it ends.
        start: How many to pass over. 0 or more.
        count: Most of them. 1 to 1000.
        now_ms: Milliseconds since the epoch.

    Raises:
        StoreError: If Redis failed.
    """
    redis = store.redis
    with store_errors():
        if of == "seated":
            # Ended seats stand before; how many is counted at a cost of O(log N).
            ended = int(await redis.zcount(keys.active, "-inf", now_ms))
            names = await redis.zrange(keys.active, ended + start, ended + start + count - 1)
        else:
            key = keys.waiting if of == "waiting" else keys.parked
            names = await redis.zrange(key, start, start + count - 1)
    return await trace(store, keys, [name.decode() for name in names])


async def visitor_at(store: Store, keys: Keys, position: int) -> str | None:
    """Return who stands at a 1-based position of the line; None behind its end.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        names = await store.redis.zrange(keys.waiting, position - 1, position - 1)
    return names[0].decode() if names else None


async def trace(store: Store, keys: Keys, visitors: list[str]) -> list[Trace]:
    """Return what Redis holds of some visitors, in the same order; at most 1000.

    Raises:
        StoreError: If Redis failed.
    """
    if not visitors:
        return []
    with store_errors():
        async with store.redis.pipeline(transaction=False) as pipe:
            for key in (keys.waiting, keys.seen, keys.parked, keys.active, keys.unclaimed):
                pipe.zmscore(key, visitors)
            for visitor in visitors:
                pipe.zrank(keys.waiting, visitor)
            places, seen, parked, active, unclaimed, *ranks = await pipe.execute()
    columns = zip(ranks, places, seen, parked, active, unclaimed, strict=True)
    return [
        Trace(visitor, *(None if value is None else int(value) for value in row))
        for visitor, row in zip(visitors, columns, strict=True)
    ]
