"""`waitroom edge check --origin`: whether a site can be reached past its edge."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli_edge.sites import FULL, OPEN, OTHER_KEY, Behind, Check, Guard, Origin, make, without
from tests.conftest import SECRET_KEY
from waitroom.gate import OriginGuard
from waitroom.room import Directory


async def test_an_origin_that_anybody_reaches_is_said(
    check: Check, guard: Guard, directory: Directory, origin: Origin, behind: Behind
) -> None:
    await make(directory, **FULL)
    url = await guard()
    found = await check(f"{url}tickets?day=1", "--origin", await behind(origin))
    assert (found.exit_code, found.failed()) == (1, {"origin"})
    assert "can be reached past the edge" in found.says("origin")
    asked = origin.reached[-1]
    assert (asked["path"], asked["query_string"]) == ("/tickets", b"day=1")
    assert dict(asked["headers"])[b"host"] == url.split("/")[2].encode()


async def test_a_guarded_origin_is_well_by_the_edge_and_past_it(
    check: Check, guard: Guard, directory: Directory, origin: Origin, behind: Behind
) -> None:
    await make(directory, **FULL)
    guarded = OriginGuard(origin, secret_keys=[SECRET_KEY])
    found = await check(await guard(site=guarded), "--origin", await behind(guarded))
    assert (found.exit_code, found.failed()) == (0, set())
    assert found.level("origin") == "ok"
    assert len(origin.reached) == 1


@pytest.mark.parametrize(("changes", "where"), [(FULL, "passes"), (OPEN, "site")])
async def test_an_origin_that_does_not_believe_its_own_edge_is_said(
    check: Check,
    guard: Guard,
    directory: Directory,
    origin: Origin,
    changes: dict[str, Any],
    where: str,
) -> None:
    room = await make(directory, **changes)
    found = await check(await guard(site=OriginGuard(origin, secret_keys=[OTHER_KEY])))
    assert found.failed() == {where}
    assert "secret keys" in found.findings[where]["mend"]
    assert (origin.reached, (await room.figures()).active) == ([], 0)


async def test_an_origin_that_believes_everybody_is_said(
    check: Check, guard: Guard, directory: Directory, origin: Origin, behind: Behind
) -> None:
    async def credulous(scope: Any, receive: Any, send: Any) -> None:
        guarded = OriginGuard(origin, secret_keys=[SECRET_KEY])
        shown = b"waitroom-origin" in dict(scope.get("headers", []))
        await (origin if shown else guarded)(scope, receive, send)

    await make(directory, **FULL)
    found = await check(await guard(), "--origin", await behind(credulous))
    assert found.failed() == {"origin"}
    assert "made-up Waitroom-Origin" in found.says("origin")


async def test_an_origin_behind_a_firewall_is_well(
    check: Check, guard: Guard, directory: Directory, free_port: Callable[[], int]
) -> None:
    await make(directory, **FULL)
    found = await check(await guard(), "--origin", f"http://127.0.0.1:{free_port()}")
    assert (found.exit_code, found.level("origin")) == (0, "ok")
    assert "cannot be reached from here" in found.says("origin")


async def test_a_seat_that_a_gate_behind_the_edge_gave_is_given_back(
    check: Check, guard: Guard, directory: Directory
) -> None:
    room = await make(directory, **OPEN)
    found = await check(await guard(), "--origin", await guard())
    assert (found.level("origin"), found.exit_code) == ("unknown", 0)
    assert (await room.figures()).active == 0


async def test_what_is_no_origin_cannot_be_judged(
    check: Check, guard: Guard, directory: Directory, origin: Origin, behind: Behind
) -> None:
    await make(directory, **FULL)
    url = await guard()
    other_gate = await guard()
    found = await check(url, "--origin", other_gate)
    assert (found.level("origin"), found.exit_code) == ("unknown", 0)
    nothing = await behind(without("/")(origin))
    found = await check(url, "--origin", nothing)
    assert (found.level("origin"), found.exit_code) == ("unknown", 0)
    for wrong, why in ((url, "is the guarded site"), (f"{nothing}base", "takes scheme")):
        refused = await check(url, "--origin", wrong)
        assert refused.err.startswith(f"error [bad_origin]: --origin {why}")


async def test_an_origin_that_answers_with_an_error_proves_nothing(
    check: Check, guard: Guard, directory: Directory, origin: Origin, behind: Behind
) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        guarded = OriginGuard(origin, secret_keys=[SECRET_KEY])
        if b"waitroom-origin" not in dict(scope.get("headers", [])):
            return await guarded(scope, receive, send)
        await send({"type": "http.response.start", "status": 502, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await make(directory, **FULL)
    url = await guard()
    address = await behind(failing)
    found = await check(url, "--origin", address)
    assert (found.level("origin"), found.exit_code) == ("unknown", 0)
    assert "status 502" in found.says("origin")
    found = await check(url, "--origin", address.replace("http:", "https:"))
    assert found.level("origin") == "unknown"
    assert "does not speak https" in found.says("origin")
