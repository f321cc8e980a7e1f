"""The themes of one web process: read from Redis once a version, and kept ready.

The room's setting names the version, and this process hears of a change as of any other setting,
within a second. Each process also sees to it that what its rooms show is in Redis: after a loss
of its data whoever knows a theme writes it back.
"""

import asyncio
from contextlib import suppress

import structlog

from waitroom import clock
from waitroom.errors import SettingError, StoreError
from waitroom.room import Directory, Room, Store
from waitroom.room.settings import THEME_VERSION
from waitroom.room.theme_store import keep_theme, read_theme
from waitroom.web.blob import Blob
from waitroom.web.theme_look import Look

#: Most looks kept; with more themed rooms the oldest is read again when it is asked for.
LOOKS_MAX = 200
#: How long a version that is not there is not looked for again, seconds.
MISSING_S = 1.0
#: Most of such versions remembered.
MISSING_MAX = 1_000
#: How often Redis is asked whether it still holds what is shown, seconds.
KEEP_S = 5.0

_Name = tuple[str, str]

log = structlog.get_logger()


class Themes:
    """The themes that this process shows.

    Args:
        store: Where rooms live.
        directory: All rooms.
        frame: ``splash/theme.css``, as it is sent.
    """

    def __init__(self, store: Store, directory: Directory, frame: str) -> None:
        self._store = store
        self._directory = directory
        self._frame = frame
        self._looks: dict[_Name, Look] = {}
        self._files: dict[_Name, dict[str, Blob]] = {}
        # Since when, by the monotonic clock, a version is missing; oldest first.
        self._missing: dict[_Name, float] = {}
        self._loading: dict[_Name, asyncio.Task[Look | None]] = {}

    async def look(self, room: Room) -> Look | None:
        """Return how a room looks now; None for the page as it is by default.

        Args:
            room: The room.

        Raises:
            StoreError: If its theme has to be read and Redis failed.
        """
        version = room.settings.theme
        return await self._find((room.name, version)) if version else None

    async def file(self, room: Room, name: str) -> Blob | None:
        """Return a file of a theme that is shown, or was a moment ago; None if there is none.

        Args:
            room: The room.
            name: As in the address, untrusted.

        Raises:
            StoreError: If the theme has to be read and Redis failed.
        """
        version = name.partition(".")[0]
        if not THEME_VERSION.fullmatch(version):
            return None
        key = room.name, version
        look = await self._find(key)
        if look is None:
            return None
        if key not in self._files:
            self._files[key] = look.files()
        return self._files[key].get(name)

    async def run(self) -> None:
        """See to it, until cancelled, that Redis holds what the rooms show."""
        while True:
            await asyncio.sleep(clock.jitter(KEEP_S, 0.2))
            try:
                await self.keep()
            except Exception:
                # Without this task a theme would be lost with the data of Redis.
                log.exception("keeping_themes_failed")

    async def keep(self) -> None:
        """Write back the themes that Redis has lost."""
        for (name, version), look in list(self._looks.items()):
            room = self._directory.known.get(name)
            if room is None or room.settings.theme != version:
                continue
            with suppress(StoreError):
                if await keep_theme(self._store, name, version, look.theme):
                    log.info("theme_written_back", room=name)

    async def _find(self, key: _Name) -> Look | None:
        found = self._looks.get(key)
        if found is not None:
            return found
        if clock.monotonic_s() - self._missing.get(key, -MISSING_S) < MISSING_S:
            return None
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(key))
            task.add_done_callback(lambda done: self._loaded(key, done))
        # A visitor who leaves must not end it for the others.
        return await asyncio.shield(task)

    def _loaded(self, key: _Name, task: "asyncio.Task[Look | None]") -> None:
        self._loading.pop(key, None)
        if not task.cancelled():
            # All who waited may have left; asyncio then complains of an error that nobody saw.
            task.exception()

    async def _load(self, key: _Name) -> Look | None:
        name, version = key
        try:
            theme = await read_theme(self._store, name, version)
        except SettingError as e:
            # What an earlier version of ours let through: the page as it is by default.
            log.warning("theme_refused", room=name, field=e.name, reason=e.allowed)
            theme = None
        if theme is None:
            self._missing.pop(key, None)
            self._missing[key] = clock.monotonic_s()
            while len(self._missing) > MISSING_MAX:
                del self._missing[next(iter(self._missing))]
            return None
        look = self._looks[key] = Look(name, version, theme, self._frame)
        while len(self._looks) > LOOKS_MAX:
            oldest = next(iter(self._looks))
            del self._looks[oldest]
            self._files.pop(oldest, None)
        return look
