"""What a room's figures say about its conditions. Pure: board and figures in, readings out.

A figure that has gone beyond its limit has to come back by a margin before it counts as over, so
that one which swings about the limit is one alert, not many.
"""

from waitroom.alerts.rules import Kind, Rule
from waitroom.alerts.state import Reading
from waitroom.reports.states import Progress
from waitroom.room import Board, Figures, RoomSettings

#: A wait is over its limit until it is below so much of it.
WAIT_BACK = 0.8
#: Percentages come back by so many points.
POINTS_BACK = 5


def reading_id(kind: Kind, about: str | None = None) -> str:
    """Return the name of a condition.

    Args:
        kind: Its kind.
        about: The room or the edge it is about; None for the installation.
    """
    return kind if about is None else f"{kind}:{about}"


def queueing(room: str, board: Board) -> Reading:
    """Say whether people wait.

    Args:
        room: The room's name.
        board: Its board.
    """
    text = f"{people(board.waiting)} waiting."
    return Reading(
        reading_id("queueing", room), "queueing", room, None, board.waiting, board.waiting > 0, text
    )


def wait(room: str, board: Board, rule: Rule, *, told: bool, now_ms: int) -> Reading:
    """Say whether the wait is beyond its limit.

    It is the longer one of what a newcomer has to expect and of what the first in line has
    waited already: while nobody is let in, only the latter is known.

    Args:
        room: The room's name.
        board: Its board.
        rule: Its ``limit`` counts, seconds.
        told: Whether the condition was told already.
        now_ms: Milliseconds since the epoch.
    """
    limit_s = rule.limit or 0
    if board.waiting == 0:
        return _room("wait", room, 0.0, False, "Nobody waits.")
    found = board.wait_s(board.waiting + 1)
    expected_s = sum(found) / 2 if found else 0.0
    waited_s = max(0.0, now_ms - board.places[0] / 1000) / 1000 if board.places else 0.0
    value = max(expected_s, waited_s)
    # Newcomers to a room that drains are refused.
    who = "The last in line" if board.state == "draining" else "A newcomer"
    text = f"{who} waits about {span(value)}; {people(board.waiting)} waiting."
    if found is None:
        text = f"The first in line has waited {span(waited_s)}; {people(board.waiting)} waiting."
    met = value > limit_s * (WAIT_BACK if told else 1.0)
    return _room("wait", room, round(value), met, text)


def low_use(
    room: str, board: Board, figures: Figures, settings: RoomSettings, rule: Rule, *, told: bool
) -> Reading:
    """Say whether seats stay empty although people wait: the site claims them slowly.

    Seats that nobody was given because of ``new_users_per_minute`` are empty on purpose, so with
    that limit only those given out are looked at.

    Args:
        room: The room's name.
        board: Its board.
        figures: Its figures.
        settings: Its settings.
        rule: Its ``limit`` counts, percent.
        told: Whether the condition was told already.
    """
    seats = settings.total_active_users
    if settings.new_users_per_minute is not None:
        seats = min(seats, figures.active)
    if board.waiting == 0 or board.state not in ("queueing", "draining") or seats == 0:
        return _room("low_use", room, None, False, "Nobody waits for a free seat.")
    used = max(0, min(figures.active, seats) - figures.unclaimed)
    value = round(100 * used / seats)
    text = (
        f"{used} of {seats} seats are used, {figures.unclaimed} were given and not claimed yet;"
        f" {people(board.waiting)} waiting."
    )
    met = value < (rule.limit or 0) + (POINTS_BACK if told else 0)
    return _room("low_use", room, value, met, text)


def report_failed(room: str, progress: Progress | None, settings: RoomSettings) -> Reading:
    """Say whether the room's report failed and is not there yet.

    Args:
        room: The room's name.
        progress: The report under way; None if there is none.
        settings: The room's settings.
    """
    tries = progress.tries if progress else 0
    text = f"{progress.error} Tried {times(tries)}." if progress and tries else ""
    days = "a day" if settings.keep_days == 1 else f"{settings.keep_days} days"
    text += f" What it is about is deleted after {days} all the same."
    return _room("report_failed", room, tries, tries > 0, text.strip())


def over_percent(id_: str, kind: Kind, value: int, rule: Rule, *, told: bool, text: str) -> Reading:
    """Say whether a share of the installation is beyond its limit.

    Args:
        id_: The condition's name.
        kind: Its kind.
        value: Percent.
        rule: Its ``limit`` counts, percent.
        told: Whether the condition was told already.
        text: What is known, in a sentence.
    """
    met = value >= (rule.limit or 0) - (POINTS_BACK if told else 0)
    return Reading(id_, kind, None, None, value, met, text)


def people(count: int) -> str:
    """Return ``1 visitor is`` or ``1,234 visitors are``."""
    return "1 visitor is" if count == 1 else f"{count:,} visitors are"


def times(count: int) -> str:
    """Return ``once`` or ``12 times``."""
    return "once" if count == 1 else f"{count:,} times"


def span(seconds: float) -> str:
    """Return a time as somebody says it: ``45 s``, ``12 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def _room(kind: Kind, room: str, value: float | None, met: bool, text: str) -> Reading:
    return Reading(reading_id(kind, room), kind, room, None, value, met, text)
