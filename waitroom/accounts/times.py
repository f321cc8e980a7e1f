"""The time that accounts live by: Redis's own clock, one for all hosts, or that of a test."""

from collections.abc import Callable

from waitroom.accounts import keys
from waitroom.room.store import Store


class Times:
    """One clock for everything of accounts.

    Args:
        store: Whose clock it is.
        now_ms: A test's clock, milliseconds since the epoch.
    """

    def __init__(self, store: Store, now_ms: Callable[[], int] | None = None) -> None:
        self._store = store
        self._now_ms = now_ms

    @property
    def for_script(self) -> int:
        """What a script takes: 0 for the server's own clock."""
        return self._now_ms() if self._now_ms else 0

    async def now_ms(self) -> int:
        """Return milliseconds since the epoch.

        Raises:
            StoreError: If Redis failed.
        """
        return self._now_ms() if self._now_ms else await self._store.time_ms(keys.ACCOUNTS)
