"""Exact quantiles of any number of spans, in bounded memory and two passes.

The first pass counts spans in slots, each at most 1/2048 of its spans wide (spans under 4.1 s have
a slot of one millisecond). That names the slot in which a quantile is; the second pass counts the
spans of those few slots exactly. At most 50,000 slots, whatever was measured.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

#: The quantiles that a summary shows.
SHARES = (0.5, 0.9, 0.99)
#: Below this every millisecond has a slot of its own.
_EXACT_MS = 4096
_BITS = 12


def slot(ms: int) -> int:
    """Return the number of the slot that a span falls into; longer spans, higher numbers."""
    if ms < _EXACT_MS:
        return ms
    shift = ms.bit_length() - _BITS
    return (shift << _BITS) | (ms >> shift)


@dataclass
class Spread:
    """Spans of one kind, counted.

    Attributes:
        slots: Slot -> how many spans.
        count: How many spans in all.
        sum_ms: All of them together.
        max_ms: The longest one.
        fine: Slot -> span -> how many, of the slots that hold quantiles; filled by the second
            pass.
    """

    slots: Counter[int] = field(default_factory=Counter)
    count: int = 0
    sum_ms: int = 0
    max_ms: int = 0
    fine: dict[int, Counter[int]] = field(default_factory=dict)

    def add(self, ms: int) -> None:
        """Count a span in the first pass."""
        self.slots[slot(ms)] += 1
        self.count += 1
        self.sum_ms += ms
        if ms > self.max_ms:
            self.max_ms = ms

    def narrow(self) -> None:
        """End the first pass: from now on ``refine`` counts what is still needed."""
        self.fine = {at: Counter() for share in SHARES if (at := self._find(share)[0]) >= _EXACT_MS}

    def refine(self, ms: int) -> None:
        """Count a span in the second pass."""
        found = self.fine.get(slot(ms))
        if found is not None:
            found[ms] += 1

    def quantile_ms(self, share: float) -> int | None:
        """Return the smallest span that so large a share did not exceed (nearest rank).

        Args:
            share: One of ``SHARES``.

        Returns:
            Milliseconds, exact after both passes; None when there are no spans.
        """
        if not self.count:
            return None
        at, rank = self._find(share)
        if at < _EXACT_MS:
            return at
        for ms, count in sorted(self.fine[at].items()):
            rank -= count
            if rank <= 0:
                return ms
        raise AssertionError("the second pass saw other spans than the first")

    @property
    def mean_ms(self) -> float | None:
        """The mean; None when there are no spans."""
        return self.sum_ms / self.count if self.count else None

    def _find(self, share: float) -> tuple[int, int]:
        """Return the slot of a quantile and its rank inside; -1 when there are no spans."""
        # In thousandths: 0.99 times a count must not be rounded up by a bit of its binary form.
        rank = -(-round(share * 1000) * self.count // 1000)
        for at in sorted(self.slots):
            if rank <= self.slots[at]:
                return at, rank
            rank -= self.slots[at]
        return -1, 0

    def state(self) -> dict[str, Any]:
        """Return all of it for a file."""
        return {
            "slots": list(self.slots.items()),
            "count": self.count,
            "sum_ms": self.sum_ms,
            "max_ms": self.max_ms,
            "fine": [[at, list(counts.items())] for at, counts in self.fine.items()],
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Spread":
        """Read ``state`` back."""
        return cls(
            slots=Counter(dict(state["slots"])),
            count=state["count"],
            sum_ms=state["sum_ms"],
            max_ms=state["max_ms"],
            fine={at: Counter(dict(counts)) for at, counts in state["fine"]},
        )
