"""A whole sale, visitor by visitor: what they lived through against every figure shown of it.

Visitors keep a diary of their own, from what the room answers them and a clock that the test
moves. Minutes, days, the CSV and the summary then have to say the same.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from waitroom.reports import Reports
from waitroom.reports.rows import COLUMNS, iso
from waitroom.reports.summary import duration
from waitroom.room import Directory, Room, Store
from waitroom.room.keys import Keys
from waitroom.room.records import DAY_MS, Minute, Spans, days, minutes

from .conftest import rows_of, trail

S = 1_000
MINUTE_MS = 60 * S
SEATS, CLAIM_S, SESSION_S, HEARTBEAT_S, PLACE_S = 8, 20, 60, 30, 120
VISITORS, ARRIVALS_S = 150, 240
HABITS = ("plain",) * 5 + ("leaver", "no_show", "closed", "back", "tabs", "twice")
#: Minutes in which nobody takes samples.
AWAY = range(3, 6)


@dataclass
class Visit:
    """One visit as its visitor remembers it; times in ms."""

    name: str
    place: int
    let_in_ms: int = 0
    claimed_ms: int = 0
    left_ms: int = 0
    outcome: str = ""
    deadline_ms: int = 0

    @property
    def came_ms(self) -> int:
        return self.place // 1000


@dataclass
class Visitor:
    """Somebody with a habit."""

    name: str
    habit: str
    due_ms: int
    patience_s: int
    pages: int
    leaves: bool
    visits: list[Visit] = field(default_factory=list)
    heard_ms: int = 0
    away_until_ms: int = 0

    @property
    def now(self) -> Visit:
        return self.visits[-1]


@dataclass
class Sale:
    """The sale, second by second."""

    room: Room
    start_ms: int
    visitors: list[Visitor]
    dice: Random
    away: range
    #: What the first board of each ten seconds said, ms.
    said: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: At each sample: when, how many waited, how many were on the site.
    seen: list[tuple[int, int, int]] = field(default_factory=list)

    async def run(self) -> None:
        now_ms = self.start_ms
        while any(not v.visits or not v.now.outcome or v.due_ms for v in self.visitors):
            now_ms += S
            assert now_ms < self.start_ms + 30 * MINUTE_MS
            await self.second(now_ms)
            if now_ms % (5 * S) == 0:
                await self.room.sweep(now_ms=now_ms)
            if now_ms % MINUTE_MS == 0:
                await self.sample(now_ms)
        # What this minute counted is in the next sample.
        await self.sample(now_ms + MINUTE_MS - now_ms % MINUTE_MS)

    async def sample(self, now_ms: int) -> None:
        if (now_ms - self.start_ms) // MINUTE_MS in self.away:
            return
        await self.room.sweep(now_ms=now_ms)
        waiting = [v for v in self.visitors if self.waits(v) and now_ms < self.silent_ms(v)]
        active = [v for v in self.all_visits() if v.let_in_ms and self.end_ms(v) > now_ms]
        self.seen.append((now_ms, len(waiting), len(active)))
        assert await self.room.sample(now_ms=now_ms)

    def waits(self, visitor: Visitor) -> bool:
        return bool(visitor.visits) and not visitor.now.let_in_ms and not visitor.now.outcome

    def silent_ms(self, visitor: Visitor) -> int:
        return visitor.heard_ms + HEARTBEAT_S * S

    def end_ms(self, visit: Visit) -> int:
        return visit.left_ms or visit.deadline_ms

    def all_visits(self) -> list[Visit]:
        return [visit for visitor in self.visitors for visit in visitor.visits]

    async def second(self, now_ms: int) -> None:
        for visitor in self.visitors:
            if visitor.due_ms and now_ms >= visitor.due_ms:
                await self.come(visitor, now_ms)
            elif self.waits(visitor):
                await self.wait(visitor, now_ms)
            elif visitor.visits and not visitor.now.outcome:
                await self.use(visitor, now_ms)
        by_name = {v.now.name: v.now for v in self.visitors if v.visits}
        for name in await self.room.admit(now_ms=now_ms):
            self.let_in(by_name[name], now_ms)
        board = await self.room.board(now_ms=now_ms, max_age_ms=0)
        wait_s = board.wait_s(board.waiting + 1) if board.state == "queueing" else None
        if wait_s:
            self.said.setdefault(now_ms // 10_000, (wait_s[0] * S, wait_s[1] * S))

    def let_in(self, visit: Visit, now_ms: int) -> None:
        visit.let_in_ms, visit.deadline_ms = now_ms, now_ms + CLAIM_S * S

    async def come(self, visitor: Visitor, now_ms: int) -> None:
        place = now_ms * 1000 - self.dice.randrange(1, S) * 1000
        standing = await self.room.enter(
            *((visitor.now.name, visitor.now.place) if visitor.visits else (visitor.name, place)),
            now_ms=now_ms,
        )
        visit = Visit(standing.visitor, standing.place)
        visitor.visits.append(visit)
        visitor.due_ms, visitor.heard_ms = 0, now_ms
        if standing.state == "seated":
            self.let_in(visit, now_ms)

    async def wait(self, visitor: Visitor, now_ms: int) -> None:
        visit, patient = visitor.now, now_ms < visitor.now.came_ms + visitor.patience_s * S
        if visitor.habit == "leaver" and not patient:
            await self.room.leave(visit.name, now_ms=now_ms)
            visit.left_ms, visit.outcome = now_ms, "left_line"
        elif visitor.habit == "closed" and not patient:
            # Nobody lapses while still present, and the place is kept for a while.
            if now_ms >= visitor.heard_ms + PLACE_S * S and now_ms % (5 * S) == 0:
                visit.left_ms, visit.outcome = visitor.heard_ms, "lapsed"
        elif visitor.habit == "back" and not patient and now_ms < self.back_ms(visitor):
            pass
        else:
            await self.beat(visitor, now_ms)

    def back_ms(self, visitor: Visitor) -> int:
        return visitor.now.came_ms + (visitor.patience_s + 2 * HEARTBEAT_S) * S

    async def beat(self, visitor: Visitor, now_ms: int) -> None:
        visit = visitor.now
        if visitor.habit == "tabs" or await self.room.beat([visit.name], now_ms=now_ms):
            standing = await self.room.enter(visit.name, visit.place, now_ms=now_ms)
            assert (standing.visitor, standing.place) == (visit.name, visit.place)
            if standing.state == "seated":
                self.let_in(visit, now_ms)
        visitor.heard_ms = now_ms

    async def use(self, visitor: Visitor, now_ms: int) -> None:
        visit = visitor.now
        gone = visitor.habit == "closed" and now_ms > visit.came_ms + visitor.patience_s * S
        away = visitor.habit == "back" and now_ms < self.back_ms(visitor)
        if now_ms >= visit.deadline_ms:
            visit.left_ms = visit.deadline_ms
            visit.outcome = "ended" if visit.claimed_ms else "no_show"
            if visitor.habit == "twice" and len(visitor.visits) == 1:
                visitor.due_ms = now_ms + self.dice.randrange(5, 60) * S
        elif visit.claimed_ms and not visitor.pages and visitor.leaves:
            await self.room.leave(visit.name, now_ms=now_ms)
            visit.left_ms, visit.outcome = now_ms, "left_site"
        elif visitor.habit != "no_show" and not gone and not away and visitor.pages:
            visitor.pages -= 1
            visit.claimed_ms = visit.claimed_ms or now_ms
            visit.deadline_ms = await self.room.claim(visit.name, now_ms=now_ms)


@pytest.fixture
async def over(directory: Directory, store: Store, request: pytest.FixtureRequest) -> Sale:
    """Return a sale that is over, an hour ago; the parameter is when no samples were taken."""
    changes = {
        "total_active_users": SEATS,
        "claim_ttl_s": CLAIM_S,
        "session_duration_s": SESSION_S,
        "heartbeat_ttl_s": HEARTBEAT_S,
        "place_ttl_s": PLACE_S,
    }
    now_ms = await store.time_ms(Keys("shop").meta)
    start_ms = now_ms - now_ms % MINUTE_MS - 60 * MINUTE_MS
    room = await directory.create("shop", changes, who="test", now_ms=start_ms)
    dice = Random(5)
    visitors = [
        Visitor(
            name=f"{number:022d}",
            habit=HABITS[number % len(HABITS)],
            due_ms=start_ms + dice.randrange(1, ARRIVALS_S) * S,
            patience_s=dice.randrange(10, 40),
            pages=dice.choice((1, 1, 2, 5)),
            leaves=dice.random() < 0.7,
        )
        for number in range(VISITORS)
    ]
    sale = Sale(room, start_ms, visitors, dice, getattr(request, "param", AWAY))
    await sale.run()
    return sale


def quantile(spans: Sequence[int], share: float) -> int:
    """Return the smallest one that so large a share did not exceed."""
    return sorted(spans)[math.ceil(round(share * len(spans), 6)) - 1]


def waits(visits: Sequence[Visit]) -> list[int]:
    return [visit.let_in_ms - visit.came_ms for visit in visits if visit.let_in_ms]


def served(visits: Sequence[Visit]) -> list[Visit]:
    return [visit for visit in visits if visit.claimed_ms]


def told(sale: Sale) -> Counter[str]:
    found: Counter[str] = Counter()
    for visit in sale.all_visits():
        said = sale.said.get(visit.came_ms // 10_000)
        wait_ms = visit.let_in_ms - visit.came_ms
        if said and visit.let_in_ms and wait_ms >= S:
            found["early" if wait_ms < said[0] else "right" if wait_ms <= said[1] else "late"] += 1
    return found


async def test_minutes_and_days_say_what_visitors_lived_through(over: Sale, store: Store) -> None:
    visits, keys = over.all_visits(), over.room.keys
    outcomes = Counter(visit.outcome for visit in visits)
    # The sale has everything in it.
    assert len(visits) > VISITORS and len(outcomes) == 5 and min(outcomes.values()) >= 3
    samples = await minutes(store, keys, over.start_ms, over.start_ms + 60 * MINUTE_MS)
    sums = await days(store, keys, over.start_ms, over.start_ms + 60 * MINUTE_MS)
    for kind in (samples, sums):
        counts: Counter[str] = Counter()
        for each in kind:
            counts.update(each.counts)
        assert {name: counts[name] for name in ("entered", "admitted", "claimed")} == {
            "entered": len(visits),
            "admitted": len(waits(visits)),
            "claimed": len(served(visits)),
        }
        assert sum(each.no_shows for each in kind) == outcomes["no_show"]
        assert sum(each.left_waiting for each in kind) == outcomes["left_line"] + outcomes["lapsed"]
        assert counts["left_site"] == outcomes["left_site"] and counts["ended"] == outcomes["ended"]
        came_in = served(visits)
        for name, exact in (
            ("wait", waits(visits)),
            ("site", [visit.left_ms - visit.claimed_ms for visit in came_in]),
            ("total", [visit.left_ms - visit.came_ms for visit in came_in]),
        ):
            found = Spans.together(getattr(each, name) for each in kind)
            assert (found.count, found.sum_ms) == (len(exact), sum(exact))
            for share in (0.5, 0.9, 0.99):
                assert found.quantile_ms(share) == pytest.approx(quantile(exact, share), rel=0.075)
        assert Counter(
            right=sum(each.told_right for each in kind),
            early=sum(each.told_early for each in kind),
            late=sum(each.told_late for each in kind),
        ) == told(over)
    assert sum(told(over).values()) > VISITORS / 3
    standing = [(each.at_ms, each.waiting, each.active) for each in samples]
    assert standing == over.seen and len(standing) < samples_without_a_gap(samples)
    busy = [active for _, waiting, active in over.seen if waiting]
    if len(sums) == 1:
        assert sums[0].utilisation == pytest.approx(sum(busy) / len(busy) / SEATS)


def samples_without_a_gap(samples: list[Minute]) -> int:
    return (samples[-1].at_ms - samples[0].at_ms) // MINUTE_MS + 1


@pytest.mark.parametrize("over", [range(0), range(4, 99)], ids=["sampled", "not"], indirect=True)
async def test_report_says_what_visitors_lived_through(
    over: Sale, directory: Directory, reports: Reports
) -> None:
    room = await directory.update("shop", {"closed": True}, who="test")
    await reports.tend(room, 30.0)
    [report] = await reports.list("shop")
    visits = sorted(over.all_visits(), key=lambda visit: visit.place)
    assert (report.rows, report.visitors) == (len(visits), len(visits))
    found = rows_of(await reports.open("shop", report.id, "csv"))
    assert [each.pop("place") for each in found] == [str(n + 1) for n in range(len(visits))]
    assert [each["arrived"] for each in found] == [iso(visit.came_ms) for visit in visits]
    # Of those who came in one moment nobody knows who was first.
    assert sorted(map(cells, found)) == sorted(map(cells, map(row, visits)))
    html = (await reports.open("shop", report.id, "html")).read_text()
    for text in said_of(visits, over):
        assert text in html


@pytest.mark.parametrize("over", [range(0, 99)], ids=["not sampled"], indirect=True)
async def test_no_key_of_redis_names_a_visitor_when_their_days_are_over(
    over: Sale, directory: Directory, store: Store, reports: Reports
) -> None:
    names = {visit.name for visit in over.all_visits()}
    room = await directory.update("shop", {"closed": True, "keep_days": 1}, who="test")
    kept = {room.keys.journal, room.keys.served, room.keys.active}
    assert {room.keys.journal} <= await keys_that_name(store, names) <= kept
    for days_ago in (0.9, 1.1):
        closed_ms = over.start_ms + 60 * MINUTE_MS - round(days_ago * DAY_MS)
        rows = (
            (closed_ms - 1, {"created": [None, "shop"]}),
            (closed_ms, {"closed": [False, True]}),
        )
        await trail(store, room, *rows)
        for _ in range(3):
            await reports.tend(room, 30.0)
        left = {room.keys.journal} if days_ago < 1 else set()
        assert await keys_that_name(store, names) == left
    assert len(await reports.list("shop")) == 2


async def keys_that_name(store: Store, names: set[str]) -> set[str]:
    """Return all keys, of whatever kind, that hold the name of a visitor, or are called so."""
    redis, found = store.redis, set()
    for key in await redis.keys("*"):
        kind = (await redis.type(key)).decode()
        read: dict[str, Any] = {
            "string": lambda key: redis.get(key),
            "set": lambda key: redis.smembers(key),
            "zset": lambda key: redis.zrange(key, 0, -1),
            "hash": lambda key: redis.hgetall(key),
            "stream": lambda key: redis.xrange(key),
        }
        text = f"{key.decode()} {await read[kind](key)}"
        if any(name in text for name in names):
            found.add(key.decode())
    return found


def cells(found: dict[str, str]) -> list[str]:
    return list(found.values())


def row(visit: Visit) -> dict[str, str]:
    """Return what the CSV should say of a visit, but for the number of arrival."""

    def seconds(since_ms: int, until_ms: int) -> str:
        return f"{(until_ms - since_ms) / S:.3f}" if since_ms and until_ms else ""

    texts = (
        *map(iso, (visit.came_ms, visit.let_in_ms, visit.claimed_ms, visit.left_ms)),
        seconds(visit.came_ms, visit.let_in_ms or visit.left_ms),
        seconds(visit.let_in_ms, visit.claimed_ms),
        seconds(visit.claimed_ms, visit.left_ms),
        seconds(visit.came_ms, visit.left_ms),
        visit.outcome,
    )
    return dict(zip(COLUMNS[1:], texts, strict=True))


def said_of(visits: Sequence[Visit], sale: Sale) -> list[str]:
    """Return what the summary should say."""
    came_in = served(visits)
    outcomes, gone = Counter(v.outcome for v in visits), ("left_line", "lapsed")
    right = told(sale)
    shares = [100 * right[how] / sum(right.values()) for how in ("right", "early", "late")]
    return [
        f"<strong>{len(visits)}</strong>",
        f"<strong>{len(waits(visits))}</strong>admitted",
        f"<strong>{len(came_in)}</strong>came in",
        f"<strong>{sum(outcomes[how] for how in gone)}</strong>gave up waiting",
        f"<strong>{outcomes['no_show']}</strong>never came in",
        line("From asking to being admitted", waits(visits)),
        line(
            "On the site, from coming in to the end",
            [visit.left_ms - visit.claimed_ms for visit in came_in],
        ),
        line(
            "In total, from asking to the end", [visit.left_ms - visit.came_ms for visit in came_in]
        ),
        line(
            "In the line, of those who gave up",
            [visit.left_ms - visit.came_ms for visit in visits if visit.outcome in gone],
        ),
        used(visits, sale),
        f"{sum(right.values())} visitors were told how long they would wait and were admitted: "
        f"{shares[0]:.1f} % waited so long, {shares[1]:.1f} % shorter, {shares[2]:.1f} % longer.",
    ]


def line(name: str, spans: Sequence[int]) -> str:
    told = [quantile(spans, share) for share in (0.5, 0.9, 0.99)]
    shown = [*told, sum(spans) / len(spans), max(spans)]
    texts = "".join(f"<td>{duration(ms)}</td>" for ms in shown)
    return f'<tr><th scope="row">{name}</th><td>{len(spans)}</td>{texts}</tr>'


def used(visits: Sequence[Visit], sale: Sale) -> str:
    """Return how much of the seats was used, in all and when a look each minute saw a line."""
    first = visits[0].came_ms - visits[0].came_ms % MINUTE_MS
    last = max(visit.left_ms for visit in visits)
    taken = sum(visit.left_ms - visit.let_in_ms for visit in visits if visit.let_in_ms)
    busy = [active for _, waiting, active in sale.seen if waiting]
    return (
        f"Of the time of all seats {100 * taken / (SEATS * (last - first)):.1f} % was used. While "
        f"people waited, by one look a minute, {100 * sum(busy) / len(busy) / SEATS:.1f} % of them"
    )
