"""An origin that demands the Worker's proof: who goes past the edge is refused."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig

from loadtest.ports import free_port
from tests.conftest import SECRET_KEY
from tests.edge.background import Background
from tests.edge.conftest import Installation
from tests.edge.visitors import Edge, Guarded, eventually
from waitroom import clock
from waitroom.gate import OriginGuard
from waitroom.tokens import OriginProof, Tokens


@dataclass
class GuardedOrigin:
    """A site behind `OriginGuard`."""

    port: int
    reached: list[str]

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def origin(installation: Installation) -> Iterator[GuardedOrigin]:
    """Return a running site that demands the proof."""
    reached: list[str] = []
    ending = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        reached.append(scope["raw_path"].decode())
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the site"})

    found = GuardedOrigin(free_port(), reached)
    settings = ServerConfig.from_mapping(bind=found.address, graceful_timeout=0.2)
    settings.errorlog = settings.accesslog = None
    guarded = OriginGuard(app, secret_keys=[SECRET_KEY], exempt=("/healthz",))
    background: Background = installation.background

    async def begin() -> "asyncio.Task[None]":
        serving = serve(guarded, settings, shutdown_trigger=ending.wait)  # type: ignore[arg-type]
        return asyncio.create_task(serving)

    async def end(task: "asyncio.Task[None]") -> None:
        ending.set()
        await task

    running = background.run(begin())
    eventually(lambda: _status(found, "/healthz"))
    reached.clear()
    yield found
    background.run(end(running))


def _status(origin: GuardedOrigin, path: str, **headers: str) -> int:
    try:
        url = f"http://{origin.address}{path}"
        return httpx.get(url, headers=headers, trust_env=False).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.room(queue_all=True)
def test_visitors_who_go_past_the_edge_are_refused(
    origin: GuardedOrigin, own_edge: Callable[..., Edge], guard: Callable[[Edge], Guarded]
) -> None:
    site = guard(own_edge(origin=origin.address))
    assert site.get("/free").status == 200
    assert site.get(**site.showing(site.seat())).status == 200
    assert site.get().status == 302
    assert origin.reached == ["/free", "/shop"]
    stale = OriginProof(clock.now_ms() - 10_000)
    shown = {
        "none": "",
        "forged": site.edge.tokens.sign_origin(OriginProof(clock.now_ms() + 9_000))[:-4] + "AAAA",
        "stale": site.edge.tokens.sign_origin(stale),
        "foreign": Tokens(["x" * 40]).sign_origin(OriginProof(clock.now_ms() + 9_000)),
        "a pass": site.seat(),
    }
    for defect, token in shown.items():
        named = {"Waitroom-Origin": token} if token else {}
        assert _status(origin, "/shop", **named) == 403, defect
    assert _status(origin, "/healthz") == 200
    assert origin.reached == ["/free", "/shop", "/healthz"]
