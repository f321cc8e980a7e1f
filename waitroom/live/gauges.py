"""What the live part of a process reports of itself."""

from typing import Protocol


class Gauges(Protocol):
    """Takes figures about ticks and errors."""

    def tick(self, seconds: float) -> None:
        """Note how long a tick took."""

    def error(self, code: str) -> None:
        """Count an error by its code."""
