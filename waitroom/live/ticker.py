"""The clock of one web process: rounds over its rooms, for ever. No visitor's request drives it.

Each tick passes on heartbeats, fills free seats and reads the board. A fault of Redis is noted,
shown to the visitors when it lasts, and outlived.
"""

import asyncio
import os
import secrets
import socket

import structlog

from waitroom import clock
from waitroom.errors import RoomNotFoundError, StoreError
from waitroom.live.gauges import Gauges
from waitroom.live.hub import Hub
from waitroom.live.line import LocalLine, Watcher, read_positions, tell_due
from waitroom.room import Board, Directory, Store
from waitroom.room.keys import PROCESSES
from waitroom.room.store import store_errors

#: How often rooms and the board are read again, milliseconds.
READ_MS = 1_000
#: Visitors hear of a fault of Redis when it lasts this long, milliseconds.
FAULT_SHOWN_MS = 1_000
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
        self._refreshed_ms = 0
        self._lives = 0
        self._fault_ms = 0
        self._fault_shown = False
        #: This process's name among those alive.
        self.name = f"web:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"

    async def run(self, tick_ms: int) -> None:
        """Tick until cancelled; no fault stops it.

        Args:
            tick_ms: Milliseconds from the start of one tick to the next.
        """
        while True:
            started = clock.monotonic_s()
            try:
                await self.tick()
            except Exception:
                # A defect in one round must not end all admissions of this process.
                log.exception("tick_failed")
            await asyncio.sleep(max(0.01, tick_ms / 1000 - (clock.monotonic_s() - started)))

    @property
    def loaded(self) -> bool:
        """Whether this process has read the rooms."""
        return self._refreshed_ms > 0

    @property
    def healthy(self) -> bool:
        """Whether the last tick reached Redis."""
        return self._fault_ms == 0 and self.loaded

    async def tick(self) -> None:
        """Do one round for every room; a fault of Redis is noted, shown and outlived."""
        started, began_ms = clock.monotonic_s(), clock.now_ms()
        try:
            if self._hub.look_again or clock.now_ms() - self._refreshed_ms >= READ_MS:
                await self._refresh()
            for line in list(self._hub.lines.values()):
                await self._tick_line(line)
        except StoreError as e:
            await self._fault(e, began_ms)
        else:
            if self._fault_ms:
                await self._recovered()
        self._gauges.tick(clock.monotonic_s() - started)

    async def _refresh(self) -> None:
        self._hub.look_again = False
        rooms = await self._directory.refresh()
        self._refreshed_ms = now = clock.now_ms()
        with store_errors():
            redis = self._store.redis
            await redis.zadd(PROCESSES, {self.name: now})
            await redis.zremrangebyscore(PROCESSES, "-inf", now - PROCESS_FORGOTTEN_MS)
        for room in rooms:
            self._hub.line(room)
        for name in set(self._hub.lines) - {room.name for room in rooms}:
            await self._hub.tell_error(self._hub.lines.pop(name), RoomNotFoundError(name))
        if self._directory.lives != self._lives:
            # The data were lost: everybody here shows the ticket again, at once.
            self._lives = self._directory.lives
            self._everybody_beats()
            for line in self._hub.lines.values():
                line.board_read_ms = 0

    async def _tick_line(self, line: LocalLine) -> None:
        try:
            await self._pass_on_beats(line)
            # The channel tells everybody, this process too; see listener.py.
            await line.room.admit()
            if clock.now_ms() - line.board_read_ms >= READ_MS:
                line.board = board = await line.room.board()
                line.board_read_ms = clock.now_ms()
                await self._read_board(line, board)
                before, line.told = line.told, board
                if before is not None:
                    await self._tell_change(line, before, board)
        except RoomNotFoundError:
            # Lost, or deleted a moment ago: the directory knows which.
            self._hub.look_again = True

    async def _pass_on_beats(self, line: LocalLine) -> None:
        visitors = [visitor for visitor in line.beats if visitor in line.watchers]
        if visitors:
            unknown = await line.room.beat(visitors)
            await self._enter_again(line, [line.watchers[v] for v in unknown if v in line.watchers])
        # Only now: a beat that Redis did not take is passed on by the next tick.
        line.beats.difference_update(visitors)
        line.beats.intersection_update(line.watchers)

    async def _read_board(self, line: LocalLine, board: Board) -> None:
        # A page that fell silent is not spoken for: entering would make its visitor present.
        gone = [watcher for watcher in read_positions(line, board) if self._present(line, watcher)]
        if gone:
            await self._enter_again(line, gone)
        now = clock.now_ms()
        for watcher in list(line.watchers.values()):
            if tell_due(watcher, now):
                await self._hub.tell(line, watcher)

    async def _tell_change(self, line: LocalLine, before: Board, after: Board) -> None:
        if after.state == "suspended":
            await self._hub.told_admitted(line.room.name, list(line.watchers))
        elif after.state != before.state and {after.state, before.state} != {"open", "queueing"}:
            await self._hub.tell_all(line)
        if after.message != before.message:
            for watcher in list(line.watchers.values()):
                await self._hub.send(watcher, "message", {"text": after.message})

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
                await self._hub.send(watcher, "error", _error_payload("bad_token"))
            else:
                self._hub.note(line, watcher, standing)

    async def _fault(self, error: StoreError, began_ms: int) -> None:
        now = clock.now_ms()
        if not self._fault_ms:
            # A Redis that hangs was away since the tick began, not since it timed out.
            self._fault_ms = began_ms
            log.warning("store_unavailable", detail=error.detail)
            self._gauges.error(error.code)
        if not self._fault_shown and now - self._fault_ms >= FAULT_SHOWN_MS:
            self._fault_shown = True
            for line in self._hub.lines.values():
                await self._hub.tell_error(line, error)

    async def _recovered(self) -> None:
        log.info("store_available", away_ms=clock.now_ms() - self._fault_ms)
        self._fault_ms, self._fault_shown = 0, False
        self._everybody_beats()
        for line in self._hub.lines.values():
            await self._hub.tell_all(line)

    def _everybody_beats(self) -> None:
        for line in self._hub.lines.values():
            present = [w.visitor for w in line.watchers.values() if self._present(line, w)]
            line.beats.update(present)

    def _present(self, line: LocalLine, watcher: Watcher) -> bool:
        return clock.now_ms() - watcher.heard_ms < line.room.settings.heartbeat_ttl_s * 1_000


def _error_payload(code: str) -> dict[str, str]:
    return {"code": code, "detail": "The ticket is not valid any more; a new one is being taken."}
