"""When a room was opened and closed, as its trail of changes says, and closing it in time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from waitroom.room import RoomSettings, Store
from waitroom.room.keys import Keys
from waitroom.room.store import store_errors

#: Rows of the trail read at once, and most pages of them.
PAGE, PAGES_MAX = 100, 100


@dataclass(frozen=True, slots=True)
class Closing:
    """When a room was opened and closed last; ms since the epoch, the room's clock.

    Attributes:
        opened_ms: When it was last opened: made, or ``closed`` set back to false.
        closed_ms: When it was closed after that; None while it is open.
        counted_ms: From when ``close_after_s`` counts: the opening, or when it was last set, if
            that was later.
    """

    opened_ms: int
    closed_ms: int | None
    counted_ms: int

    def due_ms(self, settings: RoomSettings) -> int | None:
        """Return when the room is to be closed; None when nobody asked for it, or it is closed."""
        if settings.close_after_s is None or settings.closed:
            return None
        return self.counted_ms + settings.close_after_s * 1000


async def read_closing(store: Store, keys: Keys, settings: RoomSettings) -> Closing:
    """Return when a room was opened and closed.

    Read from the trail again only after the settings were changed.

    Args:
        store: Where the room lives.
        keys: The room's keys.
        settings: Its settings as they are.

    Raises:
        StoreError: If Redis failed.
    """
    redis = store.redis
    with store_errors():
        version, born, restored = await redis.hmget(keys.meta, "version", "born_ms", "restored_ms")
        kept = await redis.hmget(keys.closing, "version", "closing")
    if kept[1] and kept[0] == (version or b""):
        found = Closing(**orjson.loads(kept[1]))
        if (found.closed_ms is not None) == settings.closed:
            return found
    now_ms = await store.time_ms(keys.meta)
    # After a loss the trail is empty: the room counts as opened when it came back.
    born_ms = int(float(born or restored or now_ms))
    found = await _read(store, keys, settings, born_ms, now_ms)
    with store_errors():
        if await redis.exists(keys.settings):
            fields = {"version": version or b"", "closing": orjson.dumps(asdict(found))}
            await redis.hset(keys.closing, mapping=fields)
    return found


async def _read(
    store: Store, keys: Keys, settings: RoomSettings, born_ms: int, now_ms: int
) -> Closing:
    """Go back through the trail until the opening before the last closing is found."""
    opened_ms = closed_ms = set_ms = None
    before = "+"
    for _ in range(PAGES_MAX):
        with store_errors():
            rows = await store.redis.xrevrange(keys.audit, before, "-", count=PAGE)
        for name, fields in rows:
            at_ms, changes = int(name.split(b"-")[0]), orjson.loads(fields[b"changes"])
            closed = _after(changes, "closed")
            if settings.closed and closed is True and closed_ms is None:
                closed_ms = at_ms
            elif closed is False or "created" in changes:
                opened_ms = at_ms
            if set_ms is None and _after(changes, "close_after_s") is not None:
                set_ms = at_ms
            if opened_ms is not None:
                break
        if opened_ms is not None or len(rows) < PAGE:
            break
        before = f"({rows[-1][0].decode()}"
    opened = born_ms if opened_ms is None else opened_ms
    if settings.closed and closed_ms is None:
        # It was made closed; or its closing is older than the trail, and nobody knows when.
        closed_ms = now_ms if opened_ms is None else opened
    return Closing(opened, closed_ms, max(opened, set_ms or 0))


def _after(changes: dict[str, Sequence[object]], name: str) -> object:
    pair = changes.get(name)
    return pair[1] if isinstance(pair, list) and len(pair) == 2 else None
