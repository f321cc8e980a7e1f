"""What a browser can read, and what it has already: compression, languages, entity tags.

The libraries' rules, read off the ASGI scope, so that they are the same whatever answers.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from werkzeug.datastructures import Accept, LanguageAccept
from werkzeug.http import parse_accept_header, parse_etags

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
        best = _best_kept if len(header) < KEPT_LENGTH else _best
        return best(header, tuple(known)) or default

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


def _best(header: str, known: tuple[str, ...]) -> str | None:
    return parse_accept_header(header, LanguageAccept).best_match(known)


_gzip_kept = lru_cache(maxsize=256)(_gzip)
_best_kept = lru_cache(maxsize=1024)(_best)
