"""What Prometheus reads from a web process.

Labels are bounded: room names come from the owner and stop at ``MAX_ROOMS``; error codes are our
own list. Figures of rooms are read from Redis when asked, so every process gives the same ones.
"""

from collections.abc import Iterator, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from waitroom.room import COUNTERS, Figures

#: Rooms beyond this many are left out of the metrics.
MAX_ROOMS = 200
_LATENCIES_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """One process's gauges, and a page of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._tick = Histogram(
            "waitroom_tick_seconds",
            "Time of one round over all rooms.",
            buckets=_LATENCIES_S,
            registry=self.registry,
        )
        self._redis = Histogram(
            "waitroom_redis_seconds",
            "Time of one PING to Redis, measured at each scrape.",
            buckets=_LATENCIES_S,
            registry=self.registry,
        )
        self._errors = Counter(
            "waitroom_errors",
            "Errors answered or met, by code.",
            ["code"],
            registry=self.registry,
        )
        self._sockets = Gauge(
            "waitroom_sockets", "Open Socket.IO connections here.", registry=self.registry
        )
        self._jobs_failed = Gauge(
            "waitroom_jobs_failed", "RQ jobs in the failed registry.", registry=self.registry
        )
        self._jobs_queued = Gauge(
            "waitroom_jobs_queued", "RQ jobs waiting for a worker.", registry=self.registry
        )
        self._rooms = _RoomCollector()
        self.registry.register(self._rooms)

    def tick(self, seconds: float) -> None:
        """Note how long a tick took."""
        self._tick.observe(seconds)

    def error(self, code: str) -> None:
        """Count an error by its code."""
        self._errors.labels(code).inc()

    def redis(self, seconds: float) -> None:
        """Note how long Redis took to answer."""
        self._redis.observe(seconds)

    def page(
        self, rooms: Sequence[tuple[str, Figures]], *, sockets: int, failed: int, queued: int
    ) -> bytes:
        """Return all metrics in Prometheus' text format.

        Args:
            rooms: Names and figures of the rooms.
            sockets: Open connections of this process.
            failed: Jobs that failed.
            queued: Jobs that wait.
        """
        self._rooms.rooms = rooms[:MAX_ROOMS]
        self._sockets.set(sockets)
        self._jobs_failed.set(failed)
        self._jobs_queued.set(queued)
        return generate_latest(self.registry)


class _RoomCollector(Collector):
    """Turns the rooms' figures into metrics at each scrape."""

    def __init__(self) -> None:
        self.rooms: Sequence[tuple[str, Figures]] = ()

    def collect(self) -> Iterator[Metric]:
        for name, text in (
            ("waiting", "Visitors in the line."),
            ("parked", "Visitors who fell silent and keep their place."),
            ("active", "Unexpired seats."),
            ("unclaimed", "Seats not used yet."),
        ):
            gauge = GaugeMetricFamily(f"waitroom_{name}", text, labels=["room"])
            for room, figures in self.rooms:
                gauge.add_metric([room], getattr(figures, name))
            yield gauge
        for name in COUNTERS:
            total = CounterMetricFamily(
                # "parked" is a gauge as well; the total of all parkings has a name of its own.
                f"waitroom_{'parkings' if name == 'parked' else name}",
                f"Total of {name.replace('_', ' ')} since the room was made.",
                labels=["room"],
            )
            for room, figures in self.rooms:
                total.add_metric([room], figures.counters[name])
            yield total
