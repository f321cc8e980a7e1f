"""Two thousand visitors, three web processes, a hundred seats: never over, and in order.

Everything is real: `waitroom web` processes, one Socket.IO connection for each who waits, places
taken and left over HTTP at whichever process comes up. The order is read off the channel on which
Redis itself says whom it admitted, so no process can make it look better than it is. Markers on
the same channel tell, to the message, from when to when a visitor was silent.
"""

import asyncio
import random
from bisect import bisect_left, insort
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from redis.asyncio import BlockingConnectionPool, Redis

from tests.conftest import SECRET_KEY
from tests.web.helpers import TOKEN_MODE, Page, WebProcess, crowd, end, eventually_true, shown
from waitroom.room import Directory, Room, Store
from waitroom.tokens import Tokens

VISITORS, SEATS = 2_000, 100
#: Of those who wait: who gives up, who falls silent, and who of the silent comes back.
LEAVE, SILENT, RETURN = 120, 240, 160
#: Requests under way at once.
WIDTH = 32
SEED = 20_261_123

TOKENS = Tokens([SECRET_KEY])
#: Clock and count in one step: between two, a seat may end and the next one begin.
TAKEN = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now_ms), '+inf')
"""


@dataclass
class Visitor:
    """One visitor, as the test knows them."""

    name: str
    place: int
    ticket: str
    page: Page | None = None
    called: int = 0

    @property
    def key(self) -> tuple[int, bytes]:
        """What orders the line."""
        return self.place, self.name.encode()


@dataclass
class Race:
    """The room, those who wait in it, and what was seen."""

    webs: list[WebProcess]
    room: Room
    links: aiohttp.ClientSession
    redis: Redis
    rng: random.Random
    waiting: dict[str, Visitor] = field(default_factory=dict)
    seated_at_once: list[Visitor] = field(default_factory=list)
    #: Names in the order of admission, and markers such as "!silent:NAME" between them.
    story: list[str] = field(default_factory=list)
    most_taken: int = 0
    samples: int = 0

    def address(self, verb: str) -> str:
        """Return an address at any of the processes."""
        return f"{self.rng.choice(self.webs).url}/__waitroom/{self.room.name}/{verb}"

    def admitted(self) -> list[str]:
        """Return who was admitted so far, in that order."""
        return [name.removeprefix("!seated:") for name in self.story if is_admission(name)]

    async def post(self, verb: str, ticket: str = "") -> Any:
        """Ask any process."""
        headers = shown(ticket) if ticket else TOKEN_MODE
        async with self.links.post(self.address(verb), headers=headers) as found:
            assert found.status == 200, await found.text()
            return await found.json()

    async def mark(self, what: str, visitor: Visitor) -> None:
        """Put a marker between the admissions so far and those to come."""
        await self.redis.publish(self.room.keys.admitted, f"!{what}:{visitor.name}")


async def test_nobody_is_admitted_out_of_order_and_never_one_too_many(
    start_web: Any, store: Store, directory: Directory, redis_url: str
) -> None:
    room = await directory.create(
        "race", {"total_active_users": SEATS, "heartbeat_ttl_s": 60}, who="test"
    )
    # More want a connection at once than a pool gives out.
    pool = BlockingConnectionPool.from_url(redis_url, timeout=60)
    async with crowd() as links, Redis.from_pool(pool) as redis:
        race = Race(await start_web(3), room, links, redis, random.Random(SEED))
        async with watched(race):
            await everybody_enters(race)
            await everybody_connects(race)
            gone, silent, back = await everybody_moves_on(race)
    check(race, gone, silent, back)
    print(
        f"{VISITORS} visitors, {len(race.waiting)} sockets, {len(race.admitted())} admitted, "
        f"at most {race.most_taken} of {SEATS} seats in {race.samples} samples"
    )


async def everybody_enters(race: Race) -> None:
    async def enter() -> None:
        answer = await race.post("enter")
        ticket = TOKENS.read_ticket(answer["ticket"], race.room.name)
        visitor = Visitor(ticket.visitor, ticket.place, answer["ticket"])
        if answer["status"] == "admitted":
            race.seated_at_once.append(visitor)
        else:
            race.waiting[visitor.name] = visitor

    await in_parallel([enter() for _ in range(VISITORS)])
    assert (len(race.seated_at_once), len(race.waiting)) == (SEATS, VISITORS - SEATS)


async def everybody_connects(race: Race) -> None:
    async def connect(visitor: Visitor) -> None:
        page = await Page.open(race.links, race.rng.choice(race.webs).url)
        assert await page.register(race.room.name, ticket=visitor.ticket) == {"ok": True}
        visitor.page = page

    everybody = list(race.waiting.values())
    race.rng.shuffle(everybody)
    await in_parallel([connect(visitor) for visitor in everybody])


async def everybody_moves_on(race: Race) -> tuple[set[str], set[str], set[str]]:
    """Free seats until all who are present were admitted.

    Returns:
        Who gave up, who fell silent, and who of the silent came back.
    """
    chosen = race.rng.sample(sorted(race.waiting), LEAVE + SILENT)
    gone, silent = set(chosen[:LEAVE]), set(chosen[LEAVE:])
    back = set(race.rng.sample(sorted(silent), RETURN))
    fates = [give_up(race, race.waiting[name]) for name in sorted(gone)]
    fates += [fall_silent(race, race.waiting[name], name in back) for name in sorted(silent)]
    race.rng.shuffle(fates)
    first = asyncio.gather(*(vacate(race, visitor) for visitor in race.seated_at_once))
    vacating: set[asyncio.Task[None]] = set()
    others = asyncio.create_task(vacate_all(race, vacating))
    await asyncio.gather(*fates)
    await first
    present = set(race.waiting) - gone - (silent - back)
    await eventually_true(lambda: present <= set(race.admitted()), patience_s=60)
    await end(others)
    await asyncio.gather(*vacating)
    await in_parallel([hang_up(visitor) for visitor in race.waiting.values()])
    return gone, silent, back


async def give_up(race: Race, visitor: Visitor) -> None:
    await asyncio.sleep(race.rng.uniform(0, 4))
    await hang_up(visitor)
    await race.post("leave", visitor.ticket)


async def hang_up(visitor: Visitor) -> None:
    """Close the page's socket and keep what it heard."""
    if visitor.page is not None:
        await visitor.page.close()
        visitor.called = visitor.page.count("admitted")
        visitor.page = None


async def fall_silent(race: Race, visitor: Visitor, comes_back: bool) -> None:
    await asyncio.sleep(race.rng.uniform(0, 2))
    await hang_up(visitor)
    # As if no heartbeat had come for a minute.
    await race.redis.zadd(race.room.keys.seen, {visitor.name: 1}, xx=True)
    await race.mark("silent", visitor)
    await eventually_true(lambda: f"!silent:{visitor.name}" in race.story)
    if comes_back and visitor.name not in race.story:
        await asyncio.sleep(race.rng.uniform(0.5, 3))
        await race.mark("returning", visitor)
        async with race.links.get(race.address("status"), headers=shown(visitor.ticket)) as found:
            answer = await found.json()
        await race.mark("back" if answer["ticket"] == visitor.ticket else "spent", visitor)
        if answer["status"] == "admitted" and answer["ticket"] == visitor.ticket:
            await race.mark("seated", visitor)


async def vacate_all(race: Race, vacating: "set[asyncio.Task[None]]") -> None:
    """Have everybody who is admitted leave the site again, sooner or later."""
    done = 0
    while True:
        for entry in race.story[done:]:
            if is_admission(entry):
                visitor = race.waiting[entry.removeprefix("!seated:")]
                vacating.add(asyncio.create_task(vacate(race, visitor)))
        done = len(race.story)
        await asyncio.sleep(0.01)


async def vacate(race: Race, visitor: Visitor) -> None:
    # Whoever has a page goes when it says so; the others asked by themselves.
    await eventually_true(lambda: visitor.page is None or visitor.page.count("admitted"))
    await asyncio.sleep(race.rng.uniform(0, 0.5))
    await race.post("leave", visitor.ticket)


async def in_parallel(work: list[Any]) -> None:
    gate = asyncio.Semaphore(WIDTH)

    async def one(each: Any) -> None:
        async with gate:
            await each

    await asyncio.gather(*(one(each) for each in work))


@asynccontextmanager
async def watched(race: Race) -> AsyncIterator[None]:
    """Listen to the channel, count seats, and send heartbeats, until the end."""
    async with race.redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(race.room.keys.admitted)
        tasks = [
            asyncio.create_task(listen(race, channel)),
            asyncio.create_task(count_seats(race)),
            asyncio.create_task(beat(race)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                await end(task)


async def listen(race: Race, channel: Any) -> None:
    while True:
        message = await channel.get_message(timeout=1.0)
        if message is not None:
            race.story.extend(message["data"].decode().split())


async def count_seats(race: Race) -> None:
    script = race.redis.register_script(TAKEN)
    while True:
        taken = await script(keys=[race.room.keys.active])
        race.most_taken, race.samples = max(race.most_taken, taken), race.samples + 1
        await asyncio.sleep(0.002)


async def beat(race: Race) -> None:
    while True:
        await asyncio.sleep(15)
        for visitor in list(race.waiting.values()):
            if visitor.page is not None:
                await visitor.page.emit("heartbeat")


# -- what must hold -------------------------------------------------------------------------------


def check(race: Race, gone: set[str], silent: set[str], back: set[str]) -> None:
    admitted = race.admitted()
    assert race.samples > 500
    assert race.most_taken == SEATS
    assert len(admitted) == len(set(admitted)), "a seat was given twice"

    # Those who were seated at once came before all others.
    assert max(v.key for v in race.seated_at_once) < min(v.key for v in race.waiting.values())

    steady = [race.waiting[name] for name in admitted if name not in silent]
    assert {v.name for v in steady} >= set(race.waiting) - gone - silent
    assert kendall_tau([visitor.key for visitor in steady]) == 1.0

    # Whoever had a socket all the time was called by it, once.
    called = [visitor.called for visitor in steady if visitor.name not in gone]
    assert called == [1] * len(called)
    check_silences(race, back)


def check_silences(race: Race, back: set[str]) -> None:
    where = {entry: at for at, entry in enumerate(race.story)}
    for name in back:
        end = where[name] if name in where else where.get(f"!seated:{name}", len(race.story))
        if end < where[f"!silent:{name}"]:
            continue  # Admitted before falling silent.
        assert f"!spent:{name}" not in where, "the place was lost"
        assert end > where[f"!returning:{name}"], "admitted while silent"
        if f"!seated:{name}" in where:
            continue  # In the very call with which they came back.
        # Markers come a little after the fact; admissions stand where they happened.
        ahead = race.story[where[f"!back:{name}"] : end]
        assert all(
            race.waiting[other].key < race.waiting[name].key
            for other in ahead
            if not other.startswith("!")
        ), "somebody behind was admitted before one who had come back"
    for entry in race.story:
        name = entry.removeprefix("!silent:")
        if entry != name and name not in back and name in where:
            assert where[name] < where[entry], "admitted while silent"


def is_admission(entry: str) -> bool:
    return not entry.startswith("!") or entry.startswith("!seated:")


def kendall_tau(keys: list[Any]) -> float:
    """Return how well the order of a list agrees with the order of its items, -1 to 1."""
    before: list[Any] = []
    inversions = 0
    for key in keys:
        inversions += len(before) - bisect_left(before, key)
        insort(before, key)
    pairs = len(keys) * (len(keys) - 1) / 2
    return 1 - 2 * inversions / pairs


@pytest.mark.parametrize(
    ("keys", "tau"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], -1.0), ([1, 2, 4, 3], 1 - 2 / 6)]
)
def test_the_measure_sees_disorder(keys: list[int], tau: float) -> None:
    assert kendall_tau(keys) == tau
