"""Work in every room, one after the other: a room's failure keeps no other from its turn."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from waitroom.errors import RoomNotFoundError, WaitroomError
from waitroom.room.directory import Directory
from waitroom.room.room import Room

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


async def in_turn(
    directory: Directory, work: Callable[[Room], Awaitable[_T]]
) -> tuple[list[_T], list[WaitroomError]]:
    """Do some work in every room.

    Args:
        directory: All rooms.
        work: What to do.

    Returns:
        What it returned, and the failures, in which the log names the room.

    Raises:
        StoreError: If Redis does not say which rooms there are.
    """
    done: list[_T] = []
    failures: list[WaitroomError] = []
    for name in await directory.names():
        try:
            done.append(await work(await directory.get(name)))
        except RoomNotFoundError:
            # Deleted since its name was read.
            continue
        except WaitroomError as e:
            log.warning("job_failed_in_room", room=name, error=e.code, detail=e.detail)
            failures.append(e)
    return done, failures
