"""Simulated visitors keep the pace of the splash page: its numbers are read from its source."""

import random
import re
from pathlib import Path

import pytest

from loadtest import page, pauses

SPLASH = Path(__file__).parents[2] / "splash"


def _number(file: str, name: str) -> float:
    text = (SPLASH / file).read_text()
    found = re.search(rf"\b{name}(?: =|:) ([0-9_.]+)", text)
    assert found, f"{name} is not in splash/{file} any more"
    return float(found[1].replace("_", ""))


@pytest.mark.parametrize(
    ("file", "name", "ours"),
    [
        ("live.js", "BEAT_MS", page.BEAT_S),
        ("live.js", "ACK_TIMEOUT_MS", page.ACK_TIMEOUT_S),
        ("live.js", "REFUSED_MS", page.REFUSED_S),
        ("live.js", "LOST_MS", page.LOST_S),
        ("live.js", "UNKNOWN_MS", page.UNKNOWN_S),
        ("live.js", "reconnectionDelay", page.RECONNECT_S),
        ("live.js", "reconnectionDelayMax", page.RECONNECT_MAX_S),
        ("asking.js", "INSURANCE_MS", page.INSURANCE_S),
        ("asking.js", "FLOOR_MS", page.FLOOR_S),
        ("arrival.js", "SOCKET_MS", page.SOCKET_S),
        ("arrival.js", "NEWS_MS", pauses.NEWS_S),
        ("arrival.js", "shortest", pauses.AGAIN_S[0]),
        ("arrival.js", "longest", pauses.AGAIN_S[1]),
        ("arrival.js", "RECOVERY_MS", pauses.RECOVERY_S),
        ("clock.js", "LONGEST_PAUSE_MS", pauses.LONGEST_PAUSE_S),
        ("clock.js", "LONGEST_SPREAD_MS", pauses.LONGEST_SPREAD_S),
    ],
)
def test_a_pause_is_that_of_the_page(file: str, name: str, ours: float) -> None:
    assert _number(file, name) == ours * 1_000


def test_counts_are_those_of_the_page() -> None:
    assert _number("live.js", "RETRIES") == page.RETRIES
    assert _number("asking.js", "REFUSALS") == page.REFUSALS
    assert _number("clock.js", "PEOPLE_PER_S") == pauses.PEOPLE_PER_S


def test_newcomers_are_spread_over_the_length_of_the_line() -> None:
    random.seed(1)
    found = [pauses.arrival_s({"waiting": 20_000}, 0, None) for _ in range(2_000)]
    assert 19 < max(found) <= 20
    assert 9 < sum(found) / len(found) < 11
    assert max(pauses.arrival_s({"waiting": 10**6}, 0, None) for _ in range(2_000)) <= 30


def test_who_was_near_the_front_does_not_wait_long() -> None:
    assert all(pauses.arrival_s({"waiting": 20_000}, 100, 5.0) <= 0.1 for _ in range(100))
    # The line has gone on meanwhile.
    board = {"waiting": 20_000, "admitted_per_minute": 600}
    assert all(pauses.arrival_s(board, 100, 10.0) == 0 for _ in range(100))


def test_after_a_loss_everybody_hurries() -> None:
    board = {"waiting": 20_000, "state": "recovering"}
    assert all(pauses.arrival_s(board, 0, None) <= 3 for _ in range(100))


def test_pauses_grow_up_to_a_bound() -> None:
    random.seed(1)
    assert all(1 <= pauses.growing(1) <= 2 for _ in range(100))
    assert all(10 <= pauses.growing(9) <= 20 for _ in range(100))
