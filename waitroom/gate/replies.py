"""What the gate answers by itself, as plain data that any server interface can send.

What is made here may not be stored by a cache: it is meant for one visitor at one moment.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import orjson

from waitroom.gate.decide import Hold, Refuse, Splash
from waitroom.gate.rooms import EdgeRoom
from waitroom.gate.visit import Visit

#: After how many seconds a held request may be sent again.
RETRY_AFTER_S = 5
#: The same for a room that is closed.
RETRY_CLOSED_S = 60

#: To a cache that knows one of these, Cache-Control says nothing.
_FOR_CDNS = frozenset({"cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"})
_QUOTED = re.compile(r'"(\\.|[^"\\])*"')

_STYLE = files("waitroom.gate").joinpath("away.css").read_text("utf-8")
_AWAY = files("waitroom.gate").joinpath("away.html").read_text("utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_AWAY_CSP = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
_REFUSED = {
    "bad_path": "The path has no clear meaning; write it without odd escapes.",
    "bad_host": "The Host header is not a host's name.",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


def json_reply(
    status: int, code: str, detail: str, *, retry_after_s: int = 0, **more: str
) -> Reply:
    """Return an error for a program.

    Args:
        status: HTTP status.
        code: Stable name of the failure.
        detail: One sentence for a person.
        retry_after_s: Seconds for ``Retry-After``; 0 leaves it out.
        more: Further fields of the JSON object.
    """
    retry = (("retry-after", str(retry_after_s)),) if retry_after_s else ()
    body = orjson.dumps({"error": code, "detail": detail} | more)
    return Reply(status, _own("application/json") + retry, body)


def splash_reply(splash: Splash, room: EdgeRoom) -> Reply:
    """Return what a held visitor gets; the splash page in place is made elsewhere.

    A WebSocket is refused with the same JSON, where the server can send it.
    """
    if splash.answer == "redirect":
        # 303 makes every browser come back with GET, also after a form was sent.
        status = 303 if splash.location.endswith("&unsent=1") else 302
        return Reply(status, (*_own("text/plain; charset=utf-8"), ("location", splash.location)))
    page = splash.location.partition("?")[0]
    if splash.closed:
        detail = room.message or "This part of the site is closed at the moment."
        return json_reply(429, "closed", detail, retry_after_s=RETRY_CLOSED_S, splash=page)
    detail = "Many visitors are here. Wait at the address in 'splash', then ask again."
    return json_reply(429, "queued", detail, retry_after_s=RETRY_AFTER_S, splash=page)


def hold_reply(hold: Hold, *, has_ticket: bool) -> Reply:
    """Return what a visitor gets while the service is away.

    Args:
        hold: The decision.
        has_ticket: The visitor holds a ticket, or gets one with this answer.
    """
    if hold.answer in ("json", "socket"):
        detail = "The waiting room cannot be reached right now; a place in line is kept."
        return json_reply(503, "service_unavailable", detail, retry_after_s=RETRY_AFTER_S)
    place = "You keep your place in line." if has_ticket else "You miss nothing by waiting here."
    page = _AWAY.replace("{style}", _STYLE).replace("{place}", place)
    body = page.replace("{seconds}", str(RETRY_AFTER_S)).encode()
    headers = (
        *_own("text/html; charset=utf-8"),
        ("retry-after", str(RETRY_AFTER_S)),
        ("content-security-policy", _AWAY_CSP),
    )
    return Reply(503, headers, body)


def away_reply(visit: Visit) -> Reply:
    """Return the answer to a visitor below ``/__waitroom/`` while the service is away."""
    hold = Hold(None, "redirect" if visit.is_page() else "json", issue_ticket=False)
    return hold_reply(hold, has_ticket=True)


def own_headers(reply: Reply) -> list[tuple[str, str]]:
    """Return an answer's headers, complete but for those of the connection."""
    # A 304 has no body, and its length would be taken for that of the page.
    length = [] if reply.status == 304 else [("content-length", str(len(reply.body)))]
    return [*reply.headers, *length]


def privately(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of an origin's answer so that no shared cache keeps it.

    A cache that stores an answer with a cookie would hand one visitor's pass to everybody.
    """
    pairs = list(headers)
    told = ",".join(value.lower() for name, value in pairs if name.lower() == "cache-control")
    # What is quoted is no directive, and ``private="x"`` keeps no more than the header x private.
    directives = {part.strip() for part in _QUOTED.sub('""', told).split(",")}
    forbids = not directives.isdisjoint({"no-store", "private"})
    dropped = _FOR_CDNS if forbids else {*_FOR_CDNS, "cache-control"}
    kept = [pair for pair in pairs if pair[0].lower() not in dropped]
    return kept if forbids else [*kept, ("cache-control", "private, no-cache")]


def refuse_reply(refused: Refuse) -> Reply:
    """Return the answer to a request without a clear meaning."""
    return json_reply(refused.status, refused.code, _REFUSED[refused.code])


def _own(content_type: str) -> tuple[tuple[str, str], ...]:
    return (
        ("content-type", content_type),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
    )
