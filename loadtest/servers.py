"""What the servers spend: CPU and memory of our own processes, or as ``/metrics`` says."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import gevent
import psutil

#: Between two readings, seconds.
INTERVAL_S = 2.0
_CPU = re.compile(rb"^process_cpu_seconds_total ([0-9.eE+-]+)$", re.M)
_MEMORY = re.compile(rb"^process_resident_memory_bytes ([0-9.eE+-]+)$", re.M)


@dataclass(frozen=True, slots=True)
class Reading:
    """One process at one moment.

    Attributes:
        at_s: When.
        cpu_s: CPU used since its start.
        bytes: Memory.
    """

    at_s: float
    cpu_s: float
    bytes: float


@dataclass(slots=True)
class Servers:
    """Reads until it is stopped.

    Attributes:
        pids: Gives our own processes, by name; one may be replaced.
        urls: Web processes elsewhere, each with a ``/metrics`` of its own.
        readings: In order, by process.
    """

    pids: Callable[[], Mapping[str, int]]
    urls: Sequence[str] = ()
    readings: dict[str, list[Reading]] = field(default_factory=dict)
    _greenlet: Any = None

    def start(self) -> None:
        """Begin to read."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """End it; what was read stays."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def cores(self, prefix: str, since_s: float, until_s: float) -> float | None:
        """Return how many cores the processes of a name used on average; None = not measured."""
        used = [
            used
            for readings in self._called(prefix)
            for used in [_used(readings, since_s, until_s)]
            if used is not None
        ]
        return sum(used) if used else None

    def most_bytes(self, prefix: str) -> float | None:
        """Return the most memory that one of the processes of a name held; None = unknown."""
        return max(
            (reading.bytes for readings in self._called(prefix) for reading in readings),
            default=None,
        )

    def grown_bytes(self, prefix: str) -> float | None:
        """Return by how much the memory of the processes of a name grew; None = unknown."""
        most = [
            max(reading.bytes for reading in readings) - readings[0].bytes
            for readings in self._called(prefix)
        ]
        return sum(most) if most else None

    def course(self, prefix: str) -> tuple[list[float], list[float]]:
        """Return moments and how many cores the processes of a name used up to each."""
        used: dict[int, float] = {}
        for readings in self._called(prefix):
            for before, after in pairwise(readings):
                cores = (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s)
                at = round(after.at_s / INTERVAL_S)
                used[at] = used.get(at, 0.0) + cores
        return [at * INTERVAL_S for at in sorted(used)], [used[at] for at in sorted(used)]

    def _called(self, prefix: str) -> list[list[Reading]]:
        """Return the readings of each process of a name; there is at least one of each."""
        return [found for name, found in self.readings.items() if name.startswith(prefix)]

    def _run(self) -> None:
        while True:
            for name, pid in self.pids().items():
                found = _of_process(pid)
                if found:
                    self.readings.setdefault(f"{name}:{pid}", []).append(found)
            for number, url in enumerate(self.urls):
                found = _of_metrics(url)
                if found:
                    self.readings.setdefault(f"web{number}", []).append(found)
            gevent.sleep(INTERVAL_S)


def _used(readings: Sequence[Reading], since_s: float, until_s: float) -> float | None:
    inside = [each for each in readings if since_s <= each.at_s <= until_s]
    if len(inside) < 2:
        return None
    first, last = inside[0], inside[-1]
    return (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)


def _of_process(pid: int) -> Reading | None:
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return Reading(time.time(), times.user + times.system, process.memory_info().rss)
    except psutil.Error:
        return None


def _of_metrics(url: str) -> Reading | None:
    try:
        with urlopen(f"{url}/metrics", timeout=5) as answer:
            text = answer.read()
    except (URLError, OSError):
        return None
    cpu, memory = _CPU.search(text), _MEMORY.search(text)
    return Reading(time.time(), float(cpu[1]), float(memory[1])) if cpu and memory else None
