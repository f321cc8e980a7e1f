"""A waiting room in plain Python: what the engine should do, told by visitor and not by key.

It knows no Redis, scans everybody wherever that is simplest, and keeps the rate in whole
thousandths of a visitor. ``test_machine.py`` holds the engine against it.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Literal

#: Most that one newcomer looks at; the next tick passes the other silent ones.
LOOKED_AT = 100

Where = Literal["line", "parked", "seat"]


@dataclass
class Person:
    """One visitor id that the room remembers."""

    where: Where
    place: int = 0
    heard_ms: int = 0
    deadline_ms: int = 0
    seated_ms: int = 0
    claimed: bool = True
    #: What the journal will say; None is never, or not known.
    placed: int | None = None
    admitted_ms: int | None = None
    claimed_ms: int | None = None
    noted: bool = False


@dataclass
class Limits:
    """The settings that matter here, times in ms."""

    seats: int = 2
    per_minute: int | None = None
    session_ms: int = 300_000
    claim_ms: int = 120_000
    heartbeat_ms: int = 45_000
    place_ms: int = 600_000
    hold_ms: int = 30_000
    renewal: bool = True
    paused: bool = False
    suspended: bool = False
    closed: bool = False
    #: Since when it drains; None if it does not.
    drain_us: int | None = None


@dataclass
class Answer:
    state: str
    visitor: str
    place: int
    position: int = 0
    deadline_ms: int = 0


#: A row of the journal: visitor, place, admitted, claimed, left and the outcome.
Row = tuple[str, int | None, int | None, int | None, int, str]


@dataclass
class Records:
    """What was counted and noted; gone with all data."""

    counts: Counter[str] = field(default_factory=Counter)
    journal: list[Row] = field(default_factory=list)
    #: Kind and bin, kind alone for the sum, and how right the waits told were.
    spans: Counter[str] = field(default_factory=Counter)
    #: Shortest and longest wait that was told in each ten seconds, ms.
    told: dict[int, tuple[int, int]] = field(default_factory=dict)
    sampled: Counter[str] = field(default_factory=Counter)
    sampled_ms: int = -1
    #: Seats that ended with their epoch and are not noted yet, and when that was.
    cut: dict[str, Person] = field(default_factory=dict)
    cut_ms: int = 0

    def span(self, kind: str, ms: int) -> None:
        bin_number = 0 if ms < 100 else math.floor(math.log(ms / 100) / math.log(1.15)) + 1
        self.spans[f"{kind}:{bin_number}"] += 1
        self.spans[kind] += ms

    def waited(self, arrived_ms: int, now_ms: int) -> None:
        self.span("wait", max(0, now_ms - arrived_ms))
        wait_ms = max(0, now_ms - arrived_ms)
        if wait_ms >= 1000 and arrived_ms // 10_000 in self.told:
            low, high = self.told[arrived_ms // 10_000]
            self.spans["early" if wait_ms < low else "right" if wait_ms <= high else "late"] += 1

    def seat_over(self, visitor: str, person: Person, left_ms: int, outcome: str) -> None:
        row = (person.placed, person.admitted_ms, person.claimed_ms, left_ms, outcome)
        self.journal.append((visitor, *row))
        self.counts["no_shows" if outcome == "no_show" else outcome] += 1
        if person.claimed_ms is not None:
            self.span("site", left_ms - person.claimed_ms)
            if person.placed is not None:
                self.span("total", left_ms - person.placed // 1000)


@dataclass
class Model:
    """The room as it should be."""

    now_ms: int
    limits: Limits = field(default_factory=Limits)
    people: dict[str, Person] = field(default_factory=dict)
    born_ms: int = 0
    #: Whether that was after a loss of all data.
    reborn: bool = False
    hold_until_ms: int = 0
    last_tick_ms: int | None = None
    #: Thousandths of a visitor that the rate allows now, and since when; None before the first.
    saved: int | None = None
    saved_ms: int = 0
    records: Records = field(default_factory=Records)

    # -- what one can see ------------------------------------------------------------------

    def line(self) -> list[str]:
        standing = [(p.place, v.encode(), v) for v, p in self.people.items() if p.where == "line"]
        return [visitor for _, _, visitor in sorted(standing)]

    def parked(self) -> list[str]:
        return [v for v, p in self.people.items() if p.where == "parked"]

    def present(self) -> list[str]:
        limit = self.now_ms - self.limits.heartbeat_ms
        return [visitor for visitor in self.line() if self.people[visitor].heard_ms > limit]

    def has_seat(self, visitor: str) -> bool:
        person = self.people.get(visitor)
        return person is not None and person.where == "seat" and person.deadline_ms > self.now_ms

    def seated(self) -> list[str]:
        return [visitor for visitor in self.people if self.has_seat(visitor)]

    # -- what the owner and the years do ---------------------------------------------------

    def lose_all(self) -> None:
        self.people.clear()
        self.born_ms, self.reborn = self.now_ms, True
        self.hold_until_ms = self.now_ms + max(1, self.limits.hold_ms)
        self.last_tick_ms = None
        self.saved = None
        self.records = Records()
        if self.limits.drain_us is not None:
            self.limits.drain_us = self.born_ms * 1000

    def end_epoch(self) -> None:
        if self.records.cut:
            # The one before has to be noted first.
            self.sweep()
        seats = {v: p for v, p in self.people.items() if p.where == "seat"}
        self.people = {v: p for v, p in self.people.items() if p.where != "seat"}
        self.records.cut, self.records.cut_ms = seats, self.now_ms

    def sample(self) -> Counter[str] | None:
        """Return what was counted since the last sample; None when this minute has one."""
        minute_ms = self.now_ms - self.now_ms % 60_000
        records = self.records
        if records.sampled_ms >= minute_ms:
            return None
        counted = records.counts - records.sampled
        counted.update(records.spans)
        records.sampled, records.sampled_ms = records.counts.copy(), minute_ms
        records.spans = Counter()
        return counted

    def held(self) -> bool:
        # The owner may want it over sooner.
        self.hold_until_ms = min(self.hold_until_ms, self.now_ms + self.limits.hold_ms)
        away_ms = 0 if self.last_tick_ms is None else self.now_ms - self.last_tick_ms
        if self.line() and 2 * away_ms > self.limits.heartbeat_ms:
            self.hold_until_ms = max(self.hold_until_ms, self.now_ms + self.limits.hold_ms)
            self.last_tick_ms = self.now_ms
        return self.now_ms < self.hold_until_ms

    def _may_seat(self) -> int:
        held = self.held()
        limits = self.limits
        if held or limits.paused or limits.suspended or limits.closed:
            return 0
        free = max(0, limits.seats - len(self.seated()))
        if limits.per_minute is None or not free:
            return free
        return min(free, self._allowed_by_rate() // 1000)

    def _allowed_by_rate(self) -> int:
        per_minute = self.limits.per_minute or 0
        most = max(1000, per_minute * 1000 // 60)
        if self.saved is None:
            return most
        return min(most, self.saved + (self.now_ms - self.saved_ms) * per_minute // 60)

    # -- what visitors do ------------------------------------------------------------------

    def enter(self, shown: str, place: int) -> Answer:
        return self.enter_many([(shown, place)])[0]

    def enter_many(self, visits: list[tuple[str, int]]) -> list[Answer]:
        """All come at once; the first in line, as far as it is they, take the free seats."""
        free: int | None = None
        answers, coming = [], set()
        for later_us, visit in enumerate(visits):
            answer = self._ask(*visit, later_us)
            answers.append(answer)
            if answer.state == "waiting":
                # Before anybody stands there: who finds an empty line waits for no recovery.
                free = self._may_seat() if free is None else free
                known = self.people.get(answer.visitor)
                if known is None:
                    self.records.counts["entered"] += 1
                elif known.where == "parked":
                    self.records.counts["returned"] += 1
                self.people[answer.visitor] = Person("line", answer.place, self.now_ms)
                coming.add(answer.visitor)
        self._seat_first(coming, free or 0)
        for answer in answers:
            if answer.state == "waiting" and self.has_seat(answer.visitor):
                answer.state = "seated"
                answer.deadline_ms = self.people[answer.visitor].deadline_ms
            elif answer.state == "waiting":
                answer.position = self.line().index(answer.visitor) + 1
        return answers

    def _ask(self, shown: str, place: int, later_us: int) -> Answer:
        visitor, place = self._who(shown, min(place, self.now_ms * 1000))
        person = self.people.get(visitor)
        drain_us = self.limits.drain_us
        late = drain_us is not None and (place == 0 or place > drain_us)
        place = place or self.now_ms * 1000 + later_us
        if person and self.has_seat(visitor):
            return Answer("seated", visitor, place, deadline_ms=person.deadline_ms)
        if self.limits.suspended:
            return Answer("suspended", visitor, place)
        if (self.limits.closed or late) and person is None:
            return Answer("closed", visitor, place)
        return Answer("waiting", visitor, place)

    def _seat_first(self, coming: set[str], free: int) -> None:
        left = min(free, len(coming))
        present = set(self.present())
        for visitor in self.line()[: LOOKED_AT - 1 + len(coming)]:
            if not left or visitor in present - coming:
                break
            if visitor in present:
                self._seat(visitor)
                left -= 1
            else:
                self._park([visitor])

    def _who(self, visitor: str, place: int) -> tuple[str, int]:
        while True:
            person = self.people.get(visitor)
            if person is None:
                if place == 0 or self._counts(place):
                    return visitor, place
            elif person.where == "line":
                return visitor, person.place
            elif person.where == "parked":
                # The ticket holds the place; who lost it finds it here.
                return visitor, place or person.place
            elif self.has_seat(visitor):
                return visitor, place
            visitor, place = sha1(visitor.encode()).hexdigest()[:22], 0

    def _counts(self, place: int) -> bool:
        young = self.now_ms * 1000 - place < self.limits.place_ms * 1000
        lost = self.reborn and place < self.born_ms * 1000
        return young or (lost and self.now_ms < self.born_ms + self.limits.place_ms)

    def beat(self, visitors: list[str]) -> list[str]:
        unknown = []
        for visitor in visitors:
            person = self.people.get(visitor)
            if person and person.where == "line":
                person.heard_ms = self.now_ms
            else:
                unknown.append(visitor)
        return unknown

    def renew(self, visitor: str, shown_ms: int) -> int:
        person = self.people.get(visitor)
        full_ms = self.now_ms + self.limits.session_ms
        if person is None or person.where != "seat":
            full = len(self.seated()) >= self.limits.seats
            if full or shown_ms <= self.now_ms:
                return 0
            self.records.counts["restored"] += 1
            self.people[visitor] = Person(
                "seat",
                deadline_ms=min(shown_ms, full_ms),
                placed=person.place if person else None,
            )
            return self.people[visitor].deadline_ms
        if not self.has_seat(visitor):
            return 0
        if not person.claimed:
            person.deadline_ms, person.claimed = full_ms, True
            person.claimed_ms = self.now_ms
            self.records.counts["claimed"] += 1
        elif self.limits.renewal:
            person.deadline_ms = max(person.deadline_ms, full_ms)
        return person.deadline_ms

    def leave(self, visitor: str) -> str:
        person = self.people.get(visitor)
        if person is None or (person.where == "seat" and not self.has_seat(visitor)):
            return ""
        what = "seat" if person.where == "seat" else "place"
        if what == "seat":
            self.records.seat_over(visitor, person, self.now_ms, "left_site")
        else:
            self._gone(visitor, self.now_ms, "left_line")
        self.people[visitor] = Person("seat", deadline_ms=self.now_ms, noted=True)
        return what

    def _gone(self, visitor: str, left_ms: int, outcome: str) -> None:
        self.records.counts[outcome] += 1
        place = self.people[visitor].place
        self.records.journal.append((visitor, place, None, None, left_ms, outcome))

    # -- what the service does -------------------------------------------------------------

    def admit(self) -> list[str]:
        allowed = self._may_seat()
        if self.last_tick_ms is None or self.now_ms - self.last_tick_ms >= 1000:
            self.last_tick_ms = self.now_ms
        admitted = self.present()[:allowed]
        if allowed:
            # Whoever is passed over on the way is parked; the others are not looked at.
            full = len(admitted) == allowed
            line = self.line()
            self._park(line[: line.index(admitted[-1])] if full else line)
        for visitor in admitted:
            self._seat(visitor)
        return admitted

    def sweep(self) -> None:
        limits = self.limits
        if not self.held():
            self._park(self.line())
            # Nobody could come back while the service was away.
            back_ms = self.hold_until_ms + limits.place_ms
            for visitor in self.parked() if self.now_ms >= back_ms else []:
                heard_ms = self.people[visitor].heard_ms
                if heard_ms + limits.place_ms <= self.now_ms:
                    self._gone(visitor, heard_ms, "lapsed")
                    del self.people[visitor]
        self._note_cut()
        remembered_ms = max(limits.place_ms, limits.session_ms)
        for visitor, person in list(self.people.items()):
            if person.where != "seat":
                continue
            over = person.deadline_ms <= self.now_ms
            if over and not person.noted:
                outcome = "ended" if person.claimed else "no_show"
                self.records.seat_over(visitor, person, person.deadline_ms, outcome)
                person.noted = True
            if over and person.seated_ms + limits.claim_ms <= self.now_ms:
                person.claimed = True
            if person.deadline_ms + remembered_ms <= self.now_ms:
                del self.people[visitor]

    def _note_cut(self) -> None:
        cut_ms = self.records.cut_ms
        for visitor, person in self.records.cut.items():
            if not person.noted:
                # One that nobody had used and that was to last longer was not a no-show.
                unused = not person.claimed and person.deadline_ms <= cut_ms
                outcome = "no_show" if unused else "ended"
                self.records.seat_over(visitor, person, min(person.deadline_ms, cut_ms), outcome)
        self.records.cut = {}

    def _park(self, visitors: Iterable[str]) -> None:
        present = set(self.present())
        for visitor in list(visitors):
            if visitor not in present:
                self.people[visitor].where = "parked"
                self.records.counts["parked"] += 1

    def _seat(self, visitor: str) -> None:
        if self.limits.per_minute is not None:
            self.saved, self.saved_ms = self._allowed_by_rate() - 1000, self.now_ms
        deadline_ms = self.now_ms + self.limits.claim_ms
        place = self.people[visitor].place
        self.records.counts["admitted"] += 1
        self.records.waited(place // 1000, self.now_ms)
        self.people[visitor] = Person(
            "seat",
            deadline_ms=deadline_ms,
            seated_ms=self.now_ms,
            claimed=False,
            placed=place,
            admitted_ms=self.now_ms,
        )
