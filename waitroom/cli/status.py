"""`waitroom status` and `waitroom visitors`: what is going on right now."""

from dataclasses import asdict
from typing import Any

import click

from waitroom.cli.common import as_json, console, print_json, print_table, with_rooms
from waitroom.clock import now_ms
from waitroom.config import Config
from waitroom.errors import RoomNotFoundError, StoreError
from waitroom.jobs import JobHealth, job_health
from waitroom.room import Directory, Store, VisitorRow
from waitroom.room.keys import PROCESSES
from waitroom.room.store import store_errors

#: A web process that has not ticked for longer counts as gone, milliseconds.
GONE_AFTER_MS = 5_000


@click.command()
@as_json
def status(json_: bool) -> None:
    """Show rooms, lines, seats, and which processes are alive."""

    async def work(
        config: Config, store: Store, directory: Directory
    ) -> tuple[list[dict[str, Any]], list[str] | None, JobHealth]:
        rows = [await _figures(directory, name) for name in await directory.names()]
        try:
            web = await web_processes(store)
        except StoreError:
            web = None
        return [row for row in rows if row], web, await job_health(config)

    rows, web, jobs = with_rooms(work)
    if json_:
        print_json({"rooms": rows, "web": web, "jobs": asdict(jobs)})
        return
    _print_rooms(rows)
    _print_processes(web, jobs)


@click.command()
@click.argument("room")
@click.option("--start", type=click.IntRange(0), default=0, help="How many to pass over.")
@click.option("--count", type=click.IntRange(1, 1000), default=50, show_default=True)
@as_json
def visitors(room: str, start: int, count: int, json_: bool) -> None:
    """List the line of ROOM: positions and heartbeats."""

    async def work(
        _config: Config, _store: Store, directory: Directory
    ) -> tuple[list[VisitorRow], int]:
        found = await directory.get(room)
        return await found.visitors(start, count), found.settings.heartbeat_ttl_s

    rows, ttl_s = with_rooms(work)
    if json_:
        print_json({"room": room, "visitors": [row._asdict() for row in rows]})
        return
    at_ms = now_ms()
    cells = []
    for row in rows:
        silent_s = max(0, at_ms - row.seen_ms) / 1000
        waited_s = max(0, at_ms - row.place / 1000) / 1000
        stale = "stale" if silent_s > ttl_s else "present"
        cells.append((row.position, row.visitor, f"{waited_s:.0f} s", f"{silent_s:.0f} s", stale))
    print_table(
        f"The line of {room}",
        ("position", "visitor", "since", "last heartbeat", ""),
        cells,
    )


async def web_processes(store: Store) -> list[str]:
    """Return the names of the web processes that have ticked lately, sorted.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        names = await store.redis.zrangebyscore(PROCESSES, now_ms() - GONE_AFTER_MS, "+inf")
    return sorted(name.decode() for name in names)


async def _figures(directory: Directory, name: str) -> dict[str, Any] | None:
    """Return a room in numbers; None when it was deleted since its name was read."""
    try:
        room = await directory.get(name)
        board, figures = await room.board(), await room.figures()
    except RoomNotFoundError:
        return None
    except StoreError:
        # On a Cluster its node may be away, and the other rooms go on.
        return {"room": name, "state": "unreachable"}
    return {
        "room": room.name,
        "title": room.settings.title,
        "state": board.state,
        "waiting": figures.waiting,
        "parked": figures.parked,
        "active": figures.active,
        "unclaimed": figures.unclaimed,
        "total_active_users": room.settings.total_active_users,
        "admitted_per_minute": board.admitted_per_minute,
        "counters": figures.counters,
    }


def _print_rooms(rows: list[dict[str, Any]]) -> None:
    print_table(
        "Rooms",
        ("room", "state", "waiting", "parked", "seats", "admitted per minute"),
        [
            (
                row["room"],
                row["state"],
                row.get("waiting"),
                row.get("parked"),
                f"{row['active']} of {row['total_active_users']}" if "active" in row else None,
                row.get("admitted_per_minute"),
            )
            for row in rows
        ],
    )


def _print_processes(web: list[str] | None, jobs: JobHealth) -> None:
    alive = "not known" if web is None else f"{len(web)}  {' '.join(web)}"
    swept = "never"
    if jobs.last_sweep_ms is not None:
        swept = f"{max(0, now_ms() - jobs.last_sweep_ms) / 1000:.0f} s ago"
    console().print(
        f"\nWeb processes  {alive}\n"
        f"Workers        {jobs.workers}\n"
        f"Clocks         {jobs.clocks}\n"
        f"Last sweep     {swept}\n"
        f"Failed jobs    {jobs.failed}"
    )
