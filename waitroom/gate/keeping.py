"""Which answers of the service are for everybody, for how long, and how they are sent.

Only what says that it is public is: a mistake here would show one visitor's answer to others.
"""

import gzip
import re
from dataclasses import dataclass, field

import aiohttp
from werkzeug.http import parse_accept_header, parse_etags

from waitroom import clock
from waitroom.gate.proxy import NOT_RETURNED
from waitroom.gate.replies import Reply
from waitroom.gate.visit import Visit

#: Shorter answers are not worth compressing.
_ZIP_MIN = 512
_ZIPPED_TYPES = re.compile(r"text/|application/(json|javascript)|image/svg")
_DIRECTIVE = re.compile(r"(s-maxage|max-age)=\"?([0-9]{1,9})\"?")
#: Names the theme that a splash page shows.
THEME = "Waitroom-Theme"
#: A page of another theme than the one that was announced is kept for this long, seconds.
PASSING_S = 1
#: Length and encoding are of our own making.
_NOT_KEPT = NOT_RETURNED | {"age", "content-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Public:
    """An answer that may be the same for everybody.

    Attributes:
        path: Where the service has it; without query.
        language: Asked for in ``Accept-Language``; empty where there is only one.
        statuses: What a good answer may have.
        theme: What the page is to look like, as the rooms say; a page of before is not shown any
            more.
    """

    path: str
    language: str = ""
    statuses: tuple[int, ...] = (200,)
    theme: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A public answer, ready to be sent.

    Attributes:
        status: HTTP status.
        headers: Names in lower case; without length, encoding and age.
        body: As the service sent it.
        zipped: The same, gzipped; empty if that is not worth it.
        kept_s: Since when it is kept, by the monotonic clock.
        until_s: Until when it is used.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    zipped: bytes = field(repr=False)
    kept_s: float
    until_s: float

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.body) + len(self.zipped)

    def header(self, name: str) -> str:
        """Return a header, all of its values joined; empty if there is none."""
        return ", ".join(value for key, value in self.headers if key == name)

    def reply(self, visit: Visit) -> Reply:
        """Return the answer for one visitor: whole, gzipped, or 304."""
        age = ("age", str(int(clock.monotonic_s() - self.kept_s)))
        etag = self.header("etag").removeprefix("W/").strip('"')
        shown = visit.headers.get("if-none-match")
        if etag and shown and self.status == 200 and parse_etags(shown).contains_weak(etag):
            same = ("etag", "cache-control", "vary")
            kept = [pair for pair in self.headers if pair[0] in same]
            return Reply(304, (*kept, age))
        accepted = parse_accept_header(visit.headers.get("accept-encoding"))
        if self.zipped and accepted.quality("gzip"):
            headers = (*self.headers, age, ("content-encoding", "gzip"))
            return Reply(self.status, headers, self.zipped)
        return Reply(self.status, (*self.headers, age), self.body)


def life_s(response: aiohttp.ClientResponse, wanted: Public) -> int:
    """Return for how many seconds an answer may be used; 0 if it is not for everybody.

    Args:
        response: What the service says; only its status and headers are looked at.
        wanted: What was asked for.
    """
    told = {part.strip().lower() for part in _all(response, "Cache-Control")}
    varies = {part.strip().lower() for part in _all(response, "Vary")} - {"", "accept-encoding"}
    if (
        response.status not in wanted.statuses
        or "Set-Cookie" in response.headers
        or response.headers.get("Content-Encoding", "identity") != "identity"
        or "public" not in told
        or told & {"private", "no-store", "no-cache"}
        or varies - ({"accept-language"} if wanted.language else set())
    ):
        return 0
    lives = {found[1]: int(found[2]) for part in told if (found := _DIRECTIVE.fullmatch(part))}
    age = response.headers.get("Age", "")
    life = lives.get("s-maxage", lives.get("max-age", 0))
    if response.headers.get(THEME, "") != wanted.theme:
        # One process of the service may not have heard yet of what another one has announced.
        life = min(life, PASSING_S)
    return max(0, life - (int(age[:9]) if age.isascii() and age.isdigit() else 0))


def _all(response: aiohttp.ClientResponse, name: str) -> list[str]:
    return ",".join(response.headers.getall(name, [])).split(",")


def page_of(response: aiohttp.ClientResponse, body: bytes, life: int) -> Page:
    """Return an answer ready to be sent.

    Args:
        response: What the service says.
        body: Its body, as it is.
        life: For how many seconds it may be used.
    """
    headers = []
    for raw_name, raw_value in response.raw_headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "etag" and not value.startswith("W/"):
            # Gzipped it is another file, byte for byte.
            value = f"W/{value}"
        if name not in _NOT_KEPT:
            headers.append((name, value))
    zipped = b""
    if len(body) >= _ZIP_MIN and _ZIPPED_TYPES.match(response.headers.get("Content-Type", "")):
        zipped = gzip.compress(body, 6, mtime=0)
        if "accept-encoding" not in ",".join(_all(response, "Vary")).lower():
            headers.append(("vary", "Accept-Encoding"))
    now_s = clock.monotonic_s()
    return Page(response.status, tuple(headers), body, zipped, now_s, now_s + life)
