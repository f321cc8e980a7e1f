"""What the demo shop sells. Nothing here can be bought."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Day:
    """One evening of the festival."""

    number: int
    name: str
    date: str
    acts: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """One kind of ticket; ``art`` names its picture in ``_art.html``."""

    key: str
    name: str
    detail: str
    price: int
    art: str


DAYS = (
    Day(1, "Friday", "11 June", "Low Tide Choir · Marlow & the Buoys · Night Ferry"),
    Day(2, "Saturday", "12 June", "Salt Lamp · The Long Pier · Anemone"),
    Day(3, "Sunday", "13 June", "Gull Street Brass · Harbour Lights Orchestra"),
)
TICKETS = (
    Ticket("quay", "Quay standing", "On the cobbles, right at the water's edge.", 38, "quay"),
    Ticket("terrace", "Terrace seat", "A numbered seat with a view over the basin.", 64, "terrace"),
    Ticket("boat", "Boat deck", "On the old ferry, moored beside the stage.", 95, "boat"),
)


def day(number: int) -> Day | None:
    """Return an evening by its number, from 1; None if there is no such evening."""
    return next((found for found in DAYS if found.number == number), None)


def ticket(key: str) -> Ticket | None:
    """Return a kind of ticket; None if there is no such kind."""
    return next((found for found in TICKETS if found.key == key), None)
