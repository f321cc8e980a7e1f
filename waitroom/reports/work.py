"""Makes a report step by step; it may be broken off after any of them, and goes on there.

Three passes, each in bounded memory: ``read`` visits into sorted runs; ``write`` the rows of the
CSV in order and add them up; ``count`` once more, for quantiles that are exact. What was reached
is kept beside the files, each time a slice of time is over.
"""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from waitroom.clock import monotonic_s
from waitroom.reports.figures import Figures
from waitroom.reports.folder import FILES, write_json
from waitroom.reports.rows import COLUMNS, Row, line, pack, spans
from waitroom.reports.runs import RUN_ROWS, visits, write_run
from waitroom.reports.source import PARTS, Source
from waitroom.reports.timeline import Timeline

STATE = "state.json"
#: Rows between two looks at the clock.
STEP_ROWS = 1_000

Pass = Literal["read", "write", "count", "done"]


@dataclass
class State:
    """How far a report is.

    Attributes:
        began_ms: When the reading began, the room's clock, ms since the epoch.
        since_ms: Visits noted in the journal from then on.
        at: Which pass it is in.
        part: What of the room is being read: index into ``PARTS``.
        cursor: Where there.
        runs: Sorted runs written.
        read: Visits read.
        last_ms: When the last one ended; the beginning of the reading if one had not ended.
        after: The last row of this pass, hexadecimal.
        passed: Rows behind which this pass is.
        rows: Rows of the CSV.
        csv_bytes: Its size.
        figures: What the rows add up to.
    """

    began_ms: int
    since_ms: int
    at: Pass = "read"
    part: int = 0
    cursor: str = ""
    runs: int = 0
    read: int = 0
    last_ms: int = 0
    after: str = ""
    passed: int = 0
    rows: int = 0
    csv_bytes: int = 0
    figures: dict[str, Any] = field(default_factory=dict)


class Work:
    """A report in the making.

    Args:
        path: The folder of the work.
        state: How far it is.
    """

    def __init__(self, path: Path, state: State) -> None:
        self.path = path
        self.state = state
        self.figures = Figures.of(state.figures) if state.figures else None

    @classmethod
    def found(cls, path: Path) -> "Work | None":
        """Return the work that was begun in a folder; None if there is none."""
        try:
            return cls(path, State(**orjson.loads((path / STATE).read_bytes())))
        except (OSError, ValueError, TypeError):
            # Never begun, or by a version that kept something else: it begins anew.
            return None

    def keep(self) -> None:
        """Write down how far it is.

        Raises:
            OSError: If that failed.
        """
        self.state.figures = self.figures.state() if self.figures else {}
        write_json(self.path / STATE, asdict(self.state))

    async def advance(self, source: Source, until_s: float) -> None:
        """Come forward until it is done or time is over.

        Args:
            source: What to read.
            until_s: When to stop, by the clock that never goes back; one step is done at least.

        Raises:
            OSError: If a file could not be written.
            StoreError: If Redis failed; nothing of the work is lost.
        """
        begun_at = self.state.at
        if self.state.at == "read":
            await self._read(source, until_s)
        if self.state.at == "write" and (begun_at == "write" or monotonic_s() < until_s):
            self._write(until_s)
        if self.state.at == "count" and (begun_at == "count" or monotonic_s() < until_s):
            self._count(until_s)
        self.keep()

    async def _read(self, source: Source, until_s: float) -> None:
        state, packed = self.state, list[bytes]()
        try:
            while state.part < len(PARTS):
                page = await source.page(
                    PARTS[state.part], state.cursor, state.since_ms, state.began_ms
                )
                packed += map(pack, page.rows)
                state.read += len(page.rows)
                ends = (row.left_ms or state.began_ms for row in page.rows)
                state.last_ms = max(state.last_ms, *ends, 0)
                state.cursor = page.cursor
                state.part += not page.cursor
                if len(packed) >= RUN_ROWS:
                    self._flush(packed)
                if monotonic_s() >= until_s:
                    break
        finally:
            # Redis may have failed on the way: what was read is kept all the same.
            self._flush(packed)
            self.keep()
        if state.part == len(PARTS):
            state.at = "write"

    def _flush(self, packed: list[bytes]) -> None:
        if packed:
            write_run(self._run(self.state.runs), packed)
            self.state.runs += 1
            packed.clear()
            self.keep()

    def _write(self, until_s: float) -> None:
        state = self.state
        path = self.path / FILES["csv"]
        with path.open("r+b" if path.exists() else "w+b") as file:
            # What was written behind the last mark is written again.
            file.truncate(state.csv_bytes)
            file.seek(state.csv_bytes)
            if not state.csv_bytes:
                file.write((",".join(COLUMNS) + "\r\n").encode())
            if self._rows(until_s, lambda text: file.write(text.encode())):
                state.at, state.after, state.rows = "count", "", state.passed
                state.passed = 0
                self._summed(None).narrow()
            file.flush()
            os.fsync(file.fileno())
            state.csv_bytes = file.tell()

    def _rows(self, until_s: float, write: Any) -> bool:
        """Write rows; return whether all are written."""
        state = self.state
        number = self.figures.visitors if self.figures else 0
        last = b""
        try:
            for packed, row, new in self._visits():
                figures = self._summed(row)
                of = spans(row)
                figures.add(row, of, new=new)
                number += new
                write(line(number, row, of))
                last = packed
                state.passed += 1
                if state.passed % STEP_ROWS == 0 and monotonic_s() >= until_s:
                    return False
        finally:
            state.after = last.hex() or state.after
        return True

    def _count(self, until_s: float) -> None:
        state, figures = self.state, self._summed(None)
        if any(spread.fine for spread in figures.spreads()):
            for packed, row, _ in self._visits():
                figures.refine(row, spans(row))
                state.passed += 1
                if state.passed % STEP_ROWS == 0 and monotonic_s() >= until_s:
                    state.after = packed.hex()
                    return
        state.at = "done"

    def _visits(self) -> Any:
        runs = [self._run(number) for number in range(self.state.runs)]
        return visits(runs, self.state.began_ms, bytes.fromhex(self.state.after))

    def _summed(self, first: Row | None) -> Figures:
        if self.figures is None:
            # From the first arrival, which is the first row, to the last end: before and after
            # there is nothing to show.
            until_ms = min(self.state.last_ms or self.state.began_ms, self.state.began_ms)
            since_ms = min(first.place // 1000 if first else until_ms, until_ms)
            self.figures = Figures(Timeline.between(since_ms, until_ms))
        return self.figures

    def _run(self, number: int) -> Path:
        return self.path / f"run-{number:04d}"
