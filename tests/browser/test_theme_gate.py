"""A theme on its whole way: published by the CLI, shown by the gate of the demo shop."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Site, Visitor, holds
from waitroom.return_to import PREFIX
from waitroom.room import Directory, Store
from waitroom.room.theme import Theme
from waitroom.room.theme_store import publish_theme


@pytest.fixture
async def full(site: Site, line: Store) -> AsyncIterator[Directory]:
    """Return the installation's rooms; the one of the shop has no seat, and later no theme."""
    rooms = Directory(line)
    await rooms.update("shop", {"total_active_users": 0}, who="tests")
    yield rooms
    await publish_theme(line, rooms, "shop", Theme(), who="tests")


@pytest.mark.parametrize("delivery", ["redirect", "inline"])
async def test_a_theme_is_soon_seen_by_whoever_comes_to_the_site(
    visit: Callable[..., Any], site: Site, line: Store, full: Directory, delivery: str
) -> None:
    await full.update("shop", {"delivery": delivery}, who="tests")
    waiting: Visitor = await visit("/tickets?day=2")
    page = waiting.page

    async def is_delivered() -> bool:
        answer = await page.goto(f"{site.shop}/tickets?day=2")
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        return (PREFIX in page.url) == (delivery == "redirect")

    await holds(is_delivered)
    await expect(page.locator("#position")).not_to_be_empty(timeout=15_000)

    async def is_seen(word: str) -> None:
        async def shown() -> bool:
            await page.reload()
            top = page.locator(".theme-top")
            return bool(await top.count()) and await top.inner_text() == word

        # The gate keeps a page for a minute, which is longer than this waits.
        await holds(shown)
        colour = "getComputedStyle(document.querySelector('.theme-top')).color"
        assert await page.evaluate(colour) == "rgb(176, 0, 32)"
        await expect(page.locator("#position")).to_have_text("1", timeout=15_000)

    css = ".theme-top { color: #b00020 }"
    file = site.folder / "theme.toml"
    file.write_text(f'css = "{css}"\n[blocks]\ntop = "<p>One</p>"')
    site.cli("rooms", "theme", "shop", "--file", str(file))
    await is_seen("One")
    two = Theme.read({"css": css, "blocks": {"top": "<p>Two</p>"}})
    await publish_theme(line, full, "shop", two, who="tests")
    await is_seen("Two")
