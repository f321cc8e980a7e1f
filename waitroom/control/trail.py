"""Who changed what, page by page, newest first."""

from typing import Any

from waitroom.accounts.who import Who
from waitroom.control.views import AuditEntry, AuditPage, Change
from waitroom.errors import RequestError
from waitroom.room import Room, RoomSettings
from waitroom.room.hand import TRAIL_ID, Hand, TrailRow

#: Most entries of one page.
PAGE_MAX = 1_000


def is_setting(what: str) -> bool:
    """Say whether an entry is about a setting, not about something done by hand."""
    return what in RoomSettings.model_fields


async def page(hand: Hand, who: Who, room: Room, before: str | None, count: int) -> AuditPage:
    """Return a page of a room's trail; see ``Control.audit``.

    Raises:
        RequestError: If ``before`` is no id, or ``count`` out of range.
        StoreError: If Redis failed.
    """
    if before is not None and not TRAIL_ID.fullmatch(before):
        raise RequestError("before must be an id of the trail, such as 1767225600000-0.")
    if not 1 <= count <= PAGE_MAX:
        raise RequestError(f"count must be 1 to {PAGE_MAX}.")
    # One more tells whether there is a next page.
    rows = await hand.trail(room.keys, before=before, count=count + 1)
    shown = rows[:count]
    owner = who.can("owner", room.name)
    entries = [_entry(row, owner=owner) for row in shown]
    return AuditPage(entries, shown[-1].id if len(rows) > count else None)


def _entry(row: TrailRow, *, owner: bool) -> AuditEntry:
    changes = [
        Change(what, _shown(what, before, owner), _shown(what, after, owner))
        for what, (before, after) in row.changes.items()
    ]
    return AuditEntry(row.id, int(row.id.partition("-")[0]), row.who, changes)


def _shown(what: str, value: Any, owner: bool) -> Any:
    """Return a value as it may be shown: secrets of bypass rules to owners only."""
    if owner or what != "bypass" or not isinstance(value, list):
        return value
    return [{**rule, "value": None} if isinstance(rule, dict) else rule for rule in value]
