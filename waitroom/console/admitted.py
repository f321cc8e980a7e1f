"""What letting in by hand did: a word in the address that follows, and a line on the page."""

from waitroom.console.pages import Note
from waitroom.control.views import Admitted
from waitroom.control.words import count, number


def admitted_note(text: str) -> Note | None:
    """Return what letting in by hand did, as the address of the page says it."""
    match text.split("-"):
        case [admitted, asked, reason] if f"{admitted}{asked}".isascii() and (
            admitted.isdigit() and asked.isdigit()
        ):
            return _admitted(int(admitted[:7]), int(asked[:7]), reason)
        case [code] if code:
            return Note(_WHY.get(code, "Nobody was let in."), "warn")
    return None


_WHY = {
    "room_closed": "Nobody was let in: the room is closed. Open it first.",
    "room_suspended": "Nobody has to be let in: everybody goes through.",
    "room_recovering": "Nobody was let in: the room recovers. Try again in some seconds.",
    "no_free_seat": "Nobody was let in: all seats are taken. Raise the seats first.",
}
_REASONS = {"full": "all seats are taken", "empty": "nobody else who is present waits"}


def _admitted(admitted: int, asked: int, reason: str) -> Note:
    if admitted >= asked:
        return Note(f"{count(admitted, 'visitor is', 'visitors are')} let in.")
    why = _REASONS.get(reason, "no more could be")
    return Note(f"{number(admitted)} of {number(asked)} are let in: {why}.", "warn")


def admitted_word(done: Admitted) -> str:
    """Return what letting in did as one word of an address."""
    return f"{done.admitted}-{done.asked}-{done.reason or 'all'}"
