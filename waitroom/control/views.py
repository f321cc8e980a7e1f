"""What ``Control`` returns: plain data, the same on every screen and in every answer."""

from dataclasses import dataclass
from typing import Any, Literal

from waitroom.room import RoomSettings
from waitroom.room.board import State
from waitroom.room.theme import Theme

#: Where a visitor is: in the line, silent with the place kept, seated but not on the site yet, on
#: the site, or somebody whose ticket is spent.
Where = Literal["waiting", "parked", "admitted", "on_site", "gone"]
#: Whose list: those in the line, those who fell silent, those with a seat.
List = Literal["waiting", "parked", "seated"]


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room and its settings.

    Attributes:
        name: The room's name.
        settings: Its settings.
        version: Of these settings; changes with each change of them.
    """

    name: str
    settings: RoomSettings
    version: str


@dataclass(frozen=True, slots=True)
class ThemeView:
    """What a room's splash page looks like.

    Attributes:
        version: The version that visitors see; empty when there is none.
        theme: What it holds.
        versions: Earlier ones that are kept, and this one, newest first.
    """

    version: str
    theme: Theme
    versions: list[str]


@dataclass(frozen=True, slots=True)
class RoomFigures:
    """A room at this moment.

    Attributes:
        room: The room's name.
        title: Its title.
        state: What it is doing; ``unreachable`` when its part of Redis does not answer.
        at_ms: When this was read, milliseconds since the epoch.
        waiting: In the line.
        present: Of those, heard of lately.
        stale: Of those, silent; they are skipped.
        parked: Fell silent, place still kept.
        active: Unexpired seats.
        unclaimed: Of those, seats not used yet.
        total_active_users: Seats there are.
        admitted_per_minute: Measured while there is a line; None when too little was seen.
        target_per_minute: ``new_users_per_minute``; None is no limit.
        wait_low_s: Shortest likely wait of who comes now; None when nobody can know.
        wait_high_s: Longest likely wait of who comes now; None when nobody can know.
        counters: Totals since the room was made.
    """

    room: str
    title: str
    state: State | Literal["unreachable"]
    at_ms: int
    waiting: int = 0
    present: int = 0
    stale: int = 0
    parked: int = 0
    active: int = 0
    unclaimed: int = 0
    total_active_users: int = 0
    admitted_per_minute: int | None = None
    target_per_minute: int | None = None
    wait_low_s: int | None = None
    wait_high_s: int | None = None
    counters: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class VisitorView:
    """One visitor.

    Attributes:
        visitor: The visitor's id; no credential, whoever knows it can do nothing with it.
        where: Where the visitor is.
        position: 1-based while waiting, else None.
        place_us: The place, microseconds since the epoch; None when it is not kept here.
        seen_ms: Last heartbeat, milliseconds since the epoch; None when none is kept.
        present: Whether that is recent.
        deadline_ms: When the seat ends or ended, milliseconds since the epoch; None without one.
    """

    visitor: str
    where: Where
    position: int | None = None
    place_us: int | None = None
    seen_ms: int | None = None
    present: bool = False
    deadline_ms: int | None = None


@dataclass(frozen=True, slots=True)
class VisitorPage:
    """A page of a list of visitors.

    Attributes:
        visitors: In order: of place, of silence, or of when the seat ends.
        start: How many come before.
        total: How many there are in all.
    """

    visitors: list[VisitorView]
    start: int
    total: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """What admitting by hand did.

    Attributes:
        admitted: How many were let in, by this request and its repetitions.
        asked: How many were asked for.
        reason: Why fewer than asked: ``full`` (no seat free), ``empty`` (nobody present waits);
            None when all were let in.
    """

    admitted: int
    asked: int
    reason: Literal["full", "empty"] | None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that somebody changed or did.

    Attributes:
        what: A setting's name; or what was done: ``created``, ``admit_now``, ``let_in``,
            ``remove``.
        before: The setting's value before; None for what was done.
        after: The setting's value after; or whom or how many it concerned.
    """

    what: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the trail.

    Attributes:
        id: Names it, and a place in the trail to go on from.
        at_ms: When, milliseconds since the epoch.
        who: Who did it.
        changes: What changed.
    """

    id: str
    at_ms: int
    who: str
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of the trail, newest first.

    Attributes:
        entries: What was done.
        next: Pass it as ``before`` for the next page; None at the end.
    """

    entries: list[AuditEntry]
    next: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """Which room stands in front of a page, and why.

    Attributes:
        url: As it was asked.
        host: The host as rooms are compared with it.
        path: The path as rooms are compared with it: decoded, in lower case.
        room: The room; None if none matches, or it is not one that the asker may see.
        rule: What decided: ``route``, ``bypass``, ``suspended``, ``own_page`` (the waiting room's
            own pages), ``no_room`` or ``unclear`` (the request is refused).
        route_host: Host of the route that won.
        route_path: Path of the route that won.
        bypass: Number of the bypass rule that applies, from 1.
        outcome: What becomes of a visitor without a pass: goes to the site, waits, is seated if a
            seat is free, or is refused.
        why: The whole of it in sentences.
        passed_over: Other routes that match too, less specific, as ``room host/path``.
    """

    url: str
    host: str
    path: str
    room: str | None
    rule: Literal["route", "bypass", "suspended", "own_page", "no_room", "unclear"]
    route_host: str | None
    route_path: str | None
    bypass: int | None
    outcome: Literal["site", "waits", "enters", "refused", "service"]
    why: list[str]
    passed_over: list[str]


@dataclass(frozen=True, slots=True)
class Contact:
    """When something that works with the rooms was last heard of.

    Attributes:
        name: Its name.
        last_ms: When, milliseconds since the epoch; None if never.
        ok: Whether that is recent.
    """

    name: str
    last_ms: int | None
    ok: bool


@dataclass(frozen=True, slots=True)
class Health:
    """How the installation does.

    Attributes:
        at_ms: When this was read, milliseconds since the epoch.
        redis_ok: Whether Redis answers.
        redis_ms: How long it took, milliseconds; None when it did not.
        memory_used: Bytes Redis uses; None when not told.
        memory_max: Bytes it may use; None without a limit.
        web: Web processes.
        edges: Edges; those that call themselves nothing share one entry.
        workers: Workers heard of lately; None when not known.
        clocks: Clocks heard of lately; None when not known.
        last_sweep_ms: When a sweep last succeeded; None if never, or not known.
        failed: Jobs that failed within the last day; None when not known.
        queued: Jobs that wait; None when not known.
    """

    at_ms: int
    redis_ok: bool
    redis_ms: float | None
    memory_used: int | None
    memory_max: int | None
    web: list[Contact]
    edges: list[Contact]
    workers: int | None
    clocks: int | None
    last_sweep_ms: int | None
    failed: int | None
    queued: int | None
