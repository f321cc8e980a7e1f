"""Random lives of a room: the engine and a model in plain Python must agree after every step.

Deterministic and short by default; ``--hypothesis-profile=thorough`` takes a long look, and
makes what it finds small.
"""

import asyncio
from collections.abc import Coroutine
from hashlib import sha1
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from waitroom.room import Directory, Store

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

_T = TypeVar("_T")
#: Of those there are, one; counted round, so that it can shrink.
picks = st.integers(0, 999)
#: Who beats, by bits.
subsets = st.integers(0, 2**16 - 1)


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

    def wait(self, doing: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(doing)

    def teardown(self) -> None:
        self.wait(self.store.close())
        self.runner.close()

    # -- visitors --------------------------------------------------------------------------

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
        for i, standing in enumerate(standings):
            self.came(standing, self.model.enter(*visits[i], later_us=i))

    @rule(age_ms=st.sampled_from([-2 * S, 0, 250, 5 * S, 200 * S, 600 * S, 700 * S]))
    def arrive_with_a_ticket_of_an_edge(self, age_ms: int) -> None:
        visit = self.new_name(), (self.model.now_ms - age_ms) * 1000
        standing = self.wait(self.room.enter(*visit, now_ms=self.model.now_ms))
        self.came(standing, self.model.enter(*visit))

    @precondition(lambda self: self.tickets)
    @rule(pick=picks, times=st.integers(1, 2))
    def show_a_ticket(self, pick: int, times: int) -> None:
        visit = self.tickets[pick % len(self.tickets)]
        for _ in range(times):
            standing = self.wait(self.room.enter(*visit, now_ms=self.model.now_ms))
            self.came(standing, self.model.enter(*visit))

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
    @rule(pick=picks, shows_pass=st.booleans())
    def renew(self, pick: int, shows_pass: bool) -> None:
        visitor = self.tickets[pick % len(self.tickets)][0]
        shown_ms = self.passes.get(visitor, 0) if shows_pass else 0
        found = self.wait(self.room.renew([(visitor, shown_ms)], now_ms=self.model.now_ms))
        assert found == [self.model.renew(visitor, shown_ms)]
        if found[0]:
            self.passes[visitor] = found[0]

    @precondition(lambda self: self.tickets)
    @rule(pick=picks, times=st.integers(1, 2))
    def leave(self, pick: int, times: int) -> None:
        visitor = self.tickets[pick % len(self.tickets)][0]
        for _ in range(times):
            found = self.wait(self.room.leave(visitor, now_ms=self.model.now_ms))
            assert found == self.model.leave(visitor)

    # -- time and the service --------------------------------------------------------------

    @rule(ms=st.sampled_from([250, 1 * S, 5 * S, 22_500, 45 * S, 130 * S, 700 * S]))
    def fall_silent(self, ms: int) -> None:
        """Time passes and nobody does anything, the service neither."""
        self.model.now_ms += ms

    @rule(seconds=st.sampled_from([5, 20, 45, 60, 320]), who=subsets)
    def live(self, seconds: int, who: int) -> None:
        """The service runs; some are present, the others fall silent."""
        for _ in range(0, seconds, 20):
            self.model.now_ms += min(seconds, 20) * S
            self._beat(self.some(who))
            self._admit(1_000)

    @rule(batch_max=st.sampled_from([1_000, 1_000, 1, 2]))
    def tick(self, batch_max: int) -> None:
        self._admit(batch_max)

    def _admit(self, batch_max: int) -> None:
        before = self.wait(look(self.store, self.room))
        admitted = self.wait(self.room.admit(batch_max, now_ms=self.model.now_ms))
        heard_ms = self.model.now_ms - 45 * S
        present = [visitor for visitor in before.line() if before.seen[visitor] > heard_ms]
        note(f"present {present} admitted {admitted}")
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
            or waiting
        )
        assert (board.state, board.waiting) == (state, len(line))
        assert board.active == len(self.model.seated())
        places = [self.model.people[visitor].place for visitor in line]
        for place in places:
            # Equal places share a position, that of the first.
            assert board.position(place) == places.index(place) + 1

    # -- the owner and disaster ------------------------------------------------------------

    def change(self, **changes: object) -> None:
        self.wait(self.directory.update("shop", changes, who="test"))

    @rule(seats=st.integers(0, 4))
    def change_capacity(self, seats: int) -> None:
        self.change(total_active_users=seats)
        self.model.limits.seats = seats

    @rule(per_minute=st.sampled_from([None, None, 60, 120, 240]))
    def change_rate(self, per_minute: int | None) -> None:
        self.change(new_users_per_minute=per_minute)
        self.model.limits.per_minute = per_minute

    @rule(
        paused=st.sampled_from([False, False, True]),
        closed=st.sampled_from([False, False, True]),
        suspended=st.sampled_from([False, False, False, True]),
        renewal=st.booleans(),
    )
    def change_switches(self, paused: bool, closed: bool, suspended: bool, renewal: bool) -> None:
        self.change(
            queue_all=paused,
            closed=closed,
            suspended=suspended,
            disable_session_renewal=not renewal,
        )
        limits = self.model.limits
        limits.paused, limits.closed, limits.suspended = paused, closed, suspended
        limits.renewal = renewal

    @rule(hold_s=st.sampled_from([0, 10, 30]))
    def change_hold(self, hold_s: int) -> None:
        self.change(recovery_hold_s=hold_s)
        self.model.limits.hold_ms = hold_s * S

    @rule()
    def lose_all_data(self) -> None:
        self.wait(self.store.redis.flushall())
        self.wait(self.directory.refresh())
        self.model.lose_all()
        times = {"born_ms": self.model.born_ms, "hold_until_ms": self.model.hold_until_ms}
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
    def i1_never_over(self) -> None:
        """Seats grow only up to capacity; a lower one evicts nobody."""
        inside = self.wait(look(self.store, self.room))
        seated = len(inside.seated(self.model.now_ms))
        assert seated <= max(self.model.limits.seats, self.most_seated)
        self.most_seated = seated


def test_engine_does_what_the_model_says(redis_url: str) -> None:
    thorough = settings.get_current_profile_name() == "thorough"

    class Machine(RoomMachine):
        def __init__(self) -> None:
            super().__init__(redis_url)

    run_state_machine_as_test(Machine, settings=settings.default if thorough else QUICK)


def test_limits_of_the_model_are_the_defaults_of_the_engine() -> None:
    from waitroom.room import RoomSettings

    defaults, limits = RoomSettings(), Limits()
    assert limits.session_ms == defaults.session_duration_s * S
    assert limits.claim_ms == defaults.claim_ttl_s * S
    assert limits.heartbeat_ms == defaults.heartbeat_ttl_s * S
    assert limits.place_ms == defaults.place_ttl_s * S
    assert limits.hold_ms == defaults.recovery_hold_s * S
