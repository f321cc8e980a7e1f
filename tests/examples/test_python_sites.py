"""The example sites that guard themselves, under the servers that people run them with."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import EDGE_TOKEN, SECRET_KEY
from tests.examples.helpers import (
    EXAMPLES,
    HOST,
    PAGE,
    Origin,
    Site,
    eventually,
    served,
)
from tests.web.helpers import Page, crowd
from waitroom.room import Directory, Room

#: Processes that serve.
WORKERS = {"gunicorn": 2}
SERVERS = {
    "fastapi": ("uvicorn", "fastapi_site:app", "--port", "{port}"),
    "flask": (
        "gunicorn",
        f"--workers={WORKERS['gunicorn']}",
        "--threads=4",
        "--bind=127.0.0.1:{port}",
        "flask_site:app",
    ),
}


@pytest.fixture(params=SERVERS)
async def site(
    request: pytest.FixtureRequest,
    run: Callable[..., subprocess.Popen[bytes]],
    folder: Path,
    free_port: Callable[[], int],
    service: subprocess.Popen[bytes],
    service_port: int,
    room: Room,
    directory: Directory,
) -> Site:
    """Return each example, running; it is its own origin."""
    port = free_port()
    command = [part.format(port=port) for part in SERVERS[request.param]]
    environment = os.environ | {
        "PYTHONPATH": str(EXAMPLES),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "error",
        "HOME": str(folder),
        "WAITROOM_SERVICE_URL": f"http://127.0.0.1:{service_port}",
        "WAITROOM_EDGE_TOKEN": EDGE_TOKEN,
        "WAITROOM_SECRET_KEYS": SECRET_KEY,
    }
    server = run(sys.executable, "-m", *command, env=environment)
    await served(port, server)
    found = Site(port, Origin(port), room, directory, service)
    # Gates pull their rooms by themselves, each process its own.
    await eventually(lambda: _all_hear(server.pid, service_port))
    await eventually(lambda: _guards(found))
    return found


async def _all_hear(pid: int, service_port: int) -> bool:
    server = psutil.Process(pid)
    workers = server.children() or [server]
    return len(workers) == WORKERS.get(Path(server.cmdline()[2]).name, 1) and all(
        any(link.raddr and link.raddr.port == service_port for link in worker.net_connections())
        for worker in workers
    )


async def _guards(site: Site) -> bool:
    return (await site.page("/healthz")).status == 200


async def test_visitors_are_held_while_the_room_is_full_and_let_in_when_a_seat_frees(
    site: Site,
) -> None:
    await site.fill()
    page = await site.page("/shop?a=1")
    assert page.status == 302
    assert page.headers["Location"] == "/__waitroom/shop?return_to=%2Fshop%3Fa%3D1"
    program = await site.program()
    assert (program.status, json.loads(program.text)["error"]) == (429, "queued")
    posted = await site.ask("/shop/orders", method="POST", body=b"x" * 1_000, headers=PAGE)
    assert posted.status == 303
    splash = await site.page(page.headers["Location"])
    assert (splash.status, splash.headers.get_content_type()) == (200, "text/html")
    assert (await site.page("/healthz")).status == 200
    ticket = page.cookies()["waitroom_ticket_shop"].value
    entered = await site.ask(
        "/__waitroom/shop/enter",
        method="POST",
        body=b"",
        headers={"Cookie": f"waitroom_ticket_shop={ticket}"},
    )
    assert json.loads(entered.text)["status"] == "waiting"
    await site.directory.update("shop", {"total_active_users": 5}, who="test")

    async def go() -> str:
        answer = await site.page(
            "/__waitroom/shop/go?return_to=/shop", Cookie=f"waitroom_ticket_shop={ticket}"
        )
        held = answer.cookies().get("waitroom_pass_shop")
        return held.value if held is not None and answer.headers["Location"] == "/shop" else ""

    held = await eventually(go)
    inside = await site.page(Cookie=f"waitroom_pass_shop={held}", **{"Waitroom-Gate": "forged"})
    assert (inside.status, json.loads(inside.text)) == (200, {"page": "the shop", "gate": "shop"})
    order = await site.ask(
        "/shop/orders",
        method="POST",
        body=b"x" * 300_000,
        headers={"Cookie": f"waitroom_pass_shop={held}"},
    )
    assert (order.status, json.loads(order.text)) == (201, {"bytes": 300_000})


async def test_an_open_room_shows_no_splash_page(site: Site) -> None:
    answer = await site.page()
    assert (answer.status, json.loads(answer.text)["gate"]) == (200, "shop")
    assert "waitroom_pass_shop" in answer.cookies()
    assert (await site.room.figures()).active == 1


async def test_no_spelling_of_a_path_or_host_walks_past_a_full_room(site: Site) -> None:
    await site.fill()
    for path in ("/%73hop", "//shop", "/x/../shop", "/shop;x", "/SHOP", "/x/%2e%2e/shop"):
        assert (path, (await site.page(path)).status) == (path, 302)
        assert (path, (await site.program(path)).status) == (path, 429)
    for host in (f"{HOST}:8443", f"{HOST}.", HOST.upper()):
        assert (host, (await site.page(host=host)).status) == (host, 302)


async def test_a_visitor_cannot_move_the_page_away_from_what_is_judged(site: Site) -> None:
    await site.fill()
    # gunicorn believes it of a proxy on the same machine.
    moved = await site.page("/x/shop", SCRIPT_NAME="/x")
    assert moved.status in (400, 404)
    named = await site.page("/healthz", **{"X-Original-URL": "/shop", "X-Rewrite-URL": "/shop"})
    assert json.loads(named.text) == {"status": "ok"}


async def test_the_splash_pages_websocket_goes_through_where_the_server_has_them(
    site: Site, request: pytest.FixtureRequest
) -> None:
    await site.fill()
    ticket = (await site.page()).cookies()["waitroom_ticket_shop"].value
    async with crowd() as links:
        if "flask" in request.node.name:
            with pytest.raises(Exception, match="Invalid response status"):
                await Page.open(links, site.url, ticket=ticket)
            return
        page = await Page.open(links, site.url, ticket=ticket)
        await page.register()
        assert (await page.hear("queue_update"))["position"] >= 1
        await page.close()


async def test_without_the_waiting_room_visitors_with_a_pass_notice_nothing(site: Site) -> None:
    seat = site.seat()
    assert (await site.page(Cookie=seat)).status == 200
    site.service.terminate()
    site.service.wait(10)

    async def held() -> bool:
        return (await site.page()).status == 503

    await eventually(held)
    assert (await site.page(Cookie=seat)).status == 200
