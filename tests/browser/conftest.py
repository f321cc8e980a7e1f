"""The whole installation as `waitroom up` runs it, and visitors who meet it in Chromium."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from loadtest.ports import free_port
from tests.conftest import PATIENCE_S, Processes
from waitroom.clock import monotonic_s
from waitroom.embedded import Valkey
from waitroom.room import Directory, Keys, Store

#: Names of the room's line and seats; emptied before each test, while all processes go on.
KEYS = Keys("shop")
#: A header that is let through once the gate has heard of a test's settings.
SIGN = "x-settled"


@dataclass
class Site:
    """A running installation: demo shop, gate, waiting room, worker, clock, embedded Valkey."""

    shop: str
    service: str
    folder: Path
    up: subprocess.Popen[bytes]
    environment: dict[str, str]

    @property
    def valkey(self) -> Valkey:
        """The installation's own server."""
        return Valkey(self.folder / "data" / "valkey")

    def cli(self, *arguments: str) -> Any:
        """Run a command of the CLI as the owner would; with --json, return what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "waitroom", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            timeout=30,
            check=True,
        )
        return json.loads(done.stdout) if "--json" in arguments else done.stdout.decode()

    def settings(self, *pairs: str) -> None:
        """Change the room's settings."""
        self.cli("rooms", "set", "shop", *pairs)


@pytest.fixture(scope="session")
def running_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return one installation for all browser tests."""
    folder = tmp_path_factory.mktemp("site")
    port, demo_port = free_port(), free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("WAITROOM_")
    } | {
        "WAITROOM_DATA_DIR": str(folder / "data"),
        "WAITROOM_TOTAL_ACTIVE_USERS": "2",
        "PYTHONUNBUFFERED": "1",
    }
    children = Processes(environment, folder)
    up = children.start("up", "--port", str(port), "--demo-port", str(demo_port))
    site = Site(
        f"http://127.0.0.1:{demo_port}", f"http://127.0.0.1:{port}", folder, up, environment
    )
    try:
        _until_served(f"{site.service}/readyz")
        _until_served(site.shop)
        yield site
    finally:
        children.end()
        print(children.output(up)[-4_000:])


@pytest.fixture
async def site(running_site: Site) -> AsyncIterator[Site]:
    """Return the installation with an empty room at its usual settings."""
    sign = secrets.token_hex(16)
    store = Store.connect(running_site.valkey.url)
    usual = {
        "bypass": [{"header": SIGN, "value": sign}],
        "total_active_users": 2,
        "closed": False,
        "draining": False,
        "queue_all": False,
        "suspended": False,
        "message": None,
        "delivery": "redirect",
        "session_duration_s": 300,
        "recovery_hold_s": 1,
    }
    await Directory(store).update("shop", usual, who="tests")
    # The gate pulls its rooms every two seconds, with all settings at once.
    await holds(lambda: asyncio.to_thread(_settled, running_site.shop, sign))
    await store.redis.unlink(
        KEYS.waiting, KEYS.seen, KEYS.parked, KEYS.active, KEYS.unclaimed, KEYS.board
    )
    await store.redis.hdel(KEYS.meta, "board_ms", "hold_until_ms")
    await store.close()
    # A gate that still takes the room for full sends newcomers to the splash page, which takes
    # them in at once: no need to wait for it.
    yield running_site


@pytest.fixture
async def line(site: Site) -> AsyncIterator[Store]:
    """Return the installation's store, to look at."""
    store = Store.connect(site.valkey.url)
    yield store
    await store.close()


@dataclass
class Visitor:
    """One person: a browser context of their own, and the page they look at."""

    context: BrowserContext
    page: Page


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Callable[..., Any]:
    """Return a coroutine function that has a new visitor open a page of the shop."""

    async def come(path: str = "/", **options: Any) -> Visitor:
        context = await chromium.new_context(**options)
        page = await context.new_page()
        await page.goto(site.shop + path)
        return Visitor(context, page)

    return come


async def is_inside(visitor: Visitor, path: str) -> None:
    """Wait until a visitor sees a page of the shop, at exactly this address."""

    def there(url: str) -> bool:
        return url.split("/", 3)[3] == path.lstrip("/")

    await visitor.page.wait_for_url(there)
    await expect(visitor.page.get_by_text("You are inside the shop")).to_be_visible()
    # A splash page in place had the address already.
    await visitor.page.wait_for_url(there, timeout=5_000)


async def waits_at(visitor: Visitor, position: int) -> None:
    """Wait until a visitor sees this position on the splash page."""
    await expect(visitor.page.locator("#position")).to_have_text(str(position), timeout=15_000)


async def holds(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Ask again and again until the answer is true; return it, or fail the test."""
    deadline = monotonic_s() + patience_s
    while not (found := await condition()):
        assert monotonic_s() < deadline, "it did not come true in time"
        await asyncio.sleep(0.05)
    return found


def _settled(shop: str, sign: str) -> bool:
    # A suspended room would let both through.
    return _lets_through(shop, {SIGN: sign}) and not _lets_through(shop, {})


def _lets_through(shop: str, shown: dict[str, str]) -> bool:
    with urlopen(Request(shop, headers={"Accept": "text/html", **shown}), timeout=5) as page:
        return b"open to everybody" in page.read()


def _until_served(url: str) -> None:
    deadline = monotonic_s() + 60
    while True:
        try:
            with urlopen(url, timeout=2):
                return
        except OSError:
            assert monotonic_s() < deadline, f"{url} is not served"
