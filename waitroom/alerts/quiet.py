"""Quiet hours: when a channel is not to be disturbed, by a clock on somebody's wall."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _wall_clock(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("must be a time of day such as 22:00")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin") from None
    return name


WallClock = Annotated[str, AfterValidator(_wall_clock)]


class Quiet(BaseModel):
    """Quiet hours of every day.

    Attributes:
        start: When they begin, as ``22:00``.
        end: When they end, as ``07:00``; before ``start`` means on the next day.
        zone: The time zone of both, as ``Europe/Berlin``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: WallClock
    end: WallClock
    zone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] = "UTC"

    @model_validator(mode="after")
    def _not_empty(self) -> "Quiet":
        if self.start == self.end:
            raise ValueError("start and end must differ; switch the channel off instead")
        return self

    def until_ms(self, now_ms: int) -> int | None:
        """Return when the quiet hours that hold now are over.

        Args:
            now_ms: Milliseconds since the epoch.

        Returns:
            Milliseconds since the epoch; None when they do not hold now.
        """
        zone = ZoneInfo(self.zone)
        here = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
        start, end = time.fromisoformat(self.start), time.fromisoformat(self.end)
        at = here.time().replace(tzinfo=None, fold=0)
        quiet = start <= at < end if start < end else at >= start or at < end
        if not quiet:
            return None
        day = here.date() if at < end else here.date() + timedelta(days=1)
        found = datetime.combine(day, end, zone)
        if found.timestamp() * 1000 <= now_ms:
            # The clocks go back: this hour comes twice, and it is the second time.
            found = found.replace(fold=1)
        return int(found.timestamp() * 1000)
