from collections import Counter

import numpy as np
import pytest

from loadtest.staleness import STEP_S, Staleness, quantile_s


def _ranks(*ranks: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    return np.array(ranks, np.int32)


def _all(found: Staleness) -> "Counter[float]":
    steps: Counter[float] = Counter()
    for key, count in found.stale.items():
        steps[round(int(key.partition(":")[2]) * STEP_S, 1)] += count
    return steps


def test_a_position_that_is_true_is_not_stale() -> None:
    found = Staleness(1)
    slot = found.enter()
    found.shown(slot, 7)
    for at in range(10):
        found.sample(at, _ranks(7))
    assert _all(found) == {0.0: 10}


def test_a_position_is_stale_since_the_truth_fell_below_it() -> None:
    found = Staleness(1)
    slot = found.enter()
    found.shown(slot, 7)
    for at, rank in enumerate([7, 7, 6, 5, 4, 4]):
        found.sample(float(at), _ranks(rank))
    # Below since some moment between the samples of 1 and 2: half a sample earlier than seen.
    assert _all(found) == {0.0: 2, 0.5: 1, 1.5: 1, 2.5: 1, 3.5: 1}


def test_news_make_it_fresh_again() -> None:
    found = Staleness(1)
    slot = found.enter()
    found.shown(slot, 7)
    found.sample(0.0, _ranks(7))
    found.sample(1.0, _ranks(5))
    found.shown(slot, 5)
    found.sample(2.0, _ranks(5))
    assert _all(found) == {0.0: 2, 0.5: 1}


def test_old_news_are_as_old_as_the_truth_that_they_miss() -> None:
    found = Staleness(1)
    slot = found.enter()
    found.shown(slot, 9)
    for at, rank in enumerate([9, 8, 7, 6]):
        found.sample(float(at), _ranks(rank))
    # Told now what was true two samples ago.
    found.shown(slot, 8)
    found.stale.clear()
    found.sample(4.0, _ranks(5))
    assert _all(found) == {2.5: 1}


def test_a_position_shown_below_the_truth_is_not_stale() -> None:
    found = Staleness(1)
    slot = found.enter()
    found.shown(slot, 3)
    found.sample(0.0, _ranks(5))
    assert _all(found) == {0.0: 1}


def test_who_is_not_in_the_line_or_sees_nothing_is_not_asked() -> None:
    found = Staleness(2)
    first, second = found.enter(), found.enter()
    found.shown(first, 3)
    found.sample(0.0, _ranks(*([0, 4] if first == 0 else [4, 0])))
    assert _all(found) == {}
    assert second != first


def test_a_slot_is_clean_for_the_next_visitor() -> None:
    found = Staleness(1)
    slot = found.enter()
    found.shown(slot, 9)
    found.sample(0.0, _ranks(2))
    found.leave(slot)
    assert found.enter() == slot
    found.shown(slot, 5)
    found.stale.clear()
    found.sample(1.0, _ranks(4))
    assert _all(found) == {0.5: 1}


def test_more_visitors_than_slots_are_let_be() -> None:
    found = Staleness(1)
    assert found.enter() == 0
    assert found.enter() == -1
    found.shown(-1, 5)
    found.told(-1, 5, 0.0)
    found.leave(-1)
    found.sample(0.0, _ranks(0))


def test_what_was_told_is_true_if_it_was_so_a_moment_ago() -> None:
    found = Staleness(1)
    slot = found.enter()
    for at, rank in enumerate([20, 18, 16, 14]):
        found.sample(float(at), _ranks(rank))
    found.told(slot, 18, 3.5)
    found.sample(4.0, _ranks(12))
    assert found.false == 0
    assert found.errors == {"0:0": 1}


@pytest.mark.parametrize("position", [40, 5])
def test_what_was_never_true_is_a_false_position(position: int) -> None:
    found = Staleness(1)
    slot = found.enter()
    for at in range(4):
        found.sample(float(at), _ranks(20))
    found.told(slot, position, 3.5)
    found.sample(4.0, _ranks(20))
    assert found.false == 1


def test_what_was_true_long_ago_is_a_false_position() -> None:
    found = Staleness(1)
    slot = found.enter()
    for at, rank in enumerate([90] + [50] * 15):
        found.sample(float(at), _ranks(rank))
    found.told(slot, 90, 15.5)
    found.sample(16.0, _ranks(50))
    assert found.false == 1


def test_what_was_true_a_while_ago_is_wrong_and_old_but_not_false() -> None:
    found = Staleness(1)
    slot = found.enter()
    for at, rank in enumerate([90] + [50] * 8):
        found.sample(float(at), _ranks(rank))
    found.told(slot, 90, 8.5)
    found.sample(9.0, _ranks(50))
    assert found.false == 0
    assert found.errors == {"0:445": 1}


def test_who_has_just_come_may_have_moved_before_the_first_sample() -> None:
    found = Staleness(1)
    slot = found.enter()
    found.sample(0.0, _ranks(0))
    found.told(slot, 20, 0.1)
    found.sample(1.0, _ranks(14), come=1, gone=6)
    assert found.false == 0


def test_quantiles_are_told_by_bands() -> None:
    table = Counter({"0:10": 98, "0:20": 2, "2:300": 100})
    assert quantile_s(table, 0.5, range(0, 2)) == pytest.approx(1.0)
    assert quantile_s(table, 0.99, range(0, 2)) == pytest.approx(2.0)
    assert quantile_s(table, 0.99, range(0, 6)) == pytest.approx(30.0)
    assert quantile_s(table, 0.99, range(3, 6)) is None


def test_what_was_wrong_when_it_was_told_is_an_error_and_not_age() -> None:
    found = Staleness(1)
    slot = found.enter()
    for at in range(5):
        found.sample(float(at), _ranks(200))
    found.told(slot, 202, 4.5)
    found.shown(slot, 202)
    found.sample(5.0, _ranks(200))
    found.sample(6.0, _ranks(199))
    assert _all(found) == {0.0: 1, 0.5: 1}
    assert found.errors == {"1:10": 1}


def test_who_was_admitted_between_two_samples_was_near_the_front_before() -> None:
    found = Staleness(1)
    slot = found.enter()
    for at, rank in enumerate([30, 20, 9]):
        found.sample(float(at), _ranks(rank))
    found.told(slot, 2, 2.4)
    found.sample(3.0, _ranks(0))
    assert found.false == 0
    assert found.errors == {"0:0": 1}
