"""Between ASGI's scopes and what the gate works with."""

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any
from urllib.parse import quote, unquote

from waitroom import clock
from waitroom.gate.replies import Reply, own_headers, privately
from waitroom.gate.visit import Visit, merge_headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
#: Frameworks name these types each in its own way.
App = Callable[[Any, Any, Any], Awaitable[None]]


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
        secure=scope.get("scheme") in ("https", "wss"),
    )


def header_pairs(scope: Scope) -> list[tuple[str, str]]:
    """Return a request's headers as they came."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """Return the request's body; None if it is longer than ``limit`` bytes or incomplete."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit or message["type"] == "http.disconnect":
            return None
        if not message.get("more_body", False):
            return bytes(body)


def plain_bytes(header: bytes) -> bytes:
    """Return what ``plain_name`` returns, without decoding each header of each request."""
    return header.lower().replace(b"_", b"-")


def forwarded(
    scope: Scope, page: str, headers: Iterable[tuple[str, str]], dropped: Collection[bytes]
) -> Scope:
    """Return the scope that the origin gets: the page that was judged, and our headers.

    Args:
        scope: As received; left as it is.
        page: The canonical page.
        headers: What the edge says, in place of what a visitor says under these names.
        dropped: Headers that a visitor may not send, named as ``plain_bytes`` does.
    """
    ours = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    gone = {*dropped, *(name for name, _ in ours)}
    kept = [pair for pair in scope["headers"] if plain_bytes(pair[0]) not in gone]
    changed: dict[str, Any] = {"headers": [*kept, *ours]}
    raw = scope.get("raw_path")
    if raw and raw.partition(b"?")[0] != page.encode():
        changed |= {"raw_path": page.encode(), "path": unquote(page)}
    elif not raw and quote(scope["path"]) != page:
        changed["path"] = unquote(page)
    return {**scope, **changed}


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
            pairs = message.get("headers", [])
            origins = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
            told = [*privately(origins), *extra]
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told]
            message = {**message, "headers": headers}
        await send(message)

    return wrapped


async def send_reply(scope: Scope, receive: Receive, send: Send, reply: Reply) -> None:
    """Send an answer of our own; a WebSocket is refused with it before it opens."""
    prefix = ""
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 4403, "reason": "refused"})
            return
        prefix = "websocket."
    headers = [
        (name.encode(), value.encode("latin-1", "replace")) for name, value in own_headers(reply)
    ]
    start = {"type": f"{prefix}http.response.start", "status": reply.status, "headers": headers}
    await send(start)
    body = b"" if scope.get("method") == "HEAD" else reply.body
    await send({"type": f"{prefix}http.response.body", "body": body})
