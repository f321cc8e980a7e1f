"""Brings the report of one room forward by a slice of time, and puts it in its place.

Whatever calls it, however often and on however many hosts: one writes at a time, what was reached
is kept, and a failure is shown with its reason and tried again later. Nothing of visitors is
deleted here.
"""

import socket
from dataclasses import replace
from pathlib import Path

import structlog

from waitroom.clock import monotonic_s
from waitroom.errors import StoreError
from waitroom.reports.errors import ReportError, ReportFolderError
from waitroom.reports.folder import FILES, META, Folder, write_json, write_whole
from waitroom.reports.source import Source
from waitroom.reports.states import Mailing, Progress, Report, Stage, States, failed
from waitroom.reports.summary import About, render
from waitroom.reports.timeline import MINUTE_MS
from waitroom.reports.turn import turn
from waitroom.reports.work import Pass, State, Work
from waitroom.room import Room, Store
from waitroom.room.records import Minute, Told, minutes, told_since

#: A host that has not come forward for longer has given its report up, milliseconds.
GIVEN_UP_MS = 60_000
#: Most batches of a sweep before the reading; what is left is read as it is.
SWEEPS_MAX = 200

_STAGES: dict[Pass, Stage] = {
    "read": "reading",
    "write": "writing",
    "count": "counting",
    "done": "counting",
}

log = structlog.get_logger(__name__)


class Maker:
    """Makes the report of a room.

    Args:
        store: Where the room lives.
        room: The room.
        root: The folder of all reports.
    """

    def __init__(self, store: Store, room: Room, root: Path) -> None:
        self._store = store
        self._room = room
        self._root = root
        self._folder = Folder(root, room.name)
        self._states = States(store, room.keys)
        self._host = socket.gethostname()

    async def advance(self, seconds: float, *, hasty: bool = False) -> Report | None:
        """Bring the report under way forward, if there is one and nobody else is at it.

        Args:
            seconds: For about how long.
            hasty: Whether a report that failed is tried at once.

        Returns:
            The report, if it was finished by this call.

        Raises:
            ReportError: If it cannot be written; shown in its progress, and tried again later.
            StoreError: If Redis failed. Asking again is safe and goes on.
        """
        until_s = monotonic_s() + seconds
        async with turn(self._store, self._room.keys) as ours:
            progress = await self._states.progress() if ours else None
            if progress is None:
                return None
            now_ms = await self._now_ms()
            if not hasty and now_ms < progress.retry_ms:
                return None
            try:
                return await self._forward(progress, until_s)
            except StoreError:
                raise
            except Exception as e:
                error = e if isinstance(e, ReportError) else _unexpected(self._room.name, e)
                # What was made of it goes: it may be what fills the disk.
                self._folder.abandon(progress.plan.id)
                if not await self._states.tell(failed(progress, error.detail, now_ms)):
                    # Deleted meanwhile, with its room most often: nobody waits for it.
                    return None
                raise error from e

    async def _forward(self, progress: Progress, until_s: float) -> Report | None:
        plan = progress.plan
        path = self._folder.work(plan.id)
        source = Source(self._store, self._room.keys)
        if (published := self._published(plan.id)) is not None:
            # Cut off between the last two steps.
            return await self._finish(published)
        work = Work.found(path)
        if work is None:
            now_ms = await self._now_ms()
            elsewhere = progress.host not in ("", self._host)
            if elsewhere and now_ms - progress.beat_ms < GIVEN_UP_MS:
                return None
            work = await self._begin(plan.id, plan.since_ms)
        about = await source.about() if work.state.at == "read" else work.state.read
        told = replace(progress, host=self._host, error="", retry_ms=0)
        while work.state.at != "done":
            with self._folder.errors():
                # A part of the slice, so that progress is shown while one process does it all.
                await work.advance(source, min(until_s, monotonic_s() + 1.0))
            if not await self._tell(told, work, about):
                self._folder.abandon(plan.id)
                return None
            if monotonic_s() >= until_s:
                break
        if work.state.at != "done":
            return None
        return await self._finish(await self._publish(progress, work))

    async def _begin(self, name: str, since_ms: int) -> Work:
        # Before the sweep: a seat that ends right behind it counts as one that has not ended.
        began_ms = await self._now_ms()
        # Ends what has ended but is not noted yet, so that it is read as it ended.
        for _ in range(SWEEPS_MAX):
            swept = await self._room.sweep()
            if not any(swept):
                break
        path = self._folder.begin(name)
        return Work(path, State(began_ms=began_ms, since_ms=since_ms))

    async def _tell(self, progress: Progress, work: Work, about: int) -> bool:
        state = work.state
        reading = state.at == "read"
        return await self._states.tell(
            replace(
                progress,
                stage=_STAGES[state.at],
                done=state.read if reading else state.passed,
                about=max(about, state.read) if reading else state.read,
                beat_ms=await self._now_ms(),
            )
        )

    async def _publish(self, progress: Progress, work: Work) -> Report:
        plan, state, figures = progress.plan, work.state, work.figures
        assert figures is not None
        now_ms = await self._now_ms()
        settings = self._room.settings
        html = render(figures, await self._about(work, plan.closed_ms, now_ms))
        with self._folder.errors():
            size = write_whole(work.path / FILES["html"], [html.encode()])
            report = Report(
                plan,
                now_ms,
                state.rows,
                figures.visitors,
                state.csv_bytes,
                size,
                self._host,
                str(self._root),
                Mailing("due" if settings.report_to and plan.closed_ms else "none"),
            )
            write_json(work.path / META, report.json())
        self._folder.publish(plan.id, [*FILES.values(), META])
        return report

    async def _about(self, work: Work, closed_ms: int | None, now_ms: int) -> About:
        settings = self._room.settings
        assert work.figures is not None
        line = work.figures.timeline
        samples, told = await self._samples(line.since_ms, line.until_ms + MINUTE_MS)
        seats = [(sample.at_ms, sample.seats) for sample in samples]
        busy = [sample for sample in samples if sample.waiting]
        return About(
            room=self._room.name,
            title=settings.title,
            closed_ms=closed_ms,
            made_ms=now_ms,
            seats=seats or [(0, settings.total_active_users)],
            told=sum(sample.told for sample in samples) + told.right + told.early + told.late,
            told_right=sum(sample.told_right for sample in samples) + told.right,
            told_early=sum(sample.told_early for sample in samples) + told.early,
            busy=(sum(each.active for each in busy), sum(each.seats for each in busy)),
        )

    async def _samples(self, since_ms: int, until_ms: int) -> tuple[list[Minute], Told]:
        """Return the samples of some time, and what no sample counts yet of announced waits."""
        store, keys = self._store, self._room.keys
        while True:
            told = await told_since(store, keys)
            samples = await minutes(store, keys, since_ms, until_ms)
            # One that was written between the two counts the same once more.
            if told.since_ms == (await told_since(store, keys)).since_ms:
                return samples, told

    def _published(self, name: str) -> Report | None:
        text = self._folder.meta(name)
        return Report.parse(text) if text is not None else None

    async def _finish(self, report: Report) -> Report | None:
        if await self._states.finish(report):
            return report
        self._folder.delete(report.id)
        return None

    async def _now_ms(self) -> int:
        return await self._store.time_ms(self._room.keys.meta)


def _unexpected(room: str, error: Exception) -> ReportError:
    if isinstance(error, OSError):
        return ReportFolderError(room, f"A file of the report failed: {error.strerror}.")
    log.error("report_failed", room=room, error=type(error).__name__, exc_info=error)
    return ReportError(room, f"The report failed unexpectedly ({type(error).__name__}).")
