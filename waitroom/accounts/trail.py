"""The audit trail of accounts and API tokens: who changed what from what to what.

A stream of the whole installation, capped; nothing secret is in it.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from waitroom.accounts import keys
from waitroom.edits import after
from waitroom.room.hand import TrailRow as Deed
from waitroom.room.store import Store, store_errors

#: Most rows of one answer.
PAGE_MAX = 500


@dataclass(frozen=True, slots=True)
class TrailRow:
    """One change.

    Attributes:
        id: Where the next page begins.
        at_ms: When, milliseconds since the epoch.
        who: Who made it, such as `ada`, `token deploy` or `cli root`.
        about: What was changed: an account's name, or `token` and an API token's name.
        changes: Field -> value before and after; None for none. Of passwords, second
            factors and links it only says that they are new.
    """

    id: str
    at_ms: int
    who: str
    about: str
    changes: dict[str, list[Any]]


async def read_trail(store: Store, *, before: str = "", limit: int = 100) -> list[TrailRow]:
    """Return changes, the newest first.

    Args:
        store: Where accounts live.
        before: The id of a row; only older ones are returned. Empty begins with the newest.
        limit: Most rows, 1 to 500.

    Returns:
        At most so many rows; empty at the end.

    Raises:
        StoreError: If Redis failed.
    """
    last = f"({before}" if before else "+"
    count = max(1, min(limit, PAGE_MAX))
    with store_errors():
        rows = await store.redis.xrevrange(keys.AUDIT, last, "-", count=count)
    return [_row(row.decode(), fields) for row, fields in rows]


async def trail_of(
    store: Store, about: str, *, since: str | None = None, limit: int = 1_000
) -> list[Deed]:
    """Return changes of one account, the newest first.

    Args:
        store: Where accounts live.
        about: Its name.
        since: Only changes that are newer than this version.
        limit: Most rows looked through.

    Raises:
        VersionError: If ``since`` is no version of ours.
        StoreError: If Redis failed.
    """
    first = "-" if since is None else after(since)
    with store_errors():
        rows = await store.redis.xrevrange(keys.AUDIT, "+", first, count=limit)
    found = [_row(row.decode(), fields) for row, fields in rows]
    return [Deed(row.id, row.who, row.changes) for row in found if row.about == about]


def _row(row: str, fields: dict[bytes, bytes]) -> TrailRow:
    return TrailRow(
        row,
        int(row.partition("-")[0]),
        fields[b"who"].decode(errors="replace"),
        fields[b"about"].decode(errors="replace"),
        orjson.loads(fields[b"changes"]),
    )
