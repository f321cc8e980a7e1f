"""What a request shows to the gate, free of any server's types.

Header names are in lower case. Headers that came several times are joined as HTTP says (``, ``;
cookies with ``; ``), so a secret sent twice does not equal itself.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Most cookies of one name that are looked at; more only cost time.
MAX_COOKIES = 8
_PAGE_DESTINATIONS = frozenset({"document", "frame", "iframe", "embed", "object"})
_PAGE_METHODS = frozenset({"GET", "HEAD", "POST"})
#: A weight in an ``Accept…`` header, in lower case (RFC 9110, 12.4.2).
QUALITY = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, or one WebSocket to be opened.

    Attributes:
        method: HTTP method, upper case; ``GET`` for a WebSocket.
        host: The Host header.
        path: Path as received, without query, still percent-encoded.
        query: Query as received, without ``?``.
        headers: Lower-case name -> value, ``cookie`` included.
        address: The visitor's IP address; empty if not known.
        now_ms: Milliseconds since the epoch.
        websocket: A WebSocket is to be opened.
        secure: The visitor's connection is encrypted.
    """

    method: str
    host: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    address: str = ""
    now_ms: int = 0
    websocket: bool = False
    secure: bool = False

    def cookies(self, name: str) -> list[str]:
        """Return the values of all cookies of a name, in the order sent.

        A browser sends several when they were set for different paths or domains, and a
        neighbour on another subdomain can set one; so none may hide the others.
        """
        found = []
        for pair in self.headers.get("cookie", "").split(";"):
            key, _, value = pair.partition("=")
            if key.strip() == name:
                found.append(value.strip().strip('"'))
        return found[:MAX_COOKIES]

    def is_page(self) -> bool:
        """Say whether a person looks at the answer; else a program reads it.

        The first rule that applies decides:

        1. Methods other than GET, HEAD and POST, and ``X-Requested-With``: a program.
        2. ``Sec-Fetch-Dest``: a page for documents and frames, else a program.
        3. ``Sec-Fetch-Mode``: a page for ``navigate``, else a program.
        4. ``Accept``: a page if it names HTML, at least as much wanted as JSON.
        """
        if self.method not in _PAGE_METHODS or "x-requested-with" in self.headers:
            return False
        if destination := self.headers.get("sec-fetch-dest"):
            return destination.strip().lower() in _PAGE_DESTINATIONS
        if mode := self.headers.get("sec-fetch-mode"):
            return mode.strip().lower() == "navigate"
        accept = self.headers.get("accept", "")
        html = max(_wanted(accept, "text/html"), _wanted(accept, "application/xhtml+xml"))
        return html > 0 and html >= _wanted(accept, "application/json")


def plain_name(header: str) -> str:
    """Return a header's name in lower case, with ``-`` for ``_``.

    Servers that turn headers into CGI names make both one, so a name that is only ours has to
    be dropped in all of its spellings.
    """
    return header.lower().replace("_", "-")


def merge_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers of a request as ``Visit.headers`` wants them."""
    merged: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        glue = "; " if name == "cookie" else ", "
        merged[name] = merged[name] + glue + value if name in merged else value
    return merged


def _wanted(accept: str, media_type: str) -> float:
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name == media_type:
            weights = [found[1] for text in parameters if (found := QUALITY.fullmatch(text))]
            return float(weights[0]) if weights else 1.0
    return 0.0
