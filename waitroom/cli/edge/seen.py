"""What an answer of a guarded site shows of the gate."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from waitroom.cli.edge.visit import Answer
from waitroom.identity import pass_cookie_name
from waitroom.return_to import PREFIX
from waitroom.room.settings import ROOM_NAME

#: What the gate has done with a request: sent it to the splash page, shown that page in place,
#: told a program to wait, given a seat, held it because the service is away; or the origin has
#: refused the edge's word; or nothing of a gate is to be seen. Where somebody failed: the Worker
#: says that it is not set up, the service says that the edge's token is wrong, or nobody says
#: whose the error is.
Kind = Literal[
    "redirect",
    "inline",
    "json",
    "admitted",
    "away",
    "past_the_edge",
    "through",
    "none",
    "not_configured",
    "bad_token",
    "error",
]
#: Kinds in which a visitor has to wait.
HELD: frozenset[Kind] = frozenset({"redirect", "inline", "json"})

#: What is said with status 5xx by a part of Waitroom; proxies may hand the answer on.
_FAULTS: dict[str, Kind] = {
    "service_unavailable": "away",
    "not_configured": "not_configured",
    "unauthorized": "bad_token",
}

_IN_PLACE = re.compile(rb'<html [^>]{0,200}?data-room="([a-z0-9_-]{1,40})"')
_SPLASH = re.compile(rf"{re.escape(PREFIX)}({ROOM_NAME.pattern})")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one answer shows.

    Attributes:
        kind: What the gate has done; ``none`` when there was no answer.
        room: The room that the answer names; empty if none.
        answer: The answer.
    """

    kind: Kind
    room: str
    answer: Answer

    @property
    def held(self) -> bool:
        """Whether the visitor has to wait."""
        return self.kind in HELD


def see(answer: Answer) -> Seen:
    """Return what an answer shows."""
    kind, room = _see(answer)
    named = (name.split("_", 2)[2] for name in answer.cookies())
    return Seen(kind, room or next(filter(ROOM_NAME.fullmatch, named), ""), answer)


def _see(answer: Answer) -> tuple[Kind, str]:
    if not answer.status:
        return "none", ""
    if answer.status in (302, 303) and (room := _splash(answer.headers.get("Location", ""))):
        return "redirect", room
    said = answer.json()
    error = said.get("error")
    if error in ("queued", "closed") and (room := _splash(str(said.get("splash", "")))):
        return "json", room
    if answer.failed and isinstance(error, str) and error in _FAULTS:
        return _FAULTS[error], ""
    if answer.status == 403 and error == "past_the_edge":
        return "past_the_edge", ""
    if found := _IN_PLACE.search(answer.body):
        return "inline", found[1].decode()
    if any(name.startswith(pass_cookie_name("")) for name in answer.cookies()):
        return "admitted", ""
    # Whoever gave it: it does not show that somebody got through.
    return "error" if answer.failed else "through", ""


def _splash(address: str) -> str:
    try:
        found = _SPLASH.fullmatch(urlsplit(address).path)
    except ValueError:
        return ""
    return found[1] if found else ""
