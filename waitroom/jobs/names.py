"""What the jobs keep in RQ's Redis, beside RQ's own keys; and the connection to it."""

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

#: The one queue.
QUEUE = "waitroom"
#: String: when the last sweep of all rooms succeeded, ms since epoch, this host's clock.
LAST_SWEEP = "waitroom:jobs:last_sweep_ms"
#: String that expires: a sweep has just begun, another one would find nothing to do.
SWEEPING = "waitroom:jobs:sweeping"
#: Longest wait for a connection, seconds.
CONNECT_TIMEOUT_S = 2.0


def connect(url: str) -> Redis:
    """Return a connection for RQ, which blocks and speaks the synchronous protocol.

    Two quick retries: longer outages are for the callers, which know when to give up.
    """
    pause = ExponentialWithJitterBackoff(base=0.05, cap=0.5)
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=5.0,
        retry=Retry(pause, 2, supported_errors=(RedisConnectionError, RedisTimeoutError)),
    )
