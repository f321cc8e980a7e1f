"""The hub of one web process: its rooms, the visitors whose sockets it holds, what they are told.

Any number of processes do the same on one Redis. A message about an admission is a hint: who
misses it is found by the next board, heartbeat or poll, because ``enter`` always tells the
truth. ``ticker.py`` moves the rooms; every position is read off the board.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from waitroom import clock
from waitroom.errors import RoomNotFoundError, StoreError, WaitroomError
from waitroom.live.answer import answer
from waitroom.live.line import LocalLine, Watcher
from waitroom.room import Board, Directory, Room, Standing

#: A board that the ticker did not replace for this long is read again when asked for, ms.
BOARD_OLD_MS = 2_000

#: Sends an event with its payload to one socket.
Emit = Callable[[str, Any, str], Awaitable[None]]


class Hub:
    """The rooms and local visitors of one process.

    Args:
        directory: All rooms.
        emit: Sends to one socket.
    """

    def __init__(self, directory: Directory, emit: Emit) -> None:
        self._directory = directory
        self._emit = emit
        self.lines: dict[str, LocalLine] = {}
        #: Whether somebody met a room that Redis does not hold; the next tick looks.
        self.look_again = False

    async def room(self, name: str) -> Room:
        """Return a room by name.

        Raises:
            RoomNotFoundError: If there is none.
            StoreError: If Redis failed.
        """
        return self._directory.known.get(name) or await self._directory.get(name)

    def named(self, error: WaitroomError) -> WaitroomError:
        """Return what to call an error outside.

        A room that is known here but not in Redis was lost a moment ago, or deleted by another
        process. The next tick finds out; until then it is a passing fault.

        Args:
            error: What happened.
        """
        if isinstance(error, RoomNotFoundError) and error.room in self._directory.known:
            self.look_again = True
            return StoreError("The room is being recovered.")
        return error

    async def board(self, room: Room) -> Board:
        """Return a board at most about a second old."""
        line = self.line(room)
        if line.board is None or clock.now_ms() - line.board_read_ms >= BOARD_OLD_MS:
            line.board = await room.board()
            line.board_read_ms = clock.now_ms()
            line.told = line.told or line.board
        return line.board

    async def answer(self, room: Room, standing: Standing) -> dict[str, Any]:
        """Describe a standing in the shape that visitors get."""
        return answer(await self.board(room), room.settings, standing)

    def watch(self, room: Room, standing: Standing, sid: str) -> None:
        """Tell a socket about this visitor from now on."""
        line = self.line(room)
        watcher = line.watchers.get(standing.visitor)
        if watcher is None:
            watcher = Watcher(standing.visitor, standing.place)
            line.watchers[standing.visitor] = watcher
        watcher.sids.add(sid)
        self.note(line, watcher, standing)
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

    async def told_admitted(self, room_name: str, visitors: Iterable[str]) -> None:
        """Tell those of the visitors who are here that it is their turn."""
        line = self.lines.get(room_name)
        if line is None:
            return
        for visitor in visitors:
            watcher = line.watchers.pop(visitor, None)
            if watcher is not None:
                await self.send(watcher, "admitted", {"go_by_s": line.room.settings.claim_ttl_s})

    async def tell(self, line: LocalLine, watcher: Watcher) -> None:
        """Send a visitor the answer as it is now."""
        if line.board is None:
            return
        watcher.told_position, watcher.told_ms = watcher.position, clock.now_ms()
        payload = answer(line.board, line.room.settings, watcher.standing())
        await self.send(watcher, "queue_update", payload)

    async def tell_all(self, line: LocalLine) -> None:
        """Send everybody here the answer as it is now."""
        for watcher in list(line.watchers.values()):
            await self.tell(line, watcher)

    async def tell_error(self, line: LocalLine, error: WaitroomError) -> None:
        """Tell everybody here of a fault."""
        payload = {"code": error.code, "detail": error.detail}
        for watcher in list(line.watchers.values()):
            await self.send(watcher, "error", payload)

    def line(self, room: Room) -> LocalLine:
        """Return a room as this process sees it."""
        line = self.lines.get(room.name)
        if line is None:
            line = self.lines[room.name] = LocalLine(room)
        return line

    def note(self, line: LocalLine, watcher: Watcher, standing: Standing) -> None:
        """Note where a visitor stands, as Redis just said."""
        watcher.place = standing.place
        watcher.position = standing.position
        watcher.entered_ms = line.board.at_ms if line.board else 0

    async def send(self, watcher: Watcher, event: str, payload: Any) -> None:
        """Send an event to all sockets of a visitor."""
        for sid in list(watcher.sids):
            await self._emit(event, payload, sid)
