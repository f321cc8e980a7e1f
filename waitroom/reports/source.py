"""Reads who is and who was in a room, page by page, from any point on.

Those still in the line come first, then those on the site, then the journal of visits that are
over: whoever moves on meanwhile is read twice rather than not at all, and counted once (see
``runs.visits``).
"""

from typing import Any, Literal, NamedTuple

from waitroom.reports.rows import Row, row
from waitroom.room import Store
from waitroom.room.keys import Keys
from waitroom.room.store import store_errors

Part = Literal["waiting", "parked", "active", "journal"]

#: In this order.
PARTS: tuple[Part, ...] = ("waiting", "parked", "active", "journal")
#: Visits read at once.
PAGE = 1_000


class Page(NamedTuple):
    """Some visits.

    Attributes:
        rows: The visits.
        cursor: Where the next page begins; empty behind the last one.
    """

    rows: list[Row]
    cursor: str


class Source:
    """One room, to be read.

    Args:
        store: Where it lives.
        keys: The room's keys.
    """

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._redis: Any = store.redis
        self._keys = keys

    async def about(self) -> int:
        """Return about how many visits there are to read.

        Raises:
            StoreError: If Redis failed.
        """
        keys = self._keys
        with store_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in (keys.waiting, keys.parked, keys.served):
                    (pipe.hlen if key == keys.served else pipe.zcard)(key)
                pipe.xlen(keys.journal)
                return sum(map(int, await pipe.execute()))

    async def page(self, part: Part, cursor: str, plan_since_ms: int, now_ms: int) -> Page:
        """Return the next page of a part.

        Args:
            part: Which.
            cursor: The one that the page before gave; empty = from the beginning.
            plan_since_ms: Of the journal: from what was noted then on.
            now_ms: Of the seats: those that end later, ms since the epoch.

        Raises:
            StoreError: If Redis failed. Asking again is safe.
        """
        if part == "journal":
            return await self._journal(cursor, plan_since_ms)
        low = f"({now_ms}" if part == "active" else "-inf"
        found, behind = await self._scores(getattr(self._keys, part), cursor or f"{low} 0")
        if not found:
            return Page([], "")
        names = [name for name, _ in found]
        if part == "waiting":
            return Page([row(v.decode(), int(place), "waiting") for v, place in found], behind)
        with store_errors():
            of = self._keys.kept if part == "parked" else self._keys.served
            texts = await self._redis.hmget(of, names)
        # Without a text: whoever has moved on since the page was read, and is met again there.
        made = _parked if part == "parked" else _seated
        pairs = zip(names, texts, strict=True)
        return Page([made(name.decode(), text) for name, text in pairs if text], behind)

    async def _journal(self, cursor: str, since_ms: int) -> Page:
        with store_errors():
            found = await self._redis.xrange(
                self._keys.journal, cursor or str(since_ms), "+", count=PAGE
            )
        behind = f"({found[-1][0].decode()}" if len(found) == PAGE else ""
        return Page([_ended(fields) for _, fields in found], behind)

    async def _scores(self, key: str, cursor: str) -> tuple[list[tuple[bytes, float]], str]:
        # By score, not by rank: who leaves at the head would move everybody by one.
        low, _, passed = cursor.partition(" ")
        with store_errors():
            found = await self._redis.zrange(
                key, low, "+inf", byscore=True, offset=int(passed), num=PAGE, withscores=True
            )
        if len(found) < PAGE:
            return found, ""
        last = found[-1][1]
        tied = sum(score == last for _, score in found)
        if tied == len(found) and low == f"{last:.0f}":
            tied += int(passed)
        return found, f"{last:.0f} {tied}"


def _ended(fields: dict[bytes, bytes]) -> Row:
    # As scripts/shared/visits.lua notes it; read page by page here, because a report that was
    # broken off goes on at a row, and ``records.journal`` names none.
    return row(
        fields[b"v"].decode(),
        _number(fields[b"p"]),
        fields[b"o"].decode(),
        admitted_ms=_number(fields[b"a"]),
        claimed_ms=_number(fields[b"c"]),
        left_ms=_number(fields[b"l"]),
    )


def _parked(visitor: str, place: bytes) -> Row:
    return row(visitor, _number(place), "waiting")


def _seated(visitor: str, text: bytes) -> Row:
    # As scripts/shared/visits.lua keeps it.
    place, admitted, claimed = text.split(b",")
    return row(
        visitor,
        _number(place),
        "on_site",
        admitted_ms=_number(admitted),
        claimed_ms=_number(claimed),
    )


def _number(text: bytes) -> int | None:
    return int(float(text)) if text and text != b"?" else None
