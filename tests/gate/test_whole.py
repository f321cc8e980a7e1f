"""The gate in front of the real service: what the two have to agree about."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, expect

from tests.conftest import EDGE_TOKEN, SECRET_KEY
from tests.web.helpers import serving
from waitroom.config import Config
from waitroom.errors import ServiceError
from waitroom.room import Directory

from .helpers import Answer, Site, eventually

Opens = Callable[..., Awaitable[Site]]


@pytest.fixture(params=["asgi", "wsgi"])
def shell(request: pytest.FixtureRequest) -> str:
    """Let each test run with both."""
    return str(request.param)


@pytest.fixture
async def site(
    config: Config,
    directory: Directory,
    free_port: Callable[[], int],
    open_site: Opens,
    quick: None,
    patient: None,
) -> AsyncIterator[Site]:
    """Return a site with an open room at ``/shop`` and a full one at ``/full``."""
    await directory.create("shop", {"routes": [{"host": "*", "path": "/shop"}]}, who="test")
    full = {"routes": [{"host": "*", "path": "/full"}], "total_active_users": 0}
    await directory.create("full", full, who="test")
    async with serving(config, free_port()) as service:
        yield await open_site(real_url=service.url, edge_token=EDGE_TOKEN, keys=[SECRET_KEY])


def _cookies(answer: Answer) -> str:
    return "; ".join(f"{name}={value}" for name, value in answer.cookies().items())


async def test_an_open_room_seats_a_visitor_and_the_pass_opens_the_next_page(site: Site) -> None:
    first = await site.get("/shop")
    assert (first.text, list(first.cookies())) == ("the site", ["waitroom_pass_shop"])
    second = await site.get("/shop/more", Cookie=_cookies(first))
    assert (second.text, second.cookies()) == ("the site", {})
    assert site.origin.header("waitroom-gate") == ["shop"]
    assert len(site.origin.reached) == 2


async def test_a_ticket_made_at_the_gate_is_the_place_at_the_service(site: Site) -> None:
    first = await site.get("/full")
    assert first.status == 302
    ticket = site.tokens.read_ticket(first.cookies()["waitroom_ticket_full"], "full")
    headers = {"Cookie": _cookies(first), "Waitroom-Mode": "token"}
    answer = await site.ask("POST", "/__waitroom/full/enter", headers=headers)
    found = json.loads(answer.text)
    assert (found["status"], found["position"]) == ("waiting", 1)
    assert site.tokens.read_ticket(found["ticket"], "full") == ticket
    assert site.origin.reached == []


async def test_all_that_the_first_view_needs_is_kept_at_the_gate(site: Site) -> None:
    page = await site.get("/__waitroom/full?return_to=%2Ffull", **{"Accept-Language": "de-AT"})
    assert page.status == 200
    assert '<html lang="de"' in page.text
    names = re.findall(r'(?:src|href)="(/__waitroom/assets/[^"]+)"', page.text)
    assert len(names) >= 2
    for path in [*names, "/__waitroom/full/board", "/__waitroom/waitroom-fetch.js"]:
        answer = await site.get(path)
        # Only what is kept has an age.
        assert (answer.status, "Age" in answer.headers) == (200, True), path
        assert answer.headers["Cache-Control"].startswith("public")
    for _ in range(2):
        shown = {"If-None-Match": page.headers["ETag"], "Accept-Language": "de"}
        assert (await site.get("/__waitroom/full", **shown)).status == 304
    status = await site.get("/__waitroom/full/status")
    assert "Age" not in status.headers
    assert status.headers["Cache-Control"] == "no-store"
    assert "Age" not in (await site.get("/__waitroom/full?nojs=1")).headers


async def test_a_very_long_address_holds_nobody(site: Site) -> None:
    first = await site.get("/full")
    long = "%2Ffull" + "%E4%B8%AD" * 1_000
    path = f"/__waitroom/full/go?return_to={long}"
    assert (await site.get(path, Cookie=_cookies(first))).status < 500
    assert site.link.breaker.away_since_ms is None
    assert (await site.get("/shop")).text == "the site"


async def test_the_service_counts_as_back_when_it_lets_visitors_in_again(site: Site) -> None:
    # As after a question that got no answer.
    site.link._enter_failed = True
    site.link.breaker.failed(ServiceError("enter failed"))
    await eventually(lambda: site.link.breaker.away_since_ms is None)
    assert not site.link._enter_failed
    assert (await site.get("/shop")).text == "the site"


@pytest.mark.browser
async def test_a_visitor_waits_and_comes_to_the_page_first_asked_for(
    site: Site, chromium: Browser, directory: Directory
) -> None:
    page = await chromium.new_page()
    await page.goto(f"http://127.0.0.1:{site.port}/full?day=2")
    assert page.url.endswith("/__waitroom/full?return_to=%2Ffull%3Fday%3D2")
    await expect(page.locator("main")).to_be_visible()
    assert site.origin.reached == []
    # Over WSGI there are no WebSockets, so this page polls.
    await directory.update("full", {"total_active_users": 5}, who="test")
    await page.wait_for_url("**/full?day=2", timeout=30_000)
    await expect(page.get_by_text("the site")).to_be_visible()
    assert site.origin.queries[0] == "day=2"
