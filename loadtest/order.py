"""Whether admission followed the line: Kendall's tau among those who were there together. Pure.

Two visitors count as a pair when both were in the line at the moment one of them was admitted. The
pair is in order when the one who stayed had the later place.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stay:
    """One visitor in the line.

    Attributes:
        place: Lower is earlier.
        present: From when to when: pairs of moments, ascending. The last one ends with the
            admission, or when the run did.
        admitted: The number of the admission, in the order of the engine; None = not admitted.
        admitted_s: When.
    """

    place: int
    present: Sequence[tuple[float, float]]
    admitted: int | None = None
    admitted_s: float = 0.0


class _Counts:
    """How many of a set are below a rank: a Fenwick tree."""

    def __init__(self, size: int) -> None:
        self._tree = [0] * (size + 1)
        self.total = 0

    def add(self, rank: int, by: int) -> None:
        self.total += by
        rank += 1
        while rank < len(self._tree):
            self._tree[rank] += by
            rank += rank & -rank

    def below(self, rank: int) -> int:
        found = 0
        while rank > 0:
            found += self._tree[rank]
            rank -= rank & -rank
        return found


def tau(stays: Sequence[Stay]) -> tuple[float | None, int]:
    """Return Kendall's tau of admissions and places, and how many pairs were out of order.

    Args:
        stays: Everybody who was in the line.

    Returns:
        Tau from -1 to 1, None when there is no pair to compare; and the pairs out of order.
    """
    rank_of = {place: rank for rank, place in enumerate(sorted({stay.place for stay in stays}))}
    # Who is admitted is judged before anybody leaves or joins at that very moment; those of one
    # moment in the engine's order.
    happens: list[tuple[float, int, int, int, Stay]] = []
    for number, stay in enumerate(stays):
        for begin, end in stay.present:
            if end > begin:
                happens.append((begin, 1, 0, number, stay))
                happens.append((end, 2, 0, number, stay))
        if stay.admitted is not None:
            happens.append((stay.admitted_s, 0, stay.admitted, number, stay))
    happens.sort(key=lambda each: each[:4])
    counts = _Counts(len(rank_of))
    there: set[int] = set()
    good = bad = 0
    for _, kind, _, number, stay in happens:
        rank = rank_of[stay.place]
        if kind == 0:
            if number in there:
                there.discard(number)
                counts.add(rank, -1)
            before = counts.below(rank)
            bad += before
            good += counts.total - before
        elif kind == 1:
            there.add(number)
            counts.add(rank, 1)
        elif number in there:
            there.discard(number)
            counts.add(rank, -1)
    pairs = good + bad
    return ((good - bad) / pairs if pairs else None), bad
