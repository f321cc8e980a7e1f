"""Between ASGI's scopes and what the gate works with."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote, unquote

from waitroom import clock
from waitroom.gate.replies import Reply
from waitroom.gate.visit import Visit, merge_headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
#: Frameworks name these types each in its own way.
App = Callable[[Any, Any, Any], Awaitable[None]]

#: Tells the origin which room's gate was passed. Nobody else may say so.
GATE_HEADER = b"waitroom-gate"
# Servers that turn headers into CGI names make these two the same.
_GATE_HEADERS = frozenset({b"waitroom-gate", b"waitroom_gate"})


def visit_from(scope: Scope) -> Visit:
    """Return what an HTTP or WebSocket scope shows."""
    headers = merge_headers(scope["headers"])
    raw = scope.get("raw_path")
    path = raw.decode("latin-1").partition("?")[0] if raw else quote(scope["path"])
    return Visit(
        method=scope.get("method", "GET"),
        host=headers.get("host", ""),
        path=path,
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        address=(scope.get("client") or ("",))[0],
        now_ms=clock.now_ms(),
        websocket=scope["type"] == "websocket",
    )


def forwarded(scope: Scope, page: str, passed: str | None) -> Scope:
    """Return the scope that the origin gets: the page that was judged, and our header.

    Args:
        scope: As received; left as it is.
        page: The canonical page.
        passed: The room whose gate was passed; None if none stood in the way.
    """
    headers = [pair for pair in scope["headers"] if pair[0].lower() not in _GATE_HEADERS]
    if passed is not None:
        headers.append((GATE_HEADER, passed.encode()))
    changed: dict[str, Any] = {"headers": headers}
    raw = scope.get("raw_path")
    if raw and raw.partition(b"?")[0] != page.encode():
        changed |= {"raw_path": page.encode(), "path": unquote(page)}
    elif not raw and quote(scope["path"]) != page:
        changed["path"] = unquote(page)
    return {**scope, **changed}


def is_secure(scope: Scope) -> bool:
    """Say whether the visitor's connection is encrypted."""
    return scope.get("scheme") in ("https", "wss")


def with_headers(send: Send, extra: list[tuple[str, str]]) -> Send:
    """Return a ``send`` that adds headers to the origin's answer and keeps caches off it.

    Args:
        send: The server's.
        extra: Personal headers; with none, ``send`` is returned as it is.
    """
    if not extra:
        return send

    async def wrapped(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            headers = _private(list(message.get("headers", [])))
            headers += [(name.encode(), value.encode()) for name, value in extra]
            message = {**message, "headers": headers}
        await send(message)

    return wrapped


async def send_reply(scope: Scope, receive: Receive, send: Send, reply: Reply) -> None:
    """Send an answer of our own; a WebSocket is refused with it before it opens."""
    prefix = ""
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 4403, "reason": "queued"})
            return
        prefix = "websocket."
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in reply.headers]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    start = {"type": f"{prefix}http.response.start", "status": reply.status, "headers": headers}
    await send(start)
    await send({"type": f"{prefix}http.response.body", "body": reply.body})


def _private(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    # A cache that stores an answer with a cookie would hand one visitor's pass to everybody.
    stored = [value.lower() for name, value in headers if name.lower() == b"cache-control"]
    if any(b"no-store" in value or b"private" in value for value in stored):
        return headers
    kept = [pair for pair in headers if pair[0].lower() != b"cache-control"]
    return [*kept, (b"cache-control", b"private, no-cache")]
