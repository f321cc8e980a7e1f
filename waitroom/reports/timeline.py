"""What happened in a room over time, added up visit by visit into at most 1440 equal steps.

Each step is a whole number of minutes. How many were in the line or on the site is kept as time
spent there: a visit adds its share to the steps in which it began and ended and a full one to
those between, at a cost that does not depend on how long it was.
"""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

MINUTE_MS = 60_000
#: Most steps of a report.
STEPS_MAX = 1440


@dataclass
class Spent:
    """Time spent somewhere, by all visitors together.

    Attributes:
        whole: Change of how many spend all of a step there, from one step to the next.
        part_ms: Time spent in steps that were not spent there wholly.
    """

    whole: list[int]
    part_ms: list[int]

    def add(self, first: int, begin_ms: int, last: int, end_ms: int, step_ms: int) -> None:
        """Add one stay.

        Args:
            first: The step in which it began.
            begin_ms: When, since that step began.
            last: The step in which it ended.
            end_ms: When, since that step began.
            step_ms: How long a step is.
        """
        if first == last:
            self.part_ms[first] += end_ms - begin_ms
            return
        self.part_ms[first] += step_ms - begin_ms
        self.part_ms[last] += end_ms
        self.whole[first + 1] += 1
        self.whole[last] -= 1

    def totals_ms(self, step_ms: int) -> list[int]:
        """Return the time spent in each step."""
        return [
            whole * step_ms + part
            for whole, part in zip(accumulate(self.whole), self.part_ms, strict=True)
        ]


@dataclass
class Timeline:
    """The steps of one report.

    Attributes:
        since_ms: When the first step begins, a whole minute.
        until_ms: When the reading began: those still there are counted up to here.
        step_ms: How long a step is.
        arrived: Visitors who came, each step.
        admitted: Seats given, each step.
        line: Time spent in the line.
        site: Time for which seats were taken.
    """

    since_ms: int
    until_ms: int
    step_ms: int
    arrived: list[int] = field(default_factory=list)
    admitted: list[int] = field(default_factory=list)
    line: Spent = field(default_factory=lambda: Spent([], []))
    site: Spent = field(default_factory=lambda: Spent([], []))

    @classmethod
    def between(cls, since_ms: int, until_ms: int) -> "Timeline":
        """Return an empty timeline of some time."""
        since_ms -= since_ms % MINUTE_MS
        span_ms = max(1, until_ms - since_ms)
        step_ms = MINUTE_MS * -(-span_ms // (MINUTE_MS * STEPS_MAX))
        steps = -(-span_ms // step_ms)
        return cls(
            since_ms,
            max(until_ms, since_ms + 1),
            step_ms,
            [0] * steps,
            [0] * steps,
            Spent([0] * steps, [0] * steps),
            Spent([0] * steps, [0] * steps),
        )

    def count(self, what: list[int], at_ms: int) -> None:
        """Count something that happened at a moment; what is outside is not counted."""
        if self.since_ms <= at_ms <= self.until_ms:
            what[self._step(at_ms)] += 1

    def stay(self, where: Spent, begin_ms: int, end_ms: int) -> None:
        """Add a stay, or what of it is inside.

        Args:
            where: ``line`` or ``site``.
            begin_ms: When it began.
            end_ms: When it ended; 0 means that it goes on.
        """
        begin = max(begin_ms, self.since_ms)
        end = min(end_ms or self.until_ms, self.until_ms)
        if end > begin:
            first, last = self._step(begin), self._step(end)
            where.add(first, self._into(begin, first), last, self._into(end, last), self.step_ms)

    def starts_ms(self) -> list[int]:
        """Return when each step begins."""
        return [self.since_ms + step * self.step_ms for step in range(len(self.arrived))]

    def lengths_ms(self) -> list[int]:
        """Return how long each step is; the last one ends where the report does."""
        return [min(self.step_ms, self.until_ms - start) for start in self.starts_ms()]

    def mean_line(self) -> list[float]:
        """Return how many were in the line, on average, each step."""
        return self._mean(self.line)

    def mean_site(self) -> list[float]:
        """Return how many seats were taken, on average, each step."""
        return self._mean(self.site)

    def _mean(self, where: Spent) -> list[float]:
        totals = where.totals_ms(self.step_ms)
        return [spent / long for spent, long in zip(totals, self.lengths_ms(), strict=True)]

    def _step(self, at_ms: int) -> int:
        return min((at_ms - self.since_ms) // self.step_ms, len(self.arrived) - 1)

    def _into(self, at_ms: int, step: int) -> int:
        return at_ms - self.since_ms - step * self.step_ms

    def state(self) -> dict[str, Any]:
        """Return all of it for a file."""
        return {
            "since_ms": self.since_ms,
            "until_ms": self.until_ms,
            "step_ms": self.step_ms,
            "arrived": self.arrived,
            "admitted": self.admitted,
            "line": [self.line.whole, self.line.part_ms],
            "site": [self.site.whole, self.site.part_ms],
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Timeline":
        """Read ``state`` back."""
        return cls(**state | {"line": Spent(*state["line"]), "site": Spent(*state["site"])})
