"""Runs children side by side, shows what they say, and starts anew whichever ends.

Each child has a process session of its own, so that Ctrl-C reaches `waitroom up` alone, which
then stops them in good order.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from waitroom.clock import monotonic_s

#: First and longest pause before a child is started anew, seconds.
PAUSE_S, PAUSE_MAX_S = 0.5, 10.0
#: A child that lived longer starts with the first pause again, seconds.
SETTLED_S = 30.0
#: Longest line taken from a child, bytes.
LINE_MAX = 1 << 20


@dataclass
class Child:
    """One child to keep alive.

    Args:
        name: Shown before each of its lines.
        command: What to run.
    """

    name: str
    command: list[str]
    colour: str | None = None
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)


class Supervisor:
    """Keeps children alive until it is told to stop.

    Args:
        environment: The environment of all children.
        grace_s: How long children have to end after SIGTERM, seconds.
    """

    def __init__(self, environment: Mapping[str, str], *, grace_s: float) -> None:
        self._environment = dict(environment)
        self._grace_s = grace_s
        self._children: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._colours = get_colours()
        # What children say has its own time.
        self._printer = Printer(sys.stdout, width=len("waitroom"), time_format="")

    def start(self, name: str, command: list[str]) -> None:
        """Start a child and keep it alive.

        Args:
            name: Shown before each of its lines.
            command: What to run.
        """
        child = Child(name, command, next(self._colours))
        self._children.append(child)
        self._keepers.append(asyncio.create_task(self._keep(child), name=name))

    def say(self, text: str | bytes, child: Child | None = None) -> None:
        """Print a line, marked with who says it."""
        name, colour = ("waitroom", None) if child is None else (child.name, child.colour)
        self._printer.write(Message("line", text, datetime.now(), name, colour))

    async def stop(self) -> None:
        """End all children: politely, then not."""
        self._stopping.set()
        for child in self._children:
            _signal(child, signal.SIGTERM)
        # A keeper that pauses before a new start has nothing to wait for.
        for keeper, child in zip(self._keepers, self._children, strict=True):
            if child.process is None:
                keeper.cancel()
        if not self._keepers:
            return
        _, late = await asyncio.wait(self._keepers, timeout=self._grace_s)
        if late:
            for child in self._children:
                _signal(child, signal.SIGKILL)
            await asyncio.wait(late, timeout=1.0)

    async def _keep(self, child: Child) -> None:
        pause_s = PAUSE_S
        while not self._stopping.is_set():
            began = monotonic_s()
            code = await self._run(child)
            if self._stopping.is_set():
                return
            if monotonic_s() - began > SETTLED_S:
                pause_s = PAUSE_S
            self.say(f"{child.name} ended with {code}; it starts anew in {pause_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSE_MAX_S)

    async def _run(self, child: Child) -> int:
        child.process = await asyncio.create_subprocess_exec(
            *child.command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=LINE_MAX,
        )
        if self._stopping.is_set():
            # The signal to stop came while this one was being made.
            _signal(child, signal.SIGTERM)
        pump = asyncio.create_task(self._pump(child))
        code = await child.process.wait()
        # A grandchild may hold the pipe open; its words are not worth waiting for.
        await asyncio.wait([pump], timeout=0.5)
        pump.cancel()
        child.process = None
        return code

    async def _pump(self, child: Child) -> None:
        assert child.process is not None and child.process.stdout is not None
        async for line in child.process.stdout:
            self.say(line, child)


def _signal(child: Child, number: int) -> None:
    if child.process is not None and child.process.returncode is None:
        try:
            os.killpg(child.process.pid, number)
        except ProcessLookupError:
            pass
