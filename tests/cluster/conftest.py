"""Fixtures of the tests on several servers, of which a test may take some away."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.cluster.servers import Cluster, Watched, temporary_folder
from tests.web.conftest import links as links
from tests.web.conftest import start_web as start_web
from tests.web.helpers import WebProcess, no_cookies


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """Return a Cluster of this test alone."""
    with temporary_folder("cluster") as folder:
        found = Cluster(folder)
        try:
            found.start()
            yield found
        finally:
            found.end()


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Return a master, its replica and their Sentinels, of this test alone."""
    with temporary_folder("sentinel") as folder:
        found = Watched(folder)
        try:
            found.start()
            yield found
        finally:
            found.end()


@pytest.fixture
async def web(start_web: Callable[..., Any]) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of one real web process, which must outlive whatever happens."""
    [process] = await start_web()
    assert isinstance(process, WebProcess)
    async with httpx.AsyncClient(base_url=process.url, cookies=no_cookies(), timeout=20) as found:
        yield found
    assert process.child.poll() is None
