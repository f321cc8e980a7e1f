"""The frames of one connection, as far as a page may have sent them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]

#: Types of Engine.IO packets, the first character of a frame: open to noop.
_FRAME_TYPES = frozenset("0123456")
END: dict[str, Any] = {"type": "websocket.disconnect", "code": 1003}


class Frames:
    """The frames of one connection, up to the first one that is no packet.

    Args:
        receive: The connection's own ``receive``.
        bad_packet: Called when a frame is no packet.
        max_length: Longest frame, characters.
    """

    __slots__ = ("_bad_packet", "_gone", "_max_length", "_receive")

    def __init__(self, receive: Receive, bad_packet: Callable[[], None], max_length: int) -> None:
        self._receive = receive
        self._bad_packet = bad_packet
        self._max_length = max_length
        self._gone = False

    async def __call__(self) -> dict[str, Any]:
        """Return the next frame, which is text and not empty; or the end."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._gone = message["type"] == "websocket.disconnect"
            return message
        text = message.get("text") or ""
        if text[:1] in _FRAME_TYPES and len(text) <= self._max_length:
            return message
        self._bad_packet()
        return END

    async def drain(self, patience_s: float) -> None:
        """After an end of ours, read on to the page's own.

        Hypercorn waits for ever to hand over frames that nobody takes, and never closes then.

        Args:
            patience_s: Longest wait for it, seconds.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not self._gone:
                    self._gone = (await self._receive())["type"] == "websocket.disconnect"
