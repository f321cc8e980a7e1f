"""`waitroom edge check` against the examples for nginx and Caddy, and a gate in WSGI."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.cli_edge.sites import FULL, Check, make, waiting_room
from tests.conftest import EDGE_TOKEN, SECRET_KEY
from tests.examples import conftest as examples
from tests.examples.helpers import served
from tests.examples.proxies import Behind
from tests.examples.test_nginx import OPEN as LET_THROUGH
from waitroom.cli.edge import visit
from waitroom.config import Config
from waitroom.room import Directory

# The examples' own fixtures, instead of those of this folder.
room = examples.room
origin = examples.origin
folder = examples.folder
service_port = examples.service_port
service = examples.service
run = examples.run
behind = examples.behind

WRONG = "a-wrong-token-of-at-least-32-characters"


@pytest.fixture
def hanging(
    behind: Behind, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Return a way to let the waiting room hang until the end of the test."""
    # A little more than the proxies wait for the check.
    monkeypatch.setattr(visit, "TIME_LIMIT_S", 3.0)

    def hang() -> None:
        behind.service.send_signal(signal.SIGSTOP)
        request.addfinalizer(lambda: behind.service.send_signal(signal.SIGCONT))

    return hang


async def test_nginx_with_a_wrong_token_is_not_taken_for_no_gate(
    check: Check, behind: Behind
) -> None:
    site = await behind.nginx(token=WRONG)
    found = await check(f"http://127.0.0.1:{site.port}/shop")
    assert (found.exit_code, found.failed()) == (1, {"site"})
    assert found.says("site") == "127.0.0.1 answers with status 503."
    assert "its WAITROOM_EDGE_TOKEN is wrong" in found.says("gate")
    assert site.origin.reached == []


async def test_caddy_with_a_wrong_token_hands_on_what_the_service_says(
    check: Check, behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.examples.proxies.EDGE_TOKEN", WRONG)
    site = await behind.caddy()
    found = await check(f"http://127.0.0.1:{site.port}/shop")
    assert (found.exit_code, found.failed()) == (1, {"gate"})
    assert "wrong token" in found.says("gate")
    assert site.origin.reached == []


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
async def test_a_waiting_room_that_hangs_behind_a_proxy_is_not_taken_for_no_gate(
    check: Check, behind: Behind, proxy: str, hanging: Callable[[], None]
) -> None:
    site = await getattr(behind, proxy)()
    hanging()
    found = await check(f"http://127.0.0.1:{site.port}/shop")
    assert (found.exit_code, found.failed()) == (1, {"site"})
    assert "cannot reach the waiting room" in found.says("gate")
    assert site.origin.reached == []


async def test_nginx_that_lets_everybody_through_is_not_taken_for_no_gate(
    check: Check, behind: Behind, hanging: Callable[[], None]
) -> None:
    site = await behind.nginx(LET_THROUGH)
    hanging()
    found = await check(f"http://127.0.0.1:{site.port}/shop")
    assert (found.exit_code, found.failed()) == (1, {"gate"})
    assert "lets everybody through" in found.says("gate")


async def test_a_gate_in_wsgi_polls_and_that_is_no_failure(
    check: Check,
    stack: AsyncExitStack,
    config: Config,
    directory: Directory,
    free_port: Callable[[], int],
    folder: Path,
    run: Callable[..., subprocess.Popen[bytes]],
) -> None:
    await make(directory, **FULL)
    waiting = await stack.enter_async_context(waiting_room(config, free_port()))
    (folder / "guarded.py").write_text(
        f"""
from waitroom.gate import WSGIGateMiddleware

def site(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"the site"]

keys = {{"edge_token": {EDGE_TOKEN!r}, "secret_keys": [{SECRET_KEY!r}]}}
app = WSGIGateMiddleware(site, service_url={waiting.url!r}, **keys)
"""
    )
    port = free_port()
    child = run(sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "guarded:app")
    await served(port, child)
    found = await check(f"http://127.0.0.1:{port}/")
    assert (found.exit_code, found.failed()) == (0, set())
    assert found.level("sockets") == "unknown"
    assert "pages poll" in found.says("sockets")
