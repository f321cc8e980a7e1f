"""When a condition is told, and when its end is."""

import re

import pytest

from tests.alerts.conftest import NOW_MS
from waitroom.alerts.rules import Rule
from waitroom.alerts.state import LOOK_GAP_MS, Reading, State, Turn, step
from waitroom.alerts.texts import make_alert

RULE = Rule.model_validate({"kind": "queueing", "for_s": 30, "clear_s": 60})


def looks(*found: bool | None, every_s: int = 10, rule: Rule = RULE) -> list[Turn | None]:
    """Return what is told at each look."""
    state: State | None = None
    told = []
    for i, met in enumerate(found):
        reading = Reading("queueing:a", "queueing", "a", None, 1, met, "")
        state, turn = step(state, reading, rule, NOW_MS + i * every_s * 1000)
        told.append(turn)
    return told


def test_it_is_told_once_when_it_has_held_for_long_enough() -> None:
    assert looks(*[True] * 8) == [None, None, None, "started", None, None, None, None]


def test_its_end_is_told_once_when_it_has_been_over_for_long_enough() -> None:
    told = looks(*[True] * 4, *[False] * 9)
    assert told[3] == "started" and told[10] == "ended"
    assert [turn for turn in told if turn] == ["started", "ended"]


def test_a_condition_that_swings_is_not_told_again_and_again() -> None:
    told = looks(*[True] * 4, *[False, True, False, False, True] * 10)
    assert [turn for turn in told if turn] == ["started"]


def test_a_short_one_is_never_told() -> None:
    assert not any(looks(*[True, True, True, False] * 10))


def test_without_a_minimum_it_is_told_at_the_first_look() -> None:
    rule = RULE.model_copy(update={"for_s": 0, "clear_s": 0})
    assert looks(True, True, False, True, rule=rule) == ["started", None, "ended", "started"]


def test_what_cannot_be_known_changes_nothing() -> None:
    told = looks(True, None, None, True, None, None, False, None, *[False] * 6)
    assert told[3] == "started"
    assert [turn for turn in told if turn] == ["started", "ended"]


def test_it_counts_anew_after_a_pause_of_all_looks() -> None:
    gap_s = LOOK_GAP_MS // 1000 + 1
    assert looks(True, True, every_s=gap_s) == [None, None]


def test_a_clock_that_was_set_back_delays_nothing_for_long() -> None:
    reading = Reading("queueing:a", "queueing", "a", None, 1, True, "")
    state, _ = step(None, reading, RULE, NOW_MS + 3_600_000)
    state, turn = step(state, reading, RULE, NOW_MS)
    assert turn is None
    _, turn = step(state, reading, RULE, NOW_MS + 30_000)
    assert turn == "started"
    assert state is not None
    firing = state.model_copy(update={"phase": "ending", "turned_ms": NOW_MS + 3_600_000})
    over = Reading("queueing:a", "queueing", "a", None, 0, False, "")
    state, turn = step(firing, over, RULE, NOW_MS)
    assert turn is None
    assert step(state, over, RULE, NOW_MS + 60_000) == (None, "ended")


@pytest.mark.parametrize("phase", ["pending", "firing", "ending"])
def test_a_state_survives_redis(phase: str) -> None:
    state = State.model_validate(
        {"phase": phase, "since_ms": 1, "turned_ms": 2, "seen_ms": 3, "kind": "wait", "room": "a"}
    )
    assert State.model_validate_json(state.model_dump_json()) == state


def test_edges_whose_names_are_alike_have_alerts_of_their_own() -> None:
    ids = set()
    for edge in ("a.b", "a-b"):
        state = State(
            phase="firing", since_ms=1, turned_ms=1, seen_ms=1, kind="edge_silent", subject=edge
        )
        ids.add(make_alert(f"edge_silent:{edge}", state, "started", 1).id)
    # RQ takes no other characters.
    assert len(ids) == 2 and all(re.fullmatch(r"[A-Za-z0-9_-]+", id_) for id_ in ids)
