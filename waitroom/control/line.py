"""A room's visitors, one by one: look them up, let them in, take them out."""

from waitroom.control.views import Admitted, List, VisitorPage, VisitorView, Where
from waitroom.errors import AdmissionError, RequestError, VisitorNotFoundError
from waitroom.room import Room, Store
from waitroom.room.hand import Hand
from waitroom.room.visitors import Trace, count_visitors, list_visitors, trace, visitor_at

#: Most visitors of one page.
PAGE_MAX = 1_000
#: Most visitors let in by one request.
ADMIT_MAX = 100_000
#: Longest name of a request.
ONCE_MAX = 64
#: Digits of a position; an id has 22 characters.
_POSITION_DIGITS = 12

_REFUSALS = {
    "full": ("no_free_seat", "All seats of the room are taken: raise total_active_users first."),
    "silent": (
        "visitor_silent",
        "The visitor has not been heard of lately; a seat would stay empty.",
    ),
    "closed": ("room_closed", "The room is closed: open it first."),
    "suspended": ("room_suspended", "The room lets everybody through; nobody has to be let in."),
    "recovering": (
        "room_recovering",
        "Redis lost its data; seats are being collected. Try again in some seconds.",
    ),
}


async def page(store: Store, room: Room, of: List, start: int, count: int) -> VisitorPage:
    """Return a page of a room's visitors; see ``Control.visitors``.

    Raises:
        RequestError: If ``start`` or ``count`` is out of range.
        StoreError: If Redis failed.
    """
    if start < 0 or not 1 <= count <= PAGE_MAX:
        raise RequestError(f"start must be 0 or more, count 1 to {PAGE_MAX}.")
    now_ms = await store.time_ms(room.keys.meta)
    total = await count_visitors(store, room.keys, of, now_ms)
    rows = await list_visitors(store, room.keys, of, start, count, now_ms)
    return VisitorPage([_view(room, row, now_ms) for row in rows], start, total)


async def find(store: Store, room: Room, what: str) -> VisitorView:
    """Find one visitor by id or position; see ``Control.visitor``.

    Raises:
        VisitorNotFoundError: If the room knows none such.
        StoreError: If Redis failed.
    """
    visitor: str | None = what
    if what.isascii() and what.isdigit() and len(what) <= _POSITION_DIGITS:
        visitor = await visitor_at(store, room.keys, int(what)) if int(what) else None
    if not visitor:
        raise VisitorNotFoundError(room.name, what)
    return await _known(store, room, visitor)


async def let_in(store: Store, hand: Hand, room: Room, visitor: str, who: str) -> VisitorView:
    """Give one visitor a seat; see ``Control.let_in``.

    Raises:
        VisitorNotFoundError: If nobody such waits.
        AdmissionError: If that cannot be at the moment.
        StoreError: If Redis failed. Asking again is safe.
    """
    how = await hand.let_in(room.keys, visitor, who=who)
    if how == "unknown":
        raise VisitorNotFoundError(room.name, visitor)
    if how != "admitted":
        raise AdmissionError(room.name, *_REFUSALS[how])
    return await _known(store, room, visitor)


async def remove(store: Store, hand: Hand, room: Room, visitor: str, who: str) -> None:
    """Take a visitor's place or seat away; see ``Control.remove``.

    Raises:
        VisitorNotFoundError: If the visitor has neither.
        StoreError: If Redis failed. Asking again is safe.
    """
    found = await _known(store, room, visitor)
    if found.where == "gone" or not await hand.remove(room.keys, visitor, who=who):
        raise VisitorNotFoundError(room.name, visitor)


async def admit_now(hand: Hand, room: Room, n: int, once: str, who: str) -> Admitted:
    """Let the first n present visitors in; see ``Control.admit_now``.

    Raises:
        RequestError: If ``n`` or ``once`` is out of range.
        AdmissionError: If that cannot be at the moment.
        StoreError: If Redis failed. Asking again under the same name is safe.
    """
    if not 1 <= n <= ADMIT_MAX:
        raise RequestError(f"n must be 1 to {ADMIT_MAX}.")
    if len(once) > ONCE_MAX:
        raise RequestError(f"the name of a request has at most {ONCE_MAX} characters.")
    done, how = await hand.admit_now(room.keys, n, who=who, once=once)
    if how in ("closed", "suspended", "recovering"):
        raise AdmissionError(room.name, *_REFUSALS[how])
    if done >= n:
        return Admitted(done, n, None)
    return Admitted(done, n, "full" if how == "full" else "empty")


async def _known(store: Store, room: Room, visitor: str) -> VisitorView:
    now_ms = await store.time_ms(room.keys.meta)
    [found] = await trace(store, room.keys, [visitor])
    if all(value is None for value in found[1:]):
        raise VisitorNotFoundError(room.name, visitor)
    return _view(room, found, now_ms)


def _view(room: Room, found: Trace, now_ms: int) -> VisitorView:
    seen_ms = found.seen_ms if found.seen_ms is not None else found.silent_since_ms
    recent_ms = now_ms - room.settings.heartbeat_ttl_s * 1000
    where = _where(found, now_ms)
    return VisitorView(
        visitor=found.visitor,
        where=where,
        position=None if found.rank is None else found.rank + 1,
        place_us=found.place,
        seen_ms=seen_ms,
        present=where == "waiting" and seen_ms is not None and seen_ms > recent_ms,
        deadline_ms=found.deadline_ms,
    )


def _where(found: Trace, now_ms: int) -> Where:
    if found.deadline_ms is not None and found.deadline_ms > now_ms:
        return "on_site" if found.admitted_ms is None else "admitted"
    if found.rank is not None:
        return "waiting"
    return "gone" if found.silent_since_ms is None else "parked"
