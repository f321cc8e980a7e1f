"""What is told: one alert, the same for every channel, and its way to one of them."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from waitroom.alerts.rules import Kind

Phase = Literal["started", "ended", "test"]


class Alert(BaseModel):
    """One thing told.

    Attributes:
        id: Names it for ever: whatever arrives twice with the same id is the same.
        episode: What start and end of one condition share.
        phase: Whether the condition has started or ended; or a test.
        kind: The condition's; None for a test.
        room: The room it concerns; None for the installation.
        subject: The edge it concerns, if one.
        title: One line.
        text: A sentence or two more.
        value: The figure that was beyond the limit; None where there is none.
        limit: The limit.
        urgent: Whether quiet hours hold it back.
        since_ms: When the condition began to hold, ms since epoch.
        at_ms: When it was found to have started or ended, ms since epoch.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    episode: str
    phase: Phase
    kind: Kind | None
    room: str | None = None
    subject: str | None = None
    title: str
    text: str
    value: float | None = None
    limit: int | None = None
    urgent: bool = False
    since_ms: int
    at_ms: int

    def payload(self) -> dict[str, Any]:
        """Return what a webhook is sent, in the types of JSON."""
        return {
            "id": self.id,
            "type": f"alert.{self.phase}",
            "episode": self.episode,
            "kind": self.kind,
            "room": self.room,
            "subject": self.subject,
            "title": self.title,
            "text": self.text,
            "value": self.value,
            "limit": self.limit,
            "urgent": self.urgent,
            "since": iso(self.since_ms),
            "at": iso(self.at_ms),
        }


class Delivery(BaseModel):
    """One alert on its way to one channel.

    Attributes:
        channel: The channel's name.
        alert: What is told.
        attempts: How often it was tried in vain.
        due_ms: When it is tried next, ms since epoch.
        error: Why the last attempt failed; empty before the first one.
        dead_ms: When it was given up, ms since epoch; None while it is not.
        forced: Whether somebody asked for it to be sent although it was given up.
        left: Of a mail: who does not have it while others do; empty for all of the channel's.
    """

    model_config = ConfigDict(frozen=True)

    channel: str
    alert: Alert
    attempts: int = 0
    due_ms: int
    error: str = ""
    dead_ms: int | None = None
    forced: bool = False
    left: list[str] = Field(default_factory=list)

    @property
    def id(self) -> str:
        """The delivery's name."""
        return f"{self.alert.id}-{self.channel}"


def iso(at_ms: int) -> str:
    """Return a moment as ``2026-11-23T12:00:00Z``.

    Args:
        at_ms: Milliseconds since the epoch.
    """
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
