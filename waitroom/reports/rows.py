"""One visit as the report keeps it: packed while it is sorted, then as a line of the CSV.

Packed rows sort as bytes in the order of the line. A visitor's id is never written, not even
into the files of the work: a short digest tells rows of one place apart. Whatever stands in a
line of the CSV is a number, a time or one of ``OUTCOMES``, so no cell of it can be a formula.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

#: How visits end; the last ones had not ended, or end in a way that this version does not know.
OUTCOMES = (
    "left_line",
    "lapsed",
    "no_show",
    "left_site",
    "ended",
    "waiting",
    "on_site",
    "other",
)
#: The first line of the CSV.
COLUMNS = (
    "place",
    "arrived",
    "admitted",
    "claimed",
    "left",
    "wait_s",
    "claim_s",
    "on_site_s",
    "total_s",
    "outcome",
)
_RECORD = struct.Struct(">Q8sBQQQQB")
#: Bytes of a packed row.
SIZE = _RECORD.size


class Row(NamedTuple):
    """One visit.

    Attributes:
        place: Microseconds since the epoch; the first time known of a visit without a place.
        mark: Tells visitors of one place apart, 8 bytes.
        open: 1 if the visit had not ended when it was read.
        arrived_ms: Milliseconds since the epoch; 0 if not known.
        admitted_ms: Likewise; 0 if never, or not known.
        claimed_ms: Likewise.
        left_ms: Likewise; 0 if not yet.
        outcome: Index into ``OUTCOMES``.
    """

    place: int
    mark: bytes
    open: int
    arrived_ms: int
    admitted_ms: int
    claimed_ms: int
    left_ms: int
    outcome: int


def row(
    visitor: str,
    place: int | None,
    outcome: str,
    *,
    admitted_ms: int | None = None,
    claimed_ms: int | None = None,
    left_ms: int | None = None,
) -> Row:
    """Return a visit as a row; times that a clock set back has put in disorder are put right.

    Args:
        visitor: Who; only a digest of it stays.
        place: Microseconds since the epoch; None or 0 means not known.
        outcome: One of ``OUTCOMES``; another one becomes ``other``.
        admitted_ms: Milliseconds since the epoch; None or 0 means never, or not known.
        claimed_ms: Likewise.
        left_ms: Likewise; None or 0 means not yet.
    """
    place = max(0, place or 0)
    arrived = place // 1000
    admitted = max(admitted_ms, arrived) if admitted_ms else 0
    claimed = max(claimed_ms, admitted, arrived) if claimed_ms else 0
    left = max(left_ms, arrived, admitted, claimed) if left_ms else 0
    place = place or (admitted or claimed or left) * 1000
    number = OUTCOMES.index(outcome if outcome in OUTCOMES else "other")
    mark = blake2b(visitor.encode(), digest_size=8).digest()
    is_open = int(outcome in ("waiting", "on_site"))
    return Row(place, mark, is_open, arrived, admitted, claimed, left, number)


def pack(given: Row) -> bytes:
    """Return a row as ``SIZE`` bytes, which sort by place."""
    return _RECORD.pack(*given)


def unpack(packed: bytes) -> Row:
    """Return a row from its bytes."""
    return Row._make(_RECORD.unpack(packed))


def unpack_all(packed: bytes) -> Iterator[Row]:
    """Yield rows from the bytes of any number of them."""
    return map(Row._make, _RECORD.iter_unpack(packed))


class Spans(NamedTuple):
    """How long a visitor was where, milliseconds; None where the visit did not get so far.

    Attributes:
        wait: From asking to being admitted, or to giving up.
        claim: From being admitted to the first request on the site.
        on_site: From that to the end of the seat.
        total: From asking to the end.
    """

    wait: int | None
    claim: int | None
    on_site: int | None
    total: int | None


def spans(given: Row) -> Spans:
    """Return how long the visitor of a row was where."""
    _, _, _, arrived, admitted, claimed, left, _ = given
    # Of a seat that was lost and brought back nobody knows when it was given.
    waited_until = admitted or (0 if claimed else left)
    return Spans(
        waited_until - arrived if arrived and waited_until else None,
        claimed - admitted if claimed and admitted else None,
        left - claimed if claimed and left else None,
        left - arrived if arrived and left else None,
    )


def line(number: int, given: Row, of: Spans) -> str:
    """Return a row as a line of the CSV.

    Args:
        number: The place as a number of arrival, from 1.
        given: The row.
        of: Its spans.
    """
    return (
        f"{number},{iso(given.arrived_ms)},{iso(given.admitted_ms)},{iso(given.claimed_ms)},"
        f"{iso(given.left_ms)},{_seconds(of.wait)},{_seconds(of.claim)},{_seconds(of.on_site)},"
        f"{_seconds(of.total)},{OUTCOMES[given.outcome]}\r\n"
    )


def iso(ms: int) -> str:
    """Return a time as ISO 8601 in UTC with milliseconds; empty for 0."""
    if not ms:
        return ""
    second, rest = divmod(ms, 1000)
    return f"{_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    # Rows of one second come together.
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(ms: int | None) -> str:
    return "" if ms is None else f"{ms // 1000}.{ms % 1000:03d}"
