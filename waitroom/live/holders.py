"""Who holds a visitor's one connection, in rooms that refuse a second one.

A short-lived key a visitor, only in such rooms: a socket that died without a close frame stops
holding when its heartbeats stop.
"""

from waitroom.errors import RequestError
from waitroom.room import Room, Store
from waitroom.room.store import store_errors

#: A holder not heard of for this long holds no more, milliseconds.
HOLD_MS = 30_000


class Holders:
    """The connections held on one store.

    Args:
        store: Where rooms live.
    """

    def __init__(self, store: Store) -> None:
        self._redis = store.redis

    async def hold(self, room: Room, visitor: str, sid: str) -> None:
        """Take a visitor's one connection for a socket.

        Raises:
            RequestError: ``already_connected`` when another socket holds it.
            StoreError: If Redis failed.
        """
        if room.settings.second_connection == "share":
            return
        key = room.keys.holder(visitor)
        with store_errors():
            taken = await self._redis.set(key, sid, nx=True, px=HOLD_MS)
            holder = None if taken else await self._redis.get(key)
        if holder is not None and holder.decode() != sid:
            raise RequestError(
                "This place is open in another tab.", code="already_connected", status=409
            )

    async def renew(self, room: Room, visitor: str, sid: str) -> None:
        """Hold on for longer, unless another socket took over meanwhile.

        Raises:
            RequestError: ``already_connected`` when another socket holds it.
            StoreError: If Redis failed.
        """
        if room.settings.second_connection == "share":
            return
        with store_errors():
            if await self._redis.get(room.keys.holder(visitor)) == sid.encode():
                await self._redis.pexpire(room.keys.holder(visitor), HOLD_MS)
                return
        await self.hold(room, visitor, sid)

    async def release(self, room: Room, visitor: str, sid: str) -> None:
        """Let go, if this socket holds."""
        if room.settings.second_connection == "share":
            return
        key = room.keys.holder(visitor)
        with store_errors():
            if await self._redis.get(key) == sid.encode():
                await self._redis.delete(key)
