"""The proxy of the compose file, in front of two real web processes."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.conftest import Processes
from tests.deploy.files import DEPLOY
from tests.examples.helpers import find_server
from waitroom.embedded import Valkey

Until = Callable[..., None]

#: How an edge of this host hands requests on.
SHOP, EDGE = (
    "https://shop.example",
    {"X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"},
)


def status(address: str) -> int:
    """Return the status of an answer; 0 without one."""
    try:
        with urlopen(f"http://{address}", timeout=10) as found:
            return int(found.status)
    except HTTPError as e:
        return e.code
    except OSError:
        return 0


def socket_status(address: str, origin: str, headers: dict[str, str]) -> int:
    """Return 101 if a page of that origin gets its WebSocket, else the status of the refusal."""
    url = f"ws://{address}/__waitroom/socket.io/?EIO=4&transport=websocket"
    try:
        with connect(url, additional_headers=headers | {"Origin": origin}) as page:
            assert str(page.recv(timeout=10)).startswith("0{")
            return 101
    except InvalidStatus as e:
        return e.response.status_code


@dataclass
class Front:
    """A Caddy in front of two web processes.

    Attributes:
        address: Of the Caddy.
        console: Where it has the console.
        web: The processes, each by its address.
        log: What the Caddy has to say.
    """

    address: str
    console: str
    web: dict[str, subprocess.Popen[bytes]]
    log: Path

    def found_unready(self) -> set[str]:
        """Return the processes that the Caddy has found not to be ready."""
        return set(re.findall(r'"status_code":503,"host":"([^"]+)"', self.log.read_text()))


@pytest.fixture
def front(
    processes: Processes,
    own_valkey: Valkey,
    free_port: Callable[[], int],
    until: Until,
    tmp_path: Path,
) -> Iterator[Front]:
    """Return what the compose file starts, on ports of the loopback, with a room."""
    settings = {"WAITROOM_REDIS_URL": own_valkey.url, "WAITROOM_DRAIN_S": "60"}
    web = {}
    for port in (free_port(), free_port()):
        child = processes.start("web", WAITROOM_PORT=str(port), **settings)
        web[f"127.0.0.1:{port}"] = child
    assert processes.start("rooms", "create", "shop", **settings).wait(30) == 0
    address, console = (f"127.0.0.1:{free_port()}" for _ in range(2))
    found = Front(address, console, web, tmp_path / "caddy.log")
    text = (DEPLOY / "Caddyfile").read_text()
    assert text.count("web-1:8000 web-2:8000") == 1
    text = text.replace("web-1:8000 web-2:8000", " ".join(web))
    (tmp_path / "Caddyfile").write_text(text)
    until(lambda: all(status(f"{each}/readyz") == 200 for each in web))
    with found.log.open("wb") as log:
        caddy = subprocess.Popen(
            [find_server("caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
            cwd=tmp_path,
            env=os.environ
            | {name: str(tmp_path) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
            | {
                "WAITING_ADDRESS": f"http://{found.address}",
                "CONSOLE_ADDRESS": f"http://{found.console}",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: status(f"{found.address}/__waitroom/shop") == 200)
        yield found
    finally:
        caddy.terminate()
        caddy.wait(10)
        for child in web.values():
            child.kill()


def test_it_hands_on_what_edges_and_visitors_need_and_no_more(
    front: Front, own_valkey: Valkey, until: Until
) -> None:
    for path in ("/", "/healthz", "/readyz", "/metrics", "/console", "/api/rooms", "/api/docs"):
        assert status(f"{front.address}{path}") == 404
    for path in ("/healthz", "/readyz", "/metrics"):
        assert status(f"{front.console}{path}") == 404
    assert status(f"{front.console}/") == status(f"{front.console}/console") == 200
    assert status(f"{front.console}/api/rooms") == 401
    assert status(f"{front.address}/api/edge/rooms") == 401
    # By the edge's word a page is of the site's own host; without it, of the proxy's.
    assert socket_status(front.address, SHOP, EDGE) == 101
    assert socket_status(front.address, f"http://{front.address}", {}) == 101
    assert socket_status(front.address, SHOP, {}) == 403
    # Without Redis no process is ready, and each has the splash page all the same.
    own_valkey.stop()
    until(lambda: front.found_unready() == set(front.web))
    assert status(f"{front.address}/__waitroom/shop") == 200


def test_sockets_go_to_the_other_process_as_long_as_one_drains(front: Front, until: Until) -> None:
    address, child = next(iter(front.web.items()))
    page = f"ws://{address}/__waitroom/socket.io/?EIO=4&transport=websocket"
    # The first of two ends at once, the second one after half of the drain.
    with connect(page), connect(page):
        child.terminate()
        until(lambda: address in front.found_unready())
        # Told to one and the other in turn, every second one would be refused.
        assert [socket_status(front.address, SHOP, EDGE) for _ in range(4)] == [101] * 4
        assert status(f"{address}/readyz") == 503
