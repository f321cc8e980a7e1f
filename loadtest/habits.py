"""What kinds of visitors there are, and how many of each. All others just wait."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

#: Waits, goes in when told, looks around, leaves.
PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Habit:
    """How a visitor departs from just waiting.

    Attributes:
        after_s: When, after the first position was seen, at random between these.
        away_s: For how long, at random between these; a tab that is never opened again has none.
        tabs: How many tabs show the splash page.
        sockets: Whether a socket comes up at all; some networks let none through.
        comes_back: Whether the tab is opened again.
    """

    after_s: tuple[float, float] = (2.0, 20.0)
    away_s: tuple[float, float] = (0.0, 0.0)
    tabs: int = 1
    sockets: bool = True
    comes_back: bool = True


HABITS: dict[str, Habit] = {
    PLAIN: Habit(),
    "network": Habit(away_s=(2.0, 20.0)),
    "sleeps": Habit(away_s=(20.0, 90.0)),
    "closes": Habit(away_s=(3.0, 60.0)),
    "goes": Habit(comes_back=False),
    "two_tabs": Habit(tabs=2),
    "no_socket": Habit(sockets=False),
}

#: A mixed crowd, as an on-sale sees it.
MIXED: dict[str, float] = {
    "network": 0.03,
    "sleeps": 0.03,
    "closes": 0.02,
    "goes": 0.01,
    "two_tabs": 0.02,
    "no_socket": 0.02,
}
#: Everybody just waits.
NOBODY: dict[str, float] = {}


def draw(shares: Mapping[str, float], rng: random.Random) -> str:
    """Return a habit's name, as often as its share says.

    Args:
        shares: Habit -> share of all visitors, 0 to 1; together at most 1.
        rng: Where chance comes from.
    """
    point = rng.random()
    for name, share in shares.items():
        point -= share
        if point < 0:
            return name
    return PLAIN


def read_shares(text: str) -> dict[str, float]:
    """Read shares as the command line gives them, as in ``network=0.05,closes=0.01``.

    Raises:
        ValueError: If a name is unknown or a share is not 0 to 1; with what is allowed.
    """
    found: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, share = part.partition("=")
        if name not in HABITS or name == PLAIN:
            allowed = ", ".join(sorted(set(HABITS) - {PLAIN}))
            raise ValueError(f"{name} is no habit; there are {allowed}")
        found[name] = float(share)
    if any(not 0 <= share <= 1 for share in found.values()) or sum(found.values()) > 1:
        raise ValueError("shares are 0 to 1, and together at most 1")
    return found
