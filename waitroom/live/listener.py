"""Hears of admissions from every process, over one connection, and tells the local visitors.

A message may be lost with its connection; whoever it was for is found by the next board.
"""

import asyncio
import re

import structlog

from waitroom import clock
from waitroom.errors import StoreError
from waitroom.live.hub import Hub
from waitroom.room import Keys, Store
from waitroom.room.store import store_errors

#: Channels of all rooms, as a pattern of Redis.
PATTERN = Keys("*").admitted
_CHANNEL = re.compile(r"waitroom:\{(.+)\}:admitted")
#: Longest silence before the connection is looked at again, seconds.
LISTEN_S = 1.0
#: So many silences in a row and the connection is made anew; on a Cluster, with another node.
SILENT_MAX = 3

log = structlog.get_logger()


async def listen(store: Store, hub: Hub) -> None:
    """Pass on admissions until cancelled; a lost connection is made again.

    Args:
        store: Where rooms live.
        hub: Tells the visitors.
    """
    while True:
        try:
            await _listen_once(store, hub)
        except StoreError as e:
            log.debug("listener_lost", detail=e.detail)
            await asyncio.sleep(clock.jitter(0.5))


async def _listen_once(store: Store, hub: Hub) -> None:
    with store_errors():
        async with store.redis.pubsub(ignore_subscribe_messages=True) as channels:
            await channels.psubscribe(PATTERN)
            silent = 0
            while True:
                message = await channels.get_message(timeout=LISTEN_S)
                if message is None:
                    silent += 1
                    if silent > SILENT_MAX:
                        raise StoreError("Redis does not answer the listener.")
                    # A server that hangs keeps the connection: it has to say that it is there.
                    await channels.ping()
                    continue
                silent = 0
                found = _CHANNEL.fullmatch((message["channel"] or b"").decode())
                if found:
                    await hub.told_admitted(found[1], message["data"].decode().split())
