"""What the live benchmarks measure, each served by the chosen server in a process of its own.

``waitroom`` is the application as it is; ``socketio`` is python-socketio with the same options
and nothing else; ``websocket`` is a bare ASGI application. Started by ``live.py`` with the kind
and a port; then one JSON line on the standard input is one command, and one line answers it.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable
from time import process_time
from typing import Any, cast

import orjson
import psutil
import socketio
import uvloop

from waitroom.config import load_config
from waitroom.live.sockets import MAX_PACKET_BYTES, PING_INTERVAL_S, PING_TIMEOUT_S
from waitroom.live.teller import Teller
from waitroom.web.app import create_app
from waitroom.web.serve import listen
from waitroom.web.servers import choose
from waitroom.web.services import EXTENSION, Services

#: Other tasks have their turn after so many bare sends, as they have during ours.
_BATCH = 50
#: Where a waiting room takes sockets; the floors take them there too.
SOCKET_PATH = "/__waitroom/socket.io/"

Tell = Callable[[int], Awaitable[int]]


def _waitroom() -> tuple[Any, Tell]:
    app = create_app(load_config(_env_file=None))
    made = cast(Services, app.other_asgi_app.extensions[EXTENSION])

    async def tell(rounds: int) -> int:
        """Have every visitor told, as by a new board; return how many were told."""
        # Without pauses, like the floor.
        teller, told = Teller(made.hub, spread_s=0), 0
        for _ in range(rounds):
            for line in made.hub.lines.values():
                for watcher in line.watchers.values():
                    watcher.told_ms = 0
                if line.board is not None:
                    await teller.walk(line, line.board)
                # Not those who are still busy with the last one.
                told += sum(watcher.told_ms > 0 for watcher in line.watchers.values())
        return told

    return app, tell


def _socketio() -> tuple[Any, Tell]:
    server = socketio.AsyncServer(
        async_mode="asgi",
        transports=["websocket"],
        async_handlers=False,
        max_http_buffer_size=MAX_PACKET_BYTES,
        ping_interval=PING_INTERVAL_S,
        ping_timeout=PING_TIMEOUT_S,
    )
    connected: set[str] = set()

    @server.on("connect")  # type: ignore[untyped-decorator]
    async def _connect(sid: str, *_: Any) -> None:
        connected.add(sid)

    @server.on("disconnect")  # type: ignore[untyped-decorator]
    async def _disconnect(sid: str, *_: Any) -> None:
        connected.discard(sid)

    @server.on("heartbeat")  # type: ignore[untyped-decorator]
    async def _heartbeat(*_: Any) -> dict[str, bool]:
        return {"ok": True}

    async def tell(rounds: int) -> int:
        payload = orjson.loads(update_of_usual_size().removeprefix("42"))[1]
        for _ in range(rounds):
            for sid in list(connected):
                await server.emit("queue_update", payload, to=sid)
        return rounds * len(connected)

    return socketio.ASGIApp(server, socketio_path=SOCKET_PATH.strip("/")), tell


def _websocket() -> tuple[Any, Tell]:
    sends: set[Callable[[dict[str, Any]], Awaitable[None]]] = set()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        sends.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sends.discard(send)

    async def tell(rounds: int) -> int:
        message = {"type": "websocket.send", "text": update_of_usual_size()}
        for _ in range(rounds):
            for number, send in enumerate(list(sends)):
                await send(message)
                if number % _BATCH == 0:
                    await asyncio.sleep(0)
        return rounds * len(sends)

    return app, tell


def update_of_usual_size() -> str:
    """Return a packet like those that tell a position, to be sent by what has none."""
    answer = {
        "room": "bench",
        "status": "waiting",
        "state": "queueing",
        "position": 1_234,
        "waiting": 2_000,
        "active": 0,
        "wait_s": None,
        "admitted_per_minute": None,
        "message": None,
        "title": "Waiting room",
        "place_ttl_s": 600,
        "poll_after_s": 15,
    }
    return "42" + orjson.dumps(["queue_update", answer]).decode()


async def _obey(commands: asyncio.StreamReader, tell: Tell, stop: asyncio.Event) -> None:
    process = psutil.Process()
    while line := await commands.readline():
        asked = json.loads(line)
        began_s = process_time()
        told = await tell(asked["rounds"]) if asked["do"] == "tell" else 0
        cpu_s = process_time()
        gc.collect()
        rss = process.memory_info().rss
        print(json.dumps({"cpu_s": cpu_s, "told": told, "took_s": cpu_s - began_s, "rss": rss}))
        sys.stdout.flush()
    stop.set()


async def main(kind: str, port: int) -> None:
    """Serve one kind until the standard input ends."""
    app, tell = {"waitroom": _waitroom, "socketio": _socketio, "websocket": _websocket}[kind]()
    commands, stop = asyncio.StreamReader(), asyncio.Event()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    obeying = asyncio.create_task(_obey(commands, tell, stop))
    run = choose(load_config(_env_file=None).server)
    await run(app, listen("127.0.0.1", port), stop=stop, grace_s=1.0)
    await obeying


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
