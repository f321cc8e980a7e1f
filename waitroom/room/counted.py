"""What was counted in a minute or a day. See ``records.py``."""

from dataclasses import dataclass

from waitroom.room.spans import Spans


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in some time.

    Attributes:
        counts: How often it happened; names in ``COUNTERS``.
        wait: From arrival (the place) to admission, of those admitted.
        site: From the first use of the seat to its end, of those whose seat ended.
        total: From arrival to the end of the seat, of the same.
        told: Admitted visitors who were told a wait when they arrived.
        told_right: Of those, who waited no shorter and no longer than they were told.
        told_early: Of those, who waited shorter.
    """

    counts: dict[str, int]
    wait: Spans
    site: Spans
    total: Spans
    told: int
    told_right: int
    told_early: int

    @property
    def arrivals(self) -> int:
        """Visitors who came in."""
        return self.counts["entered"]

    @property
    def admitted(self) -> int:
        """Seats given."""
        return self.counts["admitted"]

    @property
    def left_waiting(self) -> int:
        """Visitors who left the line, or fell silent in it and did not return in time."""
        return self.counts["left_line"] + self.counts["lapsed"]

    @property
    def no_shows(self) -> int:
        """Seats that ended without being used."""
        return self.counts["no_shows"]

    @property
    def told_late(self) -> int:
        """Admitted visitors who waited longer than they were told."""
        return self.told - self.told_right - self.told_early

    @property
    def told_right_share(self) -> float | None:
        """How right the announced waits were, 0 to 1; None when none was announced."""
        return self.told_right / self.told if self.told else None


@dataclass(frozen=True, slots=True)
class Minute(Counted):
    """One sample: what happened since the one before it, and how it stood then.

    Attributes:
        at_ms: The minute in which it was taken, ms since the epoch; it counts what happened
            before, most often in the minute that ended then.
        waiting: In the line.
        parked: Fell silent, place still kept.
        active: Unexpired seats.
        unclaimed: Of those, seats not used yet.
        seats: ``total_active_users``.
        told_s: Shortest and longest wait that a newcomer was told then, seconds; None when
            nobody had to wait or nothing was known.
    """

    at_ms: int
    waiting: int
    parked: int
    active: int
    unclaimed: int
    seats: int
    told_s: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Day(Counted):
    """A day in UTC, added up from its samples.

    Attributes:
        date: ISO, such as ``2026-11-23``.
        start_ms: When it began, ms since the epoch.
        samples: Of how many samples it is made; 1440 when none was missed.
        busy_samples: In how many of them there was a line.
        utilisation: Share of the seats that were taken while people waited, 0 to 1; None when
            nobody waited or there were no seats.
        most_waiting: The longest line of all samples.
        most_active: The most seats taken of all samples.
        over: Whether the day is over; else the figures still grow.
    """

    date: str
    start_ms: int
    samples: int
    busy_samples: int
    utilisation: float | None
    most_waiting: int
    most_active: int
    over: bool
