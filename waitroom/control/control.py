"""What an owner can do: one set of operations for the console, the API and the command line.

Each asks first whether ``who`` may, and leaves who did it in the room's audit trail. Levers are
changes of settings wherever they can be: they count at the very next tick, of every process.
"""

from typing import Any

from waitroom.accounts.who import Who
from waitroom.alerts import Alerts
from waitroom.config import Config
from waitroom.control import line, matching, rooms, themes, trail, watching
from waitroom.control.views import (
    Admitted,
    AuditPage,
    Health,
    List,
    Match,
    RoomFigures,
    RoomView,
    ThemeView,
    VisitorPage,
    VisitorView,
)
from waitroom.reports import Reports
from waitroom.room import Directory, Store, records
from waitroom.room.hand import Hand
from waitroom.room.records import Day, Minute


class Control:
    """All rooms of an installation, for those who look after them.

    Every method that takes ``who`` raises ``ForbiddenError`` if they may not, every one that
    takes a room's name ``RoomNotFoundError`` if there is none, and all of them ``StoreError`` if
    Redis failed; nothing is done then, unless the text of a method says else.

    Args:
        store: Where rooms live.
        directory: All rooms.
        config: This installation's settings.
    """

    def __init__(self, store: Store, directory: Directory, config: Config) -> None:
        self._store = store
        self._directory = directory
        self._config = config
        self._hand = Hand(store)

    async def rooms(self, who: Who) -> list[RoomView]:
        """Return the rooms that somebody may see, sorted by name. Needs viewer."""
        return await rooms.visible(self._directory, self._hand, who)

    async def room(self, who: Who, name: str) -> RoomView:
        """Return one room. Needs viewer."""
        return await rooms.one(self._directory, self._hand, who, name)

    async def create(self, who: Who, name: str, changes: dict[str, Any]) -> RoomView:
        """Make a room. Needs owner.

        Args:
            who: Who acts.
            name: 1 to 40 of a-z, 0-9, ``-``, ``_``.
            changes: Settings that differ from the defaults of this installation.

        Raises:
            SettingError: If the name or a setting is not allowed.
            RoomExistsError: If there is one of this name.
        """
        who.require("owner", name)
        await themes.check_kept(self._store, name, changes)
        return await rooms.create(self._directory, self._hand, who, name, changes)

    async def change(
        self,
        who: Who,
        name: str,
        changes: dict[str, Any],
        *,
        seen: dict[str, Any] | None = None,
        version: str | None = None,
    ) -> RoomView:
        """Change some settings of a room. Needs operator for limits and levers, else owner.

        Args:
            who: Who acts.
            name: The room.
            changes: Setting name -> new value.
            seen: Setting name -> the value that the editor saw; None checks nothing.
            version: Of the settings that the editor saw; None checks nothing. Stricter: any change
                since is refused, of other settings too.

        Raises:
            SettingError: If a setting is unknown or out of range; nothing was changed.
            ConflictError: If somebody else has changed a setting to another value since it
                was seen; nothing was changed.
            VersionError: If somebody has changed the room since that version; likewise.
            RoomChangedError: If others change the same settings again and again.
        """
        await rooms.allowed(self._directory, who, name, changes)
        await themes.check_kept(self._store, name, changes)
        return await rooms.change(
            self._directory, self._hand, who, name, changes, seen=seen or {}, version=version
        )

    async def delete(self, who: Who, name: str) -> None:
        """Delete a room with its line, seats, history, trail, reports and rules. Needs owner.

        Raises:
            ReportFolderError: If its reports cannot be deleted; nothing else was.
        """
        await rooms.existing(self._directory, who, "owner", name)
        reports = Reports(self._store, self._config)
        await reports.delete_all(name)
        await rooms.delete(self._directory, who, name)
        await Alerts(self._store, self._config).forget_room(name)
        # What a worker finished between these two.
        await reports.delete_all(name)

    async def theme(self, who: Who, name: str) -> ThemeView:
        """Return what a room's splash page looks like. Needs viewer."""
        room = await rooms.existing(self._directory, who, "viewer", name)
        return await themes.current(self._store, room)

    async def publish_theme(
        self, who: Who, name: str, theme: Any, *, seen: str | None = None
    ) -> ThemeView:
        """Give a room's splash page another look, from the next second on. Needs owner.

        An earlier one is shown again by changing the setting ``theme`` to its version.

        Args:
            who: Who acts.
            name: The room.
            theme: The theme in the types of JSON; an empty one is the look of all rooms.
            seen: The version that was edited; None checks nothing.

        Raises:
            SettingError: If something in it is not allowed.
            RoomChangedError: If somebody else has published another one since ``seen``.
        """
        await rooms.existing(self._directory, who, "owner", name)
        return await themes.publish(self._store, self._directory, who, name, theme, seen)

    async def pause(self, who: Who, name: str) -> RoomView:
        """Let nobody in for now; newcomers get a place, those on the site stay. Needs operator."""
        return await self.change(who, name, {"queue_all": True})

    async def open(self, who: Who, name: str) -> RoomView:
        """Let visitors in as seats become free, whatever held them before. Needs operator."""
        return await self.change(
            who,
            name,
            {"queue_all": False, "closed": False, "draining": False, "suspended": False},
        )

    async def drain(self, who: Who, name: str) -> RoomView:
        """Let in who has a place and refuse newcomers, until it is opened. Needs operator."""
        return await self.change(
            who,
            name,
            {"queue_all": False, "closed": False, "draining": True, "suspended": False},
        )

    async def close(self, who: Who, name: str) -> RoomView:
        """Refuse visitors with the message; those on the site stay. Needs operator."""
        return await self.change(who, name, {"closed": True})

    async def stop(self, who: Who, name: str) -> RoomView:
        """Let nobody in, not even past a room that is switched off. Needs operator."""
        return await self.change(who, name, {"queue_all": True, "suspended": False})

    async def end_passes(self, who: Who, name: str) -> RoomView:
        """End all passes: everybody on the site needs a new seat. Needs owner."""
        return await rooms.end_passes(self._directory, self._hand, who, name)

    async def message(
        self, who: Who, name: str, text: str | None, *, version: str | None = None
    ) -> RoomView:
        """Say something to everybody in the line; None takes it away. Needs operator.

        ``version`` as in ``change``.
        """
        return await self.change(who, name, {"message": text}, version=version)

    async def figures(self, who: Who, name: str) -> RoomFigures:
        """Return a room in numbers, at this moment. Needs viewer."""
        room = await rooms.existing(self._directory, who, "viewer", name)
        return await watching.figures(self._store, room)

    async def all_figures(self, who: Who) -> list[RoomFigures]:
        """Return the rooms that somebody may see in numbers, sorted by name. Needs viewer."""
        who.require("viewer")
        return await watching.all_figures(self._store, self._directory, who)

    async def history(self, who: Who, name: str, since_ms: int, until_ms: int) -> list[Minute]:
        """Return a room's minutes, oldest first. Needs viewer.

        Args:
            who: Who asks.
            name: The room.
            since_ms: First minute, milliseconds since the epoch.
            until_ms: Up to this moment, likewise.
        """
        room = await rooms.existing(self._directory, who, "viewer", name)
        return await records.minutes(self._store, room.keys, since_ms, until_ms)

    async def days(self, who: Who, name: str, since_ms: int, until_ms: int) -> list[Day]:
        """Return a room's days, oldest first; as ``history``. Needs viewer."""
        room = await rooms.existing(self._directory, who, "viewer", name)
        return await records.days(self._store, room.keys, since_ms, until_ms)

    async def health(self, who: Who) -> Health:
        """Return how processes, Redis and edges do. Needs viewer. Raises no StoreError."""
        who.require("viewer")
        return await watching.health(self._store, self._config)

    async def visitors(
        self, who: Who, name: str, *, of: List = "waiting", start: int = 0, count: int = 50
    ) -> VisitorPage:
        """Return a page of a room's visitors. Needs viewer.

        Args:
            who: Who asks.
            name: The room.
            of: Which of them.
            start: How many to pass over. 0 or more.
            count: How many to return at most. 1 to 1000.
        """
        room = await rooms.existing(self._directory, who, "viewer", name)
        return await line.page(self._store, room, of, start, count)

    async def visitor(self, who: Who, name: str, find: str) -> VisitorView:
        """Find one visitor. Needs viewer.

        Args:
            who: Who asks.
            name: The room.
            find: The visitor's id, or a position in the line such as ``12``.

        Raises:
            VisitorNotFoundError: If the room knows none such.
        """
        room = await rooms.existing(self._directory, who, "viewer", name)
        return await line.find(self._store, room, find)

    async def let_in(self, who: Who, name: str, visitor: str) -> VisitorView:
        """Give one visitor of the line a seat, before all others. Needs operator.

        Raises:
            VisitorNotFoundError: If nobody such waits.
            AdmissionError: If no seat is free, the visitor is silent, or the room is closed or
                recovering.
        """
        room = await rooms.existing(self._directory, who, "operator", name)
        return await line.let_in(self._store, self._hand, room, visitor, str(who))

    async def remove(self, who: Who, name: str, visitor: str) -> None:
        """Take one visitor's place or seat away. Needs operator.

        A page that is still open gets a new place at the end of the line. A pass that an edge
        has seen lately holds until it ends, at most ``session_duration_s``.

        Raises:
            VisitorNotFoundError: If the visitor has neither.
        """
        room = await rooms.existing(self._directory, who, "operator", name)
        await line.remove(self._store, self._hand, room, visitor, str(who))

    async def admit_now(self, who: Who, name: str, n: int, *, once: str = "") -> Admitted:
        """Let the first n present visitors in, beside the rate limit and also while paused.

        Never more than there are free seats. Needs operator.

        Args:
            who: Who acts.
            name: The room.
            n: How many. 1 to 100,000.
            once: Names the request: asked again under the same name, it goes on where it was cut
                off and lets nobody else in. Up to 64 characters; empty names nothing.

        Raises:
            AdmissionError: If the room is closed, recovering, or lets everybody through.
        """
        room = await rooms.existing(self._directory, who, "operator", name)
        return await line.admit_now(self._hand, room, n, once, str(who))

    async def audit(
        self, who: Who, name: str, *, before: str | None = None, count: int = 50
    ) -> AuditPage:
        """Return a page of who changed what, newest first. Needs viewer.

        Args:
            who: Who asks.
            name: The room.
            before: ``next`` of the page before; None begins at the newest.
            count: How many to return at most. 1 to 1000.
        """
        room = await rooms.existing(self._directory, who, "viewer", name)
        return await trail.page(self._hand, who, room, before, count)

    async def match(self, who: Who, url: str, *, method: str = "GET", address: str = "") -> Match:
        """Say which room stands in front of a page, which rule decides, and why. Needs viewer.

        Args:
            who: Who asks.
            url: The page's address.
            method: HTTP method, for bypass rules.
            address: The visitor's address, for bypass rules.
        """
        who.require("viewer")
        return matching.match(await self._directory.rooms(), who, url, method, address)
