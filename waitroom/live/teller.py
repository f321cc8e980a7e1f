"""Decides whom a new board concerns, and has them told: a round over a room's local watchers.

A round goes from the head of the line to its end, a few watchers at a time with pauses, so that
thousands of messages are spread over most of a second and nothing else of this process waits for
them. The head of the line hears at once. While one round is under way no other begins; the next
one is about the newest board then.
"""

import asyncio
from asyncio import sleep
from collections.abc import Iterable
from operator import attrgetter

import structlog

from waitroom import clock
from waitroom.live.hub import Hub
from waitroom.live.line import HEAD, LocalLine, Watcher, due_ms, lacks_place, read_position
from waitroom.room import Board

#: Watchers looked at without a pause: a millisecond or two if all of them are told.
BATCH = 50
#: Less than a second by as much as rounds and boards may be late, seconds.
SPREAD_S = 0.6
#: A round waits for whom the second between two messages keeps so much longer, ms: boards come once
#: a second, give or take a tick, and those who come after have been told after.
LATE_MS = 250

_BY_PLACE = attrgetter("place")

log = structlog.get_logger()


class Teller:
    """Makes the rounds of one process.

    Args:
        hub: Tells the local visitors.
        spread_s: What the pauses of a round take together, seconds.
    """

    def __init__(self, hub: Hub, spread_s: float = SPREAD_S) -> None:
        self._hub = hub
        self._spread_s = spread_s

    def start(self, line: LocalLine) -> None:
        """Begin a round, if there is a board to tell of and the last one is over."""
        board = line.board
        if board is None or board is line.walked or not (line.walk is None or line.walk.done()):
            return
        line.walked = board
        if line.watchers:
            line.walk = asyncio.create_task(self._walk_and_log(line, board))

    def end(self, lines: Iterable[LocalLine]) -> None:
        """Break off all rounds."""
        for line in lines:
            if line.walk is not None:
                line.walk.cancel()

    async def _walk_and_log(self, line: LocalLine, board: Board) -> None:
        try:
            await self.walk(line, board)
        except Exception:
            # A defect in one round must not end all messages of this process.
            log.exception("round_failed", room=line.room.name)

    async def walk(self, line: LocalLine, board: Board) -> None:
        """Do one round.

        Args:
            line: The room here.
            board: What everybody's position is read off.
        """
        watchers = sorted(line.watchers.values(), key=_BY_PLACE)
        pause_s = self._spread_s * BATCH / max(1, len(watchers))
        for number, watcher in enumerate(watchers):
            if number and number % BATCH == 0:
                await sleep(pause_s if watcher.position > HEAD else 0)
            if _is_here(line, watcher) and _is_missed(line, watcher, board):
                line.gone.add(watcher.visitor)
            left_ms = due_ms(watcher) - clock.monotonic_ms()
            if 0 < left_ms <= LATE_MS:
                # And one more, for what was cut off.
                await sleep((left_ms + 1) / 1_000)
            # Not those who were admitted or left since the round began.
            if due_ms(watcher) <= clock.monotonic_ms() and _is_here(line, watcher):
                self._hub.tell(line, watcher)


def _is_missed(line: LocalLine, watcher: Watcher, board: Board) -> bool:
    """Return whether only Redis knows where a watcher is, with the newest position read."""
    if watcher.position == 0:
        # No board knows of it.
        return lacks_place(watcher, board, line.room.settings)
    return not read_position(watcher, board)


def _is_here(line: LocalLine, watcher: Watcher) -> bool:
    return line.watchers.get(watcher.visitor) is watcher
