"""The hub of one web process: it ticks its rooms and tells the visitors whose sockets it holds.

Any number of processes do the same on one Redis. Each tick passes on heartbeats, fills free
seats and reads the board; every position is read off the board. A message about an admission
is a hint: who misses it is found by the next board, heartbeat or poll, because ``enter`` always
tells the truth.
"""

import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import structlog

from waitroom import clock
from waitroom.errors import RoomNotFoundError, StoreError, WaitroomError
from waitroom.live.answer import answer
from waitroom.live.line import LocalLine, Watcher, read_positions, tell_due
from waitroom.room import Board, Directory, Room, Standing, Store
from waitroom.room.keys import PROCESSES
from waitroom.room.store import store_errors

#: How often rooms and the board are read again, milliseconds.
READ_MS = 1_000
#: Visitors hear of a fault of Redis when it lasts this long, milliseconds.
FAULT_SHOWN_MS = 1_000
#: A process not heard of for this long is forgotten, milliseconds.
PROCESS_FORGOTTEN_MS = 3_600_000

log = structlog.get_logger()

#: Sends an event with its payload to one socket.
Emit = Callable[[str, Any, str], Awaitable[None]]


class Gauges(Protocol):
    """What the hub reports of itself."""

    def tick(self, seconds: float) -> None:
        """Note how long a tick took."""

    def error(self, code: str) -> None:
        """Count an error by its code."""


class Hub:
    """The rooms and local visitors of one process.

    Args:
        store: Where rooms live.
        directory: All rooms.
        emit: Sends to one socket.
        gauges: Takes figures about ticks and errors.
    """

    def __init__(self, store: Store, directory: Directory, emit: Emit, gauges: Gauges) -> None:
        self._store = store
        self._directory = directory
        self._emit = emit
        self._gauges = gauges
        self._refreshed_ms = 0
        self._look_again = False
        self._lives = 0
        self._fault_ms = 0
        self._fault_shown = False
        self.lines: dict[str, LocalLine] = {}
        #: This process's name among those alive.
        self.name = f"web:{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"

    async def room(self, name: str) -> Room:
        """Return a room by name.

        Raises:
            RoomNotFoundError: If there is none.
            StoreError: If Redis failed.
        """
        return self._directory.known.get(name) or await self._directory.get(name)

    async def enter(self, room: Room, visitor: str, place: int) -> Standing:
        """Enter a visitor.

        Args:
            room: The room.
            visitor: Who asks.
            place: The place of the ticket shown; 0 = none.

        Raises:
            RoomNotFoundError: If the room is not in Redis; see ``named``.
            StoreError: If Redis failed.
        """
        return await room.enter(visitor, place)

    def named(self, error: WaitroomError) -> WaitroomError:
        """Return what to call an error outside.

        A room that is known here but not in Redis was lost a moment ago, or deleted by another
        process. The next tick finds out; until then it is a passing fault.

        Args:
            error: What happened.
        """
        if isinstance(error, RoomNotFoundError) and error.room in self._directory.known:
            self._look_again = True
            return StoreError("The room is being recovered.")
        return error

    async def board(self, room: Room) -> Board:
        """Return a board at most about a second old."""
        line = self._line(room)
        if line.board is None or clock.now_ms() - line.board_read_ms >= 2 * READ_MS:
            line.board = await room.board()
            line.board_read_ms = clock.now_ms()
            line.told = line.told or line.board
        return line.board

    async def answer(self, room: Room, standing: Standing) -> dict[str, Any]:
        """Describe a standing in the shape that visitors get."""
        return answer(await self.board(room), room.settings, standing)

    def watch(self, room: Room, standing: Standing, sid: str) -> None:
        """Tell a socket about this visitor from now on."""
        line = self._line(room)
        watcher = line.watchers.get(standing.visitor)
        if watcher is None:
            watcher = Watcher(standing.visitor, standing.place)
            line.watchers[standing.visitor] = watcher
        watcher.sids.add(sid)
        self._note(line, watcher, standing)
        watcher.told_position = watcher.position
        watcher.told_ms = watcher.heard_ms = clock.now_ms()

    def unwatch(self, room_name: str, visitor: str, sid: str) -> None:
        """Forget a socket. The visitor keeps the place: a socket is not a visitor."""
        line = self.lines.get(room_name)
        watcher = line.watchers.get(visitor) if line else None
        if line is None or watcher is None:
            return
        watcher.sids.discard(sid)
        if not watcher.sids:
            del line.watchers[visitor]

    def heard(self, room_name: str, visitor: str) -> None:
        """Note a heartbeat; the next tick passes it on."""
        line = self.lines.get(room_name)
        watcher = line.watchers.get(visitor) if line else None
        if line is not None and watcher is not None:
            watcher.heard_ms = clock.now_ms()
            line.beats.add(visitor)

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
            if self._look_again or clock.now_ms() - self._refreshed_ms >= READ_MS:
                await self._refresh()
            for line in list(self.lines.values()):
                await self._tick_line(line)
        except StoreError as e:
            await self._fault(e, began_ms)
        else:
            if self._fault_ms:
                await self._recovered()
        self._gauges.tick(clock.monotonic_s() - started)

    async def told_admitted(self, room_name: str, visitors: Iterable[str]) -> None:
        """Tell those of the visitors who are here that it is their turn."""
        line = self.lines.get(room_name)
        if line is None:
            return
        for visitor in visitors:
            watcher = line.watchers.pop(visitor, None)
            if watcher is not None:
                await self._send(watcher, "admitted", {"go_by_s": line.room.settings.claim_ttl_s})

    async def _refresh(self) -> None:
        self._look_again = False
        rooms = await self._directory.refresh()
        self._refreshed_ms = now = clock.now_ms()
        with store_errors():
            redis = self._store.redis
            await redis.zadd(PROCESSES, {self.name: now})
            await redis.zremrangebyscore(PROCESSES, "-inf", now - PROCESS_FORGOTTEN_MS)
        for room in rooms:
            self._line(room)
        for name in set(self.lines) - {room.name for room in rooms}:
            await self._tell_error(self.lines.pop(name), RoomNotFoundError(name))
        if self._directory.lives != self._lives:
            # The data were lost: everybody here shows the ticket again, at once.
            self._lives = self._directory.lives
            self._everybody_beats()
            for line in self.lines.values():
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
            self._look_again = True

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
                await self.tell(line, watcher)

    async def _tell_change(self, line: LocalLine, before: Board, after: Board) -> None:
        if after.state == "suspended":
            await self.told_admitted(line.room.name, list(line.watchers))
        elif after.state != before.state and {after.state, before.state} != {"open", "queueing"}:
            await self.tell_all(line)
        if after.message != before.message:
            for watcher in list(line.watchers.values()):
                await self._send(watcher, "message", {"text": after.message})

    async def _enter_again(self, line: LocalLine, watchers: list[Watcher]) -> None:
        standings = await line.room.enter_many([(w.visitor, w.place) for w in watchers])
        for watcher, standing in zip(watchers, standings, strict=True):
            spent = standing.visitor != watcher.visitor
            if standing.state == "suspended" or (standing.state == "seated" and not spent):
                await self.told_admitted(line.room.name, [watcher.visitor])
            elif spent:
                # The page has to fetch a new ticket, which a socket can't set, and may not want
                # to: nobody asked for the visitor that entering just made.
                await line.room.leave(standing.visitor)
                line.watchers.pop(watcher.visitor, None)
                await self._send(watcher, "error", _error_payload("bad_token"))
            else:
                self._note(line, watcher, standing)

    async def tell(self, line: LocalLine, watcher: Watcher) -> None:
        """Send a visitor the answer as it is now."""
        if line.board is None:
            return
        watcher.told_position, watcher.told_ms = watcher.position, clock.now_ms()
        payload = answer(line.board, line.room.settings, watcher.standing())
        await self._send(watcher, "queue_update", payload)

    async def tell_all(self, line: LocalLine) -> None:
        """Send everybody here the answer as it is now."""
        for watcher in list(line.watchers.values()):
            await self.tell(line, watcher)

    async def _fault(self, error: StoreError, began_ms: int) -> None:
        now = clock.now_ms()
        if not self._fault_ms:
            # A Redis that hangs was away since the tick began, not since it timed out.
            self._fault_ms = began_ms
            log.warning("store_unavailable", detail=error.detail)
            self._gauges.error(error.code)
        if not self._fault_shown and now - self._fault_ms >= FAULT_SHOWN_MS:
            self._fault_shown = True
            for line in self.lines.values():
                await self._tell_error(line, error)

    async def _recovered(self) -> None:
        log.info("store_available", away_ms=clock.now_ms() - self._fault_ms)
        self._fault_ms, self._fault_shown = 0, False
        self._everybody_beats()
        for line in self.lines.values():
            await self.tell_all(line)

    def _everybody_beats(self) -> None:
        for line in self.lines.values():
            present = [w.visitor for w in line.watchers.values() if self._present(line, w)]
            line.beats.update(present)

    async def _tell_error(self, line: LocalLine, error: StoreError | RoomNotFoundError) -> None:
        payload = {"code": error.code, "detail": error.detail}
        for watcher in list(line.watchers.values()):
            await self._send(watcher, "error", payload)

    def _present(self, line: LocalLine, watcher: Watcher) -> bool:
        return clock.now_ms() - watcher.heard_ms < line.room.settings.heartbeat_ttl_s * 1_000

    def _line(self, room: Room) -> LocalLine:
        line = self.lines.get(room.name)
        if line is None:
            line = self.lines[room.name] = LocalLine(room)
        return line

    def _note(self, line: LocalLine, watcher: Watcher, standing: Standing) -> None:
        watcher.place = standing.place
        watcher.position = standing.position
        watcher.entered_ms = line.board.at_ms if line.board else 0

    async def _send(self, watcher: Watcher, event: str, payload: Any) -> None:
        for sid in list(watcher.sids):
            await self._emit(event, payload, sid)


def _error_payload(code: str) -> dict[str, str]:
    return {"code": code, "detail": "The ticket is not valid any more; a new one is being taken."}
