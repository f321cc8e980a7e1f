"""The journal: one row a visit that is over, written by the script that ended it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, cast

from waitroom.room.keys import Keys
from waitroom.room.store import Store, store_errors

Outcome = Literal["left_line", "lapsed", "no_show", "left_site", "ended"]


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit that is over, as the journal has it. No address and no token is in it.

    Attributes:
        visitor: The random id.
        place: Microseconds since the epoch; None when the data that held it were lost.
        admitted_ms: When the seat was given; None when it never was, or is not known.
        claimed_ms: When the seat was first used; None when it never was, or is not known.
        left_ms: When it ended: left, the seat's last moment, or, for one who fell silent in the
            line, when last heard of.
        outcome: ``left_line`` gave up the place, ``lapsed`` fell silent in the line and did not
            return in time, ``no_show`` never used the seat, ``left_site`` gave up the seat,
            ``ended`` the seat ran out or was ended by the owner.
    """

    visitor: str
    place: int | None
    admitted_ms: int | None
    claimed_ms: int | None
    left_ms: int
    outcome: Outcome

    @property
    def arrived_ms(self) -> int | None:
        """When the visitor arrived, ms since the epoch; None when not known."""
        return None if self.place is None else self.place // 1000

    @property
    def wait_ms(self) -> int | None:
        """From arrival to admission; None when there was none, or not all is known."""
        if self.place is None or self.admitted_ms is None:
            return None
        return max(0, self.admitted_ms - self.place // 1000)


async def journal(
    store: Store, keys: Keys, since_ms: int = 0, *, page: int = 1_000
) -> AsyncIterator[Visit]:
    """Yield the visits that are over, in the order in which they were noted, page by page.

    Args:
        store: Where the room lives.
        keys: The room's keys.
        since_ms: From those noted at this moment on; 0 means all.
        page: Rows read at once: what it takes of memory, whatever the journal's length.

    Raises:
        StoreError: If Redis failed.
    """
    start = str(since_ms)
    while True:
        with store_errors():
            rows = await store.redis.xrange(keys.journal, start, "+", count=page)
        for _, row in rows:
            yield _visit(row)
        if len(rows) < page:
            return
        start = "(" + rows[-1][0].decode()


async def journal_length(store: Store, keys: Keys) -> int:
    """Return how many rows the journal has now.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        return int(await store.redis.xlen(keys.journal))


def _visit(row: dict[bytes, bytes]) -> Visit:
    def number(field: bytes) -> int | None:
        return int(row[field]) if row[field] else None

    return Visit(
        visitor=row[b"v"].decode(),
        place=number(b"p"),
        admitted_ms=number(b"a"),
        claimed_ms=number(b"c"),
        left_ms=int(row[b"l"]),
        outcome=cast(Outcome, row[b"o"].decode()),
    )
