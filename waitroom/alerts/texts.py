"""What an alert says, in words that somebody who is woken by it understands."""

import re
from zlib import crc32

from waitroom.alerts.alert import Alert
from waitroom.alerts.readings import span
from waitroom.alerts.rules import Kind
from waitroom.alerts.state import State, Turn

#: Kind -> the title of its start and of its end; `{it}` is the room or the edge.
_TITLES: dict[Kind, tuple[str, str]] = {
    "queueing": ("{it}: visitors wait", "{it}: nobody waits any more"),
    "wait": ("{it}: the wait is long", "{it}: the wait is back to normal"),
    "low_use": ("{it}: seats stay empty although visitors wait", "{it}: seats are used again"),
    "report_failed": (
        "{it}: its report cannot be made",
        "{it}: its report is not missing any more",
    ),
    "edge_silent": ("No contact from the edge {it}", "The edge {it} is back"),
    "worker_silent": ("No worker is alive", "A worker is alive again"),
    "clock_silent": ("No clock is alive", "A clock is alive again"),
    "redis_memory": ("Redis is near its memory limit", "Redis has memory again"),
}
#: Kind -> what to do about it.
_ADVICE: dict[Kind, str] = {
    "low_use": "Is the site slow, or does it not check passes?",
    "report_failed": "Is the disk full, or the folder of reports away?",
    "edge_silent": "Does it run, and can it reach the service?",
    "worker_silent": "Start `waitroom worker`. Visitors are served meanwhile; history, reports and"
    " clearing up wait.",
    "clock_silent": "Start `waitroom clock`. Visitors are served meanwhile; history, reports and"
    " clearing up wait.",
    "redis_memory": "Give it more memory: full, it admits nobody.",
}


def make_alert(
    condition: str, state: State, turn: Turn, now_ms: int, *, because: str = ""
) -> Alert:
    """Return what is told when a condition has started or ended.

    Args:
        condition: The condition's name.
        state: Its state; for an end, the one before it.
        turn: Which of both.
        now_ms: Milliseconds since the epoch.
        because: Why it ended, if not by itself.
    """
    # RQ and Message-IDs take no other characters.
    name = re.sub(r"[^A-Za-z0-9_-]", "-", condition)
    if name != condition.replace(":", "-"):
        # Of two edges, a.b and a-b, each has its own.
        name += f"-{crc32(condition.encode()):08x}"
    episode = f"{name}-{state.since_ms}"
    return Alert(
        id=f"{episode}-{turn}",
        episode=episode,
        phase=turn,
        kind=state.kind,
        room=state.room,
        subject=state.subject,
        title=title(state, turn),
        text=because or _text(state, turn, now_ms),
        value=state.value,
        limit=state.limit,
        urgent=state.urgent,
        since_ms=state.since_ms,
        at_ms=now_ms,
    )


def make_test(channel: str, now_ms: int) -> Alert:
    """Return what the test button sends.

    Args:
        channel: The channel's name.
        now_ms: Milliseconds since the epoch.
    """
    return Alert(
        id=f"test-{channel}-{now_ms}",
        episode=f"test-{channel}-{now_ms}",
        phase="test",
        kind=None,
        title="A test from Waitroom",
        text=f"The channel {channel} works. Nothing is wrong.",
        since_ms=now_ms,
        at_ms=now_ms,
    )


def title(state: State, turn: Turn) -> str:
    """Return the one line of an alert.

    Args:
        state: The condition's.
        turn: Whether it started or ended.
    """
    return _TITLES[state.kind][turn == "ended"].format(it=state.room or state.subject)


def _text(state: State, turn: Turn, now_ms: int) -> str:
    if turn == "ended":
        # `turned_ms` is when it was first seen to be over; the rest was waiting to be sure.
        end_ms = state.turned_ms if state.phase == "ending" else now_ms
        return f"It lasted {span((end_ms - state.since_ms) / 1000)}."
    return " ".join(part for part in (state.text, _ADVICE.get(state.kind, "")) if part)
