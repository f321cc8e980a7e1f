"""Where themes are kept: the hash ``waitroom:{room}:theme``, one field a version.

The room's setting ``theme`` names the version that visitors see. So a theme is published, and an
earlier one brought back, like any other change of a setting: at once for all processes and
edges, in the audit trail, and written back when Redis has lost its data.
"""

from datetime import UTC, datetime

import orjson

from waitroom import clock
from waitroom.errors import RoomChangedError, SettingError
from waitroom.room.directory import Directory
from waitroom.room.keys import Keys
from waitroom.room.settings import RoomSettings
from waitroom.room.store import Store, store_errors
from waitroom.room.theme import Theme

#: So many versions are kept, the one that is shown among them.
VERSIONS_KEPT = 6


async def publish_theme(
    store: Store,
    directory: Directory,
    name: str,
    theme: Theme,
    *,
    who: str,
    seen: str | None = None,
) -> str:
    """Show a theme to the visitors of a room, from the next second on.

    Args:
        store: Where rooms live.
        directory: All rooms.
        name: The room.
        theme: The theme; an empty one takes the room back to how it looks by default.
        who: For the audit trail.
        seen: The version that was edited; None publishes whatever others did meanwhile.

    Returns:
        The version; empty for an empty theme.

    Raises:
        RoomNotFoundError: If there is no such room.
        RoomChangedError: If somebody else published another version since ``seen``.
        StoreError: If Redis failed. Asking again is safe.
    """

    def check(settings: RoomSettings) -> None:
        if seen is not None and settings.theme != seen:
            raise RoomChangedError(name)

    settings = (await directory.get(name)).settings
    check(settings)
    shown = settings.theme
    if theme.empty:
        version = ""
    elif shown.endswith(f"-{theme.digest()}"):
        # Published again, or asked twice after an uncertain answer.
        version = shown
        await keep_theme(store, name, version, theme)
    else:
        version = new_version(theme)
        await keep_theme(store, name, version, theme)
    await directory.update(name, {"theme": version}, who=who, check=check)
    await _forget_old(store, name, version)
    return version


async def read_theme(store: Store, name: str, version: str) -> Theme | None:
    """Return a version of a room's theme; None if it is not kept.

    Args:
        store: Where rooms live.
        name: The room.
        version: The version.

    Raises:
        SettingError: If this version of ours does not allow any more what it holds.
        StoreError: If Redis failed.
    """
    with store_errors():
        found = await store.redis.hget(Keys(name).theme, version)
    if found is None:
        return None
    try:
        return Theme.read(orjson.loads(found))
    except orjson.JSONDecodeError as e:
        raise SettingError("theme", version, "is not kept as JSON") from e


async def theme_versions(store: Store, name: str) -> list[str]:
    """Return the versions that are kept, newest first.

    Args:
        store: Where rooms live.
        name: The room.

    Raises:
        StoreError: If Redis failed.
    """
    with store_errors():
        found = await store.redis.hkeys(Keys(name).theme)
    return sorted((field.decode() for field in found), reverse=True)


async def keep_theme(store: Store, name: str, version: str, theme: Theme) -> bool:
    """Keep a version that is not kept yet.

    Args:
        store: Where rooms live.
        name: The room.
        version: Its name.
        theme: Its content.

    Returns:
        Whether it was missing.

    Raises:
        StoreError: If Redis failed. It may be kept.
    """
    with store_errors():
        return bool(await store.redis.hsetnx(Keys(name).theme, version, theme.to_json()))


def new_version(theme: Theme) -> str:
    """Return a name for a theme that is new now; names sort by their time."""
    now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    return f"{now:%Y%m%d%H%M%S}-{theme.digest()}"


def check_version(version: str, versions: list[str]) -> None:
    """Return if a version is kept, for who wants to show it again.

    Raises:
        SettingError: If it is not.
    """
    if version and version not in versions:
        raise SettingError("theme", version, f"must be one of {', '.join(versions) or 'none'}")


async def _forget_old(store: Store, name: str, shown: str) -> None:
    old = [v for v in (await theme_versions(store, name))[VERSIONS_KEPT - 1 :] if v != shown]
    if old:
        with store_errors():
            await store.redis.hdel(Keys(name).theme, *old)
