"""A room in words and in figures as the console shows them, on the page and over the socket.

Both come from here, so a figure that moves reads the same as one that was just loaded.
"""

from waitroom.control.views import RoomFigures
from waitroom.control.words import about, count, number

UNKNOWN = "–"
#: State -> what the badge says.
STATES = {
    "open": "Open",
    "queueing": "Line",
    "paused": "On hold",
    "recovering": "Recovering",
    "draining": "Draining",
    "suspended": "Everybody goes through",
    "closed": "Closed",
    "unreachable": "Not reachable",
}


def sentence(figures: RoomFigures) -> str:
    """Return a room's state in one sentence, as somebody would say it on the phone."""
    inside = f"{number(figures.active)} on the site"
    waiting = number(figures.waiting)
    match figures.state:
        case "unreachable":
            return "This room's Redis does not answer; visitors keep their places."
        case "suspended":
            return "Everybody goes straight to the site; nobody is counted."
        case "paused":
            return f"On hold: {_wait(figures.waiting)}, nobody is let in, {inside}."
        case "closed":
            return f"Closed: newcomers are refused, {waiting} keep their place, {inside}."
        case "draining":
            return _draining(figures, inside)
        case "recovering":
            return f"{waiting} have come back so far; letting in goes on in some seconds."
    if not figures.waiting:
        free = max(0, figures.total_active_users - figures.active)
        return f"Open: {inside}, {count(free, 'seat is', 'seats are')} free, nobody waits."
    return f"{_wait(figures.waiting)}, {number(figures.active)} are on the site, {_pace(figures)}."


def texts(figures: RoomFigures, arrivals: float | None) -> dict[str, str]:
    """Return every figure of a room page as it is shown, by the name of its element.

    Args:
        figures: The room at this moment.
        arrivals: Newcomers within the last minute; None when not known yet.
    """
    rate, target = _let_in(figures)
    silent = figures.stale + figures.parked
    return {
        "sentence": sentence(figures),
        "state": STATES[figures.state],
        "waiting": number(figures.waiting),
        "line": _line_note(figures),
        "active": number(figures.active),
        "seats": f"of {count(figures.total_active_users, 'seat', 'seats')}",
        "rate": rate,
        "target": target,
        "wait": wait(figures).partition(" ")[0],
        "wait_note": _wait_note(figures),
        "arrivals": number(arrivals),
        "present": number(figures.present),
        "silent": number(silent),
        "unclaimed": number(figures.unclaimed),
    }


def wait(figures: RoomFigures) -> str:
    """Return how long somebody who comes now is likely to wait: `4–7 min`."""
    if figures.state in ("paused", "recovering", "closed", "draining", "unreachable"):
        return UNKNOWN
    if figures.state == "suspended":
        return "none"
    if not figures.waiting and figures.active < figures.total_active_users:
        return "none"
    if figures.wait_low_s is None or figures.wait_high_s is None:
        return UNKNOWN
    low, high = figures.wait_low_s, figures.wait_high_s
    if high < 120:
        return f"{low}–{high} s"
    size, unit = (60, "min") if high < 3 * 3_600 else (3_600, "h")
    low, high = low // size, -(-high // size)
    return f"{low}–{high} {unit}" if low < high else f"{high} {unit}"


def _draining(figures: RoomFigures, inside: str) -> str:
    if not figures.waiting:
        return f"Drained: nobody waits, newcomers are refused, {inside}."
    return f"Draining: newcomers are refused, {_wait(figures.waiting)}, {inside}, {_pace(figures)}."


def _wait_note(figures: RoomFigures) -> str:
    if figures.state in ("closed", "draining"):
        return "newcomers are refused"
    if figures.state == "suspended":
        return "everybody goes through"
    said = wait(figures)
    if said == UNKNOWN:
        return "not known yet"
    units = {"h": "hours, likely", "min": "minutes, likely", "s": "seconds, likely"}
    return units.get(said.rpartition(" ")[2], "a seat is free")


def line_s(figures: RoomFigures) -> float | None:
    """Return how long the whole line takes at the pace of this moment, in seconds."""
    if not figures.admitted_per_minute or not figures.waiting:
        return None
    return figures.waiting / figures.admitted_per_minute * 60


def _pace(figures: RoomFigures) -> str:
    if figures.total_active_users == 0:
        return "nobody is let in because there is no seat"
    taken_s = line_s(figures)
    if taken_s is None:
        return "how long the line takes is not known yet"
    rate = figures.admitted_per_minute or 0
    let_in = "is" if rate == 1 else "are"
    return f"{number(rate)} a minute {let_in} let in; the line takes {about(taken_s)}"


def _wait(waiting: int) -> str:
    return f"{number(waiting)} {'waits' if waiting == 1 else 'wait'}"


def _let_in(figures: RoomFigures) -> tuple[str, str]:
    """Return how many a minute are let in, and what limits that."""
    if figures.state in ("paused", "closed"):
        # What was measured is of the minute before; a room that was stopped says so at once.
        return "0", "nobody is let in"
    limit = figures.target_per_minute
    target = f"limit {number(limit)}" if limit else "no limit but the seats"
    return number(figures.admitted_per_minute), target


def _line_note(figures: RoomFigures) -> str:
    going = figures.state in ("open", "queueing", "draining")
    taken_s = line_s(figures) if going else None
    return f"the line takes {about(taken_s)}" if taken_s is not None else "in the line"
