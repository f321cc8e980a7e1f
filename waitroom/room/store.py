"""The connection to Redis, and the one place where its failures become ours.

Redis is one server, a Cluster, or a master that Sentinels name; what is sent is the same. All of
a room is on one node, so each room has one clock: that node's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import (
    MovedError,
    OutOfMemoryError,
    RedisClusterException,
    RedisError,
)

from waitroom.addresses import Address, Kind, read_address
from waitroom.errors import ConfigError, StoreError
from waitroom.room.cluster import Cluster
from waitroom.room.sentinel import find_master

#: Longest wait for an answer, seconds; a visitor's request should not hang longer.
TIMEOUT_S = 2.0
#: Most connections of one process to one server; more requests than that wait their turn.
MAX_CONNECTIONS = 64

SOCKETS = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}


class Store:
    """Redis, with errors of our own.

    Args:
        redis: A client that answers in bytes.
        kind: What it talks to.
        sentinels: What finds the master, when Sentinels do.
    """

    def __init__(
        self, redis: Any, *, kind: Kind = "server", sentinels: Sentinel | None = None
    ) -> None:
        #: Untyped on purpose: redis-py's types allow text or bytes everywhere, ours are bytes.
        self.redis: Any = redis
        self.kind = kind
        #: What finds the master; None when the address names servers.
        self.sentinels = sentinels

    @classmethod
    def connect(cls, url: str) -> "Store":
        """Return a store for an address; nothing is sent yet.

        Args:
            url: See ``addresses.read_address``.

        Raises:
            ConfigError: If the address cannot be right; no part of it is in the message.
        """
        try:
            address = read_address(url)
            return _CONNECT[address.kind](address, url)
        except ConfigError as e:
            raise ConfigError(f"The address of Redis {e.detail}.") from None

    async def time_ms(self, key: str) -> int:
        """Return the clock that a key lives by, milliseconds since the epoch.

        Args:
            key: Any key of the room meant.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            if self.kind == "cluster":
                seconds, micros = await self.redis.time_of(key)
            else:
                seconds, micros = await self.redis.time()
        return int(seconds * 1000 + micros // 1000)

    async def close(self) -> None:
        """Close all connections."""
        if self.kind == "cluster":
            await self.redis.close_all()
            return
        await self.redis.aclose()
        if self.sentinels is None:
            await self.redis.connection_pool.disconnect()
        else:
            await self.redis.connection_pool.stop()
            await self.sentinels.aclose()


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what Redis or the network raises inside into a StoreError."""
    try:
        yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as e:
        raise StoreError(_said(e)) from e


def _said(error: Exception) -> str:
    if isinstance(error, OutOfMemoryError):
        return "Redis is full (maxmemory is reached): nothing was changed. Give it more memory."
    if isinstance(error, MovedError):
        return "This Redis is one of a Cluster: its address starts with redis+cluster://."
    if isinstance(error, RedisClusterException) and "mode is not enabled" in str(error):
        return "This Redis is no Cluster: its address starts with redis://."
    kind = (
        type(error.__cause__ or error) if isinstance(error, RedisClusterException) else type(error)
    )
    # The text may name an address with a password in it; the kind of error never does.
    return f"Redis did not answer ({kind.__name__})."


def _server(_address: Address, url: str) -> Store:
    pool = BlockingConnectionPool.from_url(
        url, max_connections=MAX_CONNECTIONS, timeout=TIMEOUT_S, **SOCKETS
    )
    _check_options(pool)
    return Store(Redis(connection_pool=pool))


def _cluster(address: Address, _url: str) -> Store:
    options = SOCKETS | address.options
    try:
        redis = Cluster(
            address.nodes,
            ssl=address.tls,
            max_connections=MAX_CONNECTIONS,
            patience_s=TIMEOUT_S,
            options=options,
        )
    except TypeError as e:
        raise _unknown_option(e) from None
    return Store(redis, kind="cluster")


def _sentinel(address: Address, _url: str) -> Store:
    try:
        redis, sentinels = find_master(
            address, max_connections=MAX_CONNECTIONS, timeout=TIMEOUT_S, **SOCKETS
        )
        _check_options(redis.connection_pool)
    except TypeError as e:
        raise _unknown_option(e) from None
    return Store(redis, kind="sentinel", sentinels=sentinels)


_CONNECT = {"server": _server, "cluster": _cluster, "sentinel": _sentinel}


def _check_options(pool: Any) -> None:
    try:
        pool.make_connection()
    except TypeError as e:
        raise _unknown_option(e) from None


def _unknown_option(error: TypeError) -> ConfigError:
    # "... got an unexpected keyword argument 'nme'": a name, never a value.
    name = str(error).rpartition("unexpected keyword argument ")[2]
    return ConfigError(f"has an unknown option {name}")
