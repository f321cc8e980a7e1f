"""The messages that one socket may send."""

from waitroom.live.budget import BURST, REFILL_PER_S, Budget


def test_a_burst_is_free_and_the_next_message_is_not() -> None:
    budget = Budget(0.0)
    assert all(budget.spend(0.0) for _ in range(int(BURST)))
    assert not budget.spend(0.0)


def test_time_refills_it() -> None:
    budget = Budget(0.0, left=0.0)
    assert not budget.spend(0.5 / REFILL_PER_S)
    assert budget.spend(1.0 / REFILL_PER_S)
    assert not budget.spend(1.0 / REFILL_PER_S)


def test_silence_saves_up_no_more_than_a_burst() -> None:
    budget = Budget(0.0)
    assert sum(budget.spend(1_000_000.0) for _ in range(1_000)) == BURST


def test_refused_messages_do_not_push_the_refill_away() -> None:
    budget = Budget(0.0, left=0.0)
    moments = [i / 100 for i in range(1, 101)]
    assert sum(budget.spend(at_s) for at_s in moments) == int(REFILL_PER_S)
