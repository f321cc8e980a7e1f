"""One thing that `waitroom edge check` looked at."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        check: What was looked at.
        level: ``unknown`` where this visit could not tell.
        says: What was seen.
        mend: What to do about it; empty when all is well.
    """

    check: str
    level: Level
    says: str
    mend: str = ""
