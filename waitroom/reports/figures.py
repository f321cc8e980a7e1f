"""The figures of a report: all that the summary shows, added up from its rows."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from waitroom.reports.rows import OUTCOMES, Row, Spans
from waitroom.reports.spread import Spread
from waitroom.reports.timeline import Timeline

#: Upper ends of the bars that show waits, ms; the last bar has none.
WAIT_BARS_MS = tuple(
    1_000 * end_s for end_s in (1, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200)
)


@dataclass
class Figures:
    """What the rows of a report add up to.

    Attributes:
        timeline: What happened when.
        visitors: Different visitors.
        outcomes: How many visits ended how.
        admitted: Visits that got a seat.
        claimed: Visits that used it.
        wait: From asking to being admitted, of those admitted.
        gave_up: From asking to leaving, of those who left the line or lapsed in it.
        on_site: From the first use of a seat to its end.
        total: From asking to the end of the seat.
        wait_bars: How many were admitted after how long.
    """

    timeline: Timeline
    visitors: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    admitted: int = 0
    claimed: int = 0
    wait: Spread = field(default_factory=Spread)
    gave_up: Spread = field(default_factory=Spread)
    on_site: Spread = field(default_factory=Spread)
    total: Spread = field(default_factory=Spread)
    wait_bars: list[int] = field(default_factory=lambda: [0] * (len(WAIT_BARS_MS) + 1))

    def add(self, row: Row, of: Spans, *, new: bool) -> None:
        """Count one row.

        Args:
            row: The row.
            of: Its spans.
            new: Whether its visitor differs from that of the row before.
        """
        self.visitors += new
        self.outcomes[OUTCOMES[row.outcome]] += 1
        self.admitted += bool(row.admitted_ms)
        self.claimed += bool(row.claimed_ms)
        for spread, span in self._measured(row, of):
            spread.add(span)
        if row.admitted_ms and of.wait is not None:
            self.wait_bars[bisect_left(WAIT_BARS_MS, of.wait)] += 1
        line = self.timeline
        if row.arrived_ms:
            line.count(line.arrived, row.arrived_ms)
            if row.admitted_ms or not row.claimed_ms:
                line.stay(line.line, row.arrived_ms, row.admitted_ms or row.left_ms)
        if seated := row.admitted_ms or row.claimed_ms:
            line.stay(line.site, seated, row.left_ms)
        if row.admitted_ms:
            line.count(line.admitted, row.admitted_ms)

    def narrow(self) -> None:
        """End the first pass over the rows."""
        for spread in self.spreads():
            spread.narrow()

    def refine(self, row: Row, of: Spans) -> None:
        """Look at one row in the second pass."""
        for spread, span in self._measured(row, of):
            spread.refine(span)

    def spreads(self) -> tuple[Spread, Spread, Spread, Spread]:
        """Return all spans measured."""
        return self.wait, self.gave_up, self.on_site, self.total

    def _measured(self, row: Row, of: Spans) -> list[tuple[Spread, int]]:
        found: list[tuple[Spread, int]] = []
        if of.wait is not None:
            found.append((self.wait if row.admitted_ms else self.gave_up, of.wait))
        if of.on_site is not None:
            found.append((self.on_site, of.on_site))
        if of.total is not None and of.on_site is not None:
            found.append((self.total, of.total))
        return found

    def state(self) -> dict[str, Any]:
        """Return all of it for a file."""
        return {
            "timeline": self.timeline.state(),
            "visitors": self.visitors,
            "outcomes": dict(self.outcomes),
            "admitted": self.admitted,
            "claimed": self.claimed,
            "wait_bars": self.wait_bars,
            "spreads": [spread.state() for spread in self.spreads()],
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Figures":
        """Read ``state`` back."""
        wait, gave_up, on_site, total = map(Spread.of, state["spreads"])
        return cls(
            Timeline.of(state["timeline"]),
            state["visitors"],
            Counter(state["outcomes"]),
            state["admitted"],
            state["claimed"],
            wait,
            gave_up,
            on_site,
            total,
            state["wait_bars"],
        )
