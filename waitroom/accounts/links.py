"""One-time links to set a password.

A link's value stands in the part of the address that browsers keep to themselves (after `#`), so
no server's log and no referrer has it; the page's script posts it. Redis knows its digest only. A
link counts for an hour and once; a newer one for the same account replaces it.
"""

from dataclasses import dataclass, field

import orjson

from waitroom.accounts import keys
from waitroom.accounts.digests import digest, new_value
from waitroom.accounts.errors import LinkError
from waitroom.accounts.times import Times
from waitroom.room.store import Store, store_errors

#: How long a link counts, milliseconds.
LIFE_MS = 3_600_000
#: Where the page is that takes it.
PATH = "/console/welcome"
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was just made; its value is shown once.

    Attributes:
        name: Whose password it sets; empty for the first owner, who chooses a name.
        value: What stands after `#`, and what can be pasted.
        until_ms: Until when it counts, milliseconds since the epoch.
    """

    name: str
    value: str = field(repr=False)
    until_ms: int

    def address(self, base: str) -> str:
        """Return the whole link.

        Args:
            base: Scheme and host of the console, without a path.
        """
        return f"{base.rstrip('/')}{PATH}#{self.value}"


class Links:
    """All links on one store.

    Args:
        store: Where they live.
        times: The clock.
    """

    def __init__(self, store: Store, times: Times) -> None:
        self._redis = store.redis
        self._times = times

    async def make(self, name: str) -> Link:
        """Make a link.

        Args:
            name: Whose password it sets; empty for the first owner.

        Raises:
            StoreError: If Redis failed.
        """
        made = Link(name, new_value(), await self._times.now_ms() + LIFE_MS)
        kept = orjson.dumps({"name": name, "until_ms": made.until_ms})
        with store_errors():
            await self._redis.set(keys.link(digest(made.value)), kept, px=LIFE_MS)
        return made

    async def read(self, value: str) -> str:
        """Return whose password a link sets; whether it is the newest one is not looked at.

        Args:
            value: What was pasted, untrusted.

        Returns:
            The account's name; empty for the first owner.

        Raises:
            LinkError: If it does not count.
            StoreError: If Redis failed.
        """
        kept = None
        if value and len(value) <= _LONGEST:
            with store_errors():
                kept = await self._redis.get(keys.link(digest(value)))
        found = orjson.loads(kept) if kept else {"until_ms": 0}
        if found["until_ms"] <= await self._times.now_ms():
            raise LinkError
        return str(found["name"])

    async def end(self, value: str) -> None:
        """Forget a link that was used.

        Args:
            value: Its value.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            await self._redis.unlink(keys.link(digest(value)))
