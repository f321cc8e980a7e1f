"""The end of a web process: its sockets close one by one, so that pages come back one by one.

All at once, they would all reconnect at once, to processes that have enough to do. The order is
random: nobody's place in the line says when. Nothing is lost with a socket: the place is in the
ticket, and heartbeats that came before the end are passed on by the ticker.
"""

import asyncio

import structlog

from waitroom import clock
from waitroom.live.sockets import Sockets

#: Longest wait for the last pages to go, seconds.
GOODBYE_S = 2.0
#: What is said twice within so many seconds was said once.
AGAIN_S = 1.0
_LOOKS = 100

log = structlog.get_logger()


class Drain:
    """Ends the sockets of one process.

    Args:
        sockets: All of them.
    """

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._told_s = 0.0
        self._told = asyncio.Event()
        self._hurry = asyncio.Event()
        #: Whether this process was told to stop: it takes no new sockets.
        self.begun = False

    def tell(self) -> None:
        """Have this process stop; told a second time it ends at once.

        A service manager may tell it together with its parent, which tells it again: that is once.
        """
        now_s = clock.monotonic_s()
        if not self._told.is_set():
            self._told_s = now_s
            self._told.set()
        elif now_s - self._told_s >= AGAIN_S:
            self._hurry.set()

    async def until_over(self, spread_s: float) -> None:
        """Wait until this process is told to stop, and end all sockets; see ``run``."""
        await self._told.wait()
        await self.run(spread_s)

    async def run(self, spread_s: float) -> None:
        """End all sockets, spread evenly; return when they have ended, or nearly so.

        Args:
            spread_s: From the first one to the last one, seconds.
        """
        self.begun = True
        self._sockets.close_door()
        pages = clock.shuffled(self._sockets.pages())
        log.info("draining", sockets=len(pages), spread_s=spread_s)
        began_s = clock.monotonic_s()
        for number, page in enumerate(pages):
            await self._until(began_s + spread_s * number / len(pages))
            page.end()
        for _ in range(_LOOKS):
            left = self._sockets.pages()
            if not left:
                break
            for page in left:
                # Those too that were just coming in when the door was closed.
                page.end()
            await asyncio.sleep(GOODBYE_S / _LOOKS)

    async def _until(self, moment_s: float) -> None:
        left_s = moment_s - clock.monotonic_s()
        if left_s > 0 and not self._hurry.is_set():
            hurried = asyncio.ensure_future(self._hurry.wait())
            await asyncio.wait([hurried], timeout=left_s)
            hurried.cancel()
