import pytest

from loadtest.figures import freed_and_told, redis_costs, stays, utilisation
from loadtest.measures import Journey
from loadtest.order import tau
from loadtest.room import Cost, Look


def _looks(*active: int, waiting: int = 5, seats: int = 10, held: bool = False) -> list[Look]:
    return [
        Look(float(at), taken, waiting, seats, held, admitted=0) for at, taken in enumerate(active)
    ]


def test_seats_are_used_as_long_as_people_wait() -> None:
    assert utilisation(_looks(10, 10, 9, 9)) == pytest.approx(0.95)


def test_seats_that_fill_for_the_first_time_are_not_counted_as_empty() -> None:
    assert utilisation(_looks(0, 4, 10, 10)) == 1.0


def test_empty_seats_without_a_line_or_with_closed_doors_are_nobodys_fault() -> None:
    assert utilisation(_looks(10, 5, waiting=0)) is None
    assert utilisation(_looks(10, 5, held=True)) is None


def test_more_seats_than_there_are_do_not_make_up_for_empty_ones() -> None:
    assert utilisation(_looks(20, 5)) == pytest.approx(0.75)


def test_each_free_seat_is_matched_with_the_admission_that_follows() -> None:
    journeys = [
        Journey(visitor="left first", freed=1.0),
        Journey(visitor="left second", freed=2.0),
        Journey(visitor="a", told=1.4, registered=0.5),
        Journey(visitor="b", told=2.9, registered=0.5),
    ]
    admitted = [(1.2, "a"), (2.5, "b")]
    assert freed_and_told(journeys, admitted, _looks(10, 10, 10)) == [(1.0, 1.4), (2.0, 2.9)]


def test_an_admission_of_another_cause_does_not_shift_the_others() -> None:
    journeys = [
        Journey(visitor="left", freed=2.0),
        Journey(visitor="a", told=1.1, registered=0.5),
        Journey(visitor="b", told=2.3, registered=0.5),
    ]
    # The first one got a seat that ran out by itself.
    admitted = [(1.0, "a"), (2.2, "b")]
    assert freed_and_told(journeys, admitted, _looks(10, 10, 10)) == [(2.0, 2.3)]


def test_who_was_away_was_not_told_late() -> None:
    journeys = [
        Journey(visitor="left", freed=1.0),
        Journey(visitor="asleep", told=60.0, registered=0.5, absent=[0.5, 59.0]),
    ]
    assert freed_and_told(journeys, [(1.1, "asleep")], _looks(10, 10)) == []


def test_who_has_no_socket_hears_when_asking_and_is_left_out() -> None:
    journeys = [Journey(visitor="left", freed=1.0), Journey(visitor="asks", told=9.0)]
    assert freed_and_told(journeys, [(1.1, "asks")], _looks(10, 10)) == []


def test_a_seat_that_nobody_waited_for_is_not_counted() -> None:
    journeys = [Journey(visitor="left", freed=1.0), Journey(visitor="a", told=9.0, registered=0.5)]
    assert freed_and_told(journeys, [(9.0, "a")], _looks(10, 10, waiting=0)) == []


def test_order_is_judged_among_those_who_were_there() -> None:
    journeys = [
        Journey(visitor="a", place=2, registered=1.0, told=20.0),
        # Came when the other was gone.
        Journey(visitor="late", place=1, registered=25.0, told=30.0),
        # Was there all the time, with an earlier place than the one before: passed by.
        Journey(visitor="b", place=3, registered=1.0, told=40.0),
        Journey(visitor="c", place=4, registered=1.0, told=35.0),
    ]
    admitted = [(20.0, "a"), (30.0, "late"), (35.0, "c"), (40.0, "b")]
    order, bad = tau(stays(journeys, admitted, 50.0))
    assert bad == 1
    # Pairs: a-b, a-c, late-b, late-c and, out of order, c-b.
    assert order == pytest.approx(3 / 5)


def test_a_moment_away_is_no_presence() -> None:
    [stay] = stays(
        [Journey(visitor="a", place=1, registered=1.0, told=30.0, absent=[10.0, 20.0])],
        [(30.0, "a")],
        50.0,
    )
    assert stay.present == [(4.0, 10.0), (23.0, 30.0)]


def test_who_is_gone_for_good_is_not_there_at_the_end() -> None:
    [stay] = stays([Journey(visitor="a", place=1, registered=1.0, absent=[10.0, 0.0])], [], 50.0)
    assert stay.present == [(4.0, 10.0)]


def test_a_socket_that_is_lost_is_no_presence_until_the_server_hears_again() -> None:
    journey = Journey(visitor="a", place=1, registered=1.0, told=40.0)
    journey.silent = [10.0, 12.0, 13.0, 20.0, 30.0]
    [stay] = stays([journey], [(40.0, "a")], 50.0)
    assert stay.present == [(4.0, 10.0), (23.0, 30.0)]


def test_costs_of_redis_are_those_of_the_longest_line() -> None:
    costs = [Cost(0.0, 10, 5_000, 100), Cost(2.0, 100, 15_000, 300), Cost(4.0, 80, 15_000, 500)]
    assert redis_costs(costs) == {"redis_bytes": 150.0, "redis_ops": 100.0}
    assert redis_costs([]) == {"redis_bytes": None, "redis_ops": None}
