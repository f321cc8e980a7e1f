"""Hands ``/__waitroom/`` to the service, so that visitors stay on the site's own host.

Cookies and the Host header pass unchanged; headers that belong to one connection do not.
``X-Forwarded-*`` are set anew: what a visitor claims about itself does not count. A gate behind
another proxy takes address and scheme from the server's scope (such as Hypercorn's
``ProxyFixMiddleware``).
"""

import asyncio
from collections.abc import Iterable

import aiohttp
from yarl import URL

from waitroom.gate.decide import Hold
from waitroom.gate.replies import hold_reply, json_reply
from waitroom.gate.scopes import Receive, Scope, Send, send_reply
from waitroom.gate.service import TIME_LIMIT_S, Service, UnreachableError
from waitroom.gate.visit import Visit

#: Longest request body handed on, bytes; visitors send a few hundred.
BODY_MAX = 64 * 1024

#: Belong to one connection (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    "transfer-encoding upgrade".split()
)
_NOT_SENT = HOP_BY_HOP | frozenset(
    "content-length expect forwarded waitroom-gate waitroom_gate x-forwarded-for "
    "x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-server "
    "x-real-ip".split()
)
# Our own server sets these two.
_NOT_RETURNED = HOP_BY_HOP | {"date", "server"}
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


async def proxy_http(
    service: Service, visit: Visit, page: str, scope: Scope, receive: Receive, send: Send
) -> None:
    """Hand one request to the service and stream the answer back.

    Args:
        service: The service.
        visit: What the request shows.
        page: The canonical path, below ``/__waitroom/``.
        scope: The HTTP scope.
        receive: The server's.
        send: The server's.
    """
    body = await _read_body(receive)
    if body is None:
        reply = json_reply(413, "too_large", f"A body may have at most {BODY_MAX} bytes.")
        return await send_reply(scope, receive, send, reply)
    if not service.reachable:
        return await _away(visit, scope, receive, send)
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            response = await service.http.request(
                visit.method,
                service_url(service, visit, page),
                headers=headers_for(scope, visit, _NOT_SENT),
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=_AUTOMATIC,
            )
    except (aiohttp.ClientError, OSError, TimeoutError) as e:
        service.failed(UnreachableError(type(e).__name__))
        return await _away(visit, scope, receive, send)
    async with response:
        await _stream(response, send)
    return None


def service_url(service: Service, visit: Visit, page: str) -> URL:
    """Return the address of a page at the service, byte for byte as the visitor wrote it."""
    query = f"?{visit.query}" if visit.query else ""
    return URL(f"{service.url}{page}{query}", encoded=True)


def headers_for(scope: Scope, visit: Visit, without: Iterable[str]) -> list[tuple[str, str]]:
    """Return the headers that the service gets.

    Args:
        scope: The HTTP or WebSocket scope.
        visit: What the request shows.
        without: Names that are not handed on, in lower case.
    """
    named = {name.strip().lower() for name in visit.headers.get("connection", "").split(",")}
    dropped = {*without, *named} - {"host", "cookie"}
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    scheme = "https" if scope.get("scheme") in ("https", "wss") else "http"
    return [
        *((name, value) for name, value in pairs if name.lower() not in dropped),
        ("X-Forwarded-For", visit.address),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", visit.host),
    ]


async def _read_body(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_MAX or message["type"] == "http.disconnect":
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _stream(response: aiohttp.ClientResponse, send: Send) -> None:
    headers = [
        (name.lower(), value)
        for name, value in response.raw_headers
        if name.decode("latin-1").lower() not in _NOT_RETURNED
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    # A connection lost in the middle is raised: the server then cuts the visitor's connection
    # too, so that half an answer does not pass for a whole one.
    async for chunk in response.content.iter_any():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _away(visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
    answer = Hold(None, "redirect" if visit.is_page() else "json", issue_ticket=False)
    await send_reply(scope, receive, send, hold_reply(answer, has_ticket=True))
