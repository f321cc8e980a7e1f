"""The reports of all rooms: ask for one, watch it, fetch it, delete it, and what is due by itself.

A report is made by the worker, a slice of a few seconds at a time (``tend``), so that sweeps and
samples between the slices are never held up, and a worker that ends loses a slice at most.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from waitroom.clock import monotonic_s
from waitroom.config import Config
from waitroom.errors import RoomNotFoundError, WaitroomError
from waitroom.reports import mailing
from waitroom.reports.closing import Closing, read_closing
from waitroom.reports.errors import ReportNotFoundError, ReportNotHereError
from waitroom.reports.folder import FILES, META, Folder, Kind, reports_folder, write_json
from waitroom.reports.forgetting import forget
from waitroom.reports.making import Maker
from waitroom.reports.states import Plan, Progress, Report, States
from waitroom.reports.turn import turn
from waitroom.room import Directory, Room, RoomSettings, Store
from waitroom.room.keys import Keys
from waitroom.room.settings import ROOM_NAME
from waitroom.room.store import store_errors

DAY_MS = 86_400_000
#: How long a process that died while it mailed keeps its turn, seconds: longer than a mail takes.
MAIL_TURN_S = 60
#: Who closes rooms whose time is up, for the audit trail.
CLOCK = "close_after_s"

log = structlog.get_logger(__name__)


class Reports:
    """The reports of an installation.

    Args:
        store: Where rooms live.
        config: Names the folder of the reports and the mail server.
    """

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._root = reports_folder(config)
        self._directory = Directory(store)

    async def start(self, room: str, who: object) -> Progress:
        """Ask for a report of a room as it is now, from its last opening on.

        Args:
            room: The room.
            who: Who asks, as text.

        Returns:
            The report under way: this one, or one that was not finished yet.

        Raises:
            RoomNotFoundError: If there is no such room.
            StoreError: If Redis failed. Asking again is safe.
        """
        found = await self._directory.get(room)
        closing = await read_closing(self._store, found.keys, found.settings)
        return await self._plan(found, closing, str(who))

    async def progress(self, room: str) -> Progress | None:
        """Return the report under way; None if there is none.

        Raises:
            RoomNotFoundError: If no room can be called so.
            StoreError: If Redis failed.
        """
        return await self._states(room).progress()

    async def list(self, room: str) -> list[Report]:
        """Return the finished reports of a room, the newest first.

        Those whose files are here are listed even when Redis has lost what it knew.

        Raises:
            RoomNotFoundError: If no room can be called so.
            StoreError: If Redis failed.
        """
        states, folder = self._states(room), self._folder(room)
        known = await states.reports()
        here = folder.names()
        for name in here:
            if name not in known and (text := folder.meta(name)) is not None:
                known[name] = Report.parse(text)
        found = [replace(report, here=name in here) for name, report in known.items()]
        return sorted(found, key=lambda report: report.id, reverse=True)

    async def open(self, room: str, id: str, kind: Kind) -> Path:
        """Return the file of a report, complete and readable.

        Serve a summary with ``summary.headers``; a CSV as an attachment.

        Args:
            room: The room.
            id: The report.
            kind: ``csv`` or ``html``.

        Raises:
            ReportNotFoundError: If there is no such report.
            ReportNotHereError: If there is, but its file is not where this process looks.
            StoreError: If Redis failed.
        """
        folder = self._folder(room)
        if kind not in FILES:
            raise ReportNotFoundError(room, f"{id}.{kind}")
        path = folder.report(id) / FILES[kind]
        if path.is_file():
            return path
        report = await self._states(room).report(id)
        if report is None:
            raise ReportNotFoundError(room, id)
        raise ReportNotHereError(room, id, report.host, str(self._root))

    async def delete(self, room: str, id: str, who: object) -> None:
        """Delete a finished report, its files first.

        Args:
            room: The room.
            id: The report.
            who: Who does, for the log.

        Raises:
            ReportNotFoundError: If there is no such report.
            ReportNotHereError: If its files are not where this process looks.
            ReportFolderError: If they cannot be deleted.
            StoreError: If Redis failed. Asking again is safe.
        """
        states = self._states(room)
        report = await states.report(id)
        if not self._folder(room).delete(id):
            if report is None:
                raise ReportNotFoundError(room, id)
            raise ReportNotHereError(room, id, report.host, str(self._root))
        await states.forget(id)
        log.info("report_deleted", room=room, report=id, who=str(who))

    async def delete_all(self, room: str) -> None:
        """Delete all reports of a room whose files are here, and the one under way.

        For rooms that are deleted: what Redis knew of their reports goes with them.

        Args:
            room: The room.

        Raises:
            ReportFolderError: If they cannot be deleted.
            StoreError: If Redis failed. Asking again is safe.
        """
        folder, states = self._folder(room), self._states(room)
        if (progress := await states.progress()) is not None:
            await states.drop()
            folder.abandon(progress.plan.id)
        for name in folder.names():
            folder.delete(name)
            await states.forget(name)

    async def make(self, room: str, seconds: float) -> Report | None:
        """Bring the report under way forward in this process, also one that waits after a failure.

        Args:
            room: The room.
            seconds: For about how long.

        Returns:
            The report, once it is finished by this call.

        Raises:
            RoomNotFoundError: If there is no such room.
            ReportError: If it cannot be written; visitors' data are as before.
            StoreError: If Redis failed. Asking again is safe and goes on.
        """
        return await self._maker(await self._directory.get(room)).advance(seconds, hasty=True)

    async def tend(self, room: Room, seconds: float) -> None:
        """Do what is due in a room: close it, report it, mail that, delete visitors' data.

        Args:
            room: The room.
            seconds: For about how long.

        Raises:
            ReportError: If its report cannot be written; shown, and tried again later.
            StoreError: If Redis failed. Asking again is safe.
        """
        until_s = monotonic_s() + seconds
        settings = room.settings
        states = States(self._store, room.keys)
        if await states.progress() is not None:
            await self._advance(room, until_s)
        if not settings.closed and settings.close_after_s is None:
            return
        closing = await read_closing(self._store, room.keys, settings)
        now_ms = await self._store.time_ms(room.keys.meta)
        due_ms = closing.due_ms(settings)
        if due_ms is not None and now_ms >= due_ms:
            await self._close(room)
        if not settings.closed or closing.closed_ms is None:
            return
        done = await states.reported()
        if done is None or done.closed_ms != closing.closed_ms:
            if await self._entered(room):
                await self._plan(room, closing, "closing")
                await self._advance(room, until_s)
            return
        await self._mail(room, states, closing.closed_ms)
        kept_ms = settings.keep_days * DAY_MS
        if now_ms >= closing.closed_ms + kept_ms and await states.progress() is None:
            if deleted := await forget(self._store, room.keys, until_s=until_s):
                log.info("visitors_forgotten", room=room.name, entries=deleted)

    async def _advance(self, room: Room, until_s: float) -> None:
        made = await self._maker(room).advance(max(0.0, until_s - monotonic_s()))
        if made is not None:
            log.info("report_done", room=room.name, report=made.id, rows=made.rows)

    async def _close(self, room: Room) -> None:
        def still(settings: RoomSettings) -> None:
            # Somebody may have changed their mind in this very moment.
            if settings.close_after_s != room.settings.close_after_s:
                raise _ChangedMindError

        try:
            await self._directory.update(room.name, {"closed": True}, who=CLOCK, check=still)
        except _ChangedMindError:
            return
        log.info("room_closed", room=room.name, why=CLOCK)

    async def _plan(self, room: Room, closing: Closing, who: str) -> Progress:
        states = States(self._store, room.keys)
        if (found := await states.progress()) is not None:
            return found
        now_ms = await self._store.time_ms(room.keys.meta)
        since_ms, closed_ms, last = closing.opened_ms, closing.closed_ms, await states.reported()
        if last is not None and last.closed_ms == closed_ms:
            # Once more: nothing follows from it.
            since_ms, closed_ms = last.since_ms, None
        elif last is not None:
            # What was noted between the last report and the opening belongs to this one.
            since_ms = min(since_ms, last.until_ms)
        elif closed_ms is not None:
            # The first one: what came before an opening that followed a short closing is in no
            # other report, and goes with the rest after it.
            since_ms = 0
        taken = {*await states.reports(), *self._folder(room.name).names()}
        name = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
        free = next(n for n in (name, *(f"{name}-{i}" for i in range(2, 1000))) if n not in taken)
        plan = Plan(free, who, since_ms, closed_ms, now_ms)
        await states.plan(plan)
        # None: another process has made it since; small rooms are quick.
        return await states.progress() or Progress(plan)

    async def _entered(self, room: Room) -> bool:
        """Return whether anybody ever came: a room that was made closed has nothing to report."""
        with store_errors():
            return bool(await self._store.redis.hget(room.keys.meta, "entered"))

    async def _mail(self, room: Room, states: States, closed_ms: int) -> None:
        if await self._to_mail(states, closed_ms) is None:
            return
        # A mail server may take half a minute, and meanwhile another worker comes by.
        async with turn(self._store, room.keys, MAIL_TURN_S) as ours:
            report = await self._to_mail(states, closed_ms) if ours else None
            if report is not None:
                await self._mail_one(room, states, report)

    async def _to_mail(self, states: States, closed_ms: int) -> Report | None:
        reports = (await states.reports()).values()
        due = (found for found in reports if found.mailing.state == "due")
        return next((found for found in due if found.plan.closed_ms == closed_ms), None)

    async def _mail_one(self, room: Room, states: States, report: Report) -> None:
        folder = self._folder(room.name)
        sent = await mailing.send(self._config, folder, room.settings, report)
        if sent != report:
            await states.keep(sent)
            if folder.meta(report.id) is not None:
                with folder.errors():
                    write_json(folder.report(report.id) / META, sent.json())

    def _maker(self, room: Room) -> Maker:
        return Maker(self._store, room, self._root)

    def _folder(self, room: str) -> Folder:
        return Folder(self._root, _checked(room))

    def _states(self, room: str) -> States:
        return States(self._store, Keys(_checked(room)))


class _ChangedMindError(WaitroomError):
    """A room is not to be closed any more."""


def _checked(room: str) -> str:
    # It becomes a part of a path and of a key.
    if not re.fullmatch(ROOM_NAME, room):
        raise RoomNotFoundError(room)
    return room
