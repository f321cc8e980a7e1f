"""What the server in front of the application takes, and what it does not."""

import asyncio

import pytest

from tests.web.helpers import Site
from waitroom.room import Room


@pytest.mark.parametrize("upgrade", ["h2c", "H2C", "websocket\r\nUpgrade: h2c"])
async def test_an_upgrade_to_http2_is_answered_in_http1(
    site: Site, room: Room, upgrade: str
) -> None:
    """A proxy that hands it on would not see the requests that follow."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
    writer.write(
        b"GET /__waitroom/shop HTTP/1.1\r\nHost: shop.example\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
        + f"Upgrade: {upgrade}\r\n\r\n".encode()
    )
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200 ")
