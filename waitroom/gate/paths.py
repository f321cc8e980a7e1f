"""One spelling for every path and host, so that no other spelling walks past a room.

Two forms of a path come out. ``page`` is what the origin gets and what a visitor comes back to:
as received, unless dot segments or leading double slashes stood in it. ``match`` is what rooms
are compared with: decoded, in lower case, without empty segments, without ``;params`` and without
dots and spaces at the end of a name. Case
is ignored on purpose, whatever the origin does: ``/Shop`` must not walk past ``/shop``.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]*)(:[0-9]{0,5})?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
#: Escapes of control characters, slash and backslash: servers disagree about what they mean.
_UNCLEAR_ESCAPE = re.compile(r"%([01][0-9A-Fa-f]|7[Ff]|2[Ff]|5[Cc])")
_BAD_CHARACTER = re.compile(r"[\x00-\x20\x7f\\?#]")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class PathError(ValueError):
    """A path or host that has no clear meaning; the request is refused."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path of a request in its two canonical forms."""

    #: Percent-encoded; begins with exactly one slash.
    page: str
    #: Decoded and in lower case; without trailing slash, except for ``/`` itself.
    match: str

    def within(self, prefix: str) -> bool:
        """Say whether the path is at or below a prefix that is in the form of ``match``."""
        return prefix == "/" or self.match == prefix or self.match.startswith(prefix + "/")


def canonical_path(raw: str) -> Path:
    """Return the canonical forms of a path as it came over the wire.

    Args:
        raw: The path without query; a character for each byte (Latin-1).

    Raises:
        PathError: If it is no absolute path, or holds a broken escape, a control character, a
            backslash, or a slash or backslash as an escape.
    """
    if not raw.startswith("/") or _BAD_CHARACTER.search(raw):
        raise PathError("not a path, or it holds characters that may not stand in one")
    if _BAD_ESCAPE.search(raw) or _UNCLEAR_ESCAPE.search(raw):
        raise PathError("an escape that is broken or has no clear meaning")
    kept: list[str] = []
    names: list[str] = []
    dots = last_is_dot = False
    for segment in filter(None, raw.split("/")):
        name, semicolon, _ = _decoded(segment).partition(";")
        last_is_dot = name in (".", "..")
        if last_is_dot and semicolon:
            # "/x/..;/shop" is /shop to some servers and below /x to others.
            raise PathError("dot segments with parameters have no clear meaning")
        if name and not name.strip(" .") and "." in name and not last_is_dot:
            # To Windows "...", ".. " and the like are dot segments, to others they are names.
            raise PathError("dot segments with further dots or spaces have no clear meaning")
        dots = dots or last_is_dot
        if name == "..":
            kept, names = kept[:-1], names[:-1]
        elif name != ".":
            kept.append(segment)
            # "/shop." and "/shop%20" are "/shop" to Windows.
            names.append(name.rstrip(" ."))
    page = printable(raw)
    if dots or raw.startswith("//"):
        slash = "/" if kept and (raw.endswith("/") or last_is_dot) else ""
        page = printable("/" + "/".join(kept) + slash)
    return Path(page, "/" + "/".join(filter(None, names)).lower())


@lru_cache(maxsize=4096)
def prefix(path: str) -> str | None:
    """Return a route's path in the form of ``Path.match``; None if no request can be below it."""
    try:
        # Owners write "/büro"; requests have it as UTF-8 escapes.
        return canonical_path(quote(path, safe=_PRINTABLE)).match
    except PathError:
        return None


def canonical_host(raw: str) -> str:
    """Return a host in lower case, without port and trailing dot.

    Raises:
        PathError: If it holds characters that no host has.
    """
    found = _HOST.fullmatch(raw.lower())
    if found is None:
        raise PathError("not a host")
    return found[1].rstrip(".")


def printable(text: str) -> str:
    """Escape all that is not printable ASCII, a character for each byte (Latin-1)."""
    return quote(text.encode("latin-1", "replace"), safe=_PRINTABLE)


def _decoded(segment: str) -> str:
    return unquote_to_bytes(segment.encode("latin-1", "replace")).decode("utf-8", "replace")
