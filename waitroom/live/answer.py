"""The one answer that visitors get, whatever way they ask: HTTP, Socket.IO or the plain page."""

from typing import Any

from waitroom.room import Board, RoomSettings, Standing

#: Shortest and longest pause between two polls, seconds.
POLL_MIN_S, POLL_MAX_S = 2, 20
#: A visitor asks about this often during the wait that is left, so that polls thin out far back.
POLLS_PER_WAIT = 20


def answer(board: Board, settings: RoomSettings, standing: Standing) -> dict[str, Any]:
    """Describe a visitor's standing, in the shape of design section 6.

    Args:
        board: The room as last summarised.
        settings: The room's settings.
        standing: What the visitor has.

    Returns:
        A dict of JSON types: ``room, status, state, position, waiting, active, wait_s,
        admitted_per_minute, message, title, place_ttl_s, poll_after_s``.
    """
    status = _status(board, standing)
    position = standing.position if status == "waiting" else None
    wait_s = board.wait_s(position) if position else None
    return {
        "room": board.room,
        "status": status,
        # A board made just before this visitor came may still call the room open.
        "state": "queueing" if position and board.state == "open" else board.state,
        "position": position,
        # A board that is a moment old may not count this visitor yet.
        "waiting": max(board.waiting, position or 0),
        "active": board.active,
        "wait_s": {"low": wait_s[0], "high": wait_s[1]} if wait_s else None,
        "admitted_per_minute": board.admitted_per_minute,
        # Off the board: the ticker tells those who wait when the board changes, so what a page was
        # told first must come from there too, or a change in between reaches nobody.
        "message": board.message,
        "title": board.title,
        "place_ttl_s": settings.place_ttl_s,
        "poll_after_s": poll_after_s(position, wait_s, settings),
    }


def poll_after_s(
    position: int | None, wait_s: tuple[int, int] | None, settings: RoomSettings
) -> int:
    """Return when a page without a socket should ask again.

    Args:
        position: 1-based, or None.
        wait_s: The wait as a range in seconds, or None when unknown.
        settings: The room's settings.

    Returns:
        Whole seconds, ``POLL_MIN_S`` to ``POLL_MAX_S``, and often enough to count as present.
    """
    often_enough = max(POLL_MIN_S, settings.heartbeat_ttl_s // 3)
    if position is None:
        after = 10
    elif wait_s is not None:
        after = wait_s[0] // POLLS_PER_WAIT
    else:
        after = position // 10
    return max(POLL_MIN_S, min(after, POLL_MAX_S, often_enough))


def refuses_newcomers(board: Board, settings: RoomSettings) -> bool:
    """Return whether somebody without a place gets none.

    Args:
        board: The room as last summarised, which may be newer than the settings.
        settings: The room's settings.
    """
    if board.state in ("paused", "recovering"):
        return settings.draining
    return board.state in ("draining", "closed")


def _status(board: Board, standing: Standing) -> str:
    if standing.state in ("seated", "suspended"):
        return "admitted"
    if standing.state == "closed" or board.state == "closed":
        return "closed"
    return "waiting"
