"""How the installation does, in the few rows that a room page shows."""

from dataclasses import dataclass
from typing import Literal

from waitroom.control.views import Health
from waitroom.control.words import ago

#: A worker that has not swept for longer is late, milliseconds.
SWEEP_LATE_MS = 30_000
#: Most edges listed one by one.
MAX_EDGES = 8
_MEGA = 1_048_576


@dataclass(frozen=True, slots=True)
class Row:
    """One part of the installation.

    Attributes:
        name: What it is.
        state: How it does.
        text: The same in words.
    """

    name: str
    state: Literal["good", "busy", "bad"]
    text: str


def health_rows(health: Health) -> list[Row]:
    """Return all parts of the installation, what visitors depend on first."""
    return [
        _redis(health),
        _web(health),
        _worker(health),
        _clock(health),
        *_memory(health),
        *_failed(health),
        *_edges(health),
    ]


def _redis(health: Health) -> Row:
    if not health.redis_ok:
        return Row("Redis", "bad", "does not answer")
    answered_ms = health.redis_ms or 0.0
    return Row("Redis", "busy" if answered_ms > 50 else "good", f"answers in {answered_ms:.1f} ms")


def _web(health: Health) -> Row:
    alive = sum(each.ok for each in health.web)
    if not alive:
        return Row("Web processes", "bad", "not known" if not health.redis_ok else "none")
    return Row("Web processes", "good", f"{alive} alive")


def _worker(health: Health) -> Row:
    if health.workers is None:
        return Row("Worker", "bad", "not known")
    if not health.workers:
        return Row("Worker", "bad", "silent")
    if health.last_sweep_ms is None:
        return Row("Worker", "busy", "has not swept yet")
    silent_ms = max(0, health.at_ms - health.last_sweep_ms)
    state: Literal["good", "busy"] = "busy" if silent_ms > SWEEP_LATE_MS else "good"
    return Row("Worker", state, f"swept {ago(silent_ms / 1000)}")


def _clock(health: Health) -> Row:
    if health.clocks is None:
        return Row("Clock", "bad", "not known")
    return Row("Clock", "good", "runs") if health.clocks else Row("Clock", "bad", "silent")


def _memory(health: Health) -> list[Row]:
    if not health.memory_used or not health.memory_max:
        return []
    share = health.memory_used / health.memory_max
    state: Literal["good", "busy", "bad"] = (
        "bad" if share > 0.9 else "busy" if share > 0.75 else "good"
    )
    used = f"{health.memory_used / _MEGA:,.0f} of {health.memory_max / _MEGA:,.0f} MB"
    return [Row("Redis memory", state, used)]


def _failed(health: Health) -> list[Row]:
    if not health.failed:
        return []
    return [Row("Background work", "busy", f"{health.failed} failed within a day")]


def _edges(health: Health) -> list[Row]:
    rows = []
    for edge in health.edges[:MAX_EDGES]:
        since = "never heard of"
        if edge.last_ms is not None:
            since = f"heard {ago(max(0, health.at_ms - edge.last_ms) / 1000)}"
        rows.append(Row(f"Edge {edge.name}", "good" if edge.ok else "bad", since))
    if len(health.edges) > MAX_EDGES:
        rest = health.edges[MAX_EDGES:]
        lost = sum(not edge.ok for edge in rest)
        text = f"{lost} not heard of" if lost else "all heard of"
        rows.append(Row(f"{len(rest)} more edges", "bad" if lost else "good", text))
    return rows or [Row("Edges", "busy", "none has asked yet")]
