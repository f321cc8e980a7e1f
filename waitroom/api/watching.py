"""What goes on: figures, history, the trail, health, and which room stands before a page."""

from quart import Response

from waitroom import clock
from waitroom.accounts.guard import who
from waitroom.api.asking import answer, control, query
from waitroom.api.blueprint import api, describe
from waitroom.api.models.history import (
    AuditQuery,
    DayOut,
    Days,
    DaysQuery,
    History,
    MinuteOut,
    SpanQuery,
)
from waitroom.api.models.people import Me
from waitroom.api.models.rooms import AllFigures, MatchQuery
from waitroom.control.views import AuditPage, Health, Match, RoomFigures

_ABOUT = "Figures"
_LOOKING = "Looking after it"
#: What a history begins with when nothing is said, milliseconds.
HOUR_MS = 3_600_000


@api.get("/figures")
@describe(_ABOUT, answers=AllFigures)
async def all_figures() -> Response:
    """Get all rooms in numbers, at this moment."""
    return answer(AllFigures(rooms=await control().all_figures(who())))


@api.get("/rooms/<name>/figures")
@describe(_ABOUT, answers=RoomFigures, refuses=(404,))
async def figures(name: str) -> Response:
    """Get a room in numbers, at this moment."""
    return answer(await control().figures(who(), name))


@api.get("/rooms/<name>/history")
@describe(_ABOUT, answers=History, query=SpanQuery, refuses=(404,))
async def history(name: str) -> Response:
    """Get a room's minutes.

    Kept for 31 days; exact counts. Minutes in which nobody looked are left out, and counted in
    the next one.
    """
    shown = query(SpanQuery)
    until_ms = shown.until_ms or clock.now_ms()
    since_ms = shown.since_ms or max(0, until_ms - HOUR_MS)
    found = await control().history(who(), name, since_ms, until_ms)
    rows = [MinuteOut.of(minute) for minute in found[: shown.count]]
    more = rows[-1].at_ms + 1 if len(found) > shown.count else None
    return answer(History(minutes=rows, next_since_ms=more))


@api.get("/rooms/<name>/days")
@describe(_ABOUT, answers=Days, query=DaysQuery, refuses=(404,))
async def days(name: str) -> Response:
    """Get a room's days.

    In UTC, kept for 400 days; the last one is not over yet.
    """
    shown = query(DaysQuery)
    until_ms = shown.until_ms or clock.now_ms()
    found = await control().days(who(), name, shown.since_ms, until_ms)
    return answer(Days(days=[DayOut.of(day) for day in found]))


@api.get("/rooms/<name>/audit")
@describe(_LOOKING, answers=AuditPage, query=AuditQuery, refuses=(404,))
async def audit(name: str) -> Response:
    """Read who changed what, newest first.

    Settings with their values before and after; and what was done by hand.
    """
    shown = query(AuditQuery)
    found = await control().audit(who(), name, before=shown.before or None, count=shown.count)
    return answer(found)


@api.get("/health")
@describe(_LOOKING, answers=Health)
async def health() -> Response:
    """See how processes, Redis and edges do.

    With each edge's last contact. Answers 200 also when something is wrong: read what it says.
    """
    return answer(await control().health(who()))


@api.get("/match")
@describe(_LOOKING, answers=Match, query=MatchQuery, refuses=(400,))
async def match() -> Response:
    """See which room stands in front of a page, and why.

    By the same rules as an edge, for a visitor without pass or ticket.
    """
    shown = query(MatchQuery)
    found = await control().match(who(), shown.url, method=shown.method, address=shown.address)
    return answer(found)


@api.get("/me")
@describe(_LOOKING, answers=Me)
async def me() -> Response:
    """See whose token this is, and what it is for."""
    found = who()
    rooms = None if found.rooms is None else sorted(found.rooms)
    return answer(Me(name=found.name, role=found.role, rooms=rooms))
