"""Random lives of a room: the engine and a model in plain Python must agree after every step.

Long lives look for what needs many steps, hypothesis for what is rare. Deterministic and short by
default; ``--hypothesis-profile=thorough`` takes a long look, and makes what it finds small.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from hashlib import sha1
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from waitroom.room import COUNTERS, Directory, Store
from waitroom.room.records import Minute, Spans, Visit, journal_length, minutes
from waitroom.room.records import journal as visits

from .helpers import T0, Inside, S, look
from .model import Answer, Limits, Model

QUICK = settings(
    max_examples=60,
    stateful_step_count=50,
    derandomize=True,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

#: Whose rows there are, at one moment, and how many the journal has.
ROWS = """
local found = {}
for i = 2, #KEYS do found[i - 1] = redis.call('HKEYS', KEYS[i]) end
return {found, redis.call('XLEN', KEYS[1])}
"""

_T = TypeVar("_T")
#: Of those there are, one; counted round, so that it can shrink.
picks = st.integers(0, 999)
#: Whom it happens to, if there is such a visitor; left to chance, most tickets are old ones.
kinds = st.sampled_from(["line", "line", "parked", "parked", "seat", "spent", "lost", "any"])
#: Who beats, by bits.
subsets = st.sampled_from([0xFFFF, 0xF0F0, 0x0F0F, 0x5555, 0xAAAA, 0])
#: What the owner may have switched the room to.
SWITCHES = ("", "", "", "paused", "closed", "suspended", "draining", "draining and paused")


def spans(counted: Counter[str], kind: str) -> Spans:
    """Return the spans of one kind from the model's counts."""
    bins = {
        int(name.partition(":")[2]): count
        for name, count in counted.items()
        if name.startswith(f"{kind}:")
    }
    return Spans(dict(sorted(bins.items())), counted[kind])


class RoomMachine(RuleBasedStateMachine):
    """One room, its model, and what its visitors hold in their hands."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = Store.connect(url)
        self.directory = Directory(self.store)
        self.model = Model(now_ms=T0, born_ms=T0)
        self.wait(self.store.redis.flushall())
        self.room = self.wait(
            self.directory.create("shop", {"total_active_users": 2}, who="test", now_ms=T0)
        )
        #: Tickets shown last by each who came, old ones too.
        self.tickets: list[tuple[str, int]] = []
        self.passes: dict[str, int] = {}
        self.born = 0
        self.most_seated = 0
        self.epoch = 0

    def wait(self, doing: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(doing)

    def teardown(self) -> None:
        self.journal_agrees()
        self.wait(self.store.close())
        self.runner.close()

    # -- visitors --------------------------------------------------------------------------

    @initialize(count=st.integers(0, 8))
    def begin(self, count: int) -> None:
        for _ in range(count):
            self.arrive(1)

    def came(self, standing: tuple[object, ...], expected: Answer) -> None:
        shown = (expected.state, expected.visitor, expected.place)
        assert standing == (*shown, expected.position, expected.deadline_ms)
        ticket = (expected.visitor, expected.place)
        if ticket not in self.tickets:
            self.tickets.append(ticket)

    def new_name(self) -> str:
        # Names that do not sort as they come: places may be equal.
        self.born += 1
        return sha1(str(self.born).encode()).hexdigest()[:5]

    @rule(count=st.integers(1, 4))
    def arrive(self, count: int) -> None:
        visits = [(self.new_name(), 0) for _ in range(count)]
        standings = self.wait(self.room.enter_many(visits, now_ms=self.model.now_ms))
        for standing, expected in zip(standings, self.model.enter_many(visits), strict=True):
            self.came(standing, expected)

    @rule(age_ms=st.sampled_from([-2 * S, 0, 250, 5 * S, 200 * S, 600 * S, 700 * S]))
    def arrive_with_a_ticket_of_an_edge(self, age_ms: int) -> None:
        visit = self.new_name(), (self.model.now_ms - age_ms) * 1000
        standing = self.wait(self.room.enter(*visit, now_ms=self.model.now_ms))
        self.came(standing, self.model.enter(*visit))

    def pick(self, pick: int, kind: str) -> tuple[str, int]:
        """Return the ticket of some visitor, of that kind if there is one."""
        people, now_ms = self.model.people, self.model.now_ms

        def kind_of(visitor: str) -> str:
            person = people.get(visitor)
            if person is None:
                return "lost"
            return (
                "spent" if person.where == "seat" and person.deadline_ms <= now_ms else person.where
            )

        wanted = [ticket for ticket in self.tickets if kind_of(ticket[0]) == kind]
        some = wanted or self.tickets
        return some[pick % len(some)]

    @precondition(lambda self: self.tickets)
    @rule(pick=picks, kind=kinds, times=st.integers(1, 2))
    def show_a_ticket(self, pick: int, kind: str, times: int) -> None:
        visit = self.pick(pick, kind)
        for _ in range(times):
            standing = self.wait(self.room.enter(*visit, now_ms=self.model.now_ms))
            self.came(standing, self.model.enter(*visit))

    @precondition(lambda self: self.tickets)
    @rule(dice=st.randoms(use_true_random=False))
    def everybody_comes_back(self, dice: Random) -> None:
        visits = dice.sample(self.tickets, min(100, len(self.tickets)))
        standings = self.wait(self.room.enter_many(visits, now_ms=self.model.now_ms))
        for standing, expected in zip(standings, self.model.enter_many(visits), strict=True):
            self.came(standing, expected)

    @rule(who=subsets)
    def beat(self, who: int) -> None:
        self._beat(self.some(who))

    def some(self, who: int) -> list[str]:
        known = [visitor for visitor, _ in self.tickets]
        return [visitor for i, visitor in enumerate(known) if who >> i % 16 & 1]

    def _beat(self, visitors: list[str]) -> None:
        unknown = self.wait(self.room.beat(visitors, now_ms=self.model.now_ms))
        assert unknown == self.model.beat(visitors)

    @precondition(lambda self: self.tickets)
    @rule(pick=picks, kind=kinds, claims=st.booleans())
    def use_a_seat(self, pick: int, kind: str, claims: bool) -> None:
        self._renew(self.pick(pick, kind)[0], shows_pass=not claims)

    @rule()
    def all_passes_are_renewed(self) -> None:
        for visitor in list(self.passes):
            self._renew(visitor, shows_pass=True)

    def _renew(self, visitor: str, *, shows_pass: bool) -> None:
        shown_ms = self.passes.get(visitor, 0) if shows_pass else 0
        found = self.wait(self.room.renew([(visitor, shown_ms)], now_ms=self.model.now_ms))
        assert found == [self.model.renew(visitor, shown_ms)]
        if found[0]:
            self.passes[visitor] = found[0]

    @precondition(lambda self: self.tickets)
    @rule(pick=picks, kind=kinds, times=st.integers(1, 2))
    def leave(self, pick: int, kind: str, times: int) -> None:
        visitor = self.pick(pick, kind)[0]
        for _ in range(times):
            found = self.wait(self.room.leave(visitor, now_ms=self.model.now_ms))
            assert found == self.model.leave(visitor)

    # -- time and the service --------------------------------------------------------------

    @rule(ms=st.sampled_from([250, 1 * S, 5 * S, 22_500, 45 * S, 130 * S, 700 * S]))
    def fall_silent(self, ms: int) -> None:
        """Time passes and nobody does anything, the service neither."""
        self.model.now_ms += ms

    @rule(seconds=st.sampled_from([5, 20, 60, 60, 320]), who=subsets, sweeps=st.booleans())
    def live(self, seconds: int, who: int, sweeps: bool) -> None:
        """The service runs; some are present, the others fall silent."""
        for _ in range(0, seconds, 20):
            self.model.now_ms += min(seconds, 20) * S
            self._beat(self.some(who))
            self._admit(1_000)
            self.read_the_board()
            if sweeps:
                self.sweep(1)

    @rule(batch_max=st.sampled_from([1_000, 1_000, 5, 40]))
    def tick(self, batch_max: int) -> None:
        self._admit(batch_max)

    def _admit(self, batch_max: int) -> None:
        before = self.wait(look(self.store, self.room))
        admitted = self.wait(self.room.admit(batch_max, now_ms=self.model.now_ms))
        heard_ms = self.model.now_ms - 45 * S
        present = [visitor for visitor in before.line() if before.seen[visitor] > heard_ms]
        # I2 and I3, from what Redis held and not from the model: of those present, the first.
        assert admitted == present[: len(admitted)]
        assert admitted == self.model.admit()

    @rule(times=st.integers(1, 2))
    def sweep(self, times: int) -> None:
        for _ in range(times):
            self.wait(self.room.sweep(now_ms=self.model.now_ms))
            self.model.sweep()

    @rule()
    def read_the_board(self) -> None:
        board = self.wait(self.room.board(now_ms=self.model.now_ms, max_age_ms=0))
        limits, held = self.model.limits, self.model.held()
        line = self.model.line()
        waiting = "queueing" if line else "open"
        state = (
            (limits.suspended and "suspended")
            or (limits.closed and "closed")
            or (limits.paused and "paused")
            or (held and "recovering")
            or (limits.drain_us is not None and "draining")
            or waiting
        )
        assert (board.state, board.waiting) == (state, len(line))
        assert board.active == len(self.model.seated())
        wait_s = board.wait_s(len(line) + 1) if state == "queueing" else None
        if wait_s:
            # The first board of each ten seconds is noted.
            said = wait_s[0] * S, wait_s[1] * S
            self.model.records.told.setdefault(self.model.now_ms // 10_000, said)
        places = [self.model.people[visitor].place for visitor in line]
        for place in places[:100]:
            # Equal places share a position, that of the first.
            assert board.position(place) == places.index(place) + 1

    # -- the owner and disaster ------------------------------------------------------------

    def change(self, **changes: object) -> None:
        now_ms = self.model.now_ms
        self.wait(self.directory.update("shop", changes, who="test", now_ms=now_ms))

    @rule(seats=st.sampled_from([0, 1, 2, 3, 3, 4]))
    def change_capacity(self, seats: int) -> None:
        self.change(total_active_users=seats)
        self.model.limits.seats = seats

    @rule(per_minute=st.sampled_from([None, None, 60, 120, 240]))
    def change_rate(self, per_minute: int | None) -> None:
        self.change(new_users_per_minute=per_minute)
        self.model.limits.per_minute = per_minute

    @rule(on=st.sampled_from(SWITCHES), renewal=st.booleans())
    def change_switches(self, on: str, renewal: bool) -> None:
        paused, closed, suspended = (on == name for name in ("paused", "closed", "suspended"))
        draining = on.startswith("draining")
        paused = paused or on == "draining and paused"
        self.change(
            queue_all=paused,
            closed=closed,
            draining=draining,
            suspended=suspended,
            disable_session_renewal=not renewal,
        )
        limits = self.model.limits
        limits.paused, limits.closed, limits.suspended = paused, closed, suspended
        limits.renewal = renewal
        if not draining:
            limits.drain_us = None
        elif limits.drain_us is None:
            limits.drain_us = self.model.now_ms * 1000

    @rule(hold_s=st.sampled_from([0, 10, 30]))
    def change_hold(self, hold_s: int) -> None:
        self.change(recovery_hold_s=hold_s)
        self.model.limits.hold_ms = hold_s * S

    @rule(times=st.integers(1, 2))
    def end_all_passes(self, times: int) -> None:
        """Passes that visitors still show may bring seats back, as after a loss."""
        for _ in range(times):
            self.epoch += 1
            now_ms = self.model.now_ms
            changes = {"epoch": self.epoch}
            self.wait(self.directory.update("shop", changes, who="test", now_ms=now_ms))
            self.model.end_epoch()
        self.most_seated = 0

    @rule(times=st.integers(1, 2))
    def take_a_sample(self, times: int) -> None:
        for _ in range(times):
            written = self.wait(self.room.sample(now_ms=self.model.now_ms))
            counted = self.model.sample()
            assert written == (counted is not None)
            if counted is not None:
                self.samples_agree(counted)

    def samples_agree(self, counted: Counter[str]) -> None:
        keys, at_ms = self.room.keys, self.model.records.sampled_ms
        [minute] = self.wait(minutes(self.store, keys, at_ms, at_ms + 59_999))
        people = self.model.people.values()
        assert minute == Minute(
            counts={name: counted[name] for name in COUNTERS},
            **{kind: spans(counted, kind) for kind in ("wait", "site", "total")},
            told=counted["right"] + counted["early"] + counted["late"],
            told_right=counted["right"],
            told_early=counted["early"],
            at_ms=at_ms,
            waiting=len(self.model.line()),
            parked=len(self.model.parked()),
            active=len(self.model.seated()),
            unclaimed=sum(not person.claimed for person in people),
            seats=self.model.limits.seats,
            told_s=self.told_now(),
        )

    def told_now(self) -> tuple[int, int] | None:
        said = self.model.records.told.get(self.model.now_ms // 10_000)
        return (said[0] // 1000, said[1] // 1000) if said else None

    @rule()
    def lose_all_data(self) -> None:
        self.journal_agrees()
        self.wait(self.store.redis.flushall())
        self.wait(self.directory.refresh())
        self.model.lose_all()
        times = {"restored_ms": self.model.born_ms, "hold_until_ms": self.model.hold_until_ms}
        self.wait(self.store.redis.hset(self.room.keys.meta, mapping=times))
        self.most_seated = 0

    # -- what must hold after every step ---------------------------------------------------

    @invariant()
    def engine_and_model_agree(self) -> None:
        inside = self.wait(look(self.store, self.room))
        people = self.model.people
        assert inside == Inside(
            waiting={v: p.place for v, p in people.items() if p.where == "line"},
            seen={v: p.heard_ms for v, p in people.items() if p.where == "line"},
            parked={v: p.heard_ms for v, p in people.items() if p.where == "parked"},
            active={v: p.deadline_ms for v, p in people.items() if p.where == "seat"},
            unclaimed={v: p.seated_ms for v, p in people.items() if not p.claimed},
        )
        assert inside.line() == self.model.line()

    @invariant()
    def counters_agree(self) -> None:
        figures = self.wait(self.room.figures(now_ms=self.model.now_ms))
        counts = self.model.records.counts
        assert figures.counters == {name: counts[name] for name in COUNTERS}

    @invariant()
    def redis_keeps_what_the_journal_needs_and_no_more(self) -> None:
        keys, people, cut = self.room.keys, self.model.people, self.model.records.cut
        found, length = self.wait(
            self.store.redis.eval(ROWS, 4, keys.journal, keys.kept, keys.served, keys.cut_rows)
        )
        assert length == len(self.model.records.journal)
        kept, served, cut_rows = ({name.decode() for name in names} for names in found)
        assert kept == {v for v, p in people.items() if p.where == "parked"}
        assert served == {v for v, p in people.items() if p.where == "seat" and not p.noted}
        assert cut_rows == {v for v, p in cut.items() if not p.noted}

    def journal_agrees(self) -> None:
        async def read() -> list[Visit]:
            return [visit async for visit in visits(self.store, self.room.keys, page=7)]

        rows = [
            (v.visitor, v.place, v.admitted_ms, v.claimed_ms, v.left_ms, v.outcome)
            for v in self.wait(read())
        ]
        assert self.wait(journal_length(self.store, self.room.keys)) == len(rows)
        # What one sweep notes has no order of its own.
        assert sorted(rows, key=str) == sorted(self.model.records.journal, key=str)

    @invariant()
    def i1_never_over(self) -> None:
        """Seats grow only up to capacity; a lower one evicts nobody."""
        inside = self.wait(look(self.store, self.room))
        seated = len(inside.seated(self.model.now_ms))
        assert seated <= max(self.model.limits.seats, self.most_seated)
        self.most_seated = seated


def live_long(machine: RoomMachine, dice: Random, steps: int) -> None:
    """Let a room live with all its rules, each as often as in a room that is in use."""
    when = (250, 1 * S, 5 * S, 22_500, 45 * S, 130 * S, 700 * S)
    who = (0xFFFF, 0xF0F0, 0x0F0F, 0x5555, 0xAAAA, 0)
    kind = ("line", "parked", "seat", "spent", "lost", "any")
    pick = dice.choice
    rules: list[tuple[int, Callable[[], None]]] = [
        (8, lambda: machine.live(pick((5, 20, 60, 60, 320)), pick(who), pick((False, True)))),
        (6, lambda: machine.arrive(dice.randint(1, 3))),
        (2, lambda: machine.arrive_with_a_ticket_of_an_edge(pick((-2 * S, 0, 5 * S, 700 * S)))),
        (8, lambda: machine.show_a_ticket(dice.randrange(999), pick(kind), dice.randint(1, 2))),
        (8, lambda: machine.use_a_seat(dice.randrange(999), pick(kind), pick((False, True)))),
        (4, lambda: machine.leave(dice.randrange(999), pick(kind), dice.randint(1, 2))),
        (2, lambda: machine.beat(pick(who))),
        (3, lambda: machine.fall_silent(pick(when))),
        (3, lambda: machine.tick(pick((1_000, 5, 40)))),
        (3, lambda: machine.sweep(dice.randint(1, 2))),
        (2, lambda: machine.read_the_board()),
        (2, lambda: machine.all_passes_are_renewed()),
        (1, lambda: machine.everybody_comes_back(dice)),
        (3, lambda: machine.change_capacity(dice.randint(0, 5))),
        (1, lambda: machine.change_rate(pick((None, None, 60, 120, 240)))),
        (2, lambda: machine.change_switches(pick(SWITCHES), pick((False, True)))),
        (1, lambda: machine.change_hold(pick((0, 10, 30)))),
        (1, lambda: machine.lose_all_data()),
        (1, lambda: machine.end_all_passes(dice.randint(1, 2))),
        (4, lambda: machine.take_a_sample(dice.randint(1, 2))),
    ]
    machine.begin(6)
    machine.i1_never_over()
    weights = [weight for weight, _ in rules]
    for _, step in dice.choices(rules, weights, k=steps):
        step()
        machine.engine_and_model_agree()
        machine.counters_agree()
        machine.redis_keeps_what_the_journal_needs_and_no_more()
        machine.i1_never_over()


@pytest.mark.backends("valkey")
@pytest.mark.parametrize("seed", range(8))
def test_engine_does_what_the_model_says_in_a_long_life(redis_url: str, seed: int) -> None:
    machine = RoomMachine(redis_url)
    try:
        live_long(machine, Random(seed), 400)
    finally:
        machine.teardown()


def test_engine_does_what_the_model_says(redis_url: str, backend: str) -> None:
    thorough = settings.get_current_profile_name() == "thorough"
    # The engine is the same on all; what differs between stores shows in few lives.
    quick = QUICK if backend == "valkey" else settings(QUICK, max_examples=10)

    class Machine(RoomMachine):
        def __init__(self) -> None:
            super().__init__(redis_url)

    run_state_machine_as_test(Machine, settings=settings.default if thorough else quick)


def test_limits_of_the_model_are_the_defaults_of_the_engine() -> None:
    from waitroom.room import RoomSettings

    defaults, limits = RoomSettings(), Limits()
    assert limits.session_ms == defaults.session_duration_s * S
    assert limits.claim_ms == defaults.claim_ttl_s * S
    assert limits.heartbeat_ms == defaults.heartbeat_ttl_s * S
    assert limits.place_ms == defaults.place_ttl_s * S
    assert limits.hold_ms == defaults.recovery_hold_s * S
