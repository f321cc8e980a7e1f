"""The gate's own thread: one per process, also where a server forks, and it holds nobody back."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from waitroom import clock
from waitroom.gate import WSGIGateMiddleware
from waitroom.tokens import Pass, Tokens

from .helpers import EDGE_TOKEN, KEYS, PAGE, VISITOR, FakeService, Site, eventually, listening

_APP = """
import os
from waitroom.gate import WSGIGateMiddleware

def site(environ, start_response):
    start_response("200 OK", [("X-Pid", str(os.getpid()))])
    return [environ.get("HTTP_WAITROOM_GATE", "none").encode()]

app = WSGIGateMiddleware(site, service_url={url!r}, edge_token={token!r}, secret_keys={keys!r})
{more}
"""
_HOOK = "def post_worker_init(worker): worker.wsgi.start()"


def _seat(left_s: int = 200) -> str:
    deadline_ms = clock.now_ms() + left_s * 1000
    return "waitroom_pass_shop=" + Tokens(KEYS).sign_pass(Pass("shop", VISITOR, deadline_ms, 0))


def test_many_threads_start_one_gate() -> None:
    gate = WSGIGateMiddleware(
        lambda environ, start_response: [],
        service_url="http://127.0.0.1:9",
        edge_token=EDGE_TOKEN,
        secret_keys=KEYS,
    )
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(gate._gates.running())) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(found) == 20
    assert len(set(found)) == 1
    gate.close()
    assert not found[0]._thread.is_alive()
    # Called again it starts again, and closing twice does no harm.
    assert gate._gates.running() is not found[0]
    gate.close()
    gate.close()


@pytest.fixture
async def forking(
    fake_service: FakeService, free_port: Callable[[], int], tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Return a function that starts two guarded processes under gunicorn, and names their port."""
    servers = []

    async def start(more: str = "", hook: str = "") -> int:
        fake_service.rooms[0]["queueing"] = True
        await fake_service.start()
        text = _APP.format(url=fake_service.url, token=EDGE_TOKEN, keys=KEYS, more=more)
        (tmp_path / "guarded.py").write_text(text)
        (tmp_path / "gunicorn.conf.py").write_text(hook)
        port = free_port()
        options = ["--preload", "--workers=2", "--threads=4", "--graceful-timeout=2"]
        command = ["-m", "gunicorn", *options, f"--bind=127.0.0.1:{port}", "guarded:app"]
        servers.append(
            await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
            )
        )
        await listening(port)
        return port

    yield start
    for server in servers:
        started_s = clock.monotonic_s()
        server.terminate()
        _, log = await asyncio.wait_for(server.communicate(), 20)
        # A gate's thread must hold no process back.
        assert clock.monotonic_s() - started_s < 10
        assert (server.returncode, b"Traceback" in log) == (0, False), log.decode()
    await fake_service.stop()


async def _both_let_in(http: aiohttp.ClientSession, port: int) -> None:
    """Ask with a pass until both processes have answered; each answer is the site's."""
    pids: set[str] = set()
    # Another connection each time, so that each process gets its turn.
    headers = {"Cookie": _seat(), "Connection": "close"}
    async with asyncio.timeout(20):
        while len(pids) < 2:
            async with http.get(f"http://127.0.0.1:{port}/shop", headers=headers) as response:
                assert (response.status, await response.text()) == (200, "shop")
                pids.add(response.headers["X-Pid"])


@pytest.mark.parametrize("more", ["", "app.start()"], ids=["lazily", "before the fork"])
async def test_each_process_of_a_forking_server_has_a_gate_of_its_own(
    forking: Callable[..., Awaitable[int]], http: aiohttp.ClientSession, more: str
) -> None:
    port = await forking(more)
    await _both_let_in(http, port)
    paths = ("/shop", "/__waitroom/shop", "/__waitroom/shop/status")
    assert [await _status(http, port, path) for path in paths] == [302, 200, 200]


async def test_processes_started_in_time_know_the_rooms_when_the_service_goes_away(
    forking: Callable[..., Awaitable[int]],
    fake_service: FakeService,
    http: aiohttp.ClientSession,
) -> None:
    port = await forking(hook=_HOOK)
    # Nobody has asked for a page yet.
    await eventually(lambda: fake_service.etags.count(200) == 2)
    await fake_service.stop()
    await _both_let_in(http, port)


async def _status(http: aiohttp.ClientSession, port: int, path: str) -> int:
    async with http.get(
        f"http://127.0.0.1:{port}{path}", headers=PAGE, allow_redirects=False
    ) as response:
        await response.read()
        return int(response.status)


@pytest.fixture
def shell() -> str:
    return "wsgi"


async def test_a_gate_that_is_closed_lets_nobody_wait(site: Site) -> None:
    site.service.fault, site.service.faulty = "hang", ("enter",)
    asked = asyncio.create_task(site.get())
    await eventually(lambda: site.service.asked("enter"))
    await asyncio.to_thread(site.gate.close)
    async with asyncio.timeout(5):
        assert (await asked).status >= 500
