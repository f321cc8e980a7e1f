"""What visitors of one process have lived through, in a form that several processes can merge.

Each visit is one ``Journey``, with the moments that count; what happens too often for that is
counted. Times are seconds since the epoch, so that processes and machines agree on them.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Journey:
    """One visitor, from the first request to the end. A moment of 0 did not come.

    Attributes:
        visitor: The visitor's id, once a ticket was seen.
        place: The ticket's place, microseconds since the epoch.
        habit: What kind of visitor this is.
        arrived: Asked for the site.
        ticket: Held a ticket.
        page: Had the splash page.
        planned: When the page itself meant to connect, after its share of the spreading.
        position: Saw a position of the own, by whatever way.
        registered: The server had taken in the first socket.
        told: Knew that it was their turn.
        passed: Held a pass.
        inside: Saw the site.
        freed: Gave up the seat. Of one who just goes, only the engine knows when it is free.
        ended: The visit was over.
        absent: From when to when nothing was heard of them: pairs of moments.
        silent: Likewise, when the page was in no touch with the server, whoever's fault it was.
        lost: How the place or the seat was lost; empty when it was not.
    """

    habit: str = ""
    visitor: str = ""
    place: int = 0
    arrived: float = 0.0
    ticket: float = 0.0
    page: float = 0.0
    planned: float = 0.0
    position: float = 0.0
    registered: float = 0.0
    told: float = 0.0
    passed: float = 0.0
    inside: float = 0.0
    freed: float = 0.0
    ended: float = 0.0
    absent: list[float] = field(default_factory=list)
    silent: list[float] = field(default_factory=list)
    lost: str = ""

    def row(self) -> list[Any]:
        """Return the values in order, for the wire."""
        return [getattr(self, name) for name in JOURNEY_FIELDS]

    @classmethod
    def of(cls, row: list[Any]) -> "Journey":
        """Return what ``row`` was made of."""
        return cls(*row)


JOURNEY_FIELDS = tuple(each.name for each in fields(Journey))


class Measures:
    """Journeys and counts of one process, or of several.

    ``take`` hands out what has come since the last time; ``add`` merges such a part.
    """

    def __init__(self) -> None:
        #: Visits that are under way here.
        self.open: set[int] = set()
        self.journeys: list[Journey] = []
        self.counts: Counter[str] = Counter()
        #: What is now, by process: waiting, live and so on.
        self.now: dict[str, dict[str, int]] = {}
        #: Latencies of things that happen often, ms -> how often.
        self.latencies: dict[str, Counter[int]] = {}
        #: How stale, how wrong: name -> table of counts, see ``staleness.py``.
        self.tables: dict[str, Counter[str]] = {}
        self._under_way: dict[int, Journey] = {}
        self._frozen = False

    def begin(self, journey: Journey) -> None:
        """Note that a visit has begun."""
        self._under_way[id(journey)] = journey
        self.counts["visits"] += 1

    def end(self, journey: Journey) -> None:
        """Note that a visit is over."""
        if self._under_way.pop(id(journey), None) is not None:
            self.journeys.append(journey)

    def under_way(self) -> list[Journey]:
        """Return the visits that are not over."""
        return list(self._under_way.values())

    def latency(self, name: str, seconds: float) -> None:
        """Note how long something took."""
        self.latencies.setdefault(name, Counter())[round_ms(seconds * 1000)] += 1

    def count(self, name: str, times: int = 1) -> None:
        """Count something, unless the run is over."""
        if not self._frozen:
            self.counts[name] += times

    def freeze(self, judge: Callable[[Journey], None]) -> None:
        """End all visits that are under way; what comes after that does not count.

        Args:
            judge: Called with each such visit, to note what became of it.
        """
        if self._frozen:
            return
        self._frozen = True
        for journey in self.under_way():
            judge(journey)
            self.end(journey)

    def take(self) -> dict[str, Any]:
        """Return what has come since the last call, as plain data for the wire."""
        part = {
            "journeys": [journey.row() for journey in self.journeys],
            "counts": dict(self.counts),
            "latencies": {name: list(found.items()) for name, found in self.latencies.items()},
            "tables": {name: list(found.items()) for name, found in self.tables.items()},
            "now": self.now,
        }
        self.journeys, self.counts, self.latencies, self.tables = [], Counter(), {}, {}
        return part

    def add(self, part: dict[str, Any]) -> None:
        """Merge a part that another process has taken."""
        self.journeys += [Journey.of(row) for row in part["journeys"]]
        self.counts.update(part["counts"])
        for kind in ("latencies", "tables"):
            mine = getattr(self, kind)
            for name, rows in part[kind].items():
                mine.setdefault(name, Counter()).update(dict(map(tuple, rows)))
        self.now |= part["now"]

    def total(self, name: str) -> int:
        """Return how many there are now, over all processes."""
        return sum(found.get(name, 0) for found in self.now.values())


def round_ms(ms: float) -> int:
    """Return whole ms, to 1 % above a hundred: few different values, whatever was measured."""
    if ms < 100:
        return max(0, round(ms))
    step = 10 ** (len(str(int(ms))) - 2) // 2 or 1
    return round(ms / step) * step


def quantile(values: list[float], share: float) -> float | None:
    """Return the smallest value that at least this share of all is not above.

    Args:
        values: In any order.
        share: 0 to 1.

    Returns:
        None when there are no values.
    """
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def quantile_of_counts(counts: dict[int, int], share: float) -> int | None:
    """Like ``quantile``, of values that are given with their counts."""
    total = sum(counts.values())
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= share * total:
            return value
    return None
