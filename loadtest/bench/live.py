"""Measures what connected visitors cost, each against a floor on the same server: `make bench`.

Costs are the server's CPU and memory: the visitors run in this process, on the same machine, and
how fast they are must not matter. Floor and ours take turns, each in a process of its own.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import uvloop

from loadtest.bench.live_visitors import ROOM, Crowd, tickets, until
from loadtest.bench.rows import Row, at_least, at_most
from loadtest.children import await_end
from loadtest.ports import free_port
from waitroom.embedded import Valkey
from waitroom.room import Directory, RoomSettings, Store
from waitroom.tokens import Tokens

_KEY = "bench-key-of-at-least-32-characters-0001"
#: Sockets that a server has seen before it is measured: all code is loaded then.
_WARM_UP = 100
#: Longest wait for a server to start, seconds.
_PATIENCE_S = 30


class Served:
    """A server under measurement, in a process of its own.

    Args:
        kind: What it serves; see ``live_served.py``.
        environment: Its settings.
    """

    def __init__(self, kind: str, environment: dict[str, str]) -> None:
        self.kind = kind
        self.port = free_port()
        command = [sys.executable, "-m", "loadtest.bench.live_served", kind, str(self.port)]
        self._child = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._process = psutil.Process(self._child.pid)

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """Give a command and return the answer."""
        if self._child.stdin is None or self._child.stdout is None:
            raise RuntimeError("the server has no pipes")
        self._child.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self._child.stdin.flush()
        for line in self._child.stdout:
            # Servers may have words of their own.
            if line.startswith('{"cpu_s"'):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"the server of {self.kind} has ended")

    def cpu_s(self) -> float:
        """Return the CPU seconds it has used."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def runs(self) -> bool:
        """Return whether it still runs."""
        return self._child.poll() is None

    def end(self) -> None:
        """Let it stop, and wait for that."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        await_end(self._child, 20)
        if self._child.stdout is not None:
            self._child.stdout.close()


@dataclass
class Costs:
    """What one kind was found to cost; one figure a round.

    Attributes:
        open_s: CPU of one socket, opened (and registered, where there is something to register
            for), seconds.
        beat_s: CPU of one heartbeat with its acknowledgement, seconds.
        tell_s: CPU of one update, seconds.
        idle_s: CPU of one socket that waits, in a second.
        memory: Bytes of one open socket.
    """

    open_s: list[float] = field(default_factory=list)
    beat_s: list[float] = field(default_factory=list)
    tell_s: list[float] = field(default_factory=list)
    idle_s: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


async def _round(served: Served, costs: Costs, tokens: Tokens, small: bool) -> None:
    sockets, rounds = (1_000, 5) if small else (2_000, 10)
    socketio = served.kind != "websocket"
    ours = served.kind == "waitroom"
    warm = Crowd(served.port)
    await warm.open(tickets(tokens, _WARM_UP), namespace=socketio, register=ours)
    await warm.close()
    await asyncio.sleep(0.5)
    rss = served.ask("look")["rss"]
    crowd = Crowd(served.port)
    shown = tickets(tokens, sockets)
    before_s = served.cpu_s()
    await crowd.open(shown, namespace=socketio, register=ours)
    costs.open_s.append((served.cpu_s() - before_s) / sockets)
    await asyncio.sleep(1)
    costs.memory.append((served.ask("look")["rss"] - rss) / sockets)
    heard = crowd.heard()
    # Not here in this thread, or what the server says would not be read meanwhile.
    told = await asyncio.to_thread(served.ask, "tell", rounds=rounds)
    costs.tell_s.append(told["took_s"] / told["told"])
    await until(lambda: crowd.heard() - heard >= told["told"])
    if socketio:
        before_s = served.cpu_s()
        await crowd.beat()
        costs.beat_s.append((served.cpu_s() - before_s) / sockets)
        before_s = served.cpu_s()
        await asyncio.sleep(3)
        costs.idle_s.append((served.cpu_s() - before_s) / 3 / sockets)
    await crowd.close()
    await asyncio.sleep(1)


async def _measure(environment: dict[str, str], small: bool) -> dict[str, Costs]:
    store = Store.connect(environment["WAITROOM_REDIS_URL"])
    await Directory(store, RoomSettings()).create(ROOM, {"total_active_users": 0}, who="bench")
    await store.close()
    tokens = Tokens([_KEY])
    found = {kind: Costs() for kind in ("socketio", "waitroom", "websocket")}
    # What this process collects is of no interest, and takes its time.
    gc.freeze()
    for _ in range(1 if small else 3):
        for kind, costs in found.items():
            # A new process each time: memory that was once used is not measured again.
            served = Served(kind, environment)
            try:
                await _until_up(served)
                await _round(served, costs, tokens, small)
            finally:
                served.end()
    return found


async def _until_up(served: Served) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while served.runs():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", served.port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
    raise RuntimeError(f"the server of {served.kind} did not start")


def measure(small: bool) -> list[Row]:
    """Return the rows of connected visitors.

    Args:
        small: A quick look: fewer sockets, one round.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="waitroom-bench-")))
        server = Valkey(folder, persist=False)
        server.start()
        stack.callback(server.stop)
        environment = os.environ | {
            "WAITROOM_REDIS_URL": server.url,
            "WAITROOM_SECRET_KEYS": _KEY,
            "WAITROOM_EDGE_TOKEN": "bench-edge-token-of-at-least-32-characters",
            "WAITROOM_LOG_LEVEL": "warning",
        }
        found = uvloop.run(_measure(environment, small))
    return _rows(found)


def _rows(found: dict[str, Costs]) -> list[Row]:
    ours, library, bare = found["waitroom"], found["socketio"], found["websocket"]

    def ratio(over: list[float], under: list[float]) -> float:
        return median(a / b for a, b in zip(over, under, strict=True))

    return [
        at_least(
            "sockets connected and registered per second, over a bare Socket.IO connection",
            0.7,
            ratio(library.open_s, ours.open_s),
            f"{_rate(ours.open_s)} against {_rate(library.open_s)} per CPU second",
        ),
        at_least(
            "position updates per CPU second, over a bare WebSocket send",
            0.5,
            ratio(bare.tell_s, ours.tell_s),
            f"{_rate(ours.tell_s)} against {_rate(bare.tell_s)}; python-socketio's own emit"
            f" {ratio(bare.tell_s, library.tell_s):.2f}",
        ),
        at_most(
            "memory per waiting connected visitor, over a bare Socket.IO connection",
            1.3,
            ratio(ours.memory, library.memory),
            f"{median(ours.memory) / 1024:.1f} kB against {median(library.memory) / 1024:.1f} kB;"
            f" a bare WebSocket {median(bare.memory) / 1024:.1f} kB",
        ),
        _cost("CPU of a connection, registered", ours.open_s, library.open_s),
        _cost("CPU of a heartbeat, acknowledged", ours.beat_s, library.beat_s),
        _cost("CPU of an update", ours.tell_s, library.tell_s),
        _cost("CPU of a waiting visitor, each second", ours.idle_s, library.idle_s),
    ]


def _rate(costs_s: list[float]) -> str:
    return f"{1 / median(costs_s):,.0f}"


def _cost(name: str, ours_s: list[float], library_s: list[float]) -> Row:
    value = f"{median(ours_s) * 1e6:.0f} µs (python-socketio: {median(library_s) * 1e6:.0f} µs)"
    return Row(name, "", value, True, figure=median(ours_s) * 1e6)
