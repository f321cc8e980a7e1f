"""The visitors of a room, page by page: find one, let one in, take one out."""

import re
from typing import Any

from quart import Blueprint, Response, request

from waitroom import clock
from waitroom.console.door import who
from waitroom.console.pages import Note, go, page
from waitroom.control.views import List, VisitorView
from waitroom.control.words import ago, count, duration
from waitroom.errors import AdmissionError, VisitorNotFoundError
from waitroom.web.services import services

PAGE = 50
_START = re.compile(r"[0-9]{1,9}")
KINDS: tuple[tuple[List, str], ...] = (
    ("waiting", "Waiting"),
    ("parked", "Silent"),
    ("seated", "With a seat"),
)
_WHERE = {
    "waiting": "waits",
    "parked": "silent, place kept",
    "admitted": "let in, on the way",
    "on_site": "on the site",
    "gone": "has left",
}
_EMPTY = {
    "waiting": "Nobody waits. Whoever has to wait stands here, in order.",
    "parked": "Nobody is silent. Whoever closes the page or locks the phone stands here for a "
    "while, with the place kept.",
    "seated": "Nobody is on the site.",
}


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/rooms/<name>/visitors", view_func=visitors)
    console.add_url_rule("/rooms/<name>/visitors/let-in", view_func=let_in, methods=["POST"])
    console.add_url_rule("/rooms/<name>/visitors/remove", view_func=remove, methods=["POST"])


async def visitors(name: str) -> Response:
    """Show a page of visitors, or the one that was looked for."""
    return await _page(name, [])


async def let_in(name: str) -> Response:
    """Give one visitor a seat before all others."""
    form = await request.form
    try:
        await services().control.let_in(who(), name, form.get("visitor", ""))
    except (AdmissionError, VisitorNotFoundError) as e:
        return await _page(name, [Note(e.detail, "wrong")], e.status)
    return go("visitors", name=name, of=_kind(form.get("of")), done="let-in")


async def remove(name: str) -> Response:
    """Take one visitor's place or seat away."""
    form = await request.form
    try:
        await services().control.remove(who(), name, form.get("visitor", ""))
    except VisitorNotFoundError as e:
        return await _page(name, [Note(e.detail, "wrong")], e.status)
    return go("visitors", name=name, of=_kind(form.get("of")), done="removed")


async def _page(name: str, notes: list[Note], status: int = 200) -> Response:
    control, asker = services().control, who()
    room = await control.room(asker, name)
    of, find = _kind(request.args.get("of")), request.args.get("find", "").strip()
    asked = request.args.get("start", "0")
    start = int(asked) if _START.fullmatch(asked) else 0
    rows: list[VisitorView] = []
    total = 0
    empty = _EMPTY[of]
    if find:
        try:
            rows = [await control.visitor(asker, name, find)]
        except VisitorNotFoundError as e:
            empty = f"{e.detail} Look for the id, or for a position such as 12."
    else:
        found = await control.visitors(asker, name, of=of, start=start, count=PAGE)
        rows, start, total = found.visitors, found.start, found.total
    last = start + len(rows)
    caption = "Found" if find else f"{start + 1} to {last} of {count(total, 'visitor', 'visitors')}"
    return page(
        "visitors.html",
        status=status,
        notes=notes,
        room=room,
        of=of,
        kinds=KINDS,
        find=find,
        visitors=[_row(row) for row in rows],
        caption=caption,
        empty=empty,
        may=asker.can("operator", name),
        earlier=max(0, start - PAGE) if start and not find else None,
        later=last if last < total else None,
    )


def _row(view: VisitorView) -> dict[str, Any]:
    now_ms = clock.now_ms()
    since = heard = ""
    if view.place_us is not None and view.where in ("waiting", "parked"):
        since = ago(max(0, now_ms - view.place_us / 1000) / 1000)
    if view.seen_ms:
        silent_s = max(0, now_ms - view.seen_ms) / 1000
        heard = ago(silent_s) if view.present else f"silent for {duration(silent_s)}"
    return {
        "visitor": view.visitor,
        "where": _WHERE[view.where],
        "position": f"{view.position:,}" if view.position else "",
        "since": since,
        "heard": heard,
        "deadline_ms": view.deadline_ms if view.where in ("admitted", "on_site") else None,
        "can_enter": view.where == "waiting",
        "can_go": view.where != "gone",
    }


def _kind(text: str | None) -> List:
    return next((kind for kind, _ in KINDS if kind == text), "waiting")
