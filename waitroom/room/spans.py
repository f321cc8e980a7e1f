"""How long things took: counts in bins that grow by 15 %, so that any quantile is 7 % off at most.

Scripts count (``scripts/shared/spans.lua``), a minute's bins go into its sample, and bins of any
minutes and days add up. The first bin holds what took less than a tenth of a second.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

#: Each bin ends so many times later than the one before it.
RATIO = 1.15
#: Where the first bin ends, ms.
FIRST_MS = 100
#: The last bin: from 33 days on.
LAST_BIN = 125


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of time, counted.

    Attributes:
        bins: Number of a bin -> how many spans it holds, in order.
        sum_ms: All spans together, exact, milliseconds.
    """

    bins: dict[int, int] = field(default_factory=dict)
    sum_ms: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.bins.values())

    @property
    def mean_ms(self) -> float | None:
        """Their mean, exact; None when there are none."""
        return self.sum_ms / self.count if self.bins else None

    def quantile_ms(self, share: float) -> int | None:
        """Return what so large a share of the spans did not exceed.

        Args:
            share: 0 to 1; 0.5 is the median.

        Returns:
            Milliseconds, at most 7.5 % off, below 100 ms at most 50 ms; None when there are none.

        Raises:
            ValueError: If the share is out of range.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share={share}: must be 0 to 1")
        rank, passed = share * self.count, 0
        for number, count in sorted(self.bins.items()):
            passed += count
            if passed >= rank:
                return _middle_ms(number)
        return None

    @classmethod
    def parse(cls, text: bytes) -> "Spans":
        """Read spans as ``text`` and ``scripts/sample.lua`` write them; empty means none."""
        sum_ms, *pairs = text.decode().split() or ["0"]
        found = (pair.split(":") for pair in pairs)
        return cls(dict(sorted((int(number), int(count)) for number, count in found)), int(sum_ms))

    def text(self) -> str:
        """Return the sum and the bins as text: ``81 0:2 3:1``; empty when there are none."""
        if not self.bins:
            return ""
        return " ".join([str(self.sum_ms), *(f"{n}:{count}" for n, count in self.bins.items())])

    @classmethod
    def together(cls, parts: Iterable["Spans"]) -> "Spans":
        """Return the spans of all parts."""
        bins: Counter[int] = Counter()
        sum_ms = 0
        for part in parts:
            bins.update(part.bins)
            sum_ms += part.sum_ms
        return cls(dict(sorted(bins.items())), sum_ms)


def _middle_ms(number: int) -> int:
    if number == 0:
        return FIRST_MS // 2
    # The geometric middle: as far off, in per cent, from either end.
    return round(FIRST_MS * math.pow(RATIO, number - 0.5))
