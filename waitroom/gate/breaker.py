"""Whether the service is there.

After a failure nobody waits for a time-out again: the service counts as away until a probe in
the background succeeds.
"""

import logging

from pydantic import ValidationError

from waitroom import clock
from waitroom.gate.calls import UnreachableError

#: A service that fails again this soon was never back, milliseconds; else ``open_limit_s`` would
#: start anew at each flicker.
RELAPSE_MS = 10_000

_log = logging.getLogger("waitroom.gate")


class Breaker:
    """Remembers since when the service is away."""

    def __init__(self) -> None:
        #: Milliseconds since the epoch; None while the service answers.
        self.away_since_ms: int | None = None
        #: False while connections fail; pages of the service are not worth a try then.
        self.reachable = True
        # Since when and until when it was away last.
        self._last = (0, -RELAPSE_MS)

    def failed(self, error: Exception) -> None:
        """Note that the service gave no usable answer to what is asked for everybody."""
        if isinstance(error, UnreachableError):
            self.reachable = False
        if self.away_since_ms is not None:
            return
        now_ms = clock.now_ms()
        since_ms, until_ms = self._last
        self.away_since_ms = since_ms if now_ms - until_ms < RELAPSE_MS else now_ms
        _log.warning("the waiting room is away: %s", _reason(error))

    def worked(self) -> None:
        """Note that it answered as it should."""
        self.reachable = True
        if self.away_since_ms is not None:
            self._last = (self.away_since_ms, clock.now_ms())
            self.away_since_ms = None
            # As loud as its going: a log without it never says when it was over.
            _log.warning("the waiting room is back")


def _reason(error: Exception) -> str:
    # A validation error quotes what it was given, tokens and all.
    if isinstance(error, ValidationError):
        return "its answer has not the expected shape"
    return str(error)
