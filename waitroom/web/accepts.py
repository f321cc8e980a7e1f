"""What a browser can read, and what it has already: compression, languages, entity tags.

Read off the ASGI scope, so that they are the same whatever answers. Werkzeug's rules, but for
languages: those are an edge's, so that a page is the same whoever chose its language.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_etags

from waitroom.gate.languages import negotiated

#: Longest header whose reading is kept for the next browser of the same kind, characters.
KEPT_LENGTH = 200


class Accepts:
    """The Accept headers of one request.

    Args:
        scope: The request's ASGI scope.
    """

    def __init__(self, scope: Any) -> None:
        self._headers = scope["headers"]

    @property
    def gzip(self) -> bool:
        """Whether the answer may be gzipped."""
        header = self._header(b"accept-encoding")
        return _gzip_kept(header) if len(header) < KEPT_LENGTH else _gzip(header)

    def language(self, known: Sequence[str], default: str) -> str:
        """Return the best of the known languages, or the default."""
        header = self._header(b"accept-language")
        choose = _language_kept if len(header) < KEPT_LENGTH else negotiated
        return choose(header, tuple(known), default)

    def has(self, etag: str) -> bool:
        """Say whether the browser has the answer of this tag already."""
        header = self._header(b"if-none-match")
        return bool(header) and parse_etags(header).contains_weak(etag)

    def _header(self, wanted: bytes) -> str:
        for name, value in self._headers:
            if name == wanted:
                return str(value, "latin-1")
        return ""


def _gzip(header: str) -> bool:
    return bool(parse_accept_header(header, Accept).quality("gzip"))


_gzip_kept = lru_cache(maxsize=256)(_gzip)
_language_kept = lru_cache(maxsize=1024)(negotiated)
