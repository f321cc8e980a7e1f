"""How the installation does, as conditions: edges, workers, clocks, and Redis's memory."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from waitroom.alerts.readings import over_percent, reading_id, span
from waitroom.alerts.rules import Rule, rule_for
from waitroom.alerts.state import Reading
from waitroom.errors import StoreError
from waitroom.room import Store
from waitroom.room.contacts import contacts
from waitroom.room.store import store_errors

#: With a clock alive, sweeps that ended longer ago mean that the workers do nothing, milliseconds.
STUCK_MS = 300_000


class Jobs(Protocol):
    """What ``jobs.JobHealth`` says; alerts stand below the jobs and do not import them."""

    @property
    def workers(self) -> int:
        """Workers heard of lately."""

    @property
    def clocks(self) -> int:
        """Clocks heard of lately."""

    @property
    def last_sweep_ms(self) -> int | None:
        """When a sweep last succeeded, ms since epoch."""


#: Edges that have no word for the service while nobody visits the site.
ON_DEMAND = ("worker", "proxy")

#: Asks how the jobs do; raises ``StoreError`` when RQ's Redis does not answer.
AskJobs = Callable[[], Awaitable[Jobs]]


async def installation(
    store: Store, ask_jobs: AskJobs, rules: Mapping[str, Rule], told: set[str], now_ms: int
) -> list[Reading]:
    """Return the conditions of the installation.

    Args:
        store: Where the rooms live.
        ask_jobs: Says how the jobs do.
        rules: All rules by id.
        told: Names of the conditions that were told.
        now_ms: Milliseconds since the epoch.

    Returns:
        One reading a condition; those that cannot be known now have no ``met``.

    Raises:
        StoreError: If Redis failed.
    """
    found = [*await _edges(store, rule_for(rules, "edge_silent"), now_ms)]
    found += await _jobs(ask_jobs, now_ms)
    found.append(await _memory(store, rule_for(rules, "redis_memory"), told))
    return found


async def _edges(store: Store, rule: Rule, now_ms: int) -> list[Reading]:
    found = []
    for edge, seen_ms in await contacts(store):
        silent_s = max(0, now_ms - seen_ms) / 1000
        text = f"It was last heard of {span(silent_s)} ago."
        if edge.partition(".")[0] in ON_DEMAND:
            text += " It speaks while visitors come, and not without them."
        name = reading_id("edge_silent", edge)
        met = silent_s >= (rule.limit or 0)
        found.append(Reading(name, "edge_silent", None, edge, round(silent_s), met, text))
    return found


async def _jobs(ask_jobs: AskJobs, now_ms: int) -> list[Reading]:
    try:
        jobs = await ask_jobs()
    except StoreError as e:
        # Nobody can do jobs then: that is what the owner has to know.
        return [
            Reading("worker_silent", "worker_silent", None, None, None, True, f"{e.detail} (RQ)"),
            Reading("clock_silent", "clock_silent", None, None, None, None, e.detail),
        ]
    swept_ms = jobs.last_sweep_ms
    stuck = bool(jobs.clocks and swept_ms is not None and now_ms - swept_ms > STUCK_MS)
    text = "No worker was heard of for 30 s."
    if jobs.workers and stuck:
        text = f"{jobs.workers} heard of, but nothing was swept for {STUCK_MS // 60_000} min."
    silent = not jobs.workers or stuck
    clocks = "No clock was heard of for 30 s."
    return [
        Reading("worker_silent", "worker_silent", None, None, None, silent, text),
        Reading("clock_silent", "clock_silent", None, None, None, not jobs.clocks, clocks),
    ]


async def _memory(store: Store, rule: Rule, told: set[str]) -> Reading:
    percent, text = 0, "Redis does not say what it uses."
    try:
        infos = await _infos(store)
    except StoreError:
        # Some hosts of Redis do not let anybody ask; the other conditions go on.
        return Reading("redis_memory", "redis_memory", None, None, None, None, text)
    for info in infos:
        used = int(info.get("used_memory", 0))
        # Without a limit of its own, Redis may use what the machine has.
        limit = int(info.get("maxmemory", 0)) or int(info.get("total_system_memory", 0))
        share = round(100 * used / limit) if limit else 0
        if share >= percent:
            percent = share
            text = f"{used / 1e6:,.0f} of {limit / 1e6:,.0f} MB are used ({share} %)."
    return over_percent(
        "redis_memory", "redis_memory", percent, rule, told="redis_memory" in told, text=text
    )


async def _infos(store: Store) -> list[dict[str, Any]]:
    """Return what each node says of its memory; a node of a Cluster that is away says nothing."""
    if store.kind != "cluster":
        with store_errors():
            return [await store.redis.info("memory")]
    found = []
    with store_errors():
        await store.redis.initialize()
        for node in store.redis.get_primaries():
            try:
                with store_errors():
                    found.append(await store.redis.info("memory", target_nodes=node))
            except StoreError:
                continue
    return found
