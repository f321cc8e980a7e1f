"""Which passes a gate asks to renew, and when it may forget that it did."""

from waitroom.gate.renewals import SWEEP_MS, Renewals


def test_a_pass_is_asked_for_once_until_it_is_renewed() -> None:
    renewals = Renewals()
    for _ in range(3):
        renewals.ask("shop", "old", 1_000)
    batch = renewals.take()
    assert batch == [("shop", "old")]
    renewals.settle(batch, ["new"])
    renewals.ask("shop", "old", 1_000)
    assert renewals.take() == []
    assert renewals.renewed == {"old": "new"}


def test_a_pass_that_brought_its_seat_back_as_it_was_is_asked_for_again() -> None:
    renewals = Renewals()
    renewals.ask("shop", "same", 1_000)
    renewals.settle(renewals.take(), ["same"])
    assert renewals.renewed == {}
    renewals.ask("shop", "same", 1_000)
    assert renewals.take() == [("shop", "same")]


def test_what_has_run_out_is_forgotten_in_order() -> None:
    renewals = Renewals()
    renewals.ask("shop", "a", 1_000)
    renewals.ask("shop", "b", 2_000)
    renewals.settle(renewals.take(), ["a2", "b2"])
    renewals.forget(1_000)
    assert renewals.renewed == {"b": "b2"}
    renewals.forget(2_000)
    assert renewals.renewed == {}


def test_a_pass_that_lives_long_does_not_keep_shorter_ones_for_ever() -> None:
    renewals = Renewals()
    renewals.ask("office", "long", 90_000_000)
    renewals.ask("shop", "short", 1_000)
    renewals.settle(renewals.take(), ["long2", "short2"])
    renewals.forget(SWEEP_MS)
    assert renewals.renewed == {"long": "long2"}
    # They are all looked at once in a while only, also when the clock was set back.
    renewals.ask("shop", "short", SWEEP_MS + 1_000)
    renewals.settle(renewals.take(), ["short2"])
    renewals.forget(2 * SWEEP_MS - 1)
    assert renewals.renewed == {"long": "long2", "short": "short2"}
    renewals.forget(2 * SWEEP_MS)
    assert renewals.renewed == {"long": "long2"}
    renewals.ask("shop", "short", 500)
    renewals.settle(renewals.take(), ["short2"])
    renewals.forget(SWEEP_MS)
    assert renewals.renewed == {"long": "long2"}
