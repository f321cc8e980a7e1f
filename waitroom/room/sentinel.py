"""A client of the master that Sentinels name: redis-py's own, which also looks for a new one.

redis-py asks the Sentinels when it makes a connection. One that is there already goes on talking
to the old master until that is cut off, ten seconds and more after another was chosen, and what
it is told then is lost; meanwhile two masters would give out the same seats.
"""

import asyncio
from contextlib import suppress
from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from waitroom.addresses import Address
from waitroom.clock import monotonic_s

#: How often the Sentinels are asked, seconds.
LOOK_S = 1.0
#: Longest wait for a Sentinel, seconds; the next one is asked then.
SENTINEL_TIMEOUT_S = 0.5


class Sentinels(Sentinel):
    """The Sentinels of a master; those who ask in the same moment share one answer.

    redis-py moves the one that answered to the front, and two of its searches at once would
    write one Sentinel over another.
    """

    _search: "asyncio.Task[tuple[str, int]] | None" = None

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return host and port of the master.

        Raises:
            MasterNotFoundError: If no Sentinel knows one.
        """
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._ask(service_name))
        # Whoever gives up leaves the answer to the others.
        return await asyncio.shield(self._search)

    async def aclose(self) -> None:
        """Close all connections to Sentinels."""
        if self._search is not None:
            self._search.cancel()
            await asyncio.wait([self._search])
        await super().aclose()

    async def _ask(self, service_name: str) -> tuple[str, int]:
        found: tuple[str, int] = await super().discover_master(service_name)
        return found


class MasterPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the master of the moment; more requests than those wait their turn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._last: tuple[str, int] | None = None
        self._looked_s = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """Give out a connection, and see beside it whether there is another master."""
        now_s = monotonic_s()
        if now_s - self._looked_s >= LOOK_S and (self._looking is None or self._looking.done()):
            self._looked_s = now_s
            self._looking = asyncio.create_task(self._look())
        return await super().get_connection()  # type: ignore[no-untyped-call]

    async def _look(self) -> None:
        # Without a Sentinel that answers, the master may be well.
        with suppress(RedisError, OSError, TimeoutError):
            await self.get_master_address()

    async def get_master_address(self) -> tuple[str, int]:
        """Ask who is master, and leave the old one if it is another."""
        found: tuple[str, int] = await super().get_master_address()  # type: ignore[no-untyped-call]
        if found != self._last:
            left, self._last = self._last, found
            if left is not None:
                await self.disconnect()
        return found

    async def stop(self) -> None:
        """Close all connections, and look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self.disconnect()


def find_master(address: Address, **options: Any) -> tuple[Any, Sentinel]:
    """Return a client of a master, and the Sentinels that it asks; nothing is sent yet.

    Args:
        address: Of the Sentinels.
        options: Of the connections and of their pool.
    """
    # Another Sentinel is asked instead of the same one again.
    impatient = {
        "socket_timeout": SENTINEL_TIMEOUT_S,
        "socket_connect_timeout": SENTINEL_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
    }
    sentinels = Sentinels(  # type: ignore[no-untyped-call]
        address.nodes, sentinel_kwargs=impatient | address.sentinel_options
    )
    client = sentinels.master_for(
        address.master,
        connection_pool_class=MasterPool,
        ssl=address.tls,
        **(options | address.options),
    )
    return client, sentinels
