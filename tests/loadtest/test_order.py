import random

import pytest

from loadtest.order import Stay, tau


def _line(places: list[int], order: list[int]) -> list[Stay]:
    """Everybody is there from 0 on; ``order`` is who is admitted when, by index."""
    number = {who: at for at, who in enumerate(order)}
    return [
        Stay(place, [(0.0, 10.0 + number[who])], number[who], 10.0 + number[who])
        for who, place in enumerate(places)
    ]


def test_a_line_that_is_followed_has_a_tau_of_one() -> None:
    assert tau(_line([1, 2, 3, 4], [0, 1, 2, 3])) == (1.0, 0)


def test_a_line_turned_round_has_a_tau_of_minus_one() -> None:
    assert tau(_line([1, 2, 3, 4], [3, 2, 1, 0])) == (-1.0, 6)


def test_tau_is_that_of_the_textbook() -> None:
    rng = random.Random(3)
    order = list(range(60))
    rng.shuffle(order)
    pairs = [(a, b) for at, a in enumerate(order) for b in order[at + 1 :]]
    good = sum(1 for a, b in pairs if a < b)
    found, bad = tau(_line(list(range(60)), order))
    assert bad == len(pairs) - good
    assert found == pytest.approx((2 * good - len(pairs)) / len(pairs))


def test_those_of_one_moment_count_in_the_engines_order() -> None:
    same = [Stay(place, [(0.0, 5.0)], number, 5.0) for number, place in enumerate([1, 2, 3])]
    assert tau(same) == (1.0, 0)
    turned = [Stay(place, [(0.0, 5.0)], number, 5.0) for number, place in enumerate([3, 2, 1])]
    assert tau(turned) == (-1.0, 3)


def test_who_was_not_there_was_not_passed_by() -> None:
    # The one with the earlier place comes after the other was admitted.
    late = Stay(1, [(8.0, 9.0)], 1, 9.0)
    early = Stay(2, [(0.0, 5.0)], 0, 5.0)
    assert tau([late, early]) == (None, 0)


def test_who_was_away_at_that_moment_was_not_passed_by() -> None:
    away = Stay(1, [(0.0, 4.0), (6.0, 9.0)], 1, 9.0)
    other = Stay(2, [(0.0, 5.0)], 0, 5.0)
    assert tau([away, other]) == (None, 0)
    there = Stay(1, [(0.0, 9.0)], 1, 9.0)
    assert tau([there, other]) == (-1.0, 1)


def test_who_is_never_admitted_was_passed_by_all_the_same() -> None:
    forgotten = Stay(1, [(0.0, 60.0)])
    others = [Stay(place, [(0.0, 5.0 + place)], place, 5.0 + place) for place in (2, 3, 4)]
    found, bad = tau([forgotten, *others])
    assert bad == 3
    assert found == pytest.approx(0.0)


def test_an_empty_line_has_no_tau() -> None:
    assert tau([]) == (None, 0)
    assert tau([Stay(1, [(0.0, 1.0)], 0, 1.0)]) == (None, 0)
