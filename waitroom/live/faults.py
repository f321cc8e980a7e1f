"""Faults of Redis as one process meets them: room by room, for each may live on another node.

A fault is noted when it is met, shown to the room's visitors when it lasts, and forgotten when
the room answers again.
"""

import structlog

from waitroom import clock
from waitroom.errors import StoreError
from waitroom.live.gauges import Gauges
from waitroom.live.hub import Hub

#: Visitors hear of a fault when it lasts this long, milliseconds.
SHOWN_MS = 1_000
#: Most rooms that one line of the log names.
NAMED = 5

log = structlog.get_logger()


class Faults:
    """The faults there are now.

    Args:
        hub: Tells the local visitors.
        gauges: Counts errors.
    """

    def __init__(self, hub: Hub, gauges: Gauges) -> None:
        self._hub = hub
        self._gauges = gauges
        self._since_ms: dict[str, int] = {}
        self._shown: set[str] = set()
        self._logged: dict[str, int] = {}
        self._detail = ""

    def __contains__(self, room: str) -> bool:
        return room in self._since_ms

    async def met(self, room: str, error: StoreError, began_ms: int) -> None:
        """Note a fault, and show it when it has lasted.

        Args:
            room: Which; empty for the list of rooms.
            error: What happened.
            began_ms: When the work began that failed, monotonic: a Redis that hangs was away since
                then, not since it timed out.
        """
        self._detail = error.detail
        since_ms = self._since_ms.setdefault(room, began_ms)
        line = self._hub.lines.get(room)
        if line and room not in self._shown and clock.monotonic_ms() - since_ms >= SHOWN_MS:
            self._shown.add(room)
            await self._hub.tell_error(line, error)

    def over(self, room: str) -> bool:
        """Forget a fault; return whether there was one."""
        self._shown.discard(room)
        return self._since_ms.pop(room, None) is not None

    def log(self) -> None:
        """Log what has changed since the last time, in one line for all rooms."""
        new = sorted(self._since_ms.keys() - self._logged.keys())
        if new:
            log.warning("store_unavailable", detail=self._detail, **_named(new))
            self._gauges.error(StoreError.code)
        ended = sorted(self._logged.keys() - self._since_ms.keys())
        if ended:
            first_ms = min(self._logged[room] for room in ended)
            log.info("store_available", away_ms=clock.monotonic_ms() - first_ms, **_named(ended))
        self._logged = dict(self._since_ms)


def _named(rooms: list[str]) -> dict[str, object]:
    return {"rooms": len(rooms), "named": [room or "(list of rooms)" for room in rooms[:NAMED]]}
