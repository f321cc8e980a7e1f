"""What a room's splash page looks like: read it, publish another, go back to an earlier one."""

from typing import Any

from waitroom.accounts.who import Who
from waitroom.control.views import ThemeView
from waitroom.errors import SettingError
from waitroom.room import Directory, Room, Store
from waitroom.room.theme import Theme
from waitroom.room.theme_store import check_version, publish_theme, read_theme, theme_versions


async def current(store: Store, room: Room) -> ThemeView:
    """Return the theme that visitors see; see ``Control.theme``."""
    version = room.settings.theme
    theme = await read_theme(store, room.name, version) if version else None
    return ThemeView(version, theme or Theme(), await theme_versions(store, room.name))


async def publish(
    store: Store, directory: Directory, who: Who, name: str, raw: Any, seen: str | None
) -> ThemeView:
    """Show another theme; see ``Control.publish_theme``."""
    theme = Theme.read(raw)
    await publish_theme(store, directory, name, theme, who=str(who), seen=seen)
    return await current(store, await directory.get(name))


async def check_kept(store: Store, name: str, changes: dict[str, Any]) -> None:
    """Return unless changes name a version of a theme that is not kept.

    Raises:
        SettingError: If they do; visitors would see a page without its look.
        StoreError: If Redis failed.
    """
    if version := changes.get("theme"):
        if not isinstance(version, str):
            raise SettingError("theme", version, "must be text")
        check_version(version, await theme_versions(store, name))
