"""How stale and how wrong the positions are that visitors see: samples of the line against them.

Pure; time comes with each call. Every visitor has a slot. A sample says where each slot stands
in truth; the last half minute or so of them is kept, so that the moment can be found since when
a position shown has been out of date.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.measures import quantile_of_counts

#: Upper ends of the bands that staleness is told by; positions beyond the last are in one more.
BANDS = (100, 500, 2_000, 5_000, 10_000)
#: Width of one step of the staleness table, and their number; the last holds all above.
STEP_S, STEPS = 0.1, 900
#: What was told is compared with the truth of so long before, seconds: a board may be a second
#: old, and the news of it a second more when the server is busy.
TOLD_WINDOW_S = 4.0
#: What was true so long before is old, not false: an answer may be on its way for ten seconds.
FALSE_WINDOW_S = 12.0
#: A position told counts as false when it is off by more than both.
FALSE_BY, FALSE_SHARE = 2, 0.05


class Staleness:
    """The positions of a process's visitors, and the truth about them.

    Args:
        slots: Most visitors at once.
        keep: Samples kept.
    """

    def __init__(self, slots: int, keep: int = 200) -> None:
        self._ranks: NDArray[np.int32] = np.zeros((keep, slots), np.int32)
        self._times = np.zeros(keep)
        self._shown: NDArray[np.int32] = np.zeros(slots, np.int32)
        #: What is shown, less what it was wrong by when it was told: that is an error, not age.
        self._meant: NDArray[np.int32] = np.zeros(slots, np.int32)
        self._moved = [(0, 0)] * keep
        self._taken = 0
        self._told: list[tuple[int, int, float]] = []
        self._free = list(range(slots - 1, -1, -1))
        #: Band and steps of staleness, as "band:step" -> how often.
        self.stale: Counter[str] = Counter()
        #: Error of what was told, as "band:thousandths" -> how often.
        self.errors: Counter[str] = Counter()
        #: Positions told that were false.
        self.false = 0

    def enter(self) -> int:
        """Return a slot for a visitor; -1 when all are taken, and nothing is measured of them."""
        return self._free.pop() if self._free else -1

    def leave(self, slot: int) -> None:
        """Give a slot back."""
        if slot >= 0:
            self._shown[slot] = 0
            self._ranks[:, slot] = 0
            self._told = [told for told in self._told if told[0] != slot]
            self._free.append(slot)

    def told(self, slot: int, position: int, at_s: float) -> None:
        """Note what a visitor was told; compared with the truth of the next sample and before."""
        if slot >= 0:
            self._told.append((slot, position, at_s))

    def shown(self, slot: int, position: int) -> None:
        """Note what a visitor sees from now on; 0 = nothing, or nobody looks."""
        if slot >= 0:
            self._shown[slot] = self._meant[slot] = position

    def sample(self, at_s: float, ranks: NDArray[np.int32], come: int = 0, gone: int = 0) -> None:
        """Take the truth of a moment and judge what is shown.

        Args:
            at_s: When.
            ranks: Position of each slot; 0 = not in the line.
            come: Visitors in the line who were not there at the sample before…
            gone: …and those of then who are not there now: by so much somebody who has just come
                can have moved already.
        """
        row = self._taken % len(self._times)
        gap_s = at_s - self._times[row - 1] if self._taken else 0.0
        self._ranks[row], self._times[row] = ranks, at_s
        self._moved[row] = (come, gone)
        self._taken += 1
        self._judge_told()
        looks = np.flatnonzero((self._shown > 0) & (ranks > 0))
        shown = self._meant[looks]
        since = np.full(len(looks), at_s)
        behind = ranks[looks] < shown
        for back in range(min(self._taken, len(self._times))):
            at = (row - back) % len(self._times)
            then = self._ranks[at, looks]
            behind &= (then > 0) & (then < shown)
            if not behind.any():
                break
            # It was first seen below by this sample, and got there since the one before.
            since[behind] = self._times[at] - gap_s / 2
        stale_s = np.maximum(0.0, at_s - since)
        steps = np.minimum(stale_s / STEP_S, STEPS).astype(int)
        bands = np.searchsorted(BANDS, ranks[looks])
        found, counts = np.unique(bands * (STEPS + 1) + steps, return_counts=True)
        for key, count in zip(found.tolist(), counts.tolist(), strict=True):
            self.stale[f"{key // (STEPS + 1)}:{key % (STEPS + 1)}"] += count

    def take(self) -> dict[str, Any]:
        """Return the tables since the last call."""
        part = {"stale": self.stale, "errors": self.errors}
        self.stale, self.errors = Counter(), Counter()
        return part

    def _judge_told(self) -> None:
        told, self._told = self._told, []
        if not told:
            return
        slots = np.array([slot for slot, _, _ in told])
        positions = np.array([position for _, position, _ in told])
        moments = np.array([at_s for _, _, at_s in told])
        self.false += self._false(slots, positions, moments)
        low, high = self._truth_of(slots, moments, TOLD_WINDOW_S)
        known = high > 0
        wrong = known & (positions > high) & (self._shown[slots] == positions)
        self._meant[slots[wrong]] = high[wrong]
        positions, low, high = positions[known], low[known], high[known]
        off = np.maximum(0, np.maximum(low - positions, positions - high))
        bands = np.searchsorted(BANDS, positions)
        thousandths = np.minimum(1000, np.ceil(1000 * off / positions)).astype(int)
        for band, share in zip(bands.tolist(), thousandths.tolist(), strict=True):
            self.errors[f"{band}:{share}"] += 1

    def _false(
        self,
        slots: NDArray[np.int64],
        positions: NDArray[np.int64],
        moments: NDArray[np.float64],
    ) -> int:
        low, high = self._truth_of(slots, moments, FALSE_WINDOW_S)
        off = np.maximum(low - positions, positions - high)
        return int(((high > 0) & (off > FALSE_BY) & (off > FALSE_SHARE * high)).sum())

    def _truth_of(
        self, slots: NDArray[np.int64], moments: NDArray[np.float64], window_s: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the lowest and the highest position that was true when this was told.

        Where a sample does not know the visitor yet, who came and who went may have moved them.
        """
        low = np.full(len(slots), np.iinfo(np.int32).max, np.int64)
        high = np.zeros(len(slots), np.int64)
        come, gone = np.zeros_like(low), np.zeros_like(low)
        moved = (0, 0)
        for back in range(min(self._taken, len(self._times))):
            at = (self._taken - 1 - back) % len(self._times)
            if self._times[at] < moments.min() - window_s:
                break
            then = self._ranks[at, slots]
            inside = self._times[at] >= moments - window_s
            counts, unknown = (then > 0) & inside, (then == 0) & inside
            low[counts] = np.minimum(low[counts], then[counts])
            high[counts] = np.maximum(high[counts], then[counts])
            come[unknown] += moved[0]
            gone[unknown] += moved[1]
            moved = self._moved[at]
        # Whoever has left the line since the last sample has passed the front of it.
        left = self._ranks[(self._taken - 1) % len(self._times), slots] == 0
        low = np.where(left, 1, low - come)
        return low, np.where(high > 0, high + gone, 0)


def quantile_s(table: "Counter[str]", share: float, bands: range) -> float | None:
    """Return a quantile of staleness from the table of ``Staleness``; None when it is empty.

    Args:
        table: As merged.
        share: 0 to 1.
        bands: Which of them, by index into ``BANDS``.
    """
    steps: Counter[int] = Counter()
    for key, count in table.items():
        band, _, step = key.partition(":")
        if int(band) in bands:
            steps[int(step)] += count
    found = quantile_of_counts(steps, share)
    return None if found is None else found * STEP_S
