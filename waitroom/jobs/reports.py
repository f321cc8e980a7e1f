"""The job that looks after reports: a slice of a few seconds of work, then others have their turn.

A worker does such jobs one after the other. A report of a million visits takes the better part of a
minute, so it is made in slices: an alert waits for one slice at most, and a worker that is stopped
in one loses that slice.
"""

import asyncio

from waitroom.clock import monotonic_s
from waitroom.config import Config, load_config
from waitroom.embedded import redis_url
from waitroom.reports import Reports
from waitroom.room import Directory, Store
from waitroom.room.turns import in_turn

#: How long one job works at reports, seconds: less than the worker has to end when it is told.
SLICE_S = 2.5


def reports() -> None:
    """Close rooms whose time is up, bring reports forward, mail them, delete what is to go.

    Raises:
        WaitroomError: If that failed in a room; the others had their turn. Asking again is safe.
    """
    asyncio.run(_reports(load_config()))


async def _reports(config: Config) -> None:
    store = Store.connect(redis_url(config))
    until_s = monotonic_s() + SLICE_S
    found = Reports(store, config)
    try:
        _, failures = await in_turn(
            Directory(store), lambda room: found.tend(room, max(0.0, until_s - monotonic_s()))
        )
    finally:
        await store.close()
    if failures:
        raise failures[0]
