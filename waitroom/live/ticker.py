"""The clock of one web process: a tick, a pause, for ever."""

import asyncio

import structlog

from waitroom import clock
from waitroom.live.hub import Hub

log = structlog.get_logger()


async def run_ticker(hub: Hub, tick_ms: int) -> None:
    """Tick until cancelled. No visitor's request drives this clock, and no fault stops it.

    Args:
        hub: What ticks.
        tick_ms: Milliseconds from the start of one tick to the next.
    """
    while True:
        started = clock.monotonic_s()
        try:
            await hub.tick()
        except Exception:
            # A defect in one round must not end all admissions of this process.
            log.exception("tick_failed")
        await asyncio.sleep(max(0.01, tick_ms / 1000 - (clock.monotonic_s() - started)))
