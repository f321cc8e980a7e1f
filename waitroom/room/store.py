"""The connection to Redis, and the one place where its failures become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from waitroom.errors import StoreError

#: Longest wait for an answer, seconds; a visitor's request should not hang longer.
TIMEOUT_S = 2.0
#: Most connections of one process; more requests than that wait their turn.
MAX_CONNECTIONS = 64


class Store:
    """Redis, with errors of our own.

    Args:
        redis: A client that answers in bytes.
    """

    def __init__(self, redis: Redis) -> None:
        #: Untyped on purpose: redis-py's types allow text or bytes everywhere, ours are bytes.
        self.redis: Any = redis

    @classmethod
    def connect(cls, url: str) -> "Store":
        """Return a store for an address; nothing is sent yet.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``.
        """
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
        )
        return cls(Redis(connection_pool=pool))

    async def close(self) -> None:
        """Close all connections."""
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what Redis or the network raises inside into a StoreError."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as e:
        # The text may name an address with a password in it; the kind of error never does.
        raise StoreError(f"Redis did not answer ({type(e).__name__}).") from e
