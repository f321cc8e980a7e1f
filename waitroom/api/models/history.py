"""What happened in a room, as the owner API answers it."""

from typing import Any

from pydantic import BaseModel, Field

from waitroom.api.models.base import Ms, Strict
from waitroom.room.records import Counted, Day, Minute
from waitroom.room.spans import Spans


class SpanQuery(Strict):
    """Which minutes."""

    since_ms: Ms = Field(0, description="From here, ms since the epoch; 0 = an hour before until.")
    until_ms: Ms = Field(0, description="Up to here, ms since the epoch; 0 = now.")
    count: int = Field(1_500, ge=1, le=1_500, description="At most so many minutes.")


class DaysQuery(Strict):
    """Which days."""

    since_ms: Ms = Field(0, description="A moment in the first day; 0 = as far as kept.")
    until_ms: Ms = Field(0, description="A moment in the last day; 0 = now.")


class AuditQuery(Strict):
    """Which part of the trail."""

    before: str = Field(
        "",
        pattern=r"^([0-9]{1,19}-[0-9]{1,19})?$",
        description="`next` of the page before; empty begins at the newest.",
    )
    count: int = Field(50, ge=1, le=1_000, description="At most so many entries.")


class Spread(BaseModel):
    """How long something took."""

    count: int = Field(description="How often it was measured.")
    mean_ms: float | None
    p50_ms: int | None = Field(description="Half took no longer; at most 7.5 % off.")
    p90_ms: int | None
    p99_ms: int | None

    @classmethod
    def of(cls, spans: Spans) -> "Spread":
        """Return what counted spans say."""
        return cls(
            count=spans.count,
            mean_ms=spans.mean_ms,
            p50_ms=spans.quantile_ms(0.5),
            p90_ms=spans.quantile_ms(0.9),
            p99_ms=spans.quantile_ms(0.99),
        )


class Happened(BaseModel):
    """What happened in some time; exact, not sampled."""

    counts: dict[str, int] = Field(description="How often what happened.")
    arrivals: int
    admitted: int
    left_waiting: int = Field(description="Left the line, or fell silent in it for good.")
    no_shows: int = Field(description="Seats that ended without being used.")
    wait: Spread = Field(description="From arrival to admission.")
    on_site: Spread = Field(description="From the first use of a seat to its end.")
    total: Spread = Field(description="From arrival to the end of the seat.")
    told: int = Field(description="Admitted visitors who had been told a wait.")
    told_right: int = Field(description="Of those, who waited as long as they were told.")
    told_early: int = Field(description="Of those, who waited shorter.")

    @staticmethod
    def fields_of(found: Counted) -> dict[str, Any]:
        """Return the fields above of what was counted."""
        return {
            "counts": found.counts,
            "arrivals": found.arrivals,
            "admitted": found.admitted,
            "left_waiting": found.left_waiting,
            "no_shows": found.no_shows,
            "wait": Spread.of(found.wait),
            "on_site": Spread.of(found.site),
            "total": Spread.of(found.total),
            "told": found.told,
            "told_right": found.told_right,
            "told_early": found.told_early,
        }


class MinuteOut(Happened):
    """One minute."""

    at_ms: int = Field(description="When the sample was taken, ms since the epoch.")
    waiting: int
    parked: int
    active: int
    unclaimed: int
    seats: int
    told_low_s: int | None = Field(description="Shortest wait a newcomer was told then.")
    told_high_s: int | None

    @classmethod
    def of(cls, found: Minute) -> "MinuteOut":
        """Return a minute as the API shows it."""
        low, high = found.told_s or (None, None)
        return cls(
            at_ms=found.at_ms,
            waiting=found.waiting,
            parked=found.parked,
            active=found.active,
            unclaimed=found.unclaimed,
            seats=found.seats,
            told_low_s=low,
            told_high_s=high,
            **cls.fields_of(found),
        )


class DayOut(Happened):
    """One day, in UTC."""

    date: str
    start_ms: int
    samples: int = Field(description="Minutes it is made of; 1440 when none was missed.")
    busy_samples: int = Field(description="Of those, minutes with a line.")
    utilisation: float | None = Field(description="Seats taken while people waited, 0 to 1.")
    most_waiting: int
    most_active: int
    over: bool = Field(description="Whether the day is over; else the figures still grow.")

    @classmethod
    def of(cls, found: Day) -> "DayOut":
        """Return a day as the API shows it."""
        return cls(
            date=found.date,
            start_ms=found.start_ms,
            samples=found.samples,
            busy_samples=found.busy_samples,
            utilisation=found.utilisation,
            most_waiting=found.most_waiting,
            most_active=found.most_active,
            over=found.over,
            **cls.fields_of(found),
        )


class History(BaseModel):
    """Minutes in order."""

    minutes: list[MinuteOut]
    next_since_ms: int | None = Field(description="`since_ms` of what follows; null at the end.")


class Days(BaseModel):
    """Days in order, in UTC."""

    days: list[DayOut]
