"""Deletes what is stored about visitors of a closed room, in bounded batches."""

from importlib.resources import files

from waitroom.clock import monotonic_s
from waitroom.room import Store
from waitroom.room.keys import Keys
from waitroom.room.store import store_errors

#: Entries of each kind deleted in one atomic step.
BATCH = 1_000


async def forget(
    store: Store, keys: Keys, *, until_s: float, batch_max: int = BATCH, now_ms: int = 0
) -> int:
    """Delete visitors' data of a room, in batches, until nothing is left or time is over.

    A room that is open, or is opened meanwhile, is left alone.

    Args:
        store: Where the room lives.
        keys: The room's keys.
        until_s: When to stop, by the clock that never goes back; one batch is done at least.
        batch_max: Entries of each kind in one step. 1 to 1000.
        now_ms: Milliseconds since the epoch; 0 means the server's own clock.

    Returns:
        How many entries were deleted.

    Raises:
        StoreError: If Redis failed. Asking again is safe.

    Source:
        ``reports/forget.lua``
    """
    script = store.redis.register_script((files("waitroom.reports") / "forget.lua").read_text())
    names = [
        keys.settings,
        keys.waiting,
        keys.seen,
        keys.parked,
        keys.kept,
        keys.active,
        keys.unclaimed,
        keys.served,
        keys.journal,
    ]
    deleted = 0
    while True:
        with store_errors():
            gone = int(await script(keys=names, args=[now_ms, batch_max]))
        deleted += max(0, gone)
        if gone <= 0 or monotonic_s() >= until_s:
            return deleted
