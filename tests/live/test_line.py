"""When a visitor is told, and what the board says of those who are here."""

import random

import pytest

from waitroom.live.line import HEAD, TELL_MAX_MS, TELL_MIN_MS, Watcher, due_ms, read_position
from waitroom.room import Board

T0 = 1_800_000_000_000


def watcher(position: int, told: int, silence_ms: int) -> bool:
    """Tell whether somebody at a position is told again after so long a silence."""
    found = Watcher("v", 1, position=position, told_position=told, told_ms=T0 - silence_ms)
    return due_ms(found) <= T0


@pytest.mark.parametrize("silence_ms", [TELL_MIN_MS, TELL_MIN_MS + 1, 10_000])
def test_a_move_of_one_near_the_head_is_told(silence_ms: int) -> None:
    assert watcher(4, 5, silence_ms)
    assert watcher(99, 100, silence_ms)
    assert watcher(6, 5, silence_ms)
    assert watcher(HEAD - 1, HEAD, silence_ms)
    assert not watcher(HEAD, HEAD + 1, silence_ms)


def test_nothing_is_told_twice_within_a_second() -> None:
    assert not watcher(1, 5_000, TELL_MIN_MS - 1)


def test_who_did_not_move_hears_again_after_thirty_seconds_only() -> None:
    assert not watcher(5, 5, TELL_MAX_MS - 1)
    assert watcher(5, 5, TELL_MAX_MS)


def test_far_back_a_move_under_one_percent_is_not_told() -> None:
    assert not watcher(9_901, 10_000, 10_000)
    assert watcher(9_900, 10_000, 10_000)


def test_a_line_costs_about_log_n_messages_an_admission() -> None:
    # One admission a second moves everybody by one; 20 s, so that nobody is due by silence.
    line, seconds = 10_000, 20
    watchers = [Watcher("v", 1, position=n, told_position=n, told_ms=T0) for n in range(1, line)]
    rng = random.Random(1)
    for each in watchers:
        # Told at different moments of the past, as in a line that has been moving for a while.
        each.told_position += rng.randrange(max(1, each.position // 100))
    told = 0
    for second in range(1, seconds + 1):
        for each in watchers:
            each.position = max(1, each.position - 1)
            if due_ms(each) <= T0 + second * 1_000:
                told += 1
                each.told_position, each.told_ms = each.position, T0 + second * 1_000
    # 500 near the head each time, then 100 for each factor of e: 500 + 100 ln 20 = 800.
    assert told / seconds < 900


def board(places: list[int], positions: list[int], *, at_ms: int = T0, waiting: int = -1) -> Board:
    return Board(
        room="shop",
        state="queueing",
        queueing=True,
        at_ms=at_ms,
        waiting=len(places) if waiting < 0 else waiting,
        active=1,
        total_active_users=1,
        admitted_per_minute=None,
        rate_per_minute=None,
        title="",
        message=None,
        places=places,
        positions=positions,
    )


def test_the_board_moves_a_watcher() -> None:
    found = Watcher("v", 30)
    assert read_position(found, board([10, 20, 30], [1, 2, 3]))
    assert found.position == 3


@pytest.mark.parametrize("place", [10, 25])
def test_who_is_not_on_the_board_is_gone(place: int) -> None:
    assert not read_position(Watcher("v", place), board([20, 30], [1, 2]))


def test_an_empty_line_has_nobody_in_it() -> None:
    assert not read_position(Watcher("v", 10), board([], []))


def test_who_came_after_the_board_was_made_is_left_alone() -> None:
    early = Watcher("v", 10, position=7, entered_ms=T0)
    assert read_position(early, board([20, 30], [1, 2])) and early.position == 7
    behind = Watcher("v", 99)
    assert read_position(behind, board([20, 30], [1, 2])) and behind.position == 0
