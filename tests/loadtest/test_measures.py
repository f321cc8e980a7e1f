import random

import orjson
import pytest

from loadtest.measures import Journey, Measures, quantile, quantile_of_counts, round_ms


def test_a_journey_survives_the_wire() -> None:
    journey = Journey("closes", "v" * 22, 1_700_000_000_000_001, arrived=1.5, absent=[2.0, 3.0])
    assert Journey.of(orjson.loads(orjson.dumps(journey.row()))) == journey


def _worked(visitors: int, name: str) -> Measures:
    found = Measures()
    for number in range(visitors):
        journey = Journey(visitor=f"{name}{number}")
        found.begin(journey)
        found.end(journey)
        found.latency("register", number / 1000)
    found.count("updates", visitors)
    found.tables["stale"] = type(found.counts)({"0:1": visitors})
    found.now[name] = {"live": visitors}
    return found


def test_parts_of_several_processes_add_up_as_if_there_were_one() -> None:
    merged = Measures()
    parts = [_worked(3, "a"), _worked(5, "b")]
    for part in parts:
        merged.add(orjson.loads(orjson.dumps(part.take())))
        # Nothing is told twice.
        merged.add(part.take())
    assert len(merged.journeys) == 8
    assert merged.counts == {"visits": 8, "updates": 8}
    assert merged.tables["stale"] == {"0:1": 8}
    assert merged.latencies["register"] == {0: 2, 1: 2, 2: 2, 3: 1, 4: 1}
    assert merged.total("live") == 8


def test_visits_under_way_count_at_the_end_and_nothing_after_it() -> None:
    found = Measures()
    journey = Journey()
    found.begin(journey)

    def judge(one: Journey) -> None:
        one.lost = "out of touch at the end"

    found.freeze(judge)
    # The runner ends the visitors only now; what that breaks is no fault of the server.
    found.end(journey)
    found.count("disconnects")
    part = found.take()
    assert [Journey.of(row).lost for row in part["journeys"]] == ["out of touch at the end"]
    assert part["counts"] == {"visits": 1}


def test_a_quantile_is_a_value_that_was_there() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3.0], 0.99) == 3.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([float(n) for n in range(1, 101)], 0.99) == 99.0
    assert quantile([1.0, 2.0], 1.0) == 2.0
    assert quantile([1.0, 2.0], 0.0) == 1.0


def test_both_kinds_of_quantile_agree() -> None:
    rng = random.Random(2)
    values = [rng.randrange(50) for _ in range(333)]
    counts = {value: values.count(value) for value in values}
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        assert quantile_of_counts(counts, share) == quantile([float(v) for v in values], share)
    assert quantile_of_counts({}, 0.5) is None


@pytest.mark.parametrize("ms", [0, 1, 99, 100, 1_234, 56_789, 3_600_000])
def test_times_are_kept_to_a_few_per_cent(ms: int) -> None:
    assert round_ms(ms) == pytest.approx(ms, rel=0.03)
