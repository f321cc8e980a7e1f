"""What the console says: sentences, durations, effects, charts. Nothing here needs a server."""

import pytest

from waitroom.console.charts import Series, make_chart, nice
from waitroom.console.sentences import sentence, texts, wait
from waitroom.console.views.room import history_charts
from waitroom.control.effects import Now, effect, effect_of, line_s
from waitroom.control.views import RoomFigures
from waitroom.control.words import about, ago, duration
from waitroom.room import COUNTERS, RoomSettings
from waitroom.room.records import Minute, Spans


def figures(state: str = "queueing", **values: object) -> RoomFigures:
    plain = {"total_active_users": 200, **values}
    return RoomFigures("shop", "Shop", state, 0, **plain)  # type: ignore[arg-type]


def test_sentence_says_the_state_of_a_busy_room() -> None:
    busy = figures(waiting=42_310, active=200, admitted_per_minute=600)
    assert sentence(busy) == (
        "42,310 wait, 200 are on the site, 600 a minute are let in; the line takes about 70 min."
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (figures("open", active=120), "Open: 120 on the site, 80 seats are free, nobody waits."),
        (figures("paused", waiting=1, active=9), "On hold: 1 waits, nobody is let in, 9 on the"),
        (figures("closed", waiting=3), "Closed: newcomers are refused, 3 keep their place"),
        (
            figures("draining", waiting=3, active=200, admitted_per_minute=1),
            "Draining: newcomers are refused, 3 wait, 200 on the site, 1 a minute is let in; the "
            "line takes about 3 min.",
        ),
        (figures("draining", active=7), "Drained: nobody waits, newcomers are refused, 7 on the"),
        (figures("suspended"), "Everybody goes straight to the site"),
        (figures("recovering", waiting=7), "7 have come back so far"),
        (figures("unreachable"), "This room's Redis does not answer"),
        (figures(waiting=5, active=200), "5 wait, 200 are on the site, how long the line"),
        (figures(waiting=5, total_active_users=0), "5 wait, 0 are on the site, nobody is let in"),
    ],
)
def test_sentence_of_every_state(found: RoomFigures, said: str) -> None:
    assert sentence(found).startswith(said)


def test_wait_is_a_range_or_not_known() -> None:
    assert wait(figures(waiting=9, wait_low_s=250, wait_high_s=410)) == "4–7 min"
    assert wait(figures(waiting=9, wait_low_s=20, wait_high_s=45)) == "20–45 s"
    assert wait(figures(waiting=9, wait_low_s=36_240, wait_high_s=51_420)) == "10–15 h"
    assert wait(figures(waiting=9)) == "–"
    assert wait(figures("paused", wait_low_s=1, wait_high_s=2)) == "–"
    assert wait(figures("open", active=1)) == "none"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(45, "45 s"), (150, "2 min 30 s"), (300, "5 min"), (4_200, "1 h 10 min"), (259_200, "3 days")],
)
def test_duration_in_its_largest_units(seconds: int, said: str) -> None:
    assert duration(seconds) == said


def test_estimate_is_rounded_to_what_it_can_know() -> None:
    assert about(4_231) == "about 70 min"
    assert about(845) == "about 14 min"
    assert about(12) == "some seconds"
    assert about(9_000) == "about 2.5 h"
    assert ago(1) == "just now"


def test_effect_of_a_rate_is_the_time_of_the_line() -> None:
    now = Now(waiting=8_400, active=200, admitted_per_minute=900)
    said = effect_of("new_users_per_minute", 600, RoomSettings(), now)
    assert said == "At this rate the line of 8,400 takes about 14 min."


def test_effect_of_seats_goes_by_the_stay_that_was_measured() -> None:
    # 200 on the site and 100 a minute let in: two minutes of stay each.
    now = Now(waiting=1_000, active=200, admitted_per_minute=100)
    assert line_s(RoomSettings(total_active_users=400), now) == pytest.approx(300)
    assert line_s(RoomSettings(total_active_users=400, new_users_per_minute=50), now) == 1200
    fewer = effect("total_active_users", RoomSettings(total_active_users=150), now)
    assert fewer == "Nobody is let in until 50 visitors have left."


@pytest.mark.parametrize(
    ("settings", "now", "said"),
    [
        ({}, Now(8_400, 200, 600), "At today's pace the line is empty in about 14 min."),
        ({}, Now(8_400, 200), "8,400 wait; how long the line takes is not known yet."),
        ({}, Now(0, 200, 600), "Nobody waits: whoever has no seat is refused."),
        ({"queue_all": True}, Now(8_400, 200, 600), ""),
    ],
)
def test_effect_of_draining_is_when_the_line_is_empty(
    settings: dict[str, bool], now: Now, said: str
) -> None:
    assert effect_of("draining", True, RoomSettings().changed(settings), now) == said
    assert effect_of("draining", False, RoomSettings(), now) == ""


def test_a_room_that_refuses_newcomers_names_no_wait_for_them() -> None:
    for state in ("draining", "closed"):
        found = texts(figures(state, waiting=9, wait_low_s=250, wait_high_s=410), None)
        assert (found["wait"], found["wait_note"]) == ("–", "newcomers are refused")


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_a_room_that_was_stopped_says_at_once_that_nobody_is_let_in(state: str) -> None:
    # What was measured is of the minute before.
    said = texts(figures(state, waiting=600, admitted_per_minute=60), None)
    assert (said["rate"], said["target"]) == ("0", "nobody is let in")
    assert said["line"] == "in the line"


def test_a_room_that_stepped_aside_makes_nobody_wait() -> None:
    said = texts(figures("suspended", waiting=600, wait_low_s=60, wait_high_s=90), None)
    assert (said["wait"], said["wait_note"]) == ("none", "everybody goes through")


def test_effect_says_nothing_that_nobody_knows() -> None:
    assert line_s(RoomSettings(), Now(waiting=10)) is None
    assert "line" not in effect("total_active_users", RoomSettings(), Now(waiting=10))


def test_chart_leaves_gaps_where_nothing_is_known() -> None:
    chart = make_chart("T", [0, 60_000, 120_000, 180_000], [Series("A", [1, None, 3, 4])])
    line = chart.lines[0]
    assert line.path.count("M") == 2
    assert line.path.endswith("L600 0")
    assert [cells for _, _, cells in chart.rows] == [["4"], ["3"], ["–"], ["1"]]
    assert chart.scale == ["0", "2", "4"]
    assert not chart.empty


def test_chart_of_nothing_is_empty_and_draws() -> None:
    assert make_chart("T", [], [Series("A", [])]).empty
    assert make_chart("T", [0], [Series("A", [5])]).empty


@pytest.mark.parametrize("value", [0, 1, 3, 9, 10, 11, 99, 100, 1_234, 42_310, 9_999_999])
def test_scale_ends_at_a_round_number_that_is_enough(value: int) -> None:
    assert value <= nice(value) <= max(2, 2.5 * value)


@pytest.mark.parametrize(("span", "rate"), [("hour", "10"), ("day", "10")])
def test_what_a_sample_counts_after_a_gap_is_spread_over_the_gap(span: str, rate: str) -> None:
    """The worker was away from minute 3 to minute 12; ten came in each of them."""
    minutes = [
        Minute(
            counts=dict.fromkeys(COUNTERS, 0) | {"entered": came, "admitted": came},
            **dict.fromkeys(("wait", "site", "total"), Spans()),
            told=0,
            told_right=0,
            told_early=0,
            at_ms=at * 60_000,
            waiting=0,
            parked=0,
            active=0,
            unclaimed=0,
            seats=1,
            told_s=None,
        )
        for at, came in ((1, 10), (2, 10), (3, 10), (12, 90), (13, 10))
    ]
    let_in_and_arrivals = history_charts(span, minutes)[1]
    cells = [cell for _, _, cells in let_in_and_arrivals.rows for cell in cells]
    assert set(cells) - {"–"} == {rate}
