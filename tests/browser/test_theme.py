"""Themes in real Chromium: what an owner makes of the page, and what a hostile one cannot.

The page is the one of a web process, as any edge hands it on. A hostile theme that the checks
refuse is shown past them where a second wall stands behind: no request leaves and no script runs.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.test_states import violations
from tests.browser.theming import GOOD, Look, look_at, picture, wear
from tests.web.helpers import Site, serving
from waitroom.config import Config
from waitroom.room import Directory, Room
from waitroom.room.theme import Blocks, Theme
from waitroom.room.theme_css import Sheet
from waitroom.room.theme_logo import Logo
from waitroom.room.theme_store import new_version
from waitroom.texts import FACTS, languages, placeholders
from waitroom.web.theme_look import Look as ThemeLook

PHONE = {"viewport": {"width": 390, "height": 844}}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
#: What is at the middle of the position, and how large it is.
SEEN = """() => {
  const shown = document.getElementById("position");
  const firstView = document.querySelector(".door").getBoundingClientRect().top < innerHeight;
  // Only the page: inside the door nobody can scroll.
  document.querySelector(".door").scrollIntoView({ block: "center", inline: "center" });
  const digits = document.createRange();
  digits.selectNodeContents(shown);
  const box = digits.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const style = getComputedStyle(shown);
  return {
    firstView, onTop: top?.id, text: shown.innerText, width: box.width, height: box.height,
    size: parseFloat(style.fontSize), opacity: style.opacity, visible: shown.checkVisibility(),
    leave: document.getElementById("leave").checkVisibility(),
  };
}"""


@pytest.fixture
async def shop(config: Config, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    """Return one web process, as any edge has it."""
    async with serving(config, free_port()) as found:
        yield found


@pytest.fixture
async def full(directory: Directory) -> Room:
    """Return a room without a seat, where everybody waits."""
    settings = {"total_active_users": 0, "title": "The Fair", "message": "Bring a coat."}
    return await directory.create("full", settings, who="test")


Visit = Callable[..., Awaitable[Look]]


@dataclass
class Elsewhere:
    """Another host, that counts who comes."""

    url: str
    reached: int = 0


@pytest.fixture
async def elsewhere(free_port: Callable[[], int]) -> AsyncIterator[Elsewhere]:
    """Return another host of the loopback."""
    port = free_port()
    found = Elsewhere(f"http://127.0.0.1:{port}")

    async def met(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.reached += 1
        writer.close()

    server = await asyncio.start_server(met, "127.0.0.1", port)
    yield found
    server.close()
    await server.wait_closed()


@pytest.fixture
def visit(shop: Site, full: Room, chromium: Browser) -> Visit:
    """Return a coroutine function that opens the splash page and waits for the position.

    The browser ends first: a server that stops waits for open sockets.
    """

    async def come(**options: Any) -> Look:
        found = await look_at(chromium, f"{shop.url}/__waitroom/full?return_to=%2F", **options)
        await expect(found.page.locator("#position")).not_to_be_empty(timeout=20_000)
        return found

    return come


def stays_at_home(look: Look, shop: Site) -> None:
    """Assert that no request left the host, and that the browser blocked nothing."""
    foreign = [url for url in look.requests if not url.startswith((shop.url, "data:"))]
    assert (foreign, look.failed, look.said) == ([], [], [])


async def show_past_the_checks(shop: Site, theme: Theme) -> None:
    """Let the process show a theme as if its checks had a hole."""
    version = new_version(theme)
    await shop.services.directory.update("full", {"theme": version}, who="test")
    shown = ThemeLook("full", version, theme, shop.services.splash.frame)
    shop.services.themes._looks["full", version] = shown


@pytest.mark.parametrize(
    "options", [PHONE, DESKTOP | {"color_scheme": "dark"}], ids=["phone", "pc"]
)
async def test_a_themed_page_shows_the_owners_colours_words_and_logo(
    visit: Visit, shop: Site, full: Room, options: dict[str, Any]
) -> None:
    await wear(shop, full, GOOD)
    look = await visit(**options)
    dark = "color_scheme" in options
    paper = "rgb(26, 13, 15)" if dark else "rgb(253, 246, 240)"
    assert await look.run("getComputedStyle(document.documentElement).backgroundColor") == paper
    assert "Georgia" in await look.run("getComputedStyle(document.querySelector('h2')).fontFamily")
    logo = look.page.locator(".theme-logo")
    await expect(logo).to_have_attribute("alt", "The Fair")
    assert await logo.evaluate("logo => logo.complete && logo.naturalWidth") == 160
    await expect(look.page.locator(".theme-top b")).to_have_text("The Fair")
    await expect(look.page.locator(".theme-below")).to_have_text("Good day")
    await expect(look.page.locator(".theme-links a").first).to_have_text("Opening hours")
    await expect(look.page.locator("#title")).to_have_text("The Fair")
    assert await violations(look.page) == []
    stays_at_home(look, shop)


async def test_the_owners_sentences_are_said_by_the_scripts_too(
    visit: Visit, shop: Site, full: Room
) -> None:
    raw = {"texts": {"en": {"leave_question": "Really?", "heading_near": "Any moment now"}}}
    await wear(shop, full, raw)
    look = await visit()
    await expect(look.page.locator("#heading")).to_have_text("Any moment now")
    await look.page.locator("#leave").click()
    await expect(look.page.locator("#leave-question")).to_have_text("Really?")


#: CSS that is allowed, and does its worst.
WORST = [
    ".theme-top{position:fixed;inset:0;z-index:2147483647;background:#fff;width:200vw;height:200vh}",
    ".theme-top::before{content:'';position:fixed;inset:-100vh;background:#fff;z-index:9}",
    ".theme-top,.theme-below{height:9999px;margin:-9999px;padding:999px;background:#fff}",
    ".theme-top{height:9999px}",
    ".theme-links{outline:9999px solid #fff;box-shadow:0 0 0 9999px #fff;position:absolute}",
    ".theme-logo{transform:scale(99);position:fixed;z-index:9;width:999px;height:999px}",
    ".theme-below{border:9999px solid #fff;filter:drop-shadow(0 -999px #fff)}",
    "*{margin-block:64px;padding-block:64px;letter-spacing:4em;border:64px solid #fff}",
    "#position,.door,.door *{border:64px solid #fff;margin-block:4em;padding-block:4em}",
    "#position-label{margin-top:64px;padding-top:64px}#position{margin-top:4em;padding-top:4em}",
    "html,body,main,.scene,.door,p{border:4em solid #fff;letter-spacing:64px;text-align:right}",
    ".theme-top{animation:theme-a 1s infinite}@keyframes theme-a{to{position:fixed;inset:0}}",
]


@pytest.mark.parametrize("options", [PHONE, DESKTOP], ids=["phone", "pc"])
async def test_no_css_that_is_allowed_hides_or_covers_the_position(
    visit: Visit, shop: Site, full: Room, options: dict[str, Any]
) -> None:
    look = await visit(**options)
    for css in WORST:
        blocks = {"top": "<p>Cover</p>", "below": "<p>Cover</p>"}
        links = [{"text": "Cover", "url": "https://x.example"}]
        await wear(shop, full, {"css": css, "blocks": blocks, "links": links, "logo": picture()})
        await look.page.reload()
        await expect(look.page.locator("#position")).to_have_text("1", timeout=20_000)
        await expect(look.page.locator(".theme-top")).to_have_text("Cover")
        seen = await look.run(SEEN)
        assert (seen["onTop"], seen["text"]) == ("position", "1"), css
        assert seen["visible"] and seen["opacity"] == "1" and seen["size"] >= 40, css
        assert seen["leave"], css
        # However tall the owner's parts are.
        assert seen["firstView"] or not css.startswith(".theme"), css
    stays_at_home(look, shop)


HOSTILE_HTML = (
    "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
    "<svg onload='window.hacked=1'></svg><b onclick='window.hacked=1' id=position>1</b>"
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>"
    "<a href='javascript:window.hacked=1'>go</a><style>main{display:none}</style>"
    "<link rel=stylesheet href=https://evil.example/x.css><img src=https://evil.example/x.png>"
    "<meta http-equiv=refresh content='0;url=https://evil.example'><base href=https://evil.example>"
    "<form action=https://evil.example><input name=x></form><p style='position:fixed;inset:0'>x</p>"
)


async def test_hostile_html_is_harmless_even_past_the_checks(visit: Visit, shop: Site) -> None:
    blocks = Blocks.model_construct(top=HOSTILE_HTML, below=HOSTILE_HTML)
    await show_past_the_checks(shop, Theme.model_construct(blocks=blocks))
    look = await visit()
    await look.page.locator(".theme-top a, .theme-top b").first.click()
    assert await look.run("window.hacked") is None
    kinds = await look.run(
        "[...document.querySelectorAll('.theme-box *')].map(each => each.localName)"
    )
    assert set(kinds) <= {"div", "b", "a", "p"}
    assert await look.run("document.querySelectorAll('[id=position]').length") == 1
    assert (await look.run(SEEN))["onTop"] == "position"
    stays_at_home(look, shop)


async def test_hostile_css_loads_nothing_from_elsewhere_even_past_the_checks(
    visit: Visit, shop: Site, monkeypatch: pytest.MonkeyPatch, elsewhere: Elsewhere
) -> None:
    evil = elsewhere.url
    css = (
        f"@import '{evil}/a.css';@font-face{{font-family:x;src:url({evil}/b)}}"
        f"h2{{font-family:x;background:url({evil}/c.png)}}"
        f"#position{{background:image-set('{evil}/d.png' 1x);cursor:url({evil}/e),auto}}"
        f"body{{behavior:url({evil}/f);--x:url({evil}/g);background:var(--x)}}"
    )
    monkeypatch.setattr(Sheet, "cleaned", lambda self, text: text)
    await show_past_the_checks(shop, Theme.model_construct(css=css))
    look = await visit()
    await look.page.locator("#position").hover()
    # Chromium meets all of them, and sends none.
    assert len([said for said in look.said if "Content Security Policy" in said]) >= 3
    assert elsewhere.reached == 0


async def test_hostile_sentences_are_shown_as_text(visit: Visit, shop: Site, full: Room) -> None:
    hostile = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
    overrides = {
        key: hostile + "".join(f"{{{name}}}" for name in sorted(placeholders(text)))
        for key, text in languages()["en"].items()
        if key not in FACTS
    }
    await wear(shop, full, {"texts": {"en": overrides}})
    look = await visit()
    await expect(look.page.locator("#heading")).to_have_text(hostile)
    assert await look.run("window.hacked") is None
    assert await look.run("document.querySelectorAll('main img, main script').length") == 0
    stays_at_home(look, shop)


async def test_a_logo_with_a_script_behind_it_is_a_picture_and_nothing_else(
    visit: Visit, chromium: Browser, shop: Site, full: Room
) -> None:
    logo = Logo(data=picture())
    raw = logo.raw + b"<script>window.hacked=1</script>\n/**/window.hacked=1//"
    version = await wear(shop, full, {"logo": b64encode(raw).decode()})
    look = await visit()
    assert await look.run("document.querySelector('.theme-logo').naturalWidth") == 160
    address = f"{shop.url}/__waitroom/full/theme/{version}"
    for ending in ("png", "css"):
        await look.run(
            """address => new Promise((done) => {
                const script = document.createElement("script");
                script.onload = script.onerror = done;
                script.src = address;
                document.head.append(script);
            })""",
            f"{address}.{ending}",
        )
    assert await look.run("window.hacked") is None
    alone = await look_at(chromium, f"{address}.png")
    assert await alone.run("window.hacked") is None
    assert await alone.run("document.images.length") == 1


async def test_the_page_without_scripts_wears_the_theme(
    shop: Site, full: Room, chromium: Browser
) -> None:
    await wear(shop, full, GOOD)
    url = f"{shop.url}/__waitroom/full?nojs=1&return_to=%2F"
    look = await look_at(chromium, url, java_script_enabled=False, locale="de-CH")
    await expect(look.page.locator("#position")).to_have_text("1")
    await expect(look.page.locator("h2")).to_have_text("Bitte anstellen")
    await expect(look.page.locator(".theme-below")).to_have_text("Guten Tag")
    stays_at_home(look, shop)
