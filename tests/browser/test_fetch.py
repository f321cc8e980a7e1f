"""`waitroom-fetch.js` in a single-page app whose fetch meets the line."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
import pytest
from hypercorn.asyncio import serve as hypercorn_serve
from playwright.async_api import Browser, expect
from quart import Quart, Response, jsonify

from tests.browser.conftest import Site, holds
from waitroom.config import Config
from waitroom.gate import GateMiddleware
from waitroom.keyring import with_secrets
from waitroom.room import Directory, Store
from waitroom.web.servers.under_hypercorn import hypercorn_config

#: Strict, as the wrapper promises to bear: nothing inline, nothing of others.
CSP = "default-src 'none'; script-src 'self'; connect-src 'self'"
PAGE = """<!doctype html><html lang="en"><title>App</title><h1>App</h1><p id="said"></p>
<script src="/__waitroom/waitroom-fetch.js"></script><script src="/app.js"></script>"""
APP = """
const said = document.querySelector("#said");
fetch("/api/x").then(async (answer) => { said.textContent = (await answer.json()).said; })
  .catch(() => { said.textContent = "failed"; });
"""


def create_app() -> Quart:
    """Return a small app: its page and script are open, `/api/` is what costs."""
    app = Quart(__name__)

    def page(**_: Any) -> Response:
        return Response(PAGE, headers={"Content-Security-Policy": CSP}, content_type="text/html")

    app.add_url_rule("/app", "page", page)
    app.add_url_rule("/app.js", "script", lambda: Response(APP, content_type="text/javascript"))
    app.add_url_rule("/api/x", "x", lambda: jsonify(said="twelve seats left"))
    app.add_url_rule(
        "/own/limit", "limit", lambda: (jsonify(error="slow_down", said="own limit"), 429)
    )

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first,"
        await asyncio.sleep(0)
        yield b"second"

    app.add_url_rule("/own/stream", "stream", lambda: Response(pieces()))
    return app


@pytest.fixture
async def app(site: Site, line: Store, free_port: Callable[[], int]) -> AsyncIterator[str]:
    """Return the address of the app behind a gate, the room `seats` in front of `/api`."""
    directory = Directory(line)
    await directory.create(
        "seats", {"total_active_users": 0, "routes": [{"host": "*", "path": "/api"}]}, who="test"
    )
    secrets = with_secrets(Config(_env_file=None, data_dir=site.folder / "data"), create=False)
    assert secrets.edge_token is not None
    bearer = {"Authorization": f"Bearer {secrets.edge_token.get_secret_value()}"}
    async with httpx.AsyncClient(base_url=site.service, headers=bearer) as http:

        async def served() -> bool:
            return '"seats"' in (await http.get("/api/edge/rooms")).text

        # The gate pulls its rooms as it starts, and has to hear of this one then.
        await holds(served)
    gate = GateMiddleware(
        create_app(),
        service_url=site.service,
        edge_token=secrets.edge_token.get_secret_value(),
        secret_keys=secrets.signing_keys(),
    )
    port, stop = free_port(), asyncio.Event()
    server = asyncio.create_task(
        hypercorn_serve(
            cast(Any, gate), hypercorn_config(f"127.0.0.1:{port}"), shutdown_trigger=stop.wait
        )
    )
    yield f"http://127.0.0.1:{port}"
    await gate.drain()
    stop.set()
    await server
    await directory.delete("seats", who="test")


async def test_app_whose_fetch_meets_the_line_waits_and_comes_back(
    chromium: Browser, app: str, site: Site
) -> None:
    page = await chromium.new_page()
    await page.goto(f"{app}/app?day=2&seat=a%20b#/row/3")
    await page.wait_for_url("**/__waitroom/seats?**")
    await expect(page.locator("#position")).to_have_text("1", timeout=15_000)
    site.cli("rooms", "set", "seats", "total_active_users=1")
    # Back on the very page, and now the app gets its answer.
    await page.wait_for_url(f"{app}/app?day=2&seat=a%20b#/row/3")
    await expect(page.locator("#said")).to_have_text("twelve seats left")


async def test_every_other_answer_is_as_without_the_wrapper(
    chromium: Browser, app: str, site: Site
) -> None:
    site.cli("rooms", "set", "seats", "total_active_users=1")
    page = await chromium.new_page()
    await page.goto(f"{app}/app")
    await expect(page.locator("#said")).not_to_be_empty()
    found = await page.evaluate(
        """async () => {
          const limit = await fetch("/own/limit");
          const stream = (await fetch("/own/stream")).body.getReader();
          let pieces = "";
          for (let step; !(step = await stream.read()).done;) {
            pieces += new TextDecoder().decode(step.value);
          }
          const stopped = new AbortController();
          stopped.abort();
          return {
            limit: [limit.status, limit.bodyUsed, (await limit.json()).said],
            pieces,
            posted: (await fetch(new Request("/own/limit", { method: "POST" }))).status,
            aborted: (await fetch("/api/x", { signal: stopped.signal }).catch((e) => e)).name,
            odd: await fetch("http://[").catch((e) => e.name),
          };
        }"""
    )
    assert found["limit"] == [429, False, "own limit"]
    assert found["pieces"] == "first,second"
    assert found["posted"] == 405
    assert found["aborted"] == "AbortError"
    assert found["odd"] == "TypeError"
    assert page.url == f"{app}/app"
