"""Rooms and their settings: who may see and change what, and edits that meet each other."""

from typing import Any

import structlog

from waitroom.accounts.who import Who
from waitroom.control.meanings import OPERATORS
from waitroom.control.trail import is_setting
from waitroom.control.views import RoomView
from waitroom.edits import conflict, newer
from waitroom.errors import RoomNotFoundError, SettingError
from waitroom.room import Directory, Keys, Room, RoomSettings
from waitroom.room.hand import TRAIL_ID, Hand, TrailRow
from waitroom.room.settings import room_name

log = structlog.get_logger(__name__)


async def visible(directory: Directory, hand: Hand, who: Who) -> list[RoomView]:
    """Return the rooms that somebody may see, sorted by name."""
    who.require("viewer")
    found = []
    for name in await directory.names():
        if who.sees(name):
            try:
                found.append(await one(directory, hand, who, name))
            except RoomNotFoundError:
                # Deleted since its name was read.
                continue
    return found


async def one(directory: Directory, hand: Hand, who: Who, name: str) -> RoomView:
    """Return one room."""
    room, version = await _read(directory, hand, who, name)
    return _view(who, room, version)


async def existing(directory: Directory, who: Who, role: Any, name: str) -> Room:
    """Return a room in which somebody has a role; Redis is not asked for what no room is called.

    Raises:
        ForbiddenError: If they have it not.
        RoomNotFoundError: If there is none.
        StoreError: If Redis failed.
    """
    who.require(role, name)
    try:
        room_name(name)
    except SettingError:
        raise RoomNotFoundError(name) from None
    return await directory.get(name)


async def create(
    directory: Directory, hand: Hand, who: Who, name: str, changes: dict[str, Any]
) -> RoomView:
    """Make a room; see ``Control.create``."""
    who.require("owner", room_name(name))
    room = await directory.create(name, changes, who=str(who))
    return _view(who, room, await hand.version(room.keys))


async def allowed(directory: Directory, who: Who, name: str, changes: dict[str, Any]) -> Room:
    """Return a room in which somebody may change what they want to.

    Raises:
        ForbiddenError: If they may not.
        RoomNotFoundError: If there is none.
        StoreError: If Redis failed.
    """
    operators = set(changes) <= OPERATORS
    return await existing(directory, who, "operator" if operators else "owner", name)


async def change(
    directory: Directory,
    hand: Hand,
    who: Who,
    name: str,
    changes: dict[str, Any],
    *,
    seen: dict[str, Any],
    version: str | None,
) -> RoomView:
    """Change some settings; see ``Control.change``."""
    before = await allowed(directory, who, name, changes)
    # Read first: a change in between is found in the trail.
    settings = before.settings
    if version is not None:
        await _refuse_newer(hand, before, version)
    meanwhile: list[tuple[str, Any]] = []

    def check(now: RoomSettings) -> None:
        meanwhile[:] = _differences(now, seen, changes)
        if version is not None and now != settings:
            meanwhile.extend(_differences(now, settings.model_dump(mode="json"), {}))
        if meanwhile:
            raise _MeanwhileError

    try:
        await directory.update(name, changes, who=str(who), check=check)
    except _MeanwhileError:
        if version is not None:
            await _refuse_newer(hand, before, version)
        field, value = meanwhile[0]
        rows = await hand.trail(before.keys, count=1_000)
        raise conflict(field, value, rows) from None
    # Read again: a version that is newer than its settings would hide what it came with.
    return await one(directory, hand, who, name)


async def delete(directory: Directory, who: Who, name: str) -> None:
    """Delete a room; see ``Control.delete``."""
    await existing(directory, who, "owner", name)
    await directory.delete(name, who=str(who))
    # Its trail is gone with it.
    log.info("room_deleted", room=name, who=str(who))


async def end_passes(directory: Directory, hand: Hand, who: Who, name: str) -> RoomView:
    """End all passes; see ``Control.end_passes``."""
    room = await existing(directory, who, "owner", name)
    epoch = room.settings.epoch
    # Two owners who press at once end the passes once.
    return await change(
        directory, hand, who, name, {"epoch": epoch + 1}, seen={"epoch": epoch}, version=None
    )


def hidden(who: Who, name: str, settings: RoomSettings) -> RoomSettings:
    """Return settings without the secrets that only owners of the room may see."""
    if who.can("owner", name):
        return settings
    rules = [rule.model_copy(update={"value": None}) for rule in settings.bypass]
    return settings.model_copy(update={"bypass": rules})


class _MeanwhileError(Exception):
    """Somebody was quicker."""


async def _read(directory: Directory, hand: Hand, who: Who, name: str) -> tuple[Room, str]:
    who.require("viewer", name)
    # First: settings that are newer than their version are read again, older ones never are.
    version = await hand.version(Keys(name)) if _is_name(name) else ""
    return await existing(directory, who, "viewer", name), version


def _is_name(name: str) -> bool:
    try:
        return bool(room_name(name))
    except SettingError:
        return False


def _view(who: Who, room: Room, version: str) -> RoomView:
    return RoomView(room.name, hidden(who, room.name, room.settings), version)


def _differences(
    now: RoomSettings, seen: dict[str, Any], wanted: dict[str, Any]
) -> list[tuple[str, Any]]:
    """Return settings that are neither what was seen nor what is wanted, with their values."""
    current = now.model_dump(mode="json")
    found = []
    for field, value in seen.items():
        if field not in current or (wanted and field not in wanted):
            continue
        is_seen = _same(now, field, value)
        if not is_seen and not (field in wanted and _same(now, field, wanted[field])):
            found.append((field, current[field]))
    return found


def _same(now: RoomSettings, field: str, value: Any) -> bool:
    """Whether a setting has a value, however that is written."""
    if now.model_dump(mode="json")[field] == value:
        return True
    try:
        return now.changed({field: value}) == now
    except SettingError:
        return False


async def _refuse_newer(hand: Hand, room: Room, version: str) -> None:
    """Return if a version is still the room's.

    Raises:
        VersionError: If not; says what changed since, as far as the trail goes back.
    """
    if await hand.version(room.keys) == version:
        return
    known = TRAIL_ID.fullmatch(version)
    rows = await hand.trail_after(room.keys, version) if known else []
    raise newer(row._replace(changes=_settings(row)) for row in rows)


def _settings(row: TrailRow) -> dict[str, list[Any]]:
    return {
        field: change
        for field, change in row.changes.items()
        if is_setting(field) and field != "bypass"
    }
