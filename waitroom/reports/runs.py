"""Sorts more rows than memory holds: sorted runs in files, merged as a stream.

Rows come from the journal in the order in which visits ended; the report has them in the order
in which visitors came. A run is at most ``RUN_ROWS`` rows; reading starts anywhere, so work that
was broken off goes on where it was.
"""

import heapq
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from waitroom.reports.folder import write_whole
from waitroom.reports.rows import SIZE, Row, unpack

#: Rows sorted in memory at once.
RUN_ROWS = 50_000
#: Rows read from one run at once.
READ_ROWS = 500


def write_run(path: Path, packed: list[bytes]) -> None:
    """Write rows as a sorted run.

    Args:
        path: Where; one that is there is written over.
        packed: The rows, in any order; sorted in place.

    Raises:
        OSError: If the file could not be written; no half file is left.
    """
    packed.sort()
    write_whole(path, packed)


def merged(paths: Sequence[Path], after: bytes = b"") -> Iterator[bytes]:
    """Yield the packed rows of all runs in order; the same row twice comes once.

    Args:
        paths: The runs.
        after: Only rows behind this one; empty means all.
    """
    last = after
    for packed in heapq.merge(*(_read(path, after) for path in paths)):
        if packed != last:
            last = packed
            yield packed


def visits(
    paths: Sequence[Path], since_ms: int, after: bytes = b""
) -> Iterator[tuple[bytes, Row, bool]]:
    """Yield the visits of all runs in order of place.

    A visit that was read more than once, because it moved on meanwhile, comes once, as it was
    last.

    Args:
        paths: The runs.
        since_ms: When the reading began: what ended before is another visit of that visitor.
        after: Only visits behind this row; empty means all.

    Yields:
        The packed row, the row, and whether its visitor differs from the one before.
    """
    before = unpack(after) if after else None
    held: tuple[bytes, Row] | None = None
    for packed in chain(merged(paths, after), (b"",)):
        row = unpack(packed) if packed else None
        if held is not None and row is not None and held[1].open and _same(held[1], row):
            # Moved from the line to the site while it was read: the last one tells more.
            held = packed, row
            continue
        if held is not None:
            yield *held, not _same(before, held[1])
            before, held = held[1], None
        if row is None:
            return
        if row.open and before and _same(before, row) and before.left_ms >= since_ms:
            continue
        held = packed, row


def _same(one: Row | None, other: Row) -> bool:
    return one is not None and one[:2] == other[:2]


def _read(path: Path, after: bytes) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        if after:
            _seek_behind(file.fileno(), after)
        while block := file.read(SIZE * READ_ROWS):
            for start in range(0, len(block), SIZE):
                yield block[start : start + SIZE]


def _seek_behind(descriptor: int, after: bytes) -> None:
    """Move a run to the first row that sorts behind a given one."""
    low, high = 0, os.fstat(descriptor).st_size // SIZE
    while low < high:
        middle = (low + high) // 2
        if os.pread(descriptor, SIZE, middle * SIZE) <= after:
            low = middle + 1
        else:
            high = middle
    os.lseek(descriptor, low * SIZE, os.SEEK_SET)
