"""The real Worker on the real workerd, in front of a counting origin and a real waiting room.

One installation for the whole folder: an embedded Valkey, one `waitroom web`, one workerd. Each
test that is marked with `room(...)` has a room of these settings to itself, in front of a host
of its own; all rooms are made before the first test, so that no test waits for one to be known.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtest.bench.workerd import Worker, Workerd, build
from loadtest.ports import free_port
from tests.conftest import EDGE_TOKEN, SECRET_KEY, Processes
from tests.edge.background import Background, Cache, Origin
from tests.edge.link import Link
from tests.edge.visitors import Edge, Guarded, eventually
from waitroom.embedded import Valkey
from waitroom.room import Directory, Room, Store
from waitroom.tokens import Tokens


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "room(name, path='/shop', **settings): the test has a room of these settings"
    )


@dataclass
class Rooms:
    """The rooms of the installation, changed as their owner would."""

    background: Background
    url: str
    names: dict[str, list[str]] = field(default_factory=dict)

    def make(self, name: str, settings: dict[str, Any]) -> None:
        """Make a room."""
        self.background.run(self._do("create", name, settings))

    def change(self, name: str, **settings: Any) -> None:
        """Change a room's settings."""
        self.background.run(self._do("update", name, settings))

    def look(self, name: str, verb: str, *arguments: Any) -> Any:
        """Return what a method of `Room` says."""
        return self.background.run(self._look(name, verb, *arguments))

    async def _do(self, verb: str, name: str, settings: dict[str, Any]) -> None:
        store = Store.connect(self.url)
        try:
            await getattr(Directory(store), verb)(name, settings, who="test")
        finally:
            await store.close()

    async def _look(self, name: str, verb: str, *arguments: Any) -> Any:
        store = Store.connect(self.url)
        try:
            room: Room = await Directory(store).get(name)
            return await getattr(room, verb)(*arguments)
        finally:
            await store.close()


@dataclass
class Installation:
    """All that runs."""

    background: Background
    rooms: Rooms
    origin: Origin
    service: str
    folder: Path
    #: To be ended with the installation.
    running: list[Any] = field(default_factory=list)

    def worker(self, *, cache: Cache | None = None, origin: str | None = None, **text: str) -> Edge:
        """Start one more Worker, with a link of its own to the service.

        Args:
            cache: What stands behind its Cache API.
            origin: Host and port of a site of its own; empty means no binding to any.
            text: Settings that differ.
        """
        site = self.origin.address if origin is None else origin
        link = Link(self.background, self.service)
        link.start()
        self.running.append(link)
        values = {
            "WAITROOM_SERVICE_URL": f"http://{link.address}",
            "WAITROOM_SECRET_KEYS": SECRET_KEY,
            "WAITROOM_EDGE_TOKEN": EDGE_TOKEN,
        } | text
        worker = Worker(
            build(),
            text=values,
            services={"ORIGIN": site} if site else {},
            cache=cache.address if cache is not None else "",
        )
        port = free_port()
        running = Workerd(worker, self.folder / f"edge-{port}", port)
        running.start()
        self.running.append(running)
        keys = values["WAITROOM_SECRET_KEYS"].split(",")
        return Edge(running.url, self.origin, link, running, Tokens(keys))


@pytest.fixture(scope="package")
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Return the waiting room and the origin, with the rooms that all tests have asked for."""
    folder = tmp_path_factory.mktemp("edge")
    sockets = Path(tempfile.mkdtemp(prefix="waitroom-test-"))
    background = Background()
    valkey = Valkey(sockets, persist=False)
    valkey.start()
    rooms = Rooms(background, valkey.url)
    for name, settings in _wanted(request.session.items).items():
        rooms.make(name, settings)
    port = free_port()
    children = Processes(_environment(valkey, folder), folder)
    web = children.start("web", "--port", str(port))
    origin = Origin(background)
    origin.start()
    found = Installation(background, rooms, origin, f"127.0.0.1:{port}", folder)
    try:
        eventually(lambda: _ready(port), 60)
        yield found
    finally:
        for running in reversed(found.running):
            running.stop()
        children.end()
        print(children.output(web)[-4_000:])
        origin.stop()
        background.stop()
        valkey.stop()
        shutil.rmtree(sockets)


@pytest.fixture(scope="package")
def cache(installation: Installation) -> Cache:
    """Return what stands behind the shared Worker's Cache API."""
    found = Cache(installation.background)
    found.start()
    installation.running.append(found)
    return found


@pytest.fixture(scope="package")
def edge(installation: Installation, cache: Cache) -> Edge:
    """Return the Worker that most tests share; its service never fails."""
    return installation.worker(cache=cache)


@pytest.fixture
def site(edge: Edge, guard: Callable[[Edge], Guarded]) -> Guarded:
    """Return the test's room behind the shared Worker."""
    return guard(edge)


@pytest.fixture
def guard(request: pytest.FixtureRequest, installation: Installation) -> Callable[[Edge], Guarded]:
    """Return a function that names the test's room behind a Worker."""
    name = room_of(request.node)
    # What an earlier test did to the site is no concern of this one.
    installation.origin.forget()

    def find(edge: Edge) -> Guarded:
        def change(**settings: Any) -> None:
            installation.rooms.change(name, **settings)

        return Guarded(edge, name, host_of(name), change)

    return find


@pytest.fixture
def own_edge(installation: Installation) -> Iterator[Callable[..., Edge]]:
    """Return a function that starts a Worker for this test alone, with its own link."""
    before = len(installation.running)
    yield installation.worker
    while len(installation.running) > before:
        installation.running.pop().stop()


def room_of(item: Any) -> str:
    """Return the name of a test's room: the mark's, else one made of the test's own name."""
    mark = item.get_closest_marker("room")
    if mark is not None and mark.args:
        return str(mark.args[0])
    words = re.sub(r"[^a-z0-9]+", "-", item.originalname.removeprefix("test_").lower())
    # Two long names may begin alike.
    return f"{words[:28].strip('-')}-{sum(words.encode()) % 997}"


def host_of(room: str) -> str:
    """Return the host that a room stands in front of; browsers know it as the loopback."""
    return f"{room.replace('_', '-')}.localhost"


def _wanted(items: list[pytest.Item]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        for mark in item.iter_markers("room"):
            name = str(mark.args[0]) if mark.args else room_of(item)
            path = mark.kwargs.get("path", "/shop")
            routes = [{"host": host_of(room_of(item)), "path": path}]
            settings = {key: value for key, value in mark.kwargs.items() if key != "path"}
            found[name] = {"routes": routes} | settings
    return found


def _environment(valkey: Valkey, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WAITROOM_")}
    return kept | {
        "WAITROOM_REDIS_URL": valkey.url,
        "WAITROOM_SECRET_KEYS": SECRET_KEY,
        "WAITROOM_EDGE_TOKEN": EDGE_TOKEN,
        "WAITROOM_DATA_DIR": str(folder / "data"),
        "PYTHONUNBUFFERED": "1",
    }


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
