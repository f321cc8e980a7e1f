"""Rounds: who is told, in which order, how often; nobody is told what is not true any more."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
import pytest

from tests.live.test_line import T0, board
from waitroom.live.hub import Hub
from waitroom.live.line import HEAD, MOVE_SHARE, TELL_MAX_MS, TELL_MIN_MS, LocalLine, Watcher
from waitroom.live.teller import BATCH, SPREAD_S, Teller
from waitroom.room import Board, Directory, Room


@dataclass
class Clock:
    """Time that passes only where somebody sleeps."""

    now_ms: float = T0
    slept: list[float] = field(default_factory=list)
    #: Called at each pause.
    meanwhile: Callable[[], None] = lambda: None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_ms += seconds * 1_000
        self.meanwhile()


@dataclass
class Page:
    """A page that notes when it heard what."""

    clock: Clock
    busy: bool = False
    heard: list[tuple[float, int]] = field(default_factory=list)

    def push(self, text: str) -> None:
        name, payload = orjson.loads(text[2:])
        assert name == "queue_update"
        self.heard.append((self.clock.now_ms, payload["position"]))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("waitroom.clock.monotonic_ms", lambda: int(found.now_ms))
    monkeypatch.setattr("waitroom.live.teller.sleep", found.sleep)
    return found


@pytest.fixture
def line(room: Room) -> LocalLine:
    return LocalLine(room)


@pytest.fixture
def teller(directory: Directory) -> Teller:
    return Teller(Hub(directory))


def fill(line: LocalLine, clock: Clock, count: int, *, told: int = 0) -> list[Page]:
    """Let visitors of places 1, 2, … wait, who have heard of a position long ago."""
    pages = []
    for place in range(1, count + 1):
        page = Page(clock)
        long_ago_ms = int(clock.now_ms) - 5_000
        line.watchers[f"v{place}"] = Watcher(
            f"v{place}", place, (page,), place, told_position=told, told_ms=long_ago_ms
        )
        pages.append(page)
    return pages


def exact(first: int, last: int) -> Board:
    """Return a board on which the places from first to last stand, all of them."""
    places = list(range(first, last + 1))
    return board(places, list(range(1, len(places) + 1)), at_ms=T0)


async def tell(teller: Teller, line: LocalLine, news: Board) -> None:
    line.board = news
    await teller.walk(line, news)


async def test_everybody_whom_a_board_concerns_hears_the_own_position(
    teller: Teller, line: LocalLine, clock: Clock
) -> None:
    pages = fill(line, clock, 300)
    await tell(teller, line, exact(1, 300))
    assert [page.heard[0][1] for page in pages] == list(range(1, 301))


async def test_the_head_hears_at_once_and_the_others_spread_over_most_of_a_second(
    teller: Teller, line: LocalLine, clock: Clock
) -> None:
    count = 5_000
    pages = fill(line, clock, count)
    random.Random(1).shuffle(found := list(line.watchers.items()))
    line.watchers = dict(found)
    await tell(teller, line, exact(1, count))
    at_ms = [page.heard[0][0] - T0 for page in pages]
    assert at_ms[HEAD - 1] == 0
    assert at_ms == sorted(at_ms)
    assert SPREAD_S * 800 <= at_ms[-1] <= SPREAD_S * 1_000
    together = max(at_ms.count(moment) for moment in set(at_ms[HEAD + BATCH :]))
    assert together == BATCH


async def test_a_watcher_hears_at_most_once_a_second_and_at_least_every_thirty(
    teller: Teller, line: LocalLine, clock: Clock
) -> None:
    rng = random.Random(3)
    count, gone = 1_000, 0
    pages = fill(line, clock, count, told=1)
    began_ms = clock.now_ms
    while clock.now_ms < began_ms + 100_000:
        news_ms = clock.now_ms
        await tell(teller, line, exact(gone + 1, count))
        # Boards come a little early and a little late; now and then the line stands still.
        clock.now_ms = max(clock.now_ms, news_ms + rng.uniform(850, 1_250))
        for place in range(gone + 1, gone + 1 + rng.choice([0, 0, 1, 10])):
            line.watchers.pop(f"v{place}", None)
            gone += 1
    for page in pages[gone:]:
        moments = [moment for moment, _ in page.heard]
        between_ms = [late - early for early, late in zip(moments, moments[1:], strict=False)]
        assert min(between_ms) >= TELL_MIN_MS - 1
        assert max(between_ms) <= TELL_MAX_MS + 1_250 + SPREAD_S * 1_000
        for (_, before), (moment, after) in zip(page.heard, page.heard[1:], strict=False):
            silent_ms = moment - max(m for m, _ in page.heard if m < moment)
            least = before * MOVE_SHARE if before > HEAD else 1
            assert before - after >= least or silent_ms >= TELL_MAX_MS - 1


async def test_a_second_that_is_nearly_over_is_waited_for(
    teller: Teller, line: LocalLine, clock: Clock
) -> None:
    pages = fill(line, clock, 2)
    line.watchers["v1"].told_ms = T0 - 900
    line.watchers["v2"].told_ms = T0 - 500
    await tell(teller, line, exact(1, 2))
    assert [moment - T0 for moment, _ in pages[0].heard] == [101]
    # That one is told by the next board.
    assert pages[1].heard == []


async def test_who_is_admitted_during_a_round_hears_nothing_of_waiting(
    teller: Teller, line: LocalLine, clock: Clock
) -> None:
    count = HEAD + 3 * BATCH
    pages = fill(line, clock, count)

    def admit() -> None:
        line.watchers.pop(f"v{count}", None)

    clock.meanwhile = admit
    await tell(teller, line, exact(1, count))
    assert pages[-1].heard == [] and pages[-2].heard != []


async def test_a_page_that_does_not_read_is_left_out_and_told_when_it_does(
    teller: Teller, line: LocalLine, clock: Clock
) -> None:
    pages = fill(line, clock, 2)
    pages[0].busy = True
    await tell(teller, line, exact(1, 2))
    assert (len(pages[0].heard), len(pages[1].heard)) == (0, 1)
    pages[0].busy = False
    await tell(teller, line, exact(1, 2))
    assert (len(pages[0].heard), len(pages[1].heard)) == (1, 1)


async def test_who_is_not_on_the_board_is_looked_for(
    teller: Teller, line: LocalLine, clock: Clock
) -> None:
    fill(line, clock, 5)
    await tell(teller, line, exact(3, 5))
    assert line.gone == {"v1", "v2"}


async def test_one_round_at_a_time_and_none_without_news(
    teller: Teller, line: LocalLine, clock: Clock
) -> None:
    fill(line, clock, 2 * BATCH + HEAD)
    line.board = exact(1, 2 * BATCH + HEAD)
    teller.start(line)
    first = line.walk
    line.board = exact(1, 2 * BATCH + HEAD)
    teller.start(line)
    assert line.walk is first is not None
    await first
    teller.start(line)
    second = line.walk
    assert second is not None and second is not first
    await second
    teller.start(line)
    assert line.walk is second


async def test_a_defect_in_one_round_does_not_end_all_rounds(
    teller: Teller, line: LocalLine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    [page] = fill(line, clock, 1)
    with monkeypatch.context() as patched:
        patched.setattr(Hub, "tell", lambda *_: 1 / 0)
        line.board = exact(1, 1)
        teller.start(line)
        assert line.walk is not None
        await line.walk
    line.board = exact(1, 1)
    teller.start(line)
    await line.walk
    assert page.heard == [(T0, 1)]
