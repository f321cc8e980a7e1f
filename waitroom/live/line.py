"""The part of a room's line whose sockets this process holds, and when its visitors are told.

Plain data and pure rules; ``ticker.py`` moves them, ``teller.py`` decides whom ``hub.py`` tells.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from waitroom.live.answer import refuses_newcomers
from waitroom.live.updates import Updates
from waitroom.room import Board, Room, RoomSettings

#: Least and most time between two messages to one visitor, milliseconds.
TELL_MIN_MS, TELL_MAX_MS = 1_000, 30_000
#: Up to this position a visitor hears of every move…
HEAD = 500
#: …and further back of a move of this share of the position.
MOVE_SHARE = 0.01


class Link(Protocol):
    """The way to one page."""

    @property
    def busy(self) -> bool:
        """Whether an earlier packet still waits for the page to read."""

    def push(self, text: str) -> None:
        """Send a packet after all earlier ones, without waiting."""


@dataclass(slots=True)
class Watcher:
    """A visitor with at least one socket on this process.

    Attributes:
        visitor: The visitor's id.
        place: The place of the ticket shown, microseconds since the epoch.
        links: The visitor's sockets here; two tabs are two.
        position: 1-based, as last known.
        entered_ms: When Redis last said where this visitor stands, by its clock.
        told_position: What the visitor was last told; 0 = nothing yet.
        told_ms: When, monotonic.
        heard_ms: When a page of the visitor was last heard of, monotonic.
    """

    visitor: str
    place: int
    links: tuple[Link, ...] = ()
    position: int = 0
    entered_ms: int = 0
    told_position: int = 0
    told_ms: int = 0
    heard_ms: int = 0


@dataclass(slots=True)
class LocalLine:
    """A room as this process sees it.

    Attributes:
        room: The room.
        board: The newest board; None until the first one.
        board_read_ms: When it was read, monotonic.
        look_ms: When the ticker reads it again, monotonic.
        updates: The packets made of the board.
        walked: The board that the teller was last shown.
        walk: The teller's round over the watchers, while there is one.
        told: The board that visitors here were last told of; a request may have read a newer one.
        watchers: Visitors with sockets here, by id.
        gone: Visitors that a board has not shown any more; the next tick asks where they are.
        beats: Visitors heard of since the last tick.
    """

    room: Room
    board: Board | None = None
    board_read_ms: int = 0
    look_ms: int = 0
    updates: Updates | None = None
    walked: Board | None = None
    walk: "asyncio.Task[None] | None" = None
    told: Board | None = None
    watchers: dict[str, Watcher] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    beats: set[str] = field(default_factory=set)


def due_ms(watcher: Watcher) -> int:
    """Return when a visitor should hear the position again, as far as is known now.

    It matters when it moved, far back by 1 % at least; then at most once a second. After 30 s
    anybody hears again. So a line of N costs about log N messages an admission, not N.

    Args:
        watcher: The visitor, with the newest position.

    Returns:
        Monotonic milliseconds; the past when it should be now.
    """
    moved = abs(watcher.position - watcher.told_position)
    far = watcher.told_position > HEAD
    matters = moved >= (watcher.told_position * MOVE_SHARE if far else 1)
    return watcher.told_ms + (TELL_MIN_MS if matters else TELL_MAX_MS)


def lacks_place(watcher: Watcher, board: Board, settings: RoomSettings) -> bool:
    """Return whether a watcher was refused, and has no place though newcomers get one again.

    Args:
        watcher: With the newest position; 0 = no place.
        board: The newest board.
        settings: The room's settings.
    """
    return watcher.position == 0 and not refuses_newcomers(board, settings)


def read_position(watcher: Watcher, board: Board) -> bool:
    """Move a watcher to where the board says they stand.

    Args:
        watcher: Changed, if the board knows better.
        board: A newer board.

    Returns:
        Whether the watcher is in the line still, as far as the board can tell. If not: admitted,
        most likely; only Redis knows.
    """
    if board.at_ms <= watcher.entered_ms:
        return True
    position = board.position(watcher.place)
    if position:
        watcher.position = position
        return True
    return position is None and board.waiting > 0
