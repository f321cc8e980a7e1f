"""Applications that do nothing but answer: what a server costs by itself.

`python -m loadtest.bench.asgi_floor --server hypercorn --port 9000 --size 400` serves one of them
until SIGTERM, under the same settings as a web process.
"""

import argparse
import asyncio
import signal
from typing import Any

import uvloop

from waitroom.web.serve import listen
from waitroom.web.servers import App, choose


def answer(size: int, headers: list[tuple[bytes, bytes]] | None = None) -> App:
    """Return an application that answers every request with 200 and a body of one size.

    Args:
        size: Of the body, bytes.
        headers: Of the answer; those of any JSON when not given.
    """
    body = b'"' + b"x" * max(0, size - 2) + b'"'
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            *(headers or [(b"content-type", b"application/json")]),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    rest = {"type": "http.response.body", "body": body}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await send(start)
            await send(rest)

    return app


async def _live(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def serve(app: App, server: str, port: int) -> None:
    """Serve an application on the loopback until SIGTERM, as a web process is served."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await choose(server)(app, listen("127.0.0.1", port), stop=stop, grace_s=0.5)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench.asgi_floor")
    parser.add_argument("--server", default="hypercorn")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--size", type=int, default=400, help="bytes of the body")
    parser.add_argument("--header", action="append", default=[], help="name: value")
    asked = parser.parse_args()
    named = [header.partition(":") for header in asked.header]
    headers = [(name.strip().encode(), value.strip().encode()) for name, _, value in named]
    uvloop.run(serve(answer(asked.size, headers), asked.server, asked.port))


if __name__ == "__main__":
    main()
