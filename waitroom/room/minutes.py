"""The samples: one a minute, each with what was counted since the one before it.

Those of an earlier version hold the counters' totals; what they counted is the difference from
the one before.
"""

from typing import NamedTuple

from waitroom.room.counted import Minute
from waitroom.room.figures import COUNTERS
from waitroom.room.keys import Keys
from waitroom.room.spans import Spans
from waitroom.room.store import Store, store_errors

#: For how long samples are kept, ms: 31 days.
KEEP_MS = 31 * 86_400_000
#: Samples read at once.
PAGE = 1_440

_Row = tuple[bytes, dict[bytes, bytes]]


async def minutes(store: Store, keys: Keys, since_ms: int, until_ms: int) -> list[Minute]:
    """Return the samples of some time, in order.

    Args:
        store: Where the room lives.
        keys: The room's keys.
        since_ms: From this sample's ``at_ms`` on.
        until_ms: Up to and with this one's.

    Returns:
        At most one a minute, of the last 31 days; minutes without a sample are left out.

    Raises:
        StoreError: If Redis failed.
    """
    found: list[Minute] = []
    before: dict[bytes, bytes] | None = None
    start = str(max(0, since_ms))
    while True:
        with store_errors():
            rows: list[_Row] = await store.redis.xrange(
                keys.history, start, str(max(0, until_ms)), count=PAGE
            )
            if rows and before is None and _is_old(rows[0][1]):
                earlier = await store.redis.xrevrange(keys.history, f"({_text(rows)}", count=1)
                before = earlier[0][1] if earlier else {}
        for row_id, row in rows:
            at_ms = int(row_id.partition(b"-")[0])
            found.append(_old(at_ms, row, before or {}) if _is_old(row) else _minute(at_ms, row))
            before = row
        if len(rows) < PAGE:
            return found
        start = f"({rows[-1][0].decode()}"


class Told(NamedTuple):
    """How right announced waits were, of those admitted since the newest sample.

    Attributes:
        since_ms: The newest sample's ``at_ms``; 0 without one.
        right: Waited as long as they were told.
        early: Waited shorter.
        late: Waited longer.
    """

    since_ms: int
    right: int
    early: int
    late: int


async def told_since(store: Store, keys: Keys) -> Told:
    """Return what the next sample will say of announced waits, as far as it is known.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        # First: a sample written behind it makes its moment differ from the one read next.
        newest = await store.redis.xrevrange(keys.history, count=1)
        counts = await store.redis.hmget(keys.waits, "right", "early", "late")
    since_ms = int(newest[0][0].partition(b"-")[0]) if newest else 0
    return Told(since_ms, *(int(count or 0) for count in counts))


def _text(rows: list[_Row]) -> str:
    return rows[0][0].decode()


def _is_old(row: dict[bytes, bytes]) -> bool:
    return b"counts" not in row


def _minute(at_ms: int, row: dict[bytes, bytes]) -> Minute:
    pairs = (pair.split(":") for pair in row[b"counts"].decode().split())
    right, early, late = map(int, row[b"told"].split())
    said = tuple(map(int, row[b"said"].split()))
    return Minute(
        counts=dict.fromkeys(COUNTERS, 0) | {name: int(count) for name, count in pairs},
        wait=Spans.parse(row[b"wait"]),
        site=Spans.parse(row[b"site"]),
        total=Spans.parse(row[b"total"]),
        told=right + early + late,
        told_right=right,
        told_early=early,
        at_ms=at_ms,
        waiting=int(row[b"waiting"]),
        parked=int(row[b"parked"]),
        active=int(row[b"active"]),
        unclaimed=int(row[b"unclaimed"]),
        seats=int(row[b"seats"]),
        told_s=(said[0], said[1]) if said else None,
    )


def _old(at_ms: int, row: dict[bytes, bytes], before: dict[bytes, bytes]) -> Minute:
    def count(name: str) -> int:
        total, last = (int(each.get(name.encode(), 0)) for each in (row, before))
        # Less than before: the data were lost and the counters began anew.
        return total - last if total >= last else total

    nothing = Spans()
    return Minute(
        counts={name: count(name) for name in COUNTERS},
        wait=nothing,
        site=nothing,
        total=nothing,
        told=0,
        told_right=0,
        told_early=0,
        at_ms=at_ms,
        waiting=int(row[b"waiting"]),
        parked=0,
        active=int(row[b"active"]),
        unclaimed=0,
        seats=int(row[b"total_active_users"]),
        told_s=None,
    )
