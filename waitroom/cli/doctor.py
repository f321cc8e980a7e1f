"""`waitroom doctor`: looks at what usually goes wrong, and says how to mend what it finds."""

import re
from dataclasses import asdict
from typing import Any

import click

from waitroom.cli.common import as_json, console, print_json, with_rooms
from waitroom.cli.finding import Finding
from waitroom.cli.nodes import NodeFacts, examine_nodes, sentinels_found
from waitroom.cli.status import web_processes
from waitroom.clock import now_ms
from waitroom.config import Config, load_config
from waitroom.embedded import redis_url
from waitroom.errors import ConfigError, StoreError, WaitroomError
from waitroom.jobs import JobHealth, job_health
from waitroom.keyring import with_secrets
from waitroom.room import Directory, Store
from waitroom.tokens import CLOCK_SKEW_MS

#: Oldest servers that work: scripts need Redis 7's functions; Valkey starts at 7.2.
OLDEST = {"Redis": (7, 0), "Valkey": (7, 2)}
#: A clock that differs by more gets a warning, milliseconds.
CLOCK_WARNING_MS = 1_000
#: A sweep older than this is overdue, milliseconds.
SWEEP_OVERDUE_MS = 60_000


@click.command()
@as_json
def doctor(json_: bool) -> int:
    """Check Redis, clocks, persistence, secrets and processes; exit with 1 if one is broken."""
    findings = examine(load_config())
    if json_:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        _print(findings)
    return int(any(finding.level == "error" for finding in findings))


def examine(config: Config) -> list[Finding]:
    """Return all findings; when Redis cannot be reached, those that need none.

    Args:
        config: The installation.
    """
    findings = [secrets_found(config)]
    try:
        redis_url(config)
        return findings + with_rooms(_examine_redis)
    except WaitroomError as e:
        mend = "Start `waitroom up`, or set WAITROOM_REDIS_URL to a server that runs."
        return [*findings, Finding("redis", "error", e.detail, mend)]


async def _examine_redis(config: Config, store: Store, _directory: Directory) -> list[Finding]:
    findings = await examine_nodes(store, _judge)
    findings += await sentinels_found(store)
    try:
        findings.append(processes_found(await web_processes(store)))
    except StoreError as e:
        findings.append(Finding("web", "error", f"Not known: {e.detail}", "See the above."))
    try:
        return findings + jobs_found(await job_health(config))
    except StoreError as e:
        return [*findings, Finding("jobs", "error", e.detail, "Start the Redis of the jobs.")]


def _judge(facts: NodeFacts) -> list[Finding]:
    found = [
        version_found(facts.info),
        clock_found(facts.ahead_ms),
        persistence_found(facts.info, facts.save),
        policy_found(facts.policy),
    ]
    if int(facts.info.get("cluster_enabled", 0)):
        found.append(coverage_found(facts.full_coverage))
    return found


def secrets_found(config: Config) -> Finding:
    """Judge the signing keys and the edges' token."""
    try:
        found = with_secrets(config, create=False)
    except ConfigError as e:
        mend = "Set WAITROOM_SECRET_KEYS and WAITROOM_EDGE_TOKEN (openssl rand -hex 32)."
        return Finding("secrets", "error", e.detail, mend)
    keys = found.signing_keys()
    if len(set(keys)) < len(keys):
        return Finding("secrets", "warning", "A signing key is listed twice.", "Remove one.")
    return Finding("secrets", "ok", f"{len(keys)} signing key(s), shortest {min(map(len, keys))}")


def version_found(info: dict[str, Any]) -> Finding:
    """Judge the server's kind and version, as ``INFO`` tells them."""
    valkey = info.get("server_name") == "valkey" or "valkey_version" in info
    name = "Valkey" if valkey else "Redis"
    text = str(info.get("valkey_version" if valkey else "redis_version", "0"))
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    oldest = OLDEST[name]
    if numbers >= oldest:
        return Finding("redis", "ok", f"{name} {text}")
    wanted = ".".join(map(str, oldest))
    return Finding("redis", "error", f"{name} {text} is too old.", f"Upgrade to {wanted} or newer.")


def clock_found(difference_ms: int) -> Finding:
    """Judge how far Redis's clock is ahead of this host's, milliseconds."""
    says = f"Redis's clock and this host's differ by {abs(difference_ms)} ms"
    mend = "Let both hosts take the time from NTP, as with chrony."
    if abs(difference_ms) >= CLOCK_SKEW_MS:
        return Finding("time", "error", f"{says}; passes are refused or last too long.", mend)
    if abs(difference_ms) >= CLOCK_WARNING_MS:
        return Finding("time", "warning", f"{says}.", mend)
    return Finding("time", "ok", says)


def persistence_found(info: dict[str, Any], save: str | None) -> Finding:
    """Judge whether a restart of Redis loses the line."""
    if int(info.get("aof_enabled", 0)):
        if info.get("aof_last_write_status", "ok") != "ok":
            return Finding(
                "persistence", "error", "The append-only file cannot be written.", "Free the disk."
            )
        return Finding("persistence", "ok", "append-only file")
    mend = "Set `appendonly yes` and `appendfsync everysec` on the server."
    if save:
        return Finding("persistence", "warning", "Snapshots only: a crash loses minutes.", mend)
    says = "Nothing is kept: after a restart all places come back from the visitors' tickets."
    return Finding("persistence", "warning", says, mend)


def policy_found(policy: str | None) -> Finding:
    """Judge what Redis does when its memory is full."""
    if policy is None:
        return Finding(
            "memory",
            "warning",
            "This server does not tell its maxmemory-policy.",
            "See that it is noeviction.",
        )
    if policy == "noeviction":
        return Finding("memory", "ok", "maxmemory-policy noeviction")
    return Finding(
        "memory",
        "error",
        f"maxmemory-policy is {policy}: a full Redis would drop whole lines.",
        "Set `maxmemory-policy noeviction` on the server.",
    )


def coverage_found(full_coverage: str | None) -> Finding:
    """Judge whether one lost master of a Cluster stops the rooms of all."""
    if full_coverage == "no":
        return Finding("cluster", "ok", "one lost master stops its own rooms only")
    says = "One lost master stops the rooms of all."
    mend = "Set `cluster-require-full-coverage no` on every server."
    return Finding("cluster", "warning", says, mend)


def processes_found(web: list[str]) -> Finding:
    """Judge whether somebody serves visitors and admits them."""
    if web:
        return Finding("web", "ok", f"{len(web)} web process(es)")
    mend = "Start `waitroom web`, or `waitroom up`."
    return Finding("web", "error", "No web process is alive: nobody is admitted.", mend)


def jobs_found(jobs: JobHealth) -> list[Finding]:
    """Judge the worker, the clock, the last sweep and failed jobs."""
    findings = [
        _alive("worker", jobs.workers, "expired entries stay in Redis"),
        _alive("clock", jobs.clocks, "nothing is swept, no history is written"),
    ]
    if jobs.failed:
        mend = "Look into the worker's log; a failure is counted for one day."
        findings.append(Finding("jobs", "warning", f"{jobs.failed} job(s) failed.", mend))
    if jobs.last_sweep_ms is None or now_ms() - jobs.last_sweep_ms > SWEEP_OVERDUE_MS:
        findings.append(
            Finding(
                "sweep", "warning", "No sweep has succeeded in the last minute.", "See the above."
            )
        )
    return findings


def _alive(name: str, count: int, harm: str) -> Finding:
    if count:
        return Finding(name, "ok", f"{count} alive")
    mend = f"Start `waitroom {name}`, or `waitroom up`."
    return Finding(name, "error", f"No {name} is alive: {harm}.", mend)


def _print(findings: list[Finding]) -> None:
    marks = {"ok": "✓", "warning": "!", "error": "✗"}
    colours = {"ok": "green", "warning": "yellow", "error": "red"}
    out = console()
    for finding in findings:
        out.print(marks[finding.level], end=" ", style=colours[finding.level])
        out.print(f"{finding.check:<12} {finding.says}")
        if finding.mend:
            out.print(f"  {'':<12} {finding.mend}", style="dim")
