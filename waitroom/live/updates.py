"""What goes out to pages, as text: made once, whoever gets it, and written as it is.

Updates are most of what is sent, and those of one board differ in four numbers only.
"""

from typing import Any, Literal

import orjson
import socketio.packet
from engineio import packet

from waitroom.live.answer import answer, poll_after_s, refuses_newcomers
from waitroom.room import Board, RoomSettings, Standing

#: An Engine.IO message that is a Socket.IO event of the one namespace there is.
_EVENT = f"{packet.MESSAGE}{socketio.packet.EVENT}"


def event_packet(event: str, payload: Any) -> str:
    """Return an event as the library would send it.

    Args:
        event: Its name.
        payload: Its one argument, of JSON types.
    """
    return _EVENT + orjson.dumps([event, payload]).decode()


class Updates:
    """The packets that tell those who wait of one board; each is an ``answer``.

    Args:
        board: The room as last summarised.
        settings: The room's settings.
    """

    __slots__ = ("_parts", "board", "settings")

    def __init__(self, board: Board, settings: RoomSettings) -> None:
        self.board = board
        self.settings = settings
        differing = {"position": 0, "waiting": 0, "wait_s": None, "poll_after_s": 0}
        text = event_packet("queue_update", answer(board, settings, _standing(1)) | differing)
        # A title may hold anything, but never a bare quotation mark: JSON escapes it.
        start, rest = text.split('0,"waiting":0', 1)
        middle, rest = rest.split('"wait_s":null', 1)
        after, end = rest.split('"poll_after_s":0', 1)
        self._parts = start, f'{middle}"wait_s":', f'{after}"poll_after_s":', end

    def packet(self, position: int) -> str:
        """Return what a position is told.

        Args:
            position: 1-based; 0 when it is not known yet, or the room refuses newcomers.
        """
        board = self.board
        if position == 0 or board.state == "closed":
            refused = position == 0 and refuses_newcomers(board, self.settings)
            standing = _standing(position, "closed" if refused else "waiting")
            return event_packet("queue_update", answer(board, self.settings, standing))
        wait_s = board.wait_s(position)
        wait = f'{{"low":{wait_s[0]},"high":{wait_s[1]}}}' if wait_s else "null"
        poll_s = poll_after_s(position, wait_s, self.settings)
        start, middle, after, end = self._parts
        waiting = max(board.waiting, position)
        return f'{start}{position},"waiting":{waiting}{middle}{wait}{after}{poll_s}{end}'


def _standing(position: int, state: Literal["waiting", "closed"] = "waiting") -> Standing:
    return Standing(state, "", 0, position, 0)
