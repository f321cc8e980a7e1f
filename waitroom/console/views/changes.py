"""Who changed what in a room, when, from what to what."""

from typing import Any

from quart import Blueprint, Response, request

from waitroom.console.door import who
from waitroom.console.pages import page
from waitroom.console.views.settings import said
from waitroom.control.meanings import MEANINGS
from waitroom.control.views import Change
from waitroom.errors import RequestError
from waitroom.room import RoomSettings
from waitroom.web.services import services

PAGE = 50
#: What was done by hand, in words.
_DONE = {
    "created": "Room made",
    "admit_now": "Let in by hand",
    "let_in": "Let one visitor in",
    "remove": "Removed a visitor",
    "theme": "Look of the splash page",
}


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/rooms/<name>/changes", view_func=changes)


async def changes(name: str) -> Response:
    """Show a page of the trail, the newest first."""
    room = await services().control.room(who(), name)
    before = request.args.get("before", "")[:40] or None
    try:
        found = await services().control.audit(who(), name, before=before, count=PAGE)
    except RequestError:
        found = await services().control.audit(who(), name, count=PAGE)
    entries = [
        {"at_ms": entry.at_ms, "who": entry.who, "changes": [_change(c) for c in entry.changes]}
        for entry in found.entries
    ]
    return page("changes.html", room=room, entries=entries, next=found.next)


def _change(change: Change) -> dict[str, Any]:
    known = MEANINGS.get(change.what)
    label = known.label if known else _DONE.get(change.what, change.what.replace("_", " "))
    return {
        "label": label,
        "before": _text(change.what, change.before),
        "after": _text(change.what, change.after),
    }


def _text(what: str, value: Any) -> str:
    if what not in RoomSettings.model_fields:
        return "" if value is None else str(value)[:200]
    try:
        return said(what, value)[:500]
    except (TypeError, KeyError, ValueError):
        # Written by another version.
        return str(value)[:200]
