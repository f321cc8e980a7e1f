"""Whether a condition holds, over time: what is told, and when. Pure; nothing here asks a clock.

A condition is told when it has held for a while, and its end when it has been over for a while, so
that a figure that swings about its limit is told once. The state lives in Redis: who checks next
goes on where the last one was.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from waitroom.alerts.rules import Kind, Rule

#: After so long without a look nobody knows whether a condition held all the time, milliseconds.
LOOK_GAP_MS = 120_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A condition as found just now.

    Attributes:
        id: The condition's name: kind and what it is about.
        kind: Its kind.
        room: The room it is about; None for the installation.
        subject: The edge it is about, if one.
        value: The figure; None where there is none.
        met: Whether it holds; None when nobody can know.
        text: What is known, in a sentence.
    """

    id: str
    kind: Kind
    room: str | None
    subject: str | None
    value: float | None
    met: bool | None
    text: str


class State(BaseModel):
    """A condition that holds, or held a moment ago.

    Attributes:
        phase: ``pending``: it holds, but not for long; ``firing``: it was told; ``ending``: it was
            told and is over, but not for long.
        since_ms: When it began to hold.
        turned_ms: When ``ending`` began; else the same.
        seen_ms: When it was last looked at.
        kind: As in ``Reading``, as are the next three.
        limit: The limit when it was told.
        urgent: Whether its rule says so.
    """

    model_config = ConfigDict(frozen=True)

    phase: Literal["pending", "firing", "ending"]
    since_ms: int
    turned_ms: int
    seen_ms: int
    kind: Kind
    room: str | None = None
    subject: str | None = None
    value: float | None = None
    text: str = ""
    limit: int | None = None
    urgent: bool = False

    @property
    def told(self) -> bool:
        """Whether its start was told, and its end not yet."""
        return self.phase != "pending"


#: What there is to tell after a look, if anything.
Turn = Literal["started", "ended"]


def step(
    old: State | None, reading: Reading, rule: Rule, now_ms: int
) -> tuple[State | None, Turn | None]:
    """Return the state after a look, and what there is to tell.

    Args:
        old: The state before; None when the condition did not hold.
        reading: What was found.
        rule: The rule that holds for it.
        now_ms: Milliseconds since the epoch.

    Returns:
        The new state, None when the condition does not hold; and whether it has just started or
        ended, None when there is nothing to tell.
    """
    if reading.met is None:
        # Unknown is neither here nor there: what was told stays told, and nothing new is.
        return old, None
    if old is None or old.phase == "pending":
        return _before(old, reading, rule, now_ms)
    return _after(old, reading, rule, now_ms)


def _before(
    old: State | None, reading: Reading, rule: Rule, now_ms: int
) -> tuple[State | None, Turn | None]:
    if not reading.met:
        return None, None
    since_ms = now_ms
    # A clock that was set back, or a pause of all checks: it counts from now on.
    if old is not None and 0 <= now_ms - old.seen_ms <= LOOK_GAP_MS:
        since_ms = min(old.since_ms, now_ms)
    fires = now_ms - since_ms >= rule.for_s * 1000
    new = State(
        phase="firing" if fires else "pending",
        since_ms=since_ms,
        turned_ms=since_ms,
        seen_ms=now_ms,
        kind=reading.kind,
        room=reading.room,
        subject=reading.subject,
        value=reading.value,
        text=reading.text,
        limit=rule.limit,
        urgent=rule.urgent,
    )
    return new, "started" if fires else None


def _after(
    old: State, reading: Reading, rule: Rule, now_ms: int
) -> tuple[State | None, Turn | None]:
    seen = {
        "seen_ms": now_ms,
        "value": reading.value,
        "text": reading.text,
        "limit": rule.limit,
        "urgent": rule.urgent,
    }
    if reading.met:
        return old.model_copy(update=seen | {"phase": "firing", "turned_ms": old.since_ms}), None
    turned_ms = min(old.turned_ms, now_ms) if old.phase == "ending" else now_ms
    if now_ms - turned_ms >= rule.clear_s * 1000:
        return None, "ended"
    return old.model_copy(update=seen | {"phase": "ending", "turned_ms": turned_ms}), None
