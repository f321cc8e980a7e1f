"""`waitroom edge check` against sites that are guarded well, badly and not at all."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli_edge.sites import FULL, OPEN, OTHER_KEY, Behind, Check, Guard, Origin, make, without
from waitroom.cli import main
from waitroom.gate.scopes import App
from waitroom.room import Directory


async def test_a_full_room_is_seen_and_everything_about_it_is_well(
    check: Check, guard: Guard, directory: Directory, origin: Origin
) -> None:
    room = await make(directory, **FULL)
    found = await check(await guard())
    assert found.exit_code == 0
    levels = {check: one["level"] for check, one in found.findings.items()}
    assert levels == dict.fromkeys(levels, "ok")
    assert found.says("gate").startswith("Room shop stands here and leads newcomers to its splash")
    assert len(origin.reached) == 1  # the one with a pass
    assert (await room.figures()).waiting == 0


async def test_an_open_room_is_seen_and_its_seats_are_given_back(
    check: Check, guard: Guard, directory: Directory
) -> None:
    room = await make(directory, **OPEN)
    found = await check(await guard())
    assert (found.exit_code, found.failed()) == (0, set())
    assert found.says("gate") == "Room shop stands here and is open: this newcomer got a seat"
    assert found.level("passes") == "ok"
    assert found.level("programs") == "unknown"
    assert found.says("left") == "Given back: seat, seat"
    figures = await room.figures()
    assert (figures.active, figures.waiting, figures.parked) == (0, 0, 0)


async def test_a_room_that_fills_meanwhile_is_left_as_it_was(
    check: Check, guard: Guard, directory: Directory
) -> None:
    room = await make(directory, **OPEN | {"total_active_users": 1})
    found = await check(await guard())
    assert (found.exit_code, found.failed()) == (0, set())
    assert (found.level("passes"), found.level("tickets")) == ("ok", "ok")
    figures = await room.figures()
    assert (figures.active, figures.waiting, figures.parked) == (0, 0, 0)


@pytest.mark.parametrize("status", [200, 503])
async def test_a_splash_page_in_place_is_seen(
    check: Check, guard: Guard, directory: Directory, status: int
) -> None:
    await make(directory, **FULL, delivery="inline", queueing_status_code=status)
    found = await check(await guard())
    assert (found.exit_code, found.failed()) == (0, set())
    assert f"shows its splash page in place (status {status})" in found.says("gate")


async def test_a_closed_room_is_seen(check: Check, guard: Guard, directory: Directory) -> None:
    await make(directory, **OPEN, closed=True)
    found = await check(await guard())
    assert (found.exit_code, found.failed()) == (0, set())
    assert (found.level("gate"), found.level("programs")) == ("ok", "ok")
    assert found.level("tickets") == "unknown"


async def test_a_suspended_room_cannot_be_told_from_none_and_that_is_said(
    check: Check, guard: Guard, directory: Directory
) -> None:
    await make(directory, **FULL, suspended=True)
    found = await check(await guard())
    assert (found.exit_code, found.failed()) == (0, set())
    assert found.level("gate") == "unknown"
    assert "Room shop is suspended" in found.says("gate")
    assert found.level("passes") == "unknown"


async def test_a_bypass_rule_for_the_page_is_named(
    check: Check, guard: Guard, directory: Directory
) -> None:
    await make(directory, **FULL, bypass=[{"path": "/free"}])
    found = await check(f"{await guard()}free")
    assert (found.level("gate"), found.exit_code) == ("unknown", 0)
    assert "bypass rule" in found.says("gate")


async def test_a_page_that_no_route_covers_is_said(
    check: Check, guard: Guard, directory: Directory
) -> None:
    await make(directory, routes=[{"host": "*", "path": "/tickets"}])
    found = await check(await guard())
    assert found.exit_code == 1
    assert found.failed() == {"rooms"}
    assert found.says("rooms") == "No room's routes cover this page."


async def test_a_site_without_a_gate_is_said(
    check: Check,
    directory: Directory,
    origin: Origin,
    behind: Behind,
) -> None:
    await make(directory, **FULL)
    found = await check(await behind(without("/__waitroom/")(origin)))
    assert found.exit_code == 1
    assert found.failed() == {"gate"}
    assert "Nothing of a gate is to be seen" in found.says("gate")
    assert "passes" not in found.findings


async def test_a_site_whose_pages_pass_beside_the_gate_is_said(
    check: Check, guard: Guard, directory: Directory, origin: Origin
) -> None:
    def only_below(app: App) -> App:
        async def proxy(scope: Any, receive: Any, send: Any) -> None:
            guarded = scope["type"] == "lifespan" or scope["path"].startswith("/__waitroom/")
            await (app if guarded else origin)(scope, receive, send)

        return proxy

    await make(directory, **FULL)
    found = await check(await guard(before=only_below))
    assert found.failed() == {"gate"}
    assert found.says("gate") == "Room shop should stand here, but the page is open to everybody."


@pytest.mark.parametrize("changes", [FULL, OPEN])
async def test_a_gate_with_other_keys_does_not_accept_passes(
    check: Check, guard: Guard, directory: Directory, changes: dict[str, Any], origin: Origin
) -> None:
    room = await make(directory, **changes)
    found = await check(await guard(secret_key=OTHER_KEY))
    assert found.exit_code == 1
    assert "passes" in found.failed()
    assert "WAITROOM_SECRET_KEYS" in found.findings["passes"]["mend"]
    if changes is FULL:
        assert "tickets" in found.failed()
        assert origin.reached == []
    assert (await room.figures()).active == 0


async def test_a_gate_with_a_wrong_edge_token_cannot_reach_its_waiting_room(
    check: Check, guard: Guard, directory: Directory
) -> None:
    await make(directory, **FULL)
    found = await check(await guard(edge_token="x" * 40))
    assert found.failed() == {"gate"}
    assert "WAITROOM_EDGE_TOKEN" in found.findings["gate"]["mend"]


async def test_a_gate_whose_service_is_away_is_said(
    check: Check, guard: Guard, directory: Directory, free_port: Callable[[], int]
) -> None:
    await make(directory, **FULL)
    found = await check(await guard(service_url=f"http://127.0.0.1:{free_port()}"))
    assert found.failed() == {"gate"}
    assert "cannot reach its waiting room" in found.says("gate")


async def test_websockets_that_are_not_passed_on_are_said(
    check: Check, guard: Guard, directory: Directory
) -> None:
    await make(directory, **FULL)
    proxy = without("/__waitroom/socket.io/", kinds=("websocket",))
    found = await check(await guard(before=proxy))
    assert found.failed() == {"sockets"}
    assert "pages poll instead" in found.says("sockets")


async def test_a_board_that_is_not_on_the_sites_host_is_said(
    check: Check, guard: Guard, directory: Directory
) -> None:
    await make(directory, **FULL)
    found = await check(await guard(before=without("/__waitroom/shop/board")))
    assert found.failed() == {"board"}


async def test_another_room_than_the_one_named_is_said(
    check: Check, guard: Guard, directory: Directory
) -> None:
    await make(directory, **FULL)
    await directory.create("museum", {"routes": [{"host": "*", "path": "/museum"}]}, who="test")
    url = await guard()
    found = await check(url, "--room", "museum")
    assert found.failed() == {"rooms", "gate"}
    assert found.says("gate") == "Room shop stands here, not museum."
    refused = await check(url, "--room", "nowhere")
    assert (refused.exit_code, refused.out) == (1, "")
    assert refused.err.startswith("error [room_not_found]: ")


async def test_without_redis_and_keys_the_rest_is_still_judged(
    check: Check, guard: Guard, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(directory, **FULL, epoch=7)
    url = await guard()
    monkeypatch.delenv("WAITROOM_REDIS_URL")
    found = await check(url)
    assert (found.level("rooms"), found.level("gate"), found.level("passes")) == (
        "unknown",
        "ok",
        "ok",
    )
    monkeypatch.delenv("WAITROOM_SECRET_KEYS")
    found = await check(url)
    assert (found.level("passes"), found.level("tickets")) == ("unknown", "unknown")
    assert (found.exit_code, found.failed()) == (1, {"keys"})
    assert list(found.findings)[-1] == "keys"
    assert "WAITROOM_SECRET_KEYS" in found.findings["keys"]["mend"]
    found = await check(url, "--without-keys")
    assert (found.exit_code, found.level("keys")) == (0, "unknown")


async def test_where_no_installation_is_redis_is_not_blamed(
    check: Check,
    guard: Guard,
    directory: Directory,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    free_port: Callable[[], int],
) -> None:
    await make(directory, **FULL)
    url = await guard()
    monkeypatch.delenv("WAITROOM_REDIS_URL")
    assert (await check(url)).says("rooms").startswith("No installation of Waitroom is here:")
    (tmp_path / ".waitroom").mkdir()
    says = (await check(url)).says("rooms")
    assert says.startswith("`waitroom up` does not run on .waitroom here:")
    monkeypatch.setenv("WAITROOM_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    assert (await check(url)).says("rooms").startswith("Redis cannot be reached from here:")


async def test_a_site_that_is_not_there_is_one_clear_failure(
    check: Check, directory: Directory, free_port: Callable[[], int]
) -> None:
    await make(directory, **FULL)
    found = await check(f"http://127.0.0.1:{free_port()}/")
    assert (found.exit_code, found.failed()) == (1, {"site"})
    assert found.says("site").startswith("127.0.0.1 does not answer: no connection")


@pytest.mark.parametrize(
    "url",
    ["shop.example.com", "ftp://shop.example.com/", "https://", "http://a:x/", "http://u:p@a/"],
)
async def test_what_is_no_address_is_refused_before_anybody_is_asked(
    check: Check, url: str
) -> None:
    found = await check(url)
    assert (found.exit_code, found.out) == (1, "")
    assert found.err.startswith("error [bad_url]: URL must ")
    assert found.err.count("\n") == 1


async def test_a_page_that_leads_on_is_not_judged_in_its_place(
    check: Check, directory: Directory, behind: Behind
) -> None:
    async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        headers = [(b"location", b"https://www.shop.example/")]
        await send({"type": "http.response.start", "status": 301, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    await make(directory, **FULL)
    found = await check(await behind(elsewhere))
    assert found.says("site") == "The page leads on to https://www.shop.example/."
    assert (found.exit_code, set(found.findings)) == (0, {"site", "rooms"})


async def test_a_check_that_judged_no_pass_does_not_end_quietly(
    check: Check,
    guard: Guard,
    directory: Directory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = await make(directory, **FULL)
    url = await guard()
    assert await asyncio.to_thread(main, ("edge", "check", url)) == 0
    assert "all-clear" not in capsys.readouterr().out
    monkeypatch.delenv("WAITROOM_SECRET_KEYS")
    assert await asyncio.to_thread(main, ("edge", "check", url)) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "Run it in the installation's folder" in last
    assert await asyncio.to_thread(main, ("edge", "check", url, "--without-keys")) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Nothing failed, but passes were not judged: this is no all-clear."
    assert (await room.figures()).waiting == 0


async def test_people_get_a_line_for_each_check_and_what_to_do(
    check: Check,
    guard: Guard,
    directory: Directory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await make(directory, **FULL)
    url = await guard(before=without("/__waitroom/shop/board"))
    assert await asyncio.to_thread(main, ("edge", "check", url)) == 1
    out = capsys.readouterr().out
    assert "✓ gate      ok       Room shop stands here" in out
    assert "✗ board     failed   The board of shop is not there: status 404." in out
    assert "Let the edge answer everything below /__waitroom/ on this host too." in out
