"""The hub of one web process: its rooms, the visitors whose sockets it holds, what they are told.

Any number of processes do the same on one Redis. A message about an admission is a hint: who
misses it is found by the next board, heartbeat or poll, because ``enter`` always tells the
truth. ``ticker.py`` moves the rooms; every position is read off the board.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from waitroom import clock
from waitroom.errors import RoomNotFoundError, StoreError, WaitroomError
from waitroom.live.answer import answer
from waitroom.live.line import Link, LocalLine, Watcher, lacks_place
from waitroom.live.updates import Updates, event_packet
from waitroom.room import Board, Directory, Room, Standing

#: A board that the ticker did not replace for this long is read again when asked for, ms.
BOARD_OLD_MS = 2_000
#: Everybody else of this process has a turn after so many packets.
BATCH = 100


class Hub:
    """The rooms and local visitors of one process.

    Args:
        directory: All rooms.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
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
        line, asked_ms = self.line(room), clock.monotonic_ms()
        if line.board is not None and asked_ms - line.board_read_ms < BOARD_OLD_MS:
            return line.board
        found = await room.board()
        if line.board is None or line.board_read_ms < asked_ms:
            line.board, line.board_read_ms = found, clock.monotonic_ms()
            line.told = line.told or found
        # Else somebody has read a newer one meanwhile.
        return line.board

    async def answer(self, room: Room, standing: Standing) -> dict[str, Any]:
        """Describe a standing in the shape that visitors get."""
        return answer(await self.board(room), room.settings, standing)

    def watch(self, room: Room, standing: Standing, link: Link) -> None:
        """Tell a socket about this visitor from now on."""
        line = self.line(room)
        watcher = line.watchers.get(standing.visitor)
        if watcher is None:
            watcher = Watcher(standing.visitor, standing.place)
            line.watchers[standing.visitor] = watcher
        if link not in watcher.links:
            watcher.links += (link,)
        self.note(line, watcher, standing)
        watcher.told_position = watcher.position
        watcher.told_ms = watcher.heard_ms = clock.monotonic_ms()

    def unwatch(self, room_name: str, visitor: str, link: Link) -> None:
        """Forget a socket. The visitor keeps the place: a socket is not a visitor."""
        line = self.lines.get(room_name)
        watcher = line.watchers.get(visitor) if line else None
        if line is None or watcher is None:
            return
        watcher.links = tuple(other for other in watcher.links if other is not link)
        if not watcher.links:
            del line.watchers[visitor]

    def heard(self, room_name: str, visitor: str) -> None:
        """Note a heartbeat; the next tick passes it on."""
        line = self.lines.get(room_name)
        watcher = line.watchers.get(visitor) if line else None
        if line is not None and watcher is not None:
            watcher.heard_ms = clock.monotonic_ms()
            line.beats.add(visitor)

    async def told_admitted(self, room_name: str, visitors: Iterable[str]) -> None:
        """Tell those of the visitors who are here that it is their turn."""
        line = self.lines.get(room_name)
        if line is None:
            return
        text = event_packet("admitted", {"go_by_s": line.room.settings.claim_ttl_s})
        here = [line.watchers.pop(name) for name in visitors if name in line.watchers]
        await self._send_all(here, text)

    def tell(self, line: LocalLine, watcher: Watcher) -> None:
        """Send a visitor the answer as it is now.

        Pages that have not read the last one are left out: what they were not told, they hear
        when they read again. Nor does anybody hear of waiting who has no place yet.
        """
        free = [link for link in watcher.links if not link.busy]
        updates = _updates(line)
        if updates is None or not free or lacks_place(watcher, updates.board, updates.settings):
            return
        watcher.told_position, watcher.told_ms = watcher.position, clock.monotonic_ms()
        text = updates.packet(watcher.position)
        for link in free:
            link.push(text)

    async def tell_all(self, line: LocalLine) -> None:
        """Send everybody here the answer as it is now."""
        for number, watcher in enumerate(list(line.watchers.values()), 1):
            if line.watchers.get(watcher.visitor) is watcher:
                self.tell(line, watcher)
            if number % BATCH == 0:
                await asyncio.sleep(0)

    async def tell_error(self, line: LocalLine, error: WaitroomError) -> None:
        """Tell everybody here of a fault."""
        await self.send_all(line, "error", {"code": error.code, "detail": error.detail})

    async def send_all(self, line: LocalLine, event: str, payload: Any) -> None:
        """Send an event to everybody here."""
        await self._send_all(list(line.watchers.values()), event_packet(event, payload))

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

    def send(self, watcher: Watcher, event: str, payload: Any) -> None:
        """Send an event to all sockets of a visitor."""
        text = event_packet(event, payload)
        for link in watcher.links:
            link.push(text)

    async def _send_all(self, watchers: list[Watcher], text: str) -> None:
        for number, watcher in enumerate(watchers, 1):
            for link in watcher.links:
                link.push(text)
            if number % BATCH == 0:
                await asyncio.sleep(0)


def _updates(line: LocalLine) -> Updates | None:
    board, settings = line.board, line.room.settings
    found = line.updates
    if board is None or (found and found.board is board and found.settings is settings):
        return found
    line.updates = Updates(board, settings)
    return line.updates
