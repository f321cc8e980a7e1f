"""Between WSGI's environ and what the gate works with.

The environ holds the path decoded, so ``%2F`` and ``/`` are one here; what the app routes on is
judged, encoded again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from waitroom import clock
from waitroom.errors import ConfigError
from waitroom.gate.paths import PathError, canonical_path
from waitroom.gate.replies import Reply, own_headers, privately
from waitroom.gate.visit import Visit, plain_name

Environ = dict[str, Any]
#: Takes status, headers and, after an error, ``exc_info``; returns ``write``.
StartResponse = Callable[..., Any]
WSGIApp = Callable[[Any, Any], Iterable[bytes]]

#: Characters of a path that need no escape (RFC 3986, 3.3).
_PATH_SAFE = "/:@!$&'()*+,;=~"
_UNPREFIXED = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}
#: Some servers tell the path as it came over the wire; it must not say something else.
_RAW_ADDRESSES = ("REQUEST_URI", "RAW_URI")


def visit_from_environ(environ: Environ) -> Visit:
    """Return what a WSGI request shows."""
    headers = dict(header_pairs(environ))
    return Visit(
        method=environ["REQUEST_METHOD"],
        host=headers.get("host", ""),
        path=_quoted(_whole_path(environ)),
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        address=environ.get("REMOTE_ADDR", ""),
        now_ms=clock.now_ms(),
        websocket=environ["REQUEST_METHOD"] == "GET"
        and headers.get("upgrade", "").strip().lower() == "websocket",
        secure=environ.get("wsgi.url_scheme") == "https",
    )


def header_pairs(environ: Environ) -> Iterator[tuple[str, str]]:
    """Return a request's headers; names in lower case, with ``-``."""
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            yield plain_name(key[5:]), value
        elif key in _UNPREFIXED and value:
            yield _UNPREFIXED[key], value


def without(environ: Environ, names: Collection[str]) -> Environ:
    """Return a copy of an environ without some headers, named as ``plain_name`` does."""
    return {
        key: value
        for key, value in environ.items()
        if not (key.startswith("HTTP_") and plain_name(key[5:]) in names)
    }


def checked_mount(mount: str) -> str:
    """Return the ``SCRIPT_NAME`` of an app that is mounted at this path, empty for the whole site.

    Raises:
        ConfigError: If it is not a path in its canonical spelling.
    """
    try:
        plain = quote(mount)
        if not mount or (mount[-1] != "/" and canonical_path(plain).page == plain):
            return mount.encode().decode("latin-1")
    except PathError:
        pass
    raise ConfigError(f"mount: {mount!r} is not a path in its canonical spelling")


def is_mounted(environ: Environ, mount: str) -> bool:
    """Say whether a request came by the app's own mount.

    Some servers take ``SCRIPT_NAME`` from a header, by which a visitor would move the page that
    the app sees away from the one that is judged.

    Args:
        environ: As received.
        mount: What ``checked_mount`` returned.
    """
    claimed = any(name == "script-name" for name, _ in header_pairs(environ))
    return not claimed and environ.get("SCRIPT_NAME", "") == mount


def leaves_mount(environ: Environ, page: str) -> bool:
    """Say whether a canonical page lies outside of the app's ``SCRIPT_NAME``."""
    mount = environ.get("SCRIPT_NAME", "").rstrip("/")
    return not f"{_decoded(page)}/".startswith(f"{mount}/")


def forwarded_environ(environ: Environ, page: str, headers: Iterable[tuple[str, str]]) -> Environ:
    """Return the environ that the origin gets: the page that was judged, and our headers.

    Args:
        environ: As received, without the headers that are ours; changed in place.
        page: The canonical page; not outside of ``SCRIPT_NAME``.
        headers: What the edge says, names in lower case.
    """
    path = _decoded(page)
    if path != _whole_path(environ):
        environ["PATH_INFO"] = path[len(environ.get("SCRIPT_NAME", "").rstrip("/")) :]
    query = environ.get("QUERY_STRING", "")
    address = f"{page}?{query}" if query else page
    environ.update({name: address for name in _RAW_ADDRESSES if name in environ})
    for name, value in headers:
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def with_wsgi_headers(start_response: StartResponse, extra: list[tuple[str, str]]) -> StartResponse:
    """Return a ``start_response`` that adds headers and keeps caches off the answer.

    Args:
        start_response: The server's.
        extra: Personal headers; with none, ``start_response`` is returned as it is.
    """
    if not extra:
        return start_response

    def wrapped(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        told = [*privately(headers), *extra]
        return start_response(status, told, exc_info) if exc_info else start_response(status, told)

    return wrapped


def send_wsgi(environ: Environ, start_response: StartResponse, reply: Reply) -> list[bytes]:
    """Send an answer of our own."""
    start_response(status_line(reply.status), own_headers(reply))
    # Never without a piece: some servers begin the answer with the first one.
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body]


def status_line(status: int) -> str:
    """Return the status with a phrase, as WSGI wants it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Other"


def read_body(environ: Environ, limit: int) -> bytes | None:
    """Return the request's body; None if it is longer than ``limit`` bytes or incomplete."""
    told = environ.get("CONTENT_LENGTH") or ""
    if told.isascii() and told.isdigit():
        length = int(told[:16])
        if length > limit:
            return None
        body = bytes(environ["wsgi.input"].read(length)) if length else b""
        return body if len(body) == length else None
    # Only such servers end the stream where the body ends.
    if not environ.get("wsgi.input_terminated"):
        return b""
    body = bytes(environ["wsgi.input"].read(limit + 1))
    return body if len(body) <= limit else None


def _whole_path(environ: Environ) -> str:
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path or "/"


def _quoted(path: str) -> str:
    return quote(path.encode("latin-1", "replace"), safe=_PATH_SAFE)


def _decoded(page: str) -> str:
    return unquote_to_bytes(page).decode("latin-1")
