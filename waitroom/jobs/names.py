"""What the jobs keep in RQ's Redis, beside RQ's own keys; and the connection to it."""

from typing import Any

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import (
    Sentinel,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from waitroom.addresses import Address, read_address
from waitroom.errors import ConfigError

#: The queue of all that keeps the rooms well: short jobs that wait for Redis only.
QUEUE = "waitroom"
#: The queue of deliveries of alerts.
ALERTS_QUEUE = "waitroom-alerts"
#: The queue of work at reports.
REPORTS_QUEUE = "waitroom-reports"
#: What waits for mail servers and webhooks, or takes long; those who do it do nothing else.
SLOW_QUEUES = (ALERTS_QUEUE, REPORTS_QUEUE)
#: String: when the last sweep of all rooms succeeded, ms since epoch, this host's clock.
LAST_SWEEP = "waitroom:jobs:last_sweep_ms"
#: String that expires: a sweep has just begun, another one would find nothing to do.
SWEEPING = "waitroom:jobs:sweeping"
#: String that expires: the clock that enqueues, of several (see `lease`).
CLOCK = "waitroom:jobs:clock"
#: Longest wait for a connection, seconds.
CONNECT_TIMEOUT_S = 2.0
#: Longest wait for a Sentinel, seconds; the next one is asked then.
SENTINEL_TIMEOUT_S = 0.5


def connect(url: str) -> Redis:
    """Return a connection for RQ, which blocks and speaks the synchronous protocol.

    Two quick retries: longer outages are for the callers, which know when to give up.

    Args:
        url: A server, or a master that Sentinels watch.

    Raises:
        ConfigError: If the address cannot be right.
    """
    address = read_address(url)
    options = {
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": 5.0,
        "retry": Retry(
            ExponentialWithJitterBackoff(base=0.05, cap=0.5),
            2,
            supported_errors=(RedisConnectionError, RedisTimeoutError),
        ),
    }
    if address.kind == "server":
        return Redis.from_url(url, **options)
    if address.kind == "cluster":
        raise ConfigError("RQ's queues cannot live on a Cluster: set WAITROOM_RQ_REDIS_URL.")
    return _master(address, options)


class _Whole(SentinelManagedConnection):
    """A connection that is closed when a signal breaks into an answer.

    redis-py closes every other kind then. On this one the worker's last words would wait behind
    the question that it was stopped in, for up to 15 s.
    """

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read an answer wholly or not at all."""
        return super().read_response(*args, **{"disconnect_on_error": True} | kwargs)


class _WholeTLS(_Whole, SentinelManagedSSLConnection):
    """The same, in TLS."""


def _master(address: Address, options: dict[str, Any]) -> Redis:
    # Another Sentinel is asked instead of the same one again.
    impatient = {
        "socket_connect_timeout": SENTINEL_TIMEOUT_S,
        "socket_timeout": SENTINEL_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
    }
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        address.nodes,
        sentinel_kwargs=impatient | address.sentinel_options,
        **(options | address.options),
    )
    found: Redis = sentinels.master_for(  # type: ignore[no-untyped-call]
        address.master, connection_class=_WholeTLS if address.tls else _Whole
    )
    return found
