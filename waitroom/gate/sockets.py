"""Hands WebSockets below ``/__waitroom/`` to the service, message by message, both ways."""

import asyncio
from contextlib import suppress

import aiohttp

from waitroom.gate.proxy import NOT_SENT, headers_for, service_url
from waitroom.gate.replies import json_reply
from waitroom.gate.scopes import Receive, Scope, Send, header_pairs, send_reply
from waitroom.gate.service import TIME_LIMIT_S, Service
from waitroom.gate.visit import Visit

#: Longest message, bytes.
MESSAGE_MAX = 64 * 1024
#: "Come back": the service went away or restarts (RFC 6455, 7.4.1).
_GOING_AWAY = 1001
_NOT_SENT = NOT_SENT | frozenset(
    "sec-websocket-accept sec-websocket-extensions sec-websocket-key sec-websocket-protocol "
    "sec-websocket-version".split()
)
_Upstream = aiohttp.ClientWebSocketResponse[bool]


async def proxy_websocket(
    service: Service, visit: Visit, page: str, scope: Scope, receive: Receive, send: Send
) -> None:
    """Connect a visitor's WebSocket with the service until one side ends.

    Args:
        service: The service.
        visit: What the request shows.
        page: The canonical path, below ``/__waitroom/``.
        scope: The WebSocket scope.
        receive: The server's.
        send: The server's.
    """
    if service.draining or not service.breaker.reachable:
        return await _refuse(503, scope, receive, send)
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            upstream = await service.http.ws_connect(
                service_url(service, visit, page),
                headers=headers_for(header_pairs(scope), visit, _NOT_SENT),
                protocols=scope.get("subprotocols") or (),
                max_msg_size=MESSAGE_MAX,
                timeout=aiohttp.ClientWSTimeout(ws_close=TIME_LIMIT_S),
            )
    except aiohttp.WSServerHandshakeError as e:
        return await _refuse(e.status if e.status >= 400 else 502, scope, receive, send)
    except (aiohttp.ClientError, OSError, TimeoutError):
        service.doubt()
        return await _refuse(503, scope, receive, send)
    service.sockets.add(upstream)
    try:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": upstream.protocol})
        await _relay(upstream, receive, send)
    finally:
        service.sockets.discard(upstream)
        await upstream.close()
    return None


async def _relay(upstream: _Upstream, receive: Receive, send: Send) -> None:
    pumps = {
        asyncio.create_task(_to_service(upstream, receive)),
        asyncio.create_task(_to_visitor(upstream, send)),
    }
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        for pump in pumps:
            # A side that is gone ends its pump by an error; there is nobody left to tell.
            with suppress(asyncio.CancelledError, aiohttp.ClientError, OSError):
                await pump


async def _to_service(upstream: _Upstream, receive: Receive) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await upstream.send_str(message["text"])
        else:
            await upstream.send_bytes(message["bytes"])


async def _to_visitor(upstream: _Upstream, send: Send) -> None:
    async for message in upstream:
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
    # 1006 and the like say how a connection ended; they must not be sent in a frame.
    code = upstream.close_code or _GOING_AWAY
    sendable = 1000 <= code < 5000 and code not in (1004, 1005, 1006, 1015)
    await send({"type": "websocket.close", "code": code if sendable else _GOING_AWAY})


async def _refuse(status: int, scope: Scope, receive: Receive, send: Send) -> None:
    detail = "The waiting room did not take the connection; a place in line is kept."
    code = "service_unavailable" if status >= 500 else "refused"
    await send_reply(scope, receive, send, json_reply(status, code, detail, retry_after_s=5))
