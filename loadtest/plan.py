"""What one run is: everything that its processes have to agree on. Plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    Attributes:
        shape: Name of the shape, see ``shapes.py``.
        visitors: How many at once, at the most.
        site: Where visitors come, as in http://127.0.0.1:8080.
        room: The room in front of the site.
        path: The page of the site that they ask for.
        services: Where personal requests and sockets go; empty = to the site, whose gate passes
            them on.
        redis_url: Where the truth is; None = not measured.
        stamped: The generator plays the edge and stamps the tickets.
        stay_s: How long an admitted visitor looks around, at random between these.
        leaves: Share of those who give their seat up; the others just go.
        habits: Habit -> share, see ``habits.py``.
        again: Whether who has left is followed by somebody new.
        seed: Of all chance.
    """

    shape: str
    visitors: int
    site: str
    room: str
    path: str = "/"
    services: tuple[str, ...] = ()
    redis_url: str | None = field(default=None, repr=False)
    stamped: bool = False
    stay_s: tuple[float, float] = (2.0, 4.0)
    leaves: float = 1.0
    habits: Mapping[str, float] = field(default_factory=dict)
    again: bool = False
    seed: int = 1

    def fields(self) -> dict[str, Any]:
        """Return it as plain data, for other processes."""
        return asdict(self)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Plan":
        """Return what ``fields`` was made of."""
        pairs = {"services", "stay_s"}
        found: dict[str, Any] = {k: tuple(v) if k in pairs else v for k, v in fields.items()}
        return cls(**found)
