"""Callers of one moment share a call; each has an answer of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from waitroom.errors import StoreError
from waitroom.room import Room, Store
from waitroom.room.together import PATIENCE_S, Together


class Calls:
    """A call for many that waits until it is let go, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.begun, self.open = asyncio.Event(), asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self, questions: Sequence[int]) -> list[int]:
        self.asked.append(list(questions))
        self.begun.set()
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return [question * 10 for question in questions]


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def together(calls: Calls) -> Together[int, int]:
    return Together(calls, most=4)


async def test_those_who_ask_during_a_call_share_the_next_one_in_their_order(
    together: Together[int, int], calls: Calls
) -> None:
    first = asyncio.create_task(together.ask(1))
    await calls.begun.wait()
    others = [asyncio.create_task(together.ask(number)) for number in (5, 3, 4)]
    await asyncio.sleep(0)
    calls.open.set()
    assert await asyncio.gather(first, *others) == [10, 50, 30, 40]
    assert calls.asked == [[1], [5, 3, 4]]


async def test_with_nothing_under_way_nobody_waits_for_company(
    together: Together[int, int], calls: Calls
) -> None:
    calls.open.set()
    assert [await together.ask(number) for number in (1, 2)] == [10, 20]
    assert calls.asked == [[1], [2]]


async def test_more_than_one_call_takes_go_in_several(
    together: Together[int, int], calls: Calls
) -> None:
    calls.open.set()
    assert await asyncio.gather(*map(together.ask, range(10))) == [n * 10 for n in range(10)]
    assert calls.asked == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_failure_reaches_each_who_went_along_and_nobody_else(
    together: Together[int, int], calls: Calls
) -> None:
    calls.failure = StoreError("away")
    failing = [asyncio.create_task(together.ask(number)) for number in (1, 2)]
    await calls.begun.wait()
    later = asyncio.create_task(together.ask(3))
    await asyncio.sleep(0)
    calls.open.set()
    for task in failing:
        with pytest.raises(StoreError, match="away"):
            await task
    # Two calls were made: the second one fails by itself, as Redis is still away.
    with pytest.raises(StoreError):
        await later
    calls.failure = None
    assert await together.ask(4) == 40
    assert calls.asked == [[1, 2], [3], [4]]


async def test_one_who_gives_up_while_waiting_is_not_asked_for(
    together: Together[int, int], calls: Calls
) -> None:
    first = asyncio.create_task(together.ask(1))
    await calls.begun.wait()
    gone, stays = (asyncio.create_task(together.ask(number)) for number in (2, 3))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    calls.open.set()
    assert (await first, await stays) == (10, 30)
    assert calls.asked == [[1], [3]]
    assert gone.cancelled()


@pytest.mark.parametrize("failure", [None, StoreError("away")])
async def test_one_who_gives_up_during_the_call_harms_nobody(
    together: Together[int, int], calls: Calls, failure: Exception | None
) -> None:
    calls.failure = failure
    gone, stays = (asyncio.create_task(together.ask(number)) for number in (1, 2))
    await calls.begun.wait()
    gone.cancel()
    calls.open.set()
    await asyncio.wait([stays])
    assert stays.exception() == failure
    assert failure is not None or stays.result() == 20
    assert gone.cancelled()


async def test_whoever_waited_too_long_is_refused_with_all_others_and_not_asked_for(
    calls: Calls, together: Together[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1_000.0
    monkeypatch.setattr("waitroom.room.together.monotonic_s", lambda: now_s)
    calls.failure = StoreError("away")
    first = asyncio.create_task(together.ask(0))
    await calls.begun.wait()
    others = [asyncio.create_task(together.ask(number)) for number in range(1, 100)]
    await asyncio.sleep(0)
    now_s += PATIENCE_S + 1
    later = asyncio.create_task(together.ask(100))
    await asyncio.sleep(0)
    calls.open.set()
    found = await asyncio.gather(first, *others, later, return_exceptions=True)
    assert {type(each) for each in found} == {StoreError}
    assert calls.asked == [[0], [100]]


async def test_the_end_of_the_loop_leaves_nobody_waiting(
    together: Together[int, int], calls: Calls
) -> None:
    asking = asyncio.create_task(together.ask(1))
    await calls.begun.wait()
    waiting = asyncio.create_task(together.ask(2))
    await asyncio.sleep(0)
    assert together._caller is not None
    together._caller.cancel()
    left = asyncio.gather(asking, waiting, return_exceptions=True)
    found = await asyncio.wait_for(left, 20)
    assert [type(each) for each in found] == [asyncio.CancelledError] * 2
    # A process that goes on is not left without an answer either.
    calls.open.set()
    assert await together.ask(3) == 30


# -- rooms -----------------------------------------------------------------------------------------


async def test_visitors_of_one_moment_stand_in_the_order_in_which_they_came(
    room: Room, store: Store
) -> None:
    seats = room.settings.total_active_users
    names = [f"{number:022}" for number in range(seats + 50)]
    before = await _calls(store)
    standings = await asyncio.gather(*map(room.enter, names))
    assert await _calls(store) - before <= 3
    assert [standing.visitor for standing in standings] == names
    assert [standing.state for standing in standings].count("seated") == seats
    assert [standing.position for standing in standings[seats:]] == list(range(1, 51))


async def test_one_visitor_who_asks_many_times_at_once_has_one_place(room: Room) -> None:
    [first, *rest] = await asyncio.gather(*[room.enter("a" * 22) for _ in range(20)])
    assert all(standing == first for standing in rest)
    deadlines = await asyncio.gather(*[room.claim("a" * 22) for _ in range(20)])
    assert len(set(deadlines)) == 1 and deadlines[0] > first.deadline_ms


async def test_a_room_that_is_gone_is_gone_for_all_who_ask(room: Room, store: Store) -> None:
    await store.redis.delete(room.keys.settings)
    found = await asyncio.gather(
        *[room.enter(f"{number:022}") for number in range(5)], return_exceptions=True
    )
    assert {type(each).__name__ for each in found} == {"RoomNotFoundError"}


async def _calls(store: Store) -> int:
    """Return how many scripts the server has run."""
    found = await store.redis.info("commandstats")
    return sum(found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))
