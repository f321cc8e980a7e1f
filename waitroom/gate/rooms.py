"""The rooms as an edge knows them, and which of them a request belongs to.

A document of the service is taken whole or not at all; the last good one stays in use.
"""

import hmac
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from waitroom.gate.languages import DEFAULT as DEFAULT_LANGUAGE
from waitroom.gate.paths import Path, prefix
from waitroom.gate.visit import Visit
from waitroom.room.settings import ROOM_NAME, Bypass, RoomSettings, Route, Unavailable

#: Goes into a header, so nothing that could end one.
Language = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,35}$")]


class EdgeRoom(BaseModel):
    """One room, as ``GET /api/edge/rooms`` tells it. The service may add fields."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Annotated[str, Field(pattern=rf"^{ROOM_NAME.pattern}$")]
    routes: tuple[Route, ...] = ()
    bypass: tuple[Bypass, ...] = ()
    delivery: Literal["redirect", "inline"] = "redirect"
    queueing_status_code: Annotated[int, Field(ge=200, le=599)] = 200
    when_unavailable: Unavailable = Unavailable()
    session_duration_s: Annotated[int, Field(ge=1)] = 300
    disable_session_renewal: bool = False
    suspended: bool = False
    closed: bool = False
    #: Closed to newcomers only: whoever holds a ticket is let in as seats become free.
    draining: bool = False
    epoch: Annotated[int, Field(ge=0)] = 0
    queueing: bool = False
    recovering: bool = False
    message: str | None = None
    #: What the splash page looks like: which version of it is kept.
    theme: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,40}$")] = ""

    def refuses(self, *, ticket: bool) -> bool:
        """Say whether somebody without a pass is refused.

        Args:
            ticket: They hold a valid ticket.
        """
        return self.closed and not (self.draining and ticket)

    def bypasses(self, visit: Visit, path: Path) -> bool:
        """Say whether one of the owner's rules lets this request through uncounted."""
        return any(_applies(rule, visit, path) for rule in self.bypass)


def refusal(settings: RoomSettings) -> dict[str, bool]:
    """Return how a room's settings tell an edge whom to refuse.

    An edge that does not know ``draining`` yet takes the room for closed, and gives no tickets.
    """
    draining = settings.draining and not settings.closed
    return {"closed": settings.closed or draining, "draining": draining}


class EdgeRooms(BaseModel):
    """The answer of ``GET /api/edge/rooms``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rooms: tuple[EdgeRoom, ...]
    #: Languages of the splash page.
    languages: tuple[Language, ...] = (DEFAULT_LANGUAGE,)


class Rooms:
    """The rooms of one document, ready to be asked.

    The most specific route wins: an exact host before ``*``, then the longest path; the room's
    name settles what is left, so that every edge picks the same one.

    Args:
        rooms: In any order; names differ.
    """

    def __init__(self, rooms: Iterable[EdgeRoom]) -> None:
        self._by_name = {room.name: room for room in rooms}
        self._table = sorted(
            (
                (route.host.rstrip("."), at, room.name)
                for room in self._by_name.values()
                for route in room.routes
                if (at := prefix(route.path)) is not None
            ),
            key=lambda row: (row[0] == "*", -len(row[1]), row[2]),
        )

    def find(self, host: str, path: Path) -> EdgeRoom | None:
        """Return the room in front of a page; None if there is none.

        Args:
            host: As ``canonical_host`` returns it.
            path: As ``canonical_path`` returns it.
        """
        for at_host, at_path, name in self._table:
            if at_host in ("*", host) and path.within(at_path):
                return self._by_name[name]
        return None

    def get(self, name: str) -> EdgeRoom | None:
        """Return the room of a name; None if it is not known."""
        return self._by_name.get(name)

    def queueing(self, name: str) -> "Rooms":
        """Return the same rooms, with one of them known to be queueing."""
        return Rooms(
            room.model_copy(update={"queueing": True}) if room.name == name else room
            for room in self._by_name.values()
        )


def _applies(rule: Bypass, visit: Visit, path: Path) -> bool:
    named = [
        rule.path is None or _below(rule.path, path),
        rule.methods is None or visit.method in rule.methods,
        rule.header is None or _shows(rule, visit),
        rule.network is None or _is_in(rule, visit.address),
    ]
    names_nothing = (rule.path, rule.methods, rule.header, rule.network) == (None,) * 4
    return all(named) and not names_nothing


def _below(at: str, path: Path) -> bool:
    found = prefix(at)
    return found is not None and path.within(found)


def _shows(rule: Bypass, visit: Visit) -> bool:
    shown = visit.headers.get(rule.header or "")
    if shown is None or not rule.value:
        return False
    return hmac.compare_digest(shown.encode("utf-8", "replace"), rule.value.encode())


def _is_in(rule: Bypass, address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return rule.network is not None and found in rule.network
