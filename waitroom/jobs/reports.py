"""The job that looks after reports: a slice of a few seconds of work, then others have their turn.

A worker does such jobs one after the other. A report of a million visits takes the better part of a
minute, so it is made in slices: an alert waits for one slice at most, and a worker that is stopped
in one loses that slice.
"""

import asyncio

import structlog

from waitroom.clock import monotonic_s
from waitroom.config import Config, load_config
from waitroom.embedded import redis_url
from waitroom.errors import RoomNotFoundError, WaitroomError
from waitroom.reports import Reports
from waitroom.room import Directory, Store

#: How long one job works at reports, seconds: less than the worker has to end when it is told.
SLICE_S = 2.5

log = structlog.get_logger(__name__)


def reports() -> None:
    """Close rooms whose time is up, bring reports forward, mail them, delete what is to go.

    Raises:
        WaitroomError: If that failed in a room; the others had their turn. Asking again is safe.
    """
    asyncio.run(_reports(load_config()))


async def _reports(config: Config) -> None:
    store = Store.connect(redis_url(config))
    until_s = monotonic_s() + SLICE_S
    failures: list[WaitroomError] = []
    try:
        directory, found = Directory(store), Reports(store, config)
        for name in await directory.names():
            try:
                left_s = max(0.0, until_s - monotonic_s())
                await found.tend(await directory.get(name), left_s)
            except RoomNotFoundError:
                # Deleted since its name was read.
                continue
            except WaitroomError as e:
                log.warning("job_failed_in_room", room=name, error=e.code, detail=e.detail)
                failures.append(e)
    finally:
        await store.close()
    if failures:
        raise failures[0]
