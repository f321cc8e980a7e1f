"""`waitroom edge check` against the Worker on workerd."""

from typing import Any

import pytest

from tests.cli_edge.sites import FULL, OPEN, OTHER_KEY, Check, Guard, Origin, make
from tests.conftest import SECRET_KEY
from waitroom.gate import OriginGuard
from waitroom.room import Directory


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        (FULL, "leads newcomers to its splash page (status 302)"),
        (FULL | {"delivery": "inline"}, "shows its splash page in place (status 200)"),
        (OPEN, "is open: this newcomer got a seat"),
    ],
)
async def test_the_worker_is_seen_as_the_middleware_is(
    check: Check,
    worker: Guard,
    directory: Directory,
    origin: Origin,
    changes: dict[str, Any],
    seen: str,
) -> None:
    room = await make(directory, **changes)
    found = await check(await worker(OriginGuard(origin, secret_keys=[SECRET_KEY])))
    assert (found.exit_code, found.failed()) == (0, set())
    assert found.says("gate") == f"Room shop stands here and {seen}"
    for check_ in ("passes", "board", "sockets", "caching", "cookies", "left"):
        assert found.level(check_) == "ok"
    figures = await room.figures()
    assert (figures.active, figures.waiting) == (0, 0)


async def test_a_worker_with_other_keys_does_not_accept_passes(
    check: Check, worker: Guard, directory: Directory, origin: Origin
) -> None:
    await make(directory, **FULL)
    found = await check(await worker(origin, OTHER_KEY))
    assert {"passes", "tickets"} <= found.failed()
    assert origin.reached == []


async def test_a_worker_with_a_secret_that_cannot_be_right_is_said(
    check: Check, worker: Guard, directory: Directory, origin: Origin
) -> None:
    await make(directory, **FULL)
    found = await check(await worker(origin, "too short"))
    assert (found.exit_code, found.failed()) == (1, {"gate"})
    assert "not set up" in found.says("gate")
    assert "wrangler tail" in found.findings["gate"]["mend"]
    assert origin.reached == []
