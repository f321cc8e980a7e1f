"""What a value of a setting would do to a room right now, in one sentence.

Computed from the room's figures of this moment by Little's law (on the site = let in a minute x
minutes of stay); so they say "about", and nothing where nothing was measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waitroom.control.words import about, count, duration, number
from waitroom.errors import SettingError
from waitroom.room import RoomSettings

#: A page says that it is there so often, seconds.
BEAT_S = 15


@dataclass(frozen=True, slots=True)
class Now:
    """What effects are computed from.

    Attributes:
        waiting: Visitors in the line.
        active: Unexpired seats.
        admitted_per_minute: Measured while there was a line; None when too little was seen.
    """

    waiting: int = 0
    active: int = 0
    admitted_per_minute: float | None = None


def flow(settings: RoomSettings, now: Now) -> float | None:
    """Return how many a minute these settings would let in from the line of this moment.

    Args:
        settings: As they would be.
        now: The room as it is.

    Returns:
        Visitors a minute; None when nothing is known.
    """
    if settings.queue_all or settings.closed or settings.total_active_users == 0:
        return 0.0
    limit = settings.new_users_per_minute
    if now.admitted_per_minute and now.active:
        stay_min = now.active / now.admitted_per_minute
        by_seats = settings.total_active_users / stay_min
        return min(by_seats, limit) if limit is not None else by_seats
    # Nothing was measured: every seat would be held for its whole length.
    return None if limit is None else float(limit)


def line_s(settings: RoomSettings, now: Now) -> float | None:
    """Return how long the line of this moment would take, in seconds; None if not known."""
    per_minute = flow(settings, now)
    if not now.waiting:
        return 0.0
    return now.waiting / per_minute * 60 if per_minute else None


def effect(name: str, settings: RoomSettings, now: Now) -> str:
    """Say what a setting's value does to the room right now.

    Args:
        name: The setting.
        settings: All settings, with the value in question among them.
        now: The room as it is.

    Returns:
        One sentence; empty when there is nothing to add to the meaning.
    """
    found = _EFFECTS.get(name)
    return found(settings, now) if found else ""


def effect_of(name: str, value: Any, settings: RoomSettings, now: Now) -> str:
    """Say what another value of a setting would do, or why it is not accepted."""
    try:
        return effect(name, settings.changed({name: value}), now)
    except SettingError as e:
        return f"Not accepted: {e.allowed}."


def _line(settings: RoomSettings, now: Now) -> str:
    taken_s = line_s(settings, now)
    if not now.waiting or taken_s is None:
        return ""
    return f"the line of {number(now.waiting)} takes {about(taken_s)}"


def _seats(settings: RoomSettings, now: Now) -> str:
    free = settings.total_active_users - now.active
    if settings.total_active_users == 0:
        return "Nobody is let in."
    if free < 0:
        return f"Nobody is let in until {count(-free, 'visitor has', 'visitors have')} left."
    if line := _line(settings, now):
        return f"At today's pace {line}."
    free_text = count(free, "seat is", "seats are")
    return f"{number(now.active)} on the site now, so {free_text} free."


def _rate(settings: RoomSettings, now: Now) -> str:
    limit = settings.new_users_per_minute
    if line := _line(settings, now):
        return f"At this rate {line}." if limit else f"By the seats alone {line}."
    if limit is None:
        return "No limit of its own."
    return f"10,000 in line would take {about(10_000 / limit * 60)}."


def _session(settings: RoomSettings, _now: Now) -> str:
    whole = duration(settings.session_duration_s)
    if settings.disable_session_renewal:
        return f"Everybody has {whole}, then waits again."
    half = duration(settings.session_duration_s / 2)
    return f"Whoever goes away holds the seat for another {half} to {whole}."


def _no_renewal(settings: RoomSettings, now: Now) -> str:
    return _session(settings, now) if settings.disable_session_renewal else ""


def _claim(settings: RoomSettings, _now: Now) -> str:
    return f"A visitor who does not come leaves a seat empty for {duration(settings.claim_ttl_s)}."


def _heartbeat(settings: RoomSettings, _now: Now) -> str:
    missed = settings.heartbeat_ttl_s // BEAT_S
    return f"That is {count(missed, 'report', 'reports')} missed in a row."


def _place(settings: RoomSettings, _now: Now) -> str:
    return f"A phone may be locked for {duration(settings.place_ttl_s)}."


def _recovery(settings: RoomSettings, _now: Now) -> str:
    if settings.recovery_hold_s < 2 * BEAT_S:
        return "Short: some visitors may come back too late to stand where they stood."
    return ""


def _close_after(settings: RoomSettings, _now: Now) -> str:
    after_s = settings.close_after_s
    return f"That is {duration(after_s)} after it was opened." if after_s else ""


def _routes(settings: RoomSettings, _now: Now) -> str:
    return "" if settings.routes else "Without one this room protects nothing."


def _hold(settings: RoomSettings, now: Now) -> str:
    if not settings.queue_all:
        return ""
    return f"{number(now.waiting)} wait and stay where they are; {number(now.active)} stay inside."


def _closed(settings: RoomSettings, now: Now) -> str:
    return f"{number(now.waiting)} in line keep their place." if settings.closed else ""


def _draining(settings: RoomSettings, now: Now) -> str:
    if not settings.draining or flow(settings, now) == 0:
        return ""
    if not now.waiting:
        return "Nobody waits: whoever has no seat is refused."
    taken_s = line_s(settings, now)
    if taken_s is None:
        return f"{number(now.waiting)} wait; how long the line takes is not known yet."
    return f"At today's pace the line is empty in {about(taken_s)}."


def _suspended(settings: RoomSettings, now: Now) -> str:
    return f"All {number(now.waiting)} who wait go in at once." if settings.suspended else ""


def _message(settings: RoomSettings, now: Now) -> str:
    return f"{number(now.waiting)} would read it now." if settings.message else ""


def _epoch(_settings: RoomSettings, now: Now) -> str:
    return f"Raising it sends {count(now.active, 'visitor', 'visitors')} back to the line."


_EFFECTS: dict[str, Callable[[RoomSettings, Now], str]] = {
    "total_active_users": _seats,
    "new_users_per_minute": _rate,
    "session_duration_s": _session,
    "disable_session_renewal": _no_renewal,
    "claim_ttl_s": _claim,
    "heartbeat_ttl_s": _heartbeat,
    "place_ttl_s": _place,
    "recovery_hold_s": _recovery,
    "close_after_s": _close_after,
    "routes": _routes,
    "queue_all": _hold,
    "closed": _closed,
    "draining": _draining,
    "suspended": _suspended,
    "message": _message,
    "epoch": _epoch,
}
