"""The part of a room's line whose sockets this process holds, and when its visitors are told.

Plain data and pure rules; ``ticker.py`` moves them, ``hub.py`` tells them.
"""

from dataclasses import dataclass, field

from waitroom.room import Board, Room, Standing

#: Least and most time between two messages to one visitor, milliseconds.
TELL_MIN_MS, TELL_MAX_MS = 1_000, 30_000
#: Far back a visitor hears of a move of this share of the position.
MOVE_SHARE = 0.01


@dataclass(slots=True)
class Watcher:
    """A visitor with at least one socket on this process.

    Attributes:
        visitor: The visitor's id.
        place: The place of the ticket shown, microseconds since the epoch.
        sids: The visitor's sockets here; two tabs are two.
        position: 1-based, as last known.
        entered_ms: When Redis last said where this visitor stands, by its clock.
        told_position: What the visitor was last told; 0 = nothing yet.
        told_ms: When.
        heard_ms: When a page of the visitor was last heard of, this host's clock.
    """

    visitor: str
    place: int
    sids: set[str] = field(default_factory=set)
    position: int = 0
    entered_ms: int = 0
    told_position: int = 0
    told_ms: int = 0
    heard_ms: int = 0

    def standing(self) -> Standing:
        """Return the standing of a visitor who waits."""
        return Standing("waiting", self.visitor, self.place, self.position, 0)


@dataclass(slots=True)
class LocalLine:
    """A room as this process sees it.

    Attributes:
        room: The room.
        board: The newest board; None until the first one.
        board_read_ms: When it was read, this host's clock.
        told: The board that visitors here were last told of; a request may have read a newer one.
        watchers: Visitors with sockets here, by id.
        beats: Visitors heard of since the last tick.
    """

    room: Room
    board: Board | None = None
    board_read_ms: int = 0
    told: Board | None = None
    watchers: dict[str, Watcher] = field(default_factory=dict)
    beats: set[str] = field(default_factory=set)


def tell_due(watcher: Watcher, now_ms: int) -> bool:
    """Whether a visitor should hear the position now.

    It matters when it moved by at least 1 and at least 1 %; then at most once a second. After
    30 s anybody hears again. So a line of N costs about log N messages an admission, not N.

    Args:
        watcher: The visitor, with the newest position.
        now_ms: This host's clock, milliseconds.
    """
    silence_ms = now_ms - watcher.told_ms
    if silence_ms >= TELL_MAX_MS:
        return True
    moved = abs(watcher.position - watcher.told_position)
    matters = moved >= max(1.0, watcher.told_position * MOVE_SHARE)
    return matters and silence_ms >= TELL_MIN_MS


def read_positions(line: LocalLine, board: Board) -> list[Watcher]:
    """Move every watcher to where the board says they stand.

    Args:
        line: The room here; its watchers are changed.
        board: A newer board.

    Returns:
        Those who are not in the line any more, as far as the board can tell: admitted, most
        likely; only Redis knows.
    """
    gone: list[Watcher] = []
    for watcher in line.watchers.values():
        if board.at_ms <= watcher.entered_ms:
            continue
        position = board.position(watcher.place)
        if position == 0:
            gone.append(watcher)
        elif position is not None:
            watcher.position = position
        elif board.waiting == 0:
            gone.append(watcher)
    return gone
