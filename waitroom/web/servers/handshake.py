"""What a WebSocket library is shown of a handshake: it raises when that is not ASCII."""

import re
from collections.abc import Iterable

_READ = re.compile(rb"host|connection|upgrade|sec-websocket-.*", re.IGNORECASE)
_NOT_ASCII = re.compile(rb"[^\x00-\x7f]")


def ascii_handshake(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers that can be read; cookies and the like stay as they are.

    Args:
        headers: Of the request, names and values.
    """
    return [
        (name, _NOT_ASCII.sub(b"?", value) if _READ.fullmatch(name) else value)
        for name, value in headers
    ]
