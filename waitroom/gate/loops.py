"""An event loop beside threads: for servers that have none of their own.

Each process has its own, started when it is first needed: a server that loads the app and then
forks its workers would leave them a loop without a thread.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

#: How long the end of a process waits for the loop to end, seconds.
STOP_S = 2.0

T = TypeVar("T")


class Lived(Protocol):
    """Something that lives in a loop."""

    async def start(self) -> None:
        """Begin; what runs beside goes on until ``stop``."""

    async def stop(self) -> None:
        """End."""


L = TypeVar("L", bound=Lived)


class Running(Generic[L]):
    """One thing that lives in a loop, in a thread of its own, in this process.

    Args:
        make: Makes it.
    """

    def __init__(self, make: Callable[[], L]) -> None:
        self.pid = os.getpid()
        self.lived = make()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="waitroom-gate", daemon=True
        )
        self._thread.start()
        self.run(self.lived.start())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for its outcome in the calling thread."""
        return self._submit(coroutine).result()

    def stop(self) -> None:
        """End what lives, then the loop and its thread."""
        if self._loop.is_closed():
            return
        with suppress(FutureTimeoutError):
            self._submit(self._end()).result(STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        await self.lived.stop()
        # Threads may still wait for these, and would do so for ever.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


class PerProcess(Generic[L]):
    """The ``Running`` of each process that asks.

    Args:
        make: Makes what lives in the loop, once per process.
    """

    def __init__(self, make: Callable[[], L]) -> None:
        self._make = make
        self._running: Running[L] | None = None
        # Of parents. Their sockets are shared with this process, so they must not be tidied up.
        self._inherited: list[Running[L]] = []
        self._locks: dict[int, threading.Lock] = {}
        atexit.register(self.stop)

    def running(self) -> Running[L]:
        """Return this process's own, starting it if it is not there yet."""
        pid = os.getpid()
        found = self._running
        if found is not None and found.pid == pid:
            return found
        # A lock of this process: another's could have been held when it forked.
        with self._locks.setdefault(pid, threading.Lock()):
            if self._running is not None and self._running.pid == pid:
                return self._running
            if self._running is not None:
                self._inherited.append(self._running)
            self._running = Running(self._make)
            return self._running

    def stop(self) -> None:
        """End this process's own; it starts again when it is needed again."""
        found, self._running = self._running, None
        if found is not None and found.pid == os.getpid():
            found.stop()
