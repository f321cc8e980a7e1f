"""The servers that rooms live on as `waitroom doctor` sees them: one, or a Cluster's masters."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from waitroom.cli.finding import Finding
from waitroom.clock import now_ms
from waitroom.errors import StoreError
from waitroom.room import Store
from waitroom.room.store import store_errors


@dataclass(frozen=True, slots=True)
class Node:
    """One server.

    Attributes:
        address: Host and port; empty when there is only one server.
        target: What redis-py wants to be told in each command for it.
    """

    address: str
    target: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a server says of itself.

    Attributes:
        info: All of ``INFO``.
        ahead_ms: How far its clock is ahead of this host's, milliseconds.
        policy: Its ``maxmemory-policy``; None where it may not be asked, as on hosted Redis.
        save: When it writes snapshots; None likewise.
        full_coverage: Whether a Cluster stops when one master is lost; None likewise.
    """

    info: dict[str, Any]
    ahead_ms: int
    policy: str | None
    save: str | None
    full_coverage: str | None


async def nodes_of(store: Store) -> list[Node]:
    """Return the masters, in order of their address.

    Raises:
        StoreError: If no server says who they are.
    """
    if store.kind != "cluster":
        return [Node("", {})]
    with store_errors():
        await store.redis.initialize()
    found = [Node(node.name, {"target_nodes": node}) for node in store.redis.get_primaries()]
    return sorted(found, key=lambda node: node.address)


async def read_facts(store: Store, node: Node) -> NodeFacts:
    """Ask a server about itself.

    Raises:
        StoreError: If it does not answer.
    """
    with store_errors():
        info: dict[str, Any] = await store.redis.info(**node.target)
        seconds, micros = await store.redis.time(**node.target)
    ahead_ms = seconds * 1000 + micros // 1000 - now_ms()
    policy, save, full = [
        await _setting(store, node, name)
        for name in ("maxmemory-policy", "save", "cluster-require-full-coverage")
    ]
    return NodeFacts(info, ahead_ms, policy, save, full)


async def _setting(store: Store, node: Node, name: str) -> str | None:
    try:
        with store_errors():
            answer: dict[Any, Any] = await store.redis.config_get(name, **node.target)
    except StoreError:
        return None
    for value in answer.values():
        return value.decode() if isinstance(value, bytes) else str(value)
    return None


async def examine_nodes(
    store: Store, judge: Callable[[NodeFacts], Sequence[Finding]]
) -> list[Finding]:
    """Judge every server, and say once what holds for all.

    Args:
        store: Where rooms live.
        judge: Says what to think of one server's facts; always the same checks.

    Raises:
        StoreError: If there is only one server and it does not answer.
    """

    async def one(node: Node) -> list[Finding]:
        try:
            return list(judge(await read_facts(store, node)))
        except StoreError as e:
            if not node.address:
                raise
            mend = "Start it: the rooms that live on it are away, the others go on."
            return [Finding("redis", "error", e.detail, mend)]

    nodes = await nodes_of(store)
    found = await asyncio.gather(*(one(node) for node in nodes))
    return merged([node.address for node in nodes], found)


def merged(addresses: Sequence[str], found: Sequence[Sequence[Finding]]) -> list[Finding]:
    """Put the findings of all servers together: what is well once, the rest by its server.

    Args:
        addresses: Of the servers; empty when there is only one.
        found: What was found on each, in the same order.
    """
    groups: dict[tuple[str, str], list[tuple[str, Finding]]] = {}
    for address, findings in zip(addresses, found, strict=True):
        for each in findings:
            # What is well differs in figures that do not matter.
            kind = each.says if each.level != "ok" else ""
            groups.setdefault((each.check, kind), []).append((address, each))
    order = list(dict.fromkeys(check for check, _ in groups))
    rows = sorted(groups.items(), key=lambda group: order.index(group[0][0]))
    return [_said_once(group, len(addresses)) for _, group in rows]


def _said_once(group: list[tuple[str, Finding]], servers: int) -> Finding:
    first = group[0][1]
    if servers == 1:
        return first
    if first.level == "ok" or len(group) == servers:
        return replace(first, says=f"{first.says} ({len(group)} of {servers} servers)")
    return replace(first, says=f"{', '.join(address for address, _ in group)}: {first.says}")


async def sentinels_found(store: Store) -> list[Finding]:
    """Judge whether enough Sentinels watch the master; nothing where there are none."""
    if store.sentinels is None:
        return []

    async def answers(sentinel: Any) -> bool:
        try:
            with store_errors():
                return bool(await sentinel.ping())
        except StoreError:
            return False

    asked: list[Awaitable[bool]] = [answers(each) for each in store.sentinels.sentinels]
    there = sum(await asyncio.gather(*asked))
    says = f"{there} of {len(asked)} Sentinels answer"
    if there == len(asked):
        return [Finding("sentinel", "ok", says)]
    return [Finding("sentinel", "warning", says, "Start the others: a failover takes a majority.")]
