"""Real parts for each example: Valkey, `waitroom web`, an origin that counts, the proxy itself."""

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtest.children import await_end
from tests.conftest import EDGE_TOKEN, Processes
from tests.examples.helpers import Origin, eventually, served
from tests.examples.proxies import Behind
from waitroom.room import Directory, Room


@pytest.fixture
async def room(directory: Directory) -> Room:
    """Return a room in front of `/shop`, with seats."""
    routes = [{"host": "*", "path": "/shop"}]
    return await directory.create("shop", {"routes": routes}, who="test")


@pytest.fixture
async def origin(free_port: Callable[[], int]) -> AsyncIterator[Origin]:
    """Return a running origin."""
    found = Origin(free_port())
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that a plain user may enter, unlike pytest's own."""
    found = Path(tempfile.mkdtemp(prefix="waitroom-test-"))
    found.chmod(0o777)
    yield found
    shutil.rmtree(found)


@pytest.fixture
def service_port(free_port: Callable[[], int]) -> int:
    """Return the port of the waiting room."""
    return free_port()


@pytest.fixture
async def service(processes: Processes, service_port: int, room: Room) -> subprocess.Popen[bytes]:
    """Return a running `waitroom web` that knows the room."""
    child = processes.start("web", "--port", str(service_port))
    await served(service_port, child)
    bearer = {"Authorization": f"Bearer {EDGE_TOKEN}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service_port}") as http:

        async def knows() -> bool:
            found = await http.get("/api/edge/rooms", headers=bearer)
            return found.status_code == 200 and bool(found.json()["rooms"])

        await eventually(knows)
    return child


@pytest.fixture
def run(folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Return a way to start a server in the folder; it is ended by its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, **options: Any) -> subprocess.Popen[bytes]:
        with (folder / f"{len(started)}.log").open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        started.append(child)
        return child

    yield start
    for child in started:
        child.terminate()
    for number, child in enumerate(started):
        await_end(child, 10)
        print((folder / f"{number}.log").read_text(errors="replace")[-4_000:])


@pytest.fixture
def behind(
    folder: Path,
    run: Callable[..., subprocess.Popen[bytes]],
    free_port: Callable[[], int],
    service: subprocess.Popen[bytes],
    service_port: int,
    origin: Origin,
    room: Room,
    directory: Directory,
) -> Behind:
    """Return a waiting room and a site that want a proxy in front of them."""
    return Behind(folder, run, free_port(), service, service_port, origin, room, directory)
