import pytest

from loadtest.shapes import SHAPES
from loadtest.thresholds import ANY, TABLE, missed, rows

#: A run in which nothing was wrong.
SOUND: dict[str, float | None] = {
    "visits": 100,
    "admitted": 100,
    "admitted_share": 1.0,
    "lost": 0,
    "disconnects": 0,
    "defects": 0,
    "workers_silent": 0,
    "page_to_ticket_s": 0.1,
    "page_to_position_s": 0.5,
    "register_most_s": 20.0,
    "unregistered": 0,
    "free_to_told_s": 0.3,
    "told_to_pass_s": 0.1,
    "stale_first_s": 1.2,
    "stale_s": 9.0,
    "false_positions": 0,
    "error_share": 0.004,
    "tau": 1.0,
    "out_of_order": 0,
    "over": 0,
    "utilisation": 0.99,
    "back_most_s": 20.0,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sound_run_meets_all_thresholds(shape: str) -> None:
    assert missed(rows(SOUND, shape)) == []


@pytest.mark.parametrize(
    ("key", "figure", "shape"),
    [
        ("lost", 1, "soak"),
        ("disconnects", 1, "smoke"),
        ("defects", 1, "smoke"),
        ("workers_silent", 1, "onsale"),
        ("admitted_share", 0.99, "smoke"),
        ("register_most_s", 181.0, "onsale"),
        ("unregistered", 1, "steady"),
        ("free_to_told_s", 1.1, "steady"),
        ("stale_first_s", 2.1, "steady"),
        ("stale_s", 30.5, "steady"),
        ("false_positions", 1, "storm"),
        ("error_share", 0.05, "drain"),
        ("tau", 0.999_999, "onsale"),
        ("out_of_order", 1, "steady"),
        ("over", 1, "steady"),
        ("utilisation", 0.979, "steady"),
        ("back_most_s", 61.0, "storm"),
    ],
)
def test_one_figure_out_of_bounds_fails_the_run_and_is_named(
    key: str, figure: float, shape: str
) -> None:
    text = next(line.text for line in TABLE if line.key == key)
    assert missed(rows(SOUND | {key: figure}, shape)) == [text]


def test_what_was_not_measured_is_said_and_misses_nothing() -> None:
    found = rows(dict.fromkeys(SOUND), "steady")
    assert missed(found) == []
    assert {row.value for row in found} == {"not measured"}


def test_a_figure_without_a_bound_only_informs() -> None:
    found = {row.name: row for row in rows(SOUND | {"web_cores": 99.0}, "steady")}
    assert found["web processes, CPU"].target == ""
    assert found["web processes, CPU"].ok


def test_the_table_names_shapes_that_there_are() -> None:
    assert {name for line in TABLE for name in line.bounds} <= {*SHAPES, ANY}
    assert len({line.key for line in TABLE}) == len(TABLE)
    assert set(SOUND) <= {line.key for line in TABLE}
