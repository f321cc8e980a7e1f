"""An owner in Chromium: the whole way from the first password to the stopped sale."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from playwright.async_api import Browser, Page, expect

from tests.browser.test_states import violations
from tests.web.helpers import Site, serving
from waitroom import clock
from waitroom.accounts import accounts as all_accounts
from waitroom.accounts.passwords import Passwords
from waitroom.accounts.who import Who
from waitroom.config import Config

PASSWORD = "four unrelated words here"
ROOT = Who("root", "owner")
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 320, "height": 640},
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "dark",
}
PAGES = (
    "rooms",
    "new",
    "connect",
    "test?url=https://shop.example.com/tickets/a",
    "me",
    "people",
    "tokens",
    "alerts",
    "rooms/shop",
    "rooms/shop/settings",
    "rooms/shop/visitors",
    "rooms/shop/splash",
    "rooms/shop/reports",
    "rooms/shop/alerts",
    "rooms/shop/changes",
)
OPEN_ALL = "for (const each of document.querySelectorAll('details')) each.open = true"

Open = Callable[..., Awaitable[Page]]


@pytest.fixture
async def console(
    config: Config, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """Return one web process, whose passwords cost little."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(all_accounts, "Passwords", lambda: Passwords(cheap))
    async with serving(config, free_port()) as site:
        yield site


@pytest.fixture
def open_as(chromium: Browser, console: Site) -> Open:
    """Return a way to open a page of the console, signed in under a role."""

    async def come(path: str, role: Any = "owner", **options: Any) -> Page:
        accounts = console.services.accounts
        made = await accounts.accept((await accounts.invite(ROOT, role, role)).value, PASSWORD)
        assert made is not None
        context = await chromium.new_context(**options or DESKTOP)
        cookie = {"name": "waitroom_console", "value": made.cookie, "url": console.url}
        await context.add_cookies([cookie])  # type: ignore[list-item]
        page = await context.new_page()
        await page.goto(f"{console.url}/console/{path}")
        return page

    return come


async def fits(page: Page) -> None:
    """Check that nobody has to scroll sideways."""
    width = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, f"{page.url} is {width} px too wide"


@pytest.mark.browser
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_owner_comes_in_opens_the_sale_turns_a_knob_and_stops_it(
    chromium: Browser, console: Site, screen: dict[str, Any]
) -> None:
    link = await console.services.accounts.first_link()
    assert link is not None
    page = await (await chromium.new_context(**screen)).new_page()
    await page.goto(link.address(console.url))
    await expect(page.get_by_label("Your link")).to_be_hidden()
    assert "#" not in page.url
    await page.get_by_label("Your name").fill("ada")
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_label("The same again").fill(PASSWORD)
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("heading", name="Your first waiting room")).to_be_visible()
    await fits(page)

    await page.get_by_role("link", name="Make a room").click()
    await page.get_by_label("Address of the page").fill("https://shop.example.com/tickets?day=1")
    await expect(page.get_by_label("Name of the room")).to_have_value("tickets")
    await expect(page.get_by_text("Covers /tickets and everything below it")).to_be_visible()
    await page.get_by_label("Title", exact=True).fill("Harbour Lights")
    await page.get_by_role("button", name="Make the room").click()
    await expect(page.get_by_role("heading", name="Harbour Lights")).to_be_visible()
    sentence = page.locator(".sentence")
    await expect(sentence).to_contain_text("On hold: 0 wait")
    await fits(page)

    room = await console.services.directory.get("tickets")
    await room.enter_many([(clock.new_visitor(), 0) for _ in range(400)])
    await expect(sentence).to_contain_text("On hold: 400 wait", timeout=15_000)
    # Two clicks to open.
    await page.get_by_text("Open the room…").click()
    await page.get_by_role("button", name="Yes, open it").click()
    await expect(page.get_by_text("The room is open.")).to_be_visible()
    await expect(page.locator("[data-live=active]")).to_have_text("200", timeout=15_000)

    limit = page.get_by_label("Let in per minute")
    await limit.fill("100")
    effect = page.locator("#new_users_per_minute-effect")
    await expect(effect).to_contain_text(re.compile("the line of 200 takes about|would take about"))
    await page.get_by_role("button", name="Change the limits").click()
    await expect(page.get_by_text("Saved. It counts from now on.")).to_be_visible()
    assert (await console.services.directory.get("tickets")).settings.new_users_per_minute == 100

    # One click to stop.
    await page.get_by_role("button", name="Stop letting in").click()
    await expect(page.get_by_text("Stopped. Nobody is let in")).to_be_visible()
    assert (await console.services.directory.get("tickets")).settings.queue_all

    await page.get_by_role("link", name="Changes").click()
    newest = page.locator("tbody tr").first
    await expect(newest).to_contain_text("Hold everybody")
    await expect(newest).to_contain_text("ada")
    await expect(page.locator("tbody")).to_contain_text("Let in per minute")
    await fits(page)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible_and_fits_a_phone(
    console: Site, open_as: Open, scheme: str
) -> None:
    errors: list[str] = []
    await console.services.directory.create(
        "shop",
        {"routes": [{"host": "shop.example.com", "path": "/tickets"}], "queue_all": True},
        who="test",
    )
    room = await console.services.directory.get("shop")
    await room.enter_many([(clock.new_visitor(), 0) for _ in range(60)])
    now_ms = clock.now_ms()
    for minute in range(5):
        await room.sample(now_ms=now_ms - 60_000 * (5 - minute))
    options = PHONE if scheme == "dark" else DESKTOP
    page = await open_as("rooms", **options)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    for path in PAGES:
        await page.goto(f"{console.url}/console/{path}")
        await expect(page.locator("h1").first).to_be_visible()
        await page.evaluate(OPEN_ALL)
        # What the page in a frame is like is tested where it belongs.
        found = await violations(page)
        assert found == [], (path, found)
        if scheme == "dark":
            await fits(page)
    assert errors == []


@pytest.mark.browser
async def test_keyboard_alone_stops_and_opens_the_room(console: Site, open_as: Open) -> None:
    await console.services.directory.create("shop", {}, who="test")
    page = await open_as("rooms/shop")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Stop letting in").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Stopped. Nobody is let in")).to_be_visible()
    await page.locator("summary", has_text="Open the room…").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The room is open.")).to_be_visible()


@pytest.mark.browser
async def test_all_of_it_works_without_scripts(console: Site, open_as: Open) -> None:
    await console.services.directory.create("shop", {}, who="test")
    page = await open_as("rooms/shop", java_script_enabled=False, **DESKTOP)
    await expect(page.locator(".sentence")).to_contain_text("Open: 0 on the site")
    await page.get_by_role("button", name="Stop letting in").click()
    await expect(page.locator(".sentence")).to_contain_text("On hold")
    await page.get_by_text("Open the room…").click()
    await page.get_by_role("button", name="Yes, open it").click()
    await expect(page.locator(".sentence")).to_contain_text("Open:")
    await page.get_by_role("link", name="Splash page").click()
    await page.get_by_label("State").select_option("closed")
    await page.get_by_role("button", name="Show it").click()
    await expect(page.frame_locator("iframe").locator("h2")).not_to_be_empty()


@pytest.mark.browser
async def test_preview_follows_the_editor_and_a_viewer_cannot_publish(
    console: Site, open_as: Open
) -> None:
    await console.services.directory.create("shop", {"title": "Harbour Lights"}, who="test")
    page = await open_as("rooms/shop/splash")
    frame = page.frame_locator("iframe")
    await expect(frame.get_by_role("heading", name="You are in line")).to_be_visible()
    await page.get_by_label("State").select_option("paused")
    await expect(frame.get_by_role("heading", name="The line is on hold")).to_be_visible()
    await page.get_by_label("Above the page").fill("<p>Doors at {{ room.title }}</p>")
    await expect(frame.get_by_text("Doors at Harbour Lights")).to_be_visible()
    await page.get_by_label("Above the page").fill("<script>alert(1)</script>")
    await expect(frame.get_by_text("Not like that yet")).to_be_visible()
    await page.get_by_label("Above the page").fill("<p>Hello</p>")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_text("Published.")).to_be_visible()
    assert (await console.services.directory.get("shop")).settings.theme
    viewer = await open_as("rooms/shop/splash", "viewer")
    await expect(viewer.get_by_text("An owner can publish.")).to_be_visible()
    await expect(viewer.get_by_role("button", name="Publish")).to_have_count(0)
