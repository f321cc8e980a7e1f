"""The clock of one web process: rounds over its rooms, for ever. No visitor's request drives it.

Each tick passes on heartbeats, fills free seats and reads the board. A fault of Redis is noted,
shown to the visitors when it lasts, and outlived.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog

from waitroom import clock
from waitroom.errors import RoomNotFoundError, StoreError
from waitroom.live.faults import Faults
from waitroom.live.gauges import Gauges
from waitroom.live.hub import Hub
from waitroom.live.line import LocalLine, Watcher
from waitroom.live.teller import Teller
from waitroom.room import Board, Directory, Store
from waitroom.room.keys import PROCESSES
from waitroom.room.store import store_errors

#: How often rooms are read again, milliseconds.
READ_MS = 1_000
#: A board of this age is replaced. Less than a second, or ticks of 200 ms would find one that is
#: just not old enough, and make it 1.2 s.
BOARD_MS = 900
#: So long after a new board the next one is looked for, at each tick: earlier than there can be
#: one, or a process would read what another one makes with the same delay for ever.
LOOK_MS = 600
#: Longest a tick waits for one room, seconds: its node may hang, and the others have their turn.
TURN_S = 0.5
#: What stands for the list of rooms among their names.
LIST = ""
#: A process not heard of for this long is forgotten, milliseconds.
PROCESS_FORGOTTEN_MS = 3_600_000

log = structlog.get_logger()


class Ticker:
    """Moves the rooms of one process.

    Args:
        store: Where rooms live.
        directory: All rooms.
        hub: Tells the local visitors.
        gauges: Takes figures about ticks and errors.
    """

    def __init__(self, store: Store, directory: Directory, hub: Hub, gauges: Gauges) -> None:
        self._store = store
        self._directory = directory
        self._hub = hub
        self._gauges = gauges
        self._teller = Teller(hub)
        self._refreshed_ms = 0
        self._lives = 0
        self._faults = Faults(hub, gauges)
        #: What is under way, by room: a room has one turn at a time.
        self._turns: dict[str, asyncio.Task[None]] = {}
        #: This process's name among those alive.
        self.name = f"web:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"

    async def run(self, tick_ms: int) -> None:
        """Tick until cancelled; no fault stops it.

        Args:
            tick_ms: Milliseconds from the start of one tick to the next.
        """
        try:
            while True:
                started = clock.monotonic_s()
                try:
                    await self.tick()
                except Exception:
                    # A defect in one round must not end all admissions of this process.
                    log.exception("tick_failed")
                await asyncio.sleep(max(0.01, tick_ms / 1000 - (clock.monotonic_s() - started)))
        finally:
            self._teller.end(self._hub.lines.values())
            await self._end_turns()

    async def last_beats(self) -> None:
        """Pass on what was heard since the last tick: there will be no other."""
        for line in self._hub.lines.values():
            with suppress(StoreError, RoomNotFoundError):
                await self._pass_on_beats(line)

    @property
    def loaded(self) -> bool:
        """Whether this process has read the rooms."""
        return self._refreshed_ms > 0

    @property
    def healthy(self) -> bool:
        """Whether Redis answered lately, for one room at least."""
        names = self._hub.lines.keys() or {LIST}
        return self.loaded and any(name not in self._faults for name in names)

    def answers(self, room: str) -> bool:
        """Return whether Redis answered lately for this room."""
        return self.loaded and room not in self._faults

    async def tick(self) -> None:
        """Do one round for every room; a fault of Redis is noted, shown and outlived."""
        started = clock.monotonic_s()
        if self._hub.look_again or clock.monotonic_ms() - self._refreshed_ms >= READ_MS:
            await self._take({LIST: self._refresh})
        lines = list(self._hub.lines.values())
        await self._take({line.room.name: partial(self._tick_line, line) for line in lines})
        self._faults.log()
        self._gauges.tick(clock.monotonic_s() - started)

    async def _take(self, works: dict[str, Callable[[], Awaitable[None]]]) -> None:
        """Start the turns that are not under way, and wait for them, but not long."""
        new = []
        for name, work in works.items():
            if name not in self._turns:
                turn = asyncio.create_task(self._turn(name, work))
                self._turns[name] = turn
                new.append(turn)
        if new:
            await asyncio.wait(new, timeout=TURN_S)

    async def _turn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        began_ms = clock.monotonic_ms()
        try:
            await work()
        except StoreError as e:
            await self._faults.met(name, e, began_ms)
        except Exception:
            # A defect in one room must not end the admissions of the others.
            log.exception("tick_failed", room=name)
        else:
            if self._faults.over(name) and name in self._hub.lines:
                await self._recovered(self._hub.lines[name])
        finally:
            del self._turns[name]

    async def _end_turns(self) -> None:
        while turns := list(self._turns.values()):
            for turn in turns:
                turn.cancel()
            # Again and again: redis-py swallows some cancellations.
            await asyncio.wait(turns, timeout=0.1)

    async def _refresh(self) -> None:
        self._hub.look_again = False
        rooms = await self._directory.refresh()
        self._refreshed_ms = clock.monotonic_ms()
        for room in rooms:
            # Deleted and made anew since, it is another one.
            self._hub.line(room).room = room
        for name in set(self._hub.lines) - {room.name for room in rooms}:
            line = self._hub.lines.pop(name)
            self._teller.end([line])
            await self._hub.tell_error(line, RoomNotFoundError(name))
        if self._directory.lives != self._lives:
            # The data were lost: everybody here shows the ticket again, at once.
            self._lives = self._directory.lives
            for line in self._hub.lines.values():
                self._beat_all(line)
                line.look_ms = 0
        # Last: on a Cluster its node may be away, which concerns no room.
        await self._sign_in()

    async def _sign_in(self) -> None:
        """Note that this process is alive."""
        redis, now_ms = self._store.redis, clock.now_ms()
        with store_errors():
            await redis.zadd(PROCESSES, {self.name: now_ms})
            await redis.zremrangebyscore(PROCESSES, "-inf", now_ms - PROCESS_FORGOTTEN_MS)

    async def _tick_line(self, line: LocalLine) -> None:
        try:
            await self._pass_on_beats(line)
            # The channel tells everybody, this process too; see listener.py.
            await line.room.admit()
            await self._find_gone(line)
            if clock.monotonic_ms() >= line.look_ms:
                await self._read_board(line)
            self._teller.start(line)
        except RoomNotFoundError:
            # Lost, or deleted a moment ago: the directory knows which.
            self._hub.look_again = True
            self._beat_all(line)

    async def _pass_on_beats(self, line: LocalLine) -> None:
        # Of those too whose socket has ended since: it was they who were heard.
        if not line.beats:
            return
        # Who is heard of meanwhile is passed on by the next tick.
        heard, line.beats = line.beats, set()
        try:
            unknown = await line.room.beat(list(heard))
            await self._enter_again(line, [line.watchers[v] for v in unknown if v in line.watchers])
        except BaseException:
            # As is a beat that Redis did not take.
            line.beats |= heard
            raise

    async def _find_gone(self, line: LocalLine) -> None:
        names, line.gone = line.gone, set()
        watchers = [line.watchers[name] for name in names if name in line.watchers]
        # A page that fell silent is not spoken for: entering would make its visitor present.
        gone = [watcher for watcher in watchers if self._present(line, watcher)]
        if gone:
            await self._enter_again(line, gone)

    async def _read_board(self, line: LocalLine) -> None:
        board, now = await line.room.board(max_age_ms=BOARD_MS), clock.monotonic_ms()
        if line.board is None or board.at_ms != line.board.at_ms:
            line.look_ms = now + LOOK_MS
        if line.board is not None and board.at_ms < line.board.at_ms:
            # The clock of Redis was set back: positions of before would count as newer for long.
            for watcher in line.watchers.values():
                watcher.entered_ms = 0
        line.board, line.board_read_ms = board, now
        before, line.told = line.told, board
        if before is not None:
            await self._tell_change(line, before, board)

    async def _tell_change(self, line: LocalLine, before: Board, after: Board) -> None:
        if after.state == "suspended":
            await self._hub.told_admitted(line.room.name, list(line.watchers))
        elif after.state != before.state and {after.state, before.state} != {"open", "queueing"}:
            await self._hub.tell_all(line)
        if after.message != before.message:
            await self._hub.send_all(line, "message", {"text": after.message})

    async def _enter_again(self, line: LocalLine, watchers: list[Watcher]) -> None:
        standings = await line.room.enter_many([(w.visitor, w.place) for w in watchers])
        for watcher, standing in zip(watchers, standings, strict=True):
            spent = standing.visitor != watcher.visitor
            if standing.state == "suspended" or (standing.state == "seated" and not spent):
                await self._hub.told_admitted(line.room.name, [watcher.visitor])
            elif spent:
                # The page has to fetch a new ticket, which a socket can't set, and may not want
                # to: nobody asked for the visitor that entering just made.
                await line.room.leave(standing.visitor)
                line.watchers.pop(watcher.visitor, None)
                self._hub.send(watcher, "error", _error_payload("bad_token"))
            else:
                self._hub.note(line, watcher, standing)

    async def _recovered(self, line: LocalLine) -> None:
        self._beat_all(line)
        await self._hub.tell_all(line)

    def _beat_all(self, line: LocalLine) -> None:
        """Have everybody here show the ticket again, if Redis does not know them any more."""
        present = [w.visitor for w in line.watchers.values() if self._present(line, w)]
        line.beats.update(present)

    def _present(self, line: LocalLine, watcher: Watcher) -> bool:
        return clock.monotonic_ms() - watcher.heard_ms < line.room.settings.heartbeat_ttl_s * 1_000


def _error_payload(code: str) -> dict[str, str]:
    return {"code": code, "detail": "The ticket is not valid any more; a new one is being taken."}
