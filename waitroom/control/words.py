"""Numbers and durations as people say them, in the language of the console: English."""

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def number(value: float | None) -> str:
    """Return a number with its thousands set apart; a dash for what is not known."""
    return "–" if value is None else f"{round(value):,}"


def duration(seconds: float) -> str:
    """Return a duration in its one or two largest units that matter.

    Args:
        seconds: At least 0.

    Returns:
        Such as `45 s`, `5 min`, `2 min 30 s`, `1 h 10 min`, `3 days`.
    """
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < _HOUR:
        return _parts(whole // _MINUTE, "min", whole % _MINUTE if whole < 600 else 0, "s")
    if whole < 2 * _DAY:
        return _parts(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return f"{round(whole / _DAY)} days"


def about(seconds: float) -> str:
    """Return an estimate, rounded to what an estimate can know: `about 70 min`."""
    if seconds < 20:
        return "some seconds"
    if seconds < 90:
        return f"about {round(seconds / 10) * 10} s"
    minutes = seconds / 60
    if minutes < 100:
        step = 1 if minutes < 20 else 5
        return f"about {round(minutes / step) * step} min"
    hours = minutes / 60
    if hours < 48:
        quarters = round(hours * 2) / 2
        return f"about {quarters:g} h"
    return f"about {round(hours / 24)} days"


def ago(seconds: float) -> str:
    """Return how long ago something was: `just now`, `40 s ago`, `3 min ago`."""
    return "just now" if seconds < 3 else f"{duration(seconds)} ago"


def count(value: int, one: str, many: str) -> str:
    """Return a count with its noun: `1 rule`, `3 rules`."""
    return f"{number(value)} {one if value == 1 else many}"


def _parts(large: int, large_unit: str, small: int, small_unit: str) -> str:
    text = f"{large} {large_unit}"
    return f"{text} {small} {small_unit}" if small else text
