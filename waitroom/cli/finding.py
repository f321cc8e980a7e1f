"""What `waitroom doctor` says of one thing that it looked at."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        check: What was looked at.
        level: ``error`` is broken, ``warning`` will hurt one day.
        says: What was found.
        mend: What to do about it; empty when all is well.
    """

    check: str
    level: Level
    says: str
    mend: str = ""
