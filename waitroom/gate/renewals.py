"""Passes that are to live longer: asked for in batches, away from any visitor's request.

The service has the last word, because a seat extended by the edge alone could be a seat too
many. Until its answer is there the old pass counts; afterwards whoever shows the old pass is
taken to hold the new one, and gets its cookie with that answer.
"""

import threading
from collections import deque
from collections.abc import Mapping, Sequence

#: Most passes in one call to the service.
BATCH_MAX = 500
#: Most passes remembered; above that, renewal waits until some have run out.
REMEMBERED_MAX = 1_000_000
#: How often all of them are looked at for what has run out, milliseconds.
SWEEP_MS = 30_000


class Renewals:
    """The passes of one gate on their way to a longer life; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[tuple[str, str]] = deque()
        # Pass -> when it can be forgotten, ms. One pass is asked for once.
        self._asked: dict[str, int] = {}
        self._renewed: dict[str, str] = {}
        self._swept_ms = 0

    @property
    def renewed(self) -> Mapping[str, str]:
        """Old pass -> the pass that has taken its place."""
        return self._renewed

    def ask(self, room: str, token: str, forget_ms: int) -> None:
        """Note that a pass is to be renewed; asking again for the same one does nothing.

        Args:
            room: The room's name.
            token: The pass.
            forget_ms: From when on nobody can have a use for the answer, ms since the epoch.
        """
        if token in self._asked:
            return
        with self._lock:
            if token not in self._asked and len(self._asked) < REMEMBERED_MAX:
                self._asked[token] = forget_ms
                self._queue.append((room, token))

    def take(self) -> list[tuple[str, str]]:
        """Take the next batch: room and pass, oldest first, at most ``BATCH_MAX``."""
        with self._lock:
            return [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]

    def put_back(self, batch: Sequence[tuple[str, str]]) -> None:
        """Put a batch back to the front: nothing is known of its outcome."""
        with self._lock:
            self._queue.extendleft(reversed(batch))

    def settle(self, batch: Sequence[tuple[str, str]], passes: Sequence[str | None]) -> None:
        """Note the service's answer.

        Args:
            batch: What was asked.
            passes: The new pass of each, or None where the seat is gone.
        """
        with self._lock:
            for (_, old), new in zip(batch, passes, strict=True):
                if new == old:
                    # Brought back after a loss, not extended: it has to be asked for again.
                    self._asked.pop(old, None)
                elif new is not None:
                    self._renewed[old] = new

    def forget(self, now_ms: int) -> None:
        """Drop what has run out."""
        with self._lock:
            self._forget(now_ms)

    def _forget(self, now_ms: int) -> None:
        # A clock that was set back must not put it off.
        sweep = abs(now_ms - self._swept_ms) >= SWEEP_MS
        if sweep:
            self._swept_ms = now_ms
        gone = []
        for token, at in self._asked.items():
            if at <= now_ms:
                gone.append(token)
            elif not sweep:
                # Asked for first, run out first, where all rooms have passes of the same length.
                break
        for token in gone:
            del self._asked[token]
            self._renewed.pop(token, None)
        while self._queue and self._queue[0][1] not in self._asked:
            self._queue.popleft()
