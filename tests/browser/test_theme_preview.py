"""The preview in real Chromium: the real page in each state and language, asking nobody."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Route

from tests.browser.test_states import violations
from tests.browser.theming import GOOD, Look, look_at
from waitroom.errors import SettingError
from waitroom.room import Directory, Room
from waitroom.room.theme import Theme
from waitroom.texts import Texts, languages
from waitroom.web.accepts import Accepts
from waitroom.web.splash import ASSETS, Splash
from waitroom.web.theme_look import Look as ThemeLook
from waitroom.web.theme_preview import STATES, Preview, preview

HOST = "http://console.example"
#: State -> phase of the page, and the sentence that is its heading.
SAID = {
    "waiting": ("waiting", "heading_waiting"),
    "nearly_there": ("near", "heading_near"),
    "your_turn": ("turn", "heading_turn"),
    "paused": ("paused", "heading_paused"),
    "closed": ("closed", "heading_closed"),
    "reconnecting": ("waiting", "heading_waiting"),
    "message": ("waiting", "heading_waiting"),
}
EVERYTHING = Accepts({"headers": []})
#: What the page has for visitors only, or the preview for itself.
OF_ONE_ONLY = re.compile(
    r' data-(preview|title|message)="[^"]*"|\s*<noscript><meta [^>]*></noscript>'
    r'|\s*<link rel="stylesheet" href="/__waitroom/fair/[^>]*>|<style>.*?</style>|\s+(?=<)',
    re.DOTALL,
)
#: Whether nobody has to scroll sideways, and the door cuts nothing off what is said in it.
FITS = """() => {
  const door = document.querySelector(".door");
  const { left, right, bottom } = door.getBoundingClientRect();
  const said = document.createRange();
  said.selectNodeContents(door);
  const inside = [...said.getClientRects()].every(
    (line) => line.left >= left && line.right <= right && line.bottom <= bottom);
  return inside && document.documentElement.scrollWidth <= innerWidth;
}"""


@pytest.fixture
async def fair(directory: Directory) -> Room:
    return await directory.create("fair", {"title": "The Fair"}, who="test")


class Frame:
    """A host that has previews and the page's files, and nothing else."""

    def __init__(self, splash: Splash) -> None:
        self.splash = splash
        self.shown = Preview(b"", {})
        self.asked: list[str] = []

    async def __call__(self, route: Route) -> None:
        path = route.request.url.removeprefix(HOST)
        if path == "/preview":
            kind = {"Content-Type": "text/html; charset=utf-8"}
            await route.fulfill(body=self.shown.body, headers=self.shown.headers | kind)
            return
        reply = None
        if path.startswith(ASSETS):
            version, _, name = path.removeprefix(ASSETS).partition("/")
            reply = self.splash.asset(EVERYTHING, version, name)
        if reply is None:
            self.asked.append(path)
            await route.abort()
        else:
            await route.fulfill(body=reply.body, headers=dict(reply.headers))


async def open_frame(chromium: Browser, **options: Any) -> tuple[Look, Frame]:
    look = await look_at(chromium, **options)
    frame = Frame(Splash.load())
    await look.context.route("**/*", frame)
    return look, frame


async def show(look: Look, frame: Frame, room: Room, raw: Any, state: str, language: str) -> Texts:
    """Show a preview, and return the sentences it should say."""
    theme = Theme.read(raw)
    frame.shown = preview(frame.splash, room, theme, state, language)
    await look.page.goto(f"{HOST}/preview")
    await look.page.wait_for_function("document.documentElement.dataset.phase !== 'joining'")
    return theme.sentences(language, languages()[language])


@pytest.mark.parametrize("raw", [GOOD, {}], ids=["themed", "plain"])
async def test_every_state_is_shown_as_visitors_will_see_it(
    chromium: Browser, fair: Room, raw: dict[str, Any]
) -> None:
    look, frame = await open_frame(chromium, viewport={"width": 390, "height": 844})
    for state in STATES:
        texts = await show(look, frame, fair, raw, state, "en")
        phase, heading = SAID[state]
        assert await look.run("document.documentElement.dataset.phase") == phase
        assert await look.page.locator("#heading").inner_text() == texts[heading]
        assert await look.page.locator("#title").inner_text() == "The Fair"
        message = look.page.locator("#message")
        assert await message.is_visible() == (state == "message")
        assert await look.page.locator("#trouble").is_visible() == (state == "reconnecting")
        assert await look.page.locator("#go").is_visible() == (state == "your_turn")
        assert await look.page.locator(".theme-logo").count() == (1 if raw else 0)
        assert await violations(look.page) == [], state
        assert look.said == [], state
    assert frame.asked == []


async def test_a_preview_leads_nowhere_whatever_is_clicked(chromium: Browser, fair: Room) -> None:
    look, frame = await open_frame(chromium)
    for state, what in (("waiting", "#leave"), ("your_turn", "#go"), ("waiting", ".theme-links a")):
        await show(look, frame, fair, GOOD, state, "en")
        await look.page.locator(what).first.click()
        assert look.page.url == f"{HOST}/preview"
        assert len(look.context.pages) == 1
    assert frame.asked == []


def test_a_preview_is_the_published_page_but_for_its_script_and_the_place_of_its_files() -> None:
    splash, theme = Splash.load(), Theme.read(GOOD)
    published = ThemeLook("fair", "20261123131500-0123abcd", theme, splash.frame)
    draft = ThemeLook("fair", "", theme, splash.frame)
    assert published.css().replace(published.logo_url, "") == draft.css().replace(
        draft.logo_url, ""
    )
    shown = {"state": "waiting", "title": "The Fair", "message": ""}
    for language in ("de", "ar"):
        page = splash.render(language, published, "The Fair").decode()
        seen = splash.render(language, draft, "The Fair", shown).decode()
        page, seen = page.replace(published.logo_url, ""), seen.replace(draft.logo_url, "")
        seen = seen.replace("preview.js", "waiting.js")
        assert OF_ONE_ONLY.sub("", seen) == OF_ONE_ONLY.sub("", page)


async def test_every_language_speaks_in_its_own_words_and_numbers(
    chromium: Browser, fair: Room
) -> None:
    look, frame = await open_frame(chromium)
    waits = set()
    for language in languages():
        texts = await show(look, frame, fair, {}, "waiting", language)
        page = look.page.locator("html")
        assert await page.get_attribute("lang") == language
        assert await page.get_attribute("dir") == texts["dir"]
        said = await look.page.locator("body").inner_text()
        assert str(texts["heading_waiting"]) in said and str(texts["leave"]) in said
        assert "{" not in said and "undefined" not in said
        assert "1234" in "".join(filter(str.isdigit, said))
        waits.add(await look.page.locator("#wait").inner_text())
        # In the usual size of text, and in twice that on a phone.
        assert await look.run(FITS), language
        await look.page.set_viewport_size({"width": 390, "height": 844})
        await look.run("document.documentElement.style.fontSize = '200%'")
        assert await look.run(FITS), f"{language}, 200 %"
        await look.page.set_viewport_size({"width": 1280, "height": 720})
    assert len(waits) >= len(languages()) - 1
    assert (look.said, frame.asked) == ([], [])


async def test_a_visitor_from_taiwan_sees_one_script_not_two(chromium: Browser, fair: Room) -> None:
    look, frame = await open_frame(chromium, locale="zh-TW")
    await show(look, frame, fair, {}, "waiting", "zh")
    wait = await look.page.locator("#wait").inner_text()
    assert "分钟" in wait and "分鐘" not in wait


async def test_hostile_titles_and_messages_are_text_in_a_preview(
    chromium: Browser, directory: Directory
) -> None:
    hostile = "\"'><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
    room = await directory.create("evil", {"title": hostile, "message": hostile}, who="test")
    look, frame = await open_frame(chromium)
    await show(look, frame, room, GOOD, "message", "en")
    assert await look.page.locator("#message").inner_text() == hostile
    assert await look.run("window.hacked") is None
    assert frame.asked == []


@pytest.mark.parametrize(
    ("state", "language", "word"),
    [("asleep", "en", "waiting, nearly_there"), ("waiting", "tlh", "ar, de, en")],
)
def test_what_is_not_there_is_refused_with_what_is(state: str, language: str, word: str) -> None:
    class Nobody:
        name = "x"

    with pytest.raises(SettingError, match=word):
        preview(Splash.load(), Nobody(), Theme(), state, language)  # type: ignore[arg-type]
