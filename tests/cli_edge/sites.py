"""What the tests of `waitroom edge check` share: sites, and what the command said of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as ServerConfig

from tests.gate.helpers import listening
from tests.web.helpers import Site, eventually_true, serving
from waitroom.config import Config
from waitroom.gate.scopes import App
from waitroom.room import Directory, Room

OTHER_KEY = "another-key-of-at-least-32-characters-02"
FULL = {"total_active_users": 0, "routes": [{"host": "*", "path": "/"}]}
OPEN = {"total_active_users": 5, "routes": [{"host": "*", "path": "/"}]}

Wrap = Callable[[App], App]


class Checked:
    """What the command said."""

    def __init__(self, exit_code: int, out: str, err: str) -> None:
        self.exit_code, self.out, self.err = exit_code, out, err
        self.findings = {one["check"]: one for one in json.loads(out)["findings"]} if out else {}

    def level(self, check: str) -> str:
        return str(self.findings[check]["level"])

    def says(self, check: str) -> str:
        return str(self.findings[check]["says"])

    def failed(self) -> set[str]:
        return {check for check, one in self.findings.items() if one["level"] == "failed"}


Check = Callable[..., Awaitable[Checked]]
Guard = Callable[..., Awaitable[str]]
Behind = Callable[[Any], Awaitable[str]]


class Origin:
    """The site behind the gate; counts who reaches it."""

    def __init__(self) -> None:
        self.reached: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        assert scope["type"] == "http"
        self.reached.append(scope)
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<html lang=en>the site</html>"})


@asynccontextmanager
async def served(app: Any, port: int) -> AsyncIterator[str]:
    """Serve an app under Hypercorn on a port of the loopback."""
    stop = asyncio.Event()
    settings = ServerConfig.from_mapping(bind=f"127.0.0.1:{port}", graceful_timeout=0.2)
    settings.errorlog = settings.accesslog = None
    server = asyncio.create_task(hypercorn_serve(app, settings, shutdown_trigger=stop.wait))
    await listening(port)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        stop.set()
        await server


@asynccontextmanager
async def waiting_room(config: Config, port: int) -> AsyncIterator[Site]:
    """Serve the waiting room; it knows its rooms when this has begun."""
    async with serving(config, port) as service:
        await eventually_true(lambda: service.services.ticker.loaded)
        yield service


async def make(directory: Directory, **changes: Any) -> Room:
    return await directory.create("shop", changes, who="test")


def without(*prefixes: str, kinds: tuple[str, ...] = ("http", "websocket")) -> Wrap:
    """Return a proxy that answers some paths itself, as a web server that was set up half."""

    def wrap(app: App) -> App:
        async def proxy(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] not in kinds or not scope["path"].startswith(prefixes):
                await app(scope, receive, send)
            elif scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1000})
            else:
                await send({"type": "http.response.start", "status": 404, "headers": []})
                await send({"type": "http.response.body", "body": b"not here"})

        return proxy

    return wrap
