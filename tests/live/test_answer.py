"""The one answer that visitors get, and how soon they ask again."""

from dataclasses import replace
from typing import Any

import pytest

from tests.live.test_line import board
from waitroom.live.answer import POLL_MAX_S, POLL_MIN_S, answer, poll_after_s
from waitroom.room import RoomSettings, Standing

SETTINGS = RoomSettings(title="Shop", message="An older one")
LINE = replace(
    board(list(range(1, 101)), list(range(1, 101))),
    rate_per_minute=(50.0, 70.0),
    admitted_per_minute=60,
    message="Hello",
    title="Shop",
)


def standing(state: Any, position: int = 0) -> Standing:
    return Standing(state, "v", 1, position, 0)


def test_who_waits_hears_the_position_and_an_honest_wait() -> None:
    assert answer(LINE, SETTINGS, standing("waiting", 16)) == {
        "room": "shop",
        "status": "waiting",
        "state": "queueing",
        "position": 16,
        "waiting": 100,
        "active": 1,
        "wait_s": {"low": 10, "high": 25},
        "admitted_per_minute": 60,
        "message": "Hello",
        "title": "Shop",
        "place_ttl_s": 600,
        "poll_after_s": 2,
    }


def test_a_wait_that_nobody_knows_is_null() -> None:
    unknown = replace(LINE, rate_per_minute=None, admitted_per_minute=None)
    assert answer(unknown, SETTINGS, standing("waiting", 16))["wait_s"] is None
    for state in ("paused", "recovering"):
        held = replace(LINE, state=state)
        found = answer(held, SETTINGS, standing("waiting", 16))
        assert (found["status"], found["state"], found["wait_s"]) == ("waiting", state, None)


@pytest.mark.parametrize("state", ["seated", "suspended"])
def test_who_may_come_in_is_admitted_and_has_no_position(state: str) -> None:
    found = answer(LINE, SETTINGS, standing(state))
    assert (found["status"], found["position"], found["wait_s"]) == ("admitted", None, None)


def test_a_seat_counts_in_a_room_that_was_closed_since() -> None:
    closed = replace(LINE, state="closed")
    assert answer(closed, SETTINGS, standing("seated"))["status"] == "admitted"


def test_a_closed_room_says_so_to_all_others() -> None:
    assert answer(LINE, SETTINGS, standing("closed"))["status"] == "closed"
    found = answer(replace(LINE, state="closed"), SETTINGS, standing("waiting", 3))
    assert (found["status"], found["position"], found["wait_s"]) == ("closed", None, None)


def test_a_board_from_before_the_visitor_came_is_not_believed_against_them() -> None:
    empty = replace(board([], []), state="open", queueing=False)
    found = answer(empty, SETTINGS, standing("waiting", 1))
    assert (found["state"], found["position"], found["waiting"]) == ("queueing", 1, 1)


@pytest.mark.parametrize(
    ("position", "wait_s", "expected"),
    [
        (1, (0, 10), POLL_MIN_S),
        (100, (100, 140), 5),
        (9_000, (9_000, 9_500), 15),
        (1, None, POLL_MIN_S),
        (70, None, 7),
        (None, None, 10),
    ],
)
def test_polls_thin_out_far_back(
    position: int | None, wait_s: tuple[int, int] | None, expected: int
) -> None:
    assert poll_after_s(position, wait_s, RoomSettings()) == expected


@pytest.mark.parametrize("ttl_s", [30, 45, 3_600])
def test_who_polls_as_told_counts_as_present(ttl_s: int) -> None:
    settings = RoomSettings(heartbeat_ttl_s=ttl_s, place_ttl_s=3_600)
    for position in (None, 1, 100, 1_000_000):
        for wait_s in (None, (0, 1), (1_000_000, 2_000_000)):
            after_s = poll_after_s(position, wait_s, settings)
            assert POLL_MIN_S <= after_s <= min(POLL_MAX_S, ttl_s / 2)
