"""A real site behind a real gate and waiting room, to be checked as its operator would."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench.workerd import Worker, Workerd, build
from tests.cli_edge.sites import (
    OTHER_KEY,
    Behind,
    Check,
    Checked,
    Guard,
    Origin,
    Wrap,
    served,
    waiting_room,
)
from tests.conftest import EDGE_TOKEN, SECRET_KEY
from waitroom.cli import main
from waitroom.config import Config
from waitroom.gate import GateMiddleware
from waitroom.gate.scopes import App


@pytest.fixture
def origin() -> Origin:
    return Origin()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as found:
        yield found


@pytest.fixture
def guard(
    stack: AsyncExitStack, config: Config, origin: Origin, free_port: Callable[[], int]
) -> Guard:
    """Return a function that opens the site behind a gate, and what stands before that gate.

    To be called when the rooms are there: service and gate then know them from the start.
    """

    async def open_site(
        *,
        secret_key: str = SECRET_KEY,
        edge_token: str = EDGE_TOKEN,
        service_url: str = "",
        site: App | None = None,
        before: Wrap = lambda app: app,
    ) -> str:
        service = await stack.enter_async_context(waiting_room(config, free_port()))
        gate = GateMiddleware(
            site or origin,
            service_url=service_url or service.url,
            edge_token=edge_token,
            secret_keys=[secret_key],
        )
        return await stack.enter_async_context(served(before(gate), free_port()))

    return open_site


@pytest.fixture
def check(
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Check:
    """Return a function that runs the command beside the sites of this test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAITROOM_REDIS_URL", redis_url)
    monkeypatch.setenv("WAITROOM_SECRET_KEYS", SECRET_KEY)
    monkeypatch.setenv("WAITROOM_EDGE_TOKEN", EDGE_TOKEN)

    async def run(*arguments: str) -> Checked:
        code = await asyncio.to_thread(main, ("edge", "check", *arguments, "--json"))
        out, err = capsys.readouterr()
        for secret in (SECRET_KEY, EDGE_TOKEN, OTHER_KEY):
            assert secret not in out + err
        return Checked(code, out, err)

    return run


@pytest.fixture
def behind(stack: AsyncExitStack, free_port: Callable[[], int]) -> Behind:
    """Return a function that serves an origin on an address of its own, with no gate in front."""
    return lambda app: stack.enter_async_context(served(app, free_port()))


@pytest.fixture
def worker(
    stack: AsyncExitStack,
    config: Config,
    behind: Behind,
    free_port: Callable[[], int],
    tmp_path: Path,
) -> Guard:
    """Return a function that opens the site behind the real Worker, on workerd."""

    async def open_site(origin: Any, secret_key: str = SECRET_KEY) -> str:
        service = await stack.enter_async_context(waiting_room(config, free_port()))
        site = await behind(origin)
        text = {
            "WAITROOM_SERVICE_URL": service.url,
            "WAITROOM_SECRET_KEYS": secret_key,
            "WAITROOM_EDGE_TOKEN": EDGE_TOKEN,
        }
        code = await asyncio.to_thread(build)
        made = Worker(code, text=text, services={"ORIGIN": site.split("/")[2]})
        running = Workerd(made, tmp_path / "workerd", free_port())
        stack.callback(running.stop)
        await asyncio.to_thread(running.start)
        return f"{running.url}/"

    return open_site
