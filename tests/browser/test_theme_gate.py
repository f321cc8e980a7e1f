"""A theme on its whole way: published by the CLI, shown by the gate of the demo shop."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Site, Visitor, holds, is_inside
from waitroom.clock import monotonic_s

#: Settings reach web processes within a second, edges within two more; then a page has to load.
SOON_S = 8.0


@pytest.fixture
async def themed(site: Site) -> AsyncIterator[Site]:
    """Return the installation, which has its usual look again afterwards."""
    yield site
    site.cli("rooms", "theme", "shop", "--clear")


@pytest.mark.parametrize("delivery", ["redirect", "inline"])
async def test_a_theme_is_soon_seen_by_whoever_comes_to_the_site(
    visit: Callable[..., Any], themed: Site, delivery: str
) -> None:
    for _ in range(2):
        await is_inside(await visit("/"), "")
    themed.settings(f"delivery={delivery}")
    waiting: Visitor = await visit("/tickets?day=2")
    page = waiting.page
    await expect(page.locator("#position")).not_to_be_empty(timeout=15_000)
    file = themed.folder / "theme.toml"
    for word in ("One", "Two"):
        # The page of before is kept by the gate for a minute; the new one is another.
        file.write_text(f'css = ".theme-top {{ color: #b00020 }}"\n[blocks]\ntop = "<p>{word}</p>"')
        themed.cli("rooms", "theme", "shop", "--file", str(file))
        began_s = monotonic_s()

        async def shown(word: str = word) -> bool:
            await page.reload()
            top = page.locator(".theme-top")
            return bool(await top.count()) and await top.inner_text() == word

        await holds(shown)
        assert monotonic_s() - began_s < SOON_S
        colour = "getComputedStyle(document.querySelector('.theme-top')).color"
        assert await page.evaluate(colour) == "rgb(176, 0, 32)"
        await expect(page.locator("#position")).not_to_be_empty(timeout=15_000)
