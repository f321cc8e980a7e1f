"""The demo shop: its pages, and that the gate stands in front of each of them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from waitroom.config import Config
from waitroom.demo import create_demo
from waitroom.demo.app import create_shop
from waitroom.errors import ConfigError

from .helpers import EDGE_TOKEN, KEYS, Site

Opens = Callable[..., Awaitable[Site]]
PAGES = ["/", "/tickets", "/tickets?day=2", "/buy", "/buy?day=3&kind=boat"]


@pytest.fixture
async def shop(open_site: Opens) -> Site:
    """Return the demo behind a gate, its room covering everything."""
    site = await open_site(create_shop(), whole=True)
    site.service.entered = {"status": "waiting", "ticket": site.ticket()}
    return site


@pytest.mark.parametrize("path", [*PAGES, "/static/shop.css", "/static/shop.js"])
async def test_every_page_is_behind_the_gate(shop: Site, path: str) -> None:
    assert (await shop.get(path)).status == 302
    answer = await shop.get(path, Cookie=f"waitroom_pass_shop={shop.seat()}")
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    if not path.startswith("/static"):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "You are inside the shop" in answer.text
        assert 'action="/__waitroom/shop/leave"' in answer.text
        # The policy forbids both, so a page that needs them would be broken.
        assert "style=" not in answer.text
        assert "<style" not in answer.text


@pytest.mark.parametrize("path", ["/tickets?day=9", "/tickets?day=%C2%B2", "/buy?kind=x", "/x"])
async def test_what_there_is_not_is_not_found(shop: Site, path: str) -> None:
    answer = await shop.get(path, Cookie=f"waitroom_pass_shop={shop.seat()}")
    assert answer.status == 404
    assert "There is no such page" in answer.text


async def test_buying_ends_with_thanks(shop: Site) -> None:
    cookies = {"Cookie": f"waitroom_pass_shop={shop.seat()}"}
    answer = await shop.ask("POST", "/buy", headers=cookies, data={"day": "2", "kind": "quay"})
    assert answer.status == 200
    assert "See you on Saturday" in answer.text


async def test_a_bought_day_that_does_not_exist_is_not_found(shop: Site) -> None:
    cookies = {"Cookie": f"waitroom_pass_shop={shop.seat()}"}
    answer = await shop.ask("POST", "/buy", headers=cookies, data={"day": "7"})
    assert answer.status == 404


async def test_a_shop_without_a_room_says_that_it_is_open(open_site: Opens) -> None:
    site = await open_site(create_shop())
    answer = await site.get("/")
    assert "open to everybody" in answer.text
    assert "Leave the shop" not in answer.text


def test_the_demo_needs_the_secrets_of_the_installation() -> None:
    with pytest.raises(ConfigError):
        create_demo(Config(_env_file=None, secret_keys=tuple(KEYS)))
    with pytest.raises(ConfigError):
        create_demo(Config(_env_file=None, edge_token=EDGE_TOKEN))
    create_demo(Config(_env_file=None, edge_token=EDGE_TOKEN, secret_keys=tuple(KEYS)))


async def test_a_hundred_pages_at_once_are_served(shop: Site) -> None:
    cookies = {"Cookie": f"waitroom_pass_shop={shop.seat()}"}
    answers = await asyncio.gather(*(shop.get("/", **cookies) for _ in range(100)))
    assert {answer.status for answer in answers} == {200}
