"""What Redis knows of reports: the one being written in a room, and those that are finished.

The files are in a folder; here is how far they are, who asked, on which host they were written.
A total loss of Redis costs the progress of the one being written, no finished report.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from typing import Any, Literal

import orjson

from waitroom.room import Store
from waitroom.room.keys import Keys
from waitroom.room.store import store_errors

Stage = Literal["queued", "reading", "writing", "counting", "failed"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a report is to be about.

    Attributes:
        id: Its name: when it was asked for, UTC.
        who: Who asked for it.
        since_ms: Visits noted in the journal from then on.
        closed_ms: When the room was closed, if that is why it is made; else None.
        asked_ms: When it was asked for, ms since the epoch.
    """

    id: str
    who: str
    since_ms: int
    closed_ms: int | None
    asked_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a report is that is not finished.

    Attributes:
        plan: What it is about.
        stage: ``queued`` until a worker begins, ``reading`` visits, ``writing`` rows,
            ``counting`` the figures; ``failed`` until the next try.
        done: Rows done in this stage.
        about: Of about so many; 0 when not known.
        host: Where it is written; empty before it is begun.
        beat_ms: When it last came forward.
        tries: How often it has failed.
        error: Why it failed last; empty when it did not.
        retry_ms: Not tried again before, ms since the epoch; 0 = at once.
    """

    plan: Plan
    stage: Stage = "queued"
    done: int = 0
    about: int = 0
    host: str = ""
    beat_ms: int = 0
    tries: int = 0
    error: str = ""
    retry_ms: int = 0

    @property
    def share(self) -> float:
        """How much of all is done, 0 to 1, about: reading, writing and counting take a third."""
        part = min(1.0, self.done / self.about) if self.about else 0.0
        return ({"reading": 0, "writing": 1, "counting": 2}.get(self.stage, 0) + part) / 3


@dataclass(frozen=True, slots=True)
class Reported:
    """The last closing of a room that has its report, whether the owner has kept that or not.

    Attributes:
        closed_ms: When the room was closed.
        since_ms: From when its report counts.
        until_ms: When its report was asked for.
    """

    closed_ms: int
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Mailing:
    """How far the mail is that takes a report to the owner.

    Attributes:
        state: ``due``, ``sent``, ``failed`` for good, or ``none`` when nobody is to get it.
        tries: How often it was tried.
        retry_ms: Not tried again before, ms since the epoch.
        error: Why the last try failed.
        left: Who does not have it while others do; empty for all.
    """

    state: Literal["due", "sent", "failed", "none"] = "none"
    tries: int = 0
    retry_ms: int = 0
    error: str = ""
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report.

    Attributes:
        plan: What it is about.
        finished_ms: When it was finished, ms since the epoch.
        rows: Rows of the CSV: visits.
        visitors: Different visitors.
        csv_bytes: Size of the CSV.
        html_bytes: Size of the summary.
        host: Where it was written.
        folder: The folder of all reports there.
        mailing: How far its mail is.
        here: Whether this process finds its files.
    """

    plan: Plan
    finished_ms: int
    rows: int
    visitors: int
    csv_bytes: int
    html_bytes: int
    host: str
    folder: str
    mailing: Mailing = field(default_factory=Mailing)
    here: bool = True

    @property
    def id(self) -> str:
        """Its name."""
        return self.plan.id

    def json(self) -> dict[str, Any]:
        """Return all of it but ``here``, as kept in Redis and beside the files."""
        found = asdict(self)
        del found["here"]
        return found

    @classmethod
    def parse(cls, text: bytes) -> "Report":
        """Read it back; what a newer version has added is left out."""
        found = _known(cls, orjson.loads(text))
        plan, mailing = _known(Plan, found["plan"]), _known(Mailing, found.get("mailing", {}))
        return cls(**found | {"plan": Plan(**plan), "mailing": Mailing(**mailing)})


class States:
    """Reports of one room in Redis.

    Args:
        store: Where rooms live.
        keys: The room's keys.
    """

    def __init__(self, store: Store, keys: Keys) -> None:
        self._redis = store.redis
        self._keys = keys

    async def _run(self, verb: str, names: list[str], *args: bytes | str) -> bool:
        script = self._redis.register_script(
            (files("waitroom.reports") / f"{verb}.lua").read_text()
        )
        with store_errors():
            return bool(await script(keys=names, args=args))

    async def plan(self, plan: Plan) -> bool:
        """Ask for a report, unless one is under way.

        Returns:
            Whether this call asked; False when another one is not finished, or the room is gone.

        Raises:
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``reports/plan.lua``
        """
        names = [self._keys.settings, self._keys.reporting]
        return await self._run("plan", names, orjson.dumps(asdict(plan)))

    async def progress(self) -> Progress | None:
        """Return the report under way; None if there is none.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            found = await self._redis.hgetall(self._keys.reporting)
        if b"plan" not in found:
            return None
        told = orjson.loads(found[b"progress"]) if b"progress" in found else {}
        return Progress(Plan(**_known(Plan, orjson.loads(found[b"plan"]))), **told)

    async def tell(self, progress: Progress) -> bool:
        """Show how far a report is.

        Returns:
            Whether it is still wanted; False once it, or its room, was deleted.

        Raises:
            StoreError: If Redis failed.

        Source:
            ``reports/tell.lua``
        """
        told = {k: v for k, v in asdict(progress).items() if k != "plan"}
        return await self._run("tell", [self._keys.reporting], progress.plan.id, orjson.dumps(told))

    async def finish(self, report: Report) -> bool:
        """Note that a report is finished: from now on visitors' data may be deleted.

        Returns:
            Whether it was still wanted; False once it, or its room, was deleted.

        Raises:
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``reports/finish.lua``
        """
        plan, keys = report.plan, self._keys
        done = b""
        if plan.closed_ms is not None:
            done = orjson.dumps(asdict(Reported(plan.closed_ms, plan.since_ms, plan.asked_ms)))
        names = [keys.reporting, keys.reports, keys.closing]
        return await self._run("finish", names, report.id, orjson.dumps(report.json()), done)

    async def reported(self) -> Reported | None:
        """Return the last closing that has its report; None if none has.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            text = await self._redis.hget(self._keys.closing, "reported")
        return Reported(**_known(Reported, orjson.loads(text))) if text else None

    async def drop(self) -> None:
        """Forget the report under way.

        Raises:
            StoreError: If Redis failed. Asking again is safe.
        """
        with store_errors():
            await self._redis.unlink(self._keys.reporting)

    async def keep(self, report: Report) -> None:
        """Note what is known of a finished report.

        Raises:
            StoreError: If Redis failed. Asking again is safe.
        """
        with store_errors():
            await self._redis.hset(self._keys.reports, report.id, orjson.dumps(report.json()))

    async def forget(self, name: str) -> bool:
        """Forget a finished report.

        Returns:
            Whether it was known.

        Raises:
            StoreError: If Redis failed. Asking again is safe.
        """
        with store_errors():
            return bool(await self._redis.hdel(self._keys.reports, name))

    async def reports(self) -> dict[str, Report]:
        """Return the finished reports that Redis knows, by name.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            found = await self._redis.hgetall(self._keys.reports)
        return {name.decode(): Report.parse(text) for name, text in found.items()}

    async def report(self, name: str) -> Report | None:
        """Return one finished report; None if Redis does not know it.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            text = await self._redis.hget(self._keys.reports, name)
        return Report.parse(text) if text else None


def failed(progress: Progress, error: str, now_ms: int) -> Progress:
    """Return a progress after a failure: tried again in a minute, then ever later, at most an hour.

    Args:
        progress: Before.
        error: Why.
        now_ms: Milliseconds since the epoch.
    """
    delay_s = min(3_600, 60 * 2 ** min(progress.tries, 6))
    return replace(
        progress,
        stage="failed",
        host="",
        tries=progress.tries + 1,
        error=error,
        retry_ms=now_ms + delay_s * 1000,
    )


def _known(cls: type[Any], found: dict[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(cls)}
    return {name: value for name, value in found.items() if name in names}
