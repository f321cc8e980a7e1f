"""An owner in Chromium: the whole way from the first password to the stopped sale."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from playwright.async_api import Browser, Dialog, Page, expect

from tests.browser.test_states import violations
from tests.web.helpers import Site, serving
from waitroom import clock
from waitroom.accounts import accounts as all_accounts
from waitroom.accounts.passwords import Passwords
from waitroom.accounts.who import Who
from waitroom.alerts import Alerts
from waitroom.config import Config
from waitroom.errors import StoreError
from waitroom.reports import Reports

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
    "alerts?channel=ops",
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
async def test_owner_comes_in_opens_the_sale_stops_it_and_downloads_what_happened(
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

    await page.get_by_role("link", name="See the splash page").click()
    frame = page.frame_locator("iframe")
    await expect(frame.get_by_text("Harbour Lights")).to_be_visible()
    await page.get_by_label("Above the page").fill("<p>Doors open at 19:00</p>")
    # Whoever picks a colour wants it to be used.
    await page.locator("#light-accent").fill("#7a1f5c")
    await expect(page.get_by_label("Own colours")).to_be_checked()
    await expect(frame.get_by_text("Doors open at 19:00")).to_be_visible()
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_text("Published.")).to_be_visible()
    await fits(page)
    await page.get_by_role("link", name="Live").click()

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

    await page.get_by_role("link", name="Live").click()
    await page.get_by_text("Further levers…").click()
    await page.get_by_role("button", name="Close: refuse newcomers").click()
    await expect(sentence).to_contain_text("Closed: newcomers are refused")
    await page.get_by_role("link", name="Reports").click()
    await page.get_by_role("button", name="Make one now").click()
    await expect(page.get_by_text("waits for the worker")).to_be_visible()
    reports = Reports(console.services.store, console.services.config)
    while await reports.make("tickets", 30.0) is None:
        pass
    # The page looks again by itself.
    await expect(page.get_by_role("link", name="Summary")).to_be_visible(timeout=15_000)
    await fits(page)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").click()
    rows = (await (await download.value).path()).read_text().splitlines()
    assert rows[0].startswith("place,arrived,admitted") and len(rows) == 401
    await page.get_by_role("link", name="Summary").click()
    await expect(page.get_by_role("heading", name="Harbour Lights")).to_be_visible()
    await page.go_back()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


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
    alerts = Alerts(console.services.store, console.services.config)
    await alerts.save_rule(ROOT, {"kind": "wait", "room": "shop", "limit": 60})
    await alerts.save_channel(ROOT, {"name": "ops", "kind": "mail", "to": ["ada@example.com"]})
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
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_owner_drains_the_room_with_one_click_and_opens_it_with_two(
    console: Site, open_as: Open, screen: dict[str, Any]
) -> None:
    # One on the site and nobody let in since: the pace is that of the limit.
    limits = {"total_active_users": 1, "new_users_per_minute": 60, "claim_ttl_s": 3_600}
    room = await console.services.directory.create("shop", limits, who="test")
    await room.enter_many([(clock.new_visitor(), 0) for _ in range(841)])
    page = await open_as("rooms/shop", "operator", **screen)
    sentence = page.locator(".sentence")
    await expect(page.get_by_text("the line is empty in about 14 min")).to_be_visible()
    await fits(page)
    await page.get_by_role("button", name="Drain: refuse newcomers").click()
    await expect(
        page.get_by_text("Newcomers are refused; those in line are let in.")
    ).to_be_visible()
    await expect(sentence).to_contain_text("Draining: newcomers are refused, 840 wait")
    await expect(page.locator(".badge").first).to_have_text("Draining")
    await expect(page.locator("[data-live=wait_note]")).to_have_text("newcomers are refused")
    assert (await room.enter(clock.new_visitor())).state == "closed"
    await page.evaluate(OPEN_ALL)
    assert await violations(page) == []
    await fits(page)
    await page.goto(f"{console.url}/console/rooms")
    await expect(page.locator(".badge[data-state=draining]")).to_have_text("Draining")
    await fits(page)

    # Stopped meanwhile: from there it opens for the line alone, too.
    await page.goto(f"{console.url}/console/rooms/shop")
    await page.get_by_role("button", name="Stop letting in").click()
    await expect(sentence).to_contain_text("On hold: 840 wait")
    await page.get_by_text("Open the room…").click()
    await page.get_by_role("button", name="Only for those in line").click()
    await expect(sentence).to_contain_text("Draining:")
    await page.get_by_text("Open the room…").click()
    await page.get_by_role("button", name="Yes, open it").click()
    await expect(sentence).to_contain_text("840 wait, 1 are on the site")
    assert (await room.enter(clock.new_visitor())).state == "waiting"


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
    # The words of another language are shown beside the draft, not instead of it.
    await page.get_by_role("button", name="Deutsch").click()
    await expect(frame.get_by_role("heading", name="Sie stehen in der Schlange")).to_be_visible()
    await expect(frame.get_by_text("Hello")).to_be_visible()
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_text("Published.")).to_be_visible()
    assert (await console.services.directory.get("shop")).settings.theme
    viewer = await open_as("rooms/shop/splash", "viewer")
    await expect(viewer.get_by_text("An owner can publish.")).to_be_visible()
    await expect(viewer.get_by_role("button", name="Publish")).to_have_count(0)


@pytest.mark.browser
async def test_figures_that_stand_still_say_so_and_why(
    console: Site, open_as: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise StoreError("Redis did not answer.")

    await console.services.directory.create("shop", {}, who="test")
    page = await open_as("rooms/shop")
    said = page.locator("[data-stale]")
    await expect(said).to_be_hidden()
    with monkeypatch.context() as broken:
        broken.setattr(console.services.console.live, "told", refuse)
        await expect(said).to_be_visible(timeout=15_000)
        await expect(said).to_contain_text("Redis does not answer")
    await expect(said).to_be_hidden(timeout=15_000)

    await page.goto(f"{console.url}/console/rooms")
    await page.route("**/rooms.html", lambda route: route.abort())
    await expect(said).to_be_visible(timeout=15_000)
    await expect(said).to_contain_text("cannot be reached")
    await page.unroute("**/rooms.html")
    await expect(said).to_be_hidden(timeout=15_000)


@pytest.mark.browser
async def test_what_was_typed_is_not_lost_by_a_click_beside_it(
    console: Site, open_as: Open
) -> None:
    await console.services.directory.create("shop", {}, who="test")
    page = await open_as("rooms/shop/settings")
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    page.on("dialog", stay)
    await page.get_by_label("Title", exact=True).press_sequentially("Harbour")
    # Saving another group would lose it.
    async with page.expect_event("dialog"):
        await page.get_by_role("button", name="Save: how many").click(no_wait_after=True)
    await expect(page.get_by_label("Title", exact=True)).to_have_value("Harbour")
    assert asked == ["beforeunload"]
    await page.get_by_role("button", name="Save: words").click()
    words = page.locator("section", has=page.get_by_role("heading", name="Words"))
    await expect(words.get_by_text("Saved. It counts from now on.")).to_be_in_viewport()
    assert asked == ["beforeunload"]
