"""Several real processes on one room at once; see ``crowd.py`` for what they do."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio.client import PubSub

from loadtest.children import await_end
from waitroom.room import Room, Store

from .helpers import T0, MakeRoom, S, names

PROCESSES = 3
STEP_MS = 5 * S
#: Shorter than any default, so that much happens in few rounds.
TIMES = {
    "heartbeat_ttl_s": 30,
    "claim_ttl_s": 20,
    "session_duration_s": 20,
    "place_ttl_s": 120,
}
MAX_ROUNDS = 400


@dataclass
class Seen:
    """What the test saw, round by round; an order within a round only where Redis gave one."""

    #: As published: round and visitor, in the order of the server.
    admitted: list[tuple[int, str]] = field(default_factory=list)
    #: Round in which a visitor was first seen seated, published or not.
    seated: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    #: Visitors in the line and heard, by round.
    present: list[set[str]] = field(default_factory=list)
    steady: set[str] = field(default_factory=set)
    most_seats: int = 0


@contextmanager
def crowds(url: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, str(Path(__file__).with_name("crowd.py")), url]
    children = [subprocess.Popen([*command, str(i)]) for i in range(PROCESSES)]
    try:
        yield children
    finally:
        for child in children:
            await_end(child, 5)


@asynccontextmanager
async def channel(store: Store, room: Room) -> AsyncIterator[PubSub]:
    async with store.redis.pubsub() as found:
        await found.subscribe(room.keys.admitted)
        await found.get_message(timeout=5)
        yield found


class Rounds:
    """Leads the processes from round to round and watches the room meanwhile."""

    def __init__(
        self,
        store: Store,
        room: Room,
        listening: PubSub,
        children: list[subprocess.Popen[bytes]],
    ) -> None:
        self.redis, self.room, self.listening = store.redis, room, listening
        self.children = children
        self.now_ms = T0
        self.seen = Seen()

    async def reports(self) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < PROCESSES:
            assert all(child.poll() is None for child in self.children), "a process has died"
            count = await self.redis.zcount(self.room.keys.active, f"({self.now_ms}", "+inf")
            self.seen.most_seats = max(self.seen.most_seats, count)
            done = await self.redis.blpop(["crowd:done"], timeout=0.005)
            found += [done[1]] if done else []
        return found

    async def round(self, newcomers: list[list[str]]) -> None:
        self.now_ms += STEP_MS
        for i, visitors in enumerate(newcomers):
            order = json.dumps({"now_ms": self.now_ms, "newcomers": visitors})
            await self.redis.rpush(f"crowd:go:{i}", order)
        number, seen = len(self.seen.present), self.seen
        seen.present.append(set())
        seen.steady = set()
        for report in [json.loads(text) for text in await self.reports()]:
            seen.places |= dict(report["present"]) | dict(report["seated"])
            seen.present[number] |= {visitor for visitor, _ in report["present"]}
            seen.steady |= set(report["steady"])
            for visitor, _ in report["seated"]:
                seen.seated.setdefault(visitor, number)
        await self.listen(number)

    async def listen(self, number: int) -> None:
        await self.redis.publish(self.room.keys.admitted, "#")
        while True:
            message = await self.listening.get_message(ignore_subscribe_messages=True, timeout=5)
            assert message is not None
            if message["data"] == b"#":
                return
            for visitor in message["data"].decode().split():
                self.seen.admitted.append((number, visitor))
                # Seated now, whenever the visitor learns of it.
                self.seen.seated[visitor] = min(number, self.seen.seated.get(visitor, number))

    async def end(self) -> None:
        for i in range(PROCESSES):
            await self.redis.rpush(f"crowd:go:{i}", "")

    async def everybody_is_through(self) -> bool:
        figures = await self.room.figures(now_ms=self.now_ms)
        return figures.waiting == figures.parked == figures.active == 0


def check_order(seen: Seen) -> None:
    """I2: whoever was present in the round before is not passed by anybody behind."""
    published = {visitor: i for i, (_, visitor) in enumerate(seen.admitted)}
    by_place = sorted(seen.seated, key=lambda visitor: (seen.places[visitor], visitor))
    for i, behind in enumerate(by_place):
        number = seen.seated[behind]
        was_present = seen.present[number - 1] if number else set()
        for before in by_place[:i]:
            if before in was_present and seen.seated[before] >= number:
                later = seen.seated[before] > number or (
                    before in published
                    and behind in published
                    and published[before] > published[behind]
                )
                assert not later, f"{behind} was admitted before {before}"


def check_presence(seen: Seen) -> None:
    """I3: nobody is admitted who was silent for the life of a heartbeat."""
    silent_rounds = TIMES["heartbeat_ttl_s"] * S // STEP_MS
    for number, visitor in seen.admitted:
        recent = seen.present[max(0, number - silent_rounds + 1) : number + 1]
        assert any(visitor in present for present in recent), f"{visitor} was silent"


def kendall_tau(places: list[tuple[int, str]]) -> float:
    """Return how far an order agrees with that of the places; 1.0 = wholly."""
    pairs = [a < b for i, a in enumerate(places) for b in places[i + 1 :]]
    return 2 * sum(pairs) / len(pairs) - 1


@pytest.mark.backends("valkey")
async def test_three_processes_two_thousand_visitors_a_hundred_seats(
    make_room: MakeRoom, store: Store, redis_url: str
) -> None:
    room = await make_room(total_active_users=100, queue_all=True, **TIMES)
    visitors = names(2_000)
    with crowds(redis_url) as children:
        async with channel(store, room) as listening:
            rounds = Rounds(store, room, listening, children)
            await rounds.reports()
            # Everybody is in line before the first one is let in.
            await rounds.round([visitors[i::PROCESSES] for i in range(PROCESSES)])
            await store.redis.hset(room.keys.settings, "queue_all", "false")
            for _ in range(MAX_ROUNDS):
                await rounds.round([[]] * PROCESSES)
                if await rounds.everybody_is_through():
                    break
            await rounds.end()
    assert [child.returncode for child in children] == [0] * PROCESSES
    seen = rounds.seen
    assert seen.most_seats == 100
    order = [visitor for _, visitor in seen.admitted]
    assert len(order) == len(set(order))
    steady = [(seen.places[v], v) for v in order if v in seen.steady]
    assert len(steady) > 500 and kendall_tau(steady) == 1.0
    # Those who fell silent and came back keep their order as well, while they are here.
    assert len(order) > 1_500
    check_order(seen)
    check_presence(seen)


@pytest.mark.parametrize("per_minute", [None, 240])
@pytest.mark.backends("valkey", "cluster")
async def test_processes_on_a_busy_room_never_give_a_seat_too_many_or_twice(
    make_room: MakeRoom, store: Store, redis_url: str, per_minute: int | None
) -> None:
    room = await make_room(total_active_users=30, new_users_per_minute=per_minute, **TIMES)
    with crowds(redis_url) as children:
        async with channel(store, room) as listening:
            rounds = Rounds(store, room, listening, children)
            await rounds.reports()
            for number in range(50):
                newcomers = [names(5, f"r{number:03d}p{i}v") for i in range(PROCESSES)]
                await rounds.round(newcomers)
            for _ in range(MAX_ROUNDS):
                await rounds.round([[]] * PROCESSES)
                if await rounds.everybody_is_through():
                    break
            await rounds.end()
    assert [child.returncode for child in children] == [0] * PROCESSES
    seen = rounds.seen
    assert 0 < seen.most_seats <= 30
    order = [visitor for _, visitor in seen.admitted]
    assert len(order) == len(set(order))
    check_order(seen)
    check_presence(seen)
    figures = await room.figures(now_ms=rounds.now_ms)
    assert figures.counters["admitted"] == len(seen.seated)
    if per_minute is not None:
        # Each round lasts five seconds, and one second's worth may have been saved up.
        for number in range(len(seen.present)):
            admitted = list(seen.seated.values()).count(number)
            assert admitted <= per_minute / 60 + per_minute * STEP_MS / S / 60


@pytest.mark.backends("valkey")
async def test_processes_wait_for_nobody_when_the_room_is_empty(
    make_room: MakeRoom, store: Store, redis_url: str
) -> None:
    room = await make_room(total_active_users=1, **TIMES)
    with crowds(redis_url) as children:
        async with channel(store, room) as listening:
            rounds = Rounds(store, room, listening, children)
            await asyncio.wait_for(rounds.reports(), 30)
            await asyncio.wait_for(rounds.round([[], [], []]), 30)
            await rounds.end()
    assert rounds.seen.admitted == [] and rounds.seen.most_seats == 0
