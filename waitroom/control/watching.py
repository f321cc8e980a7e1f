"""Rooms in numbers: at this moment, minute by minute, day by day; and how the installation does."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from waitroom import clock
from waitroom.accounts.who import Who
from waitroom.config import Config
from waitroom.control.views import Contact, Health, RoomFigures
from waitroom.errors import ConfigError, RoomNotFoundError, StoreError
from waitroom.jobs.health import JobHealth, job_health
from waitroom.room import Directory, Room, Store
from waitroom.room.contacts import contacts
from waitroom.room.keys import PROCESSES
from waitroom.room.store import store_errors
from waitroom.room.visitors import count_present

#: A web process that has not ticked for longer counts as gone, milliseconds.
WEB_GONE_MS = 5_000
#: An edge that has not asked for longer counts as gone, milliseconds; they ask every 2 s.
EDGE_GONE_MS = 15_000

_T = TypeVar("_T")


async def figures(store: Store, room: Room) -> RoomFigures:
    """Return a room in numbers; see ``Control.figures``.

    Raises:
        StoreError: If Redis failed.
    """
    board, found = await room.board(), await room.figures()
    silence_ms = board.at_ms - room.settings.heartbeat_ttl_s * 1000
    present = min(found.waiting, await count_present(store, room.keys, silence_ms))
    wait = (0, 0) if board.state == "open" else board.wait_s(found.waiting + 1)
    if board.state == "draining":
        # Of who comes now: refused.
        wait = None
    return RoomFigures(
        room=room.name,
        title=room.settings.title,
        state=board.state,
        at_ms=board.at_ms,
        waiting=found.waiting,
        present=present,
        stale=found.waiting - present,
        parked=found.parked,
        active=found.active,
        unclaimed=found.unclaimed,
        total_active_users=room.settings.total_active_users,
        admitted_per_minute=board.admitted_per_minute,
        target_per_minute=room.settings.new_users_per_minute,
        wait_low_s=wait[0] if wait else None,
        wait_high_s=wait[1] if wait else None,
        counters=found.counters,
    )


async def all_figures(store: Store, directory: Directory, who: Who) -> list[RoomFigures]:
    """Return all rooms in numbers; see ``Control.all_figures``.

    Raises:
        StoreError: If Redis does not even tell the rooms' names.
    """
    names = [name for name in await directory.names() if who.sees(name)]
    found = await asyncio.gather(*(_figures_or_not(store, directory, name) for name in names))
    return [each for each in found if each is not None]


async def health(store: Store, config: Config) -> Health:
    """Return how processes, Redis and edges do; see ``Control.health``."""
    now_ms = clock.now_ms()
    began_s = clock.monotonic_s()
    answered = await _or_none(_ping(store))
    redis_ms = round((clock.monotonic_s() - began_s) * 1000, 3)
    memory = await _or_none(_memory(store)) if answered else None
    web = await _or_none(_processes(store, now_ms)) if answered else None
    edges = await _or_none(contacts(store)) if answered else None
    jobs: JobHealth | None = await _or_none(job_health(config))
    return Health(
        at_ms=now_ms,
        redis_ok=bool(answered),
        redis_ms=redis_ms if answered else None,
        memory_used=memory[0] if memory else None,
        memory_max=memory[1] if memory else None,
        web=web or [],
        edges=[
            Contact(name, last_ms, now_ms - last_ms < EDGE_GONE_MS) for name, last_ms in edges or []
        ],
        workers=jobs.workers if jobs else None,
        clocks=jobs.clocks if jobs else None,
        last_sweep_ms=jobs.last_sweep_ms if jobs else None,
        failed=jobs.failed if jobs else None,
        queued=jobs.queued if jobs else None,
    )


async def _figures_or_not(store: Store, directory: Directory, name: str) -> RoomFigures | None:
    try:
        return await figures(store, await directory.get(name))
    except RoomNotFoundError:
        # Deleted since its name was read.
        return None
    except StoreError:
        # On a Cluster its node may be away, and the other rooms go on.
        return RoomFigures(name, "", "unreachable", clock.now_ms())


async def _or_none(asked: Awaitable[_T]) -> _T | None:
    try:
        return await asked
    except (StoreError, ConfigError):
        return None


async def _ping(store: Store) -> bool:
    with store_errors():
        await store.redis.ping()
    return True


async def _memory(store: Store) -> tuple[int | None, int | None]:
    if store.kind == "cluster":
        # Each node has its own; the doctor looks at them.
        return None, None
    with store_errors():
        found = await store.redis.info("memory")
    return found.get("used_memory"), found.get("maxmemory") or None


async def _processes(store: Store, now_ms: int) -> list[Contact]:
    with store_errors():
        found = await store.redis.zrange(PROCESSES, 0, 999, withscores=True)
    return [
        Contact(name.decode(), int(at_ms), now_ms - at_ms < WEB_GONE_MS) for name, at_ms in found
    ]
