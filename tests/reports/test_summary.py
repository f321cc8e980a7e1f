"""The summary page: right figures, hostile titles, nothing but itself."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser

from tests.browser.test_states import violations
from waitroom.reports import Reports, headers
from waitroom.reports.figures import Figures
from waitroom.reports.summary import About, duration, render
from waitroom.reports.timeline import Timeline
from waitroom.room import Directory

from .conftest import Make, Sale
from .filling import T0_MS

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HOSTILE = "\"><script>document.title='gone'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>"


async def summary_of(sale: Sale, directory: Directory, make: Make, reports: Reports) -> Path:
    room = await directory.update("shop", {"title": HOSTILE}, who="ada")
    report = await make(room)
    return await reports.open("shop", report.id, "html")


async def test_the_summary_has_the_figures_of_the_rows(
    sale: Sale, directory: Directory, make: Make, reports: Reports
) -> None:
    html = (await summary_of(sale, directory, make, reports)).read_text()
    for text in (
        "<strong>5</strong>visitors",
        "<strong>3</strong>admitted",
        "<strong>2</strong>came in",
        "<strong>1</strong>gave up waiting",
        "<strong>1</strong>never came in",
        # From asking to being admitted: 0 s, 41 s and 477 s.
        '<tr><th scope="row">From asking to being admitted</th><td>3</td><td>41 s</td>'
        "<td>7 min 57 s</td><td>7 min 57 s</td><td>2 min 53 s</td><td>7 min 57 s</td></tr>",
        # How long being served, and in total: Ada alone.
        '<tr><th scope="row">On the site, from coming in to the end</th><td>1</td><td>30 s</td>',
        '<tr><th scope="row">In total, from asking to the end</th><td>1</td><td>40 s</td>',
        '<tr><th scope="row">still on the site</th><td>1</td><td>20.0 %</td></tr>',
    ):
        assert text in html


@pytest.mark.browser
async def test_the_page_runs_and_loads_nothing_whatever_the_title(
    sale: Sale, directory: Directory, make: Make, reports: Reports, chromium: Browser
) -> None:
    path = await summary_of(sale, directory, make, reports)
    page = await chromium.new_page(viewport={"width": 360, "height": 740})
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    await page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert said == []
    assert await page.locator("h1").inner_text() == HOSTILE
    assert await page.locator("script, img, link, iframe").count() == 0
    # Its own style counts: the policy names it.
    assert await page.evaluate("getComputedStyle(document.querySelector('.bar')).fill") != (
        "rgb(0, 0, 0)"
    )
    # A phone shows it without scrolling to the side; wide tables scroll by themselves.
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await page.locator("svg").count() == 4
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        assert await violations(page) == []


async def test_whoever_serves_it_allows_its_style_and_nothing_else(
    sale: Sale, directory: Directory, make: Make, reports: Reports
) -> None:
    html = (await summary_of(sale, directory, make, reports)).read_bytes()
    policy = headers(html)["Content-Security-Policy"]
    assert "unsafe" not in policy and "script" not in policy and "http" not in policy
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    own = policy.split("; frame-ancestors")[0]
    assert own.replace("'", "&#39;").encode() in html
    assert headers(b"<p>") | {"x": "y"} != headers(html)


def test_a_report_of_nobody_says_so() -> None:
    html = render(
        Figures(Timeline.between(T0_MS, T0_MS)),
        About("shop", "", None, T0_MS, [(0, 0)]),
    )
    assert "There were no seats." in html
    assert "Nobody who was admitted had been told a wait." in html
    assert "nan" not in html.lower()


def test_announced_waits_are_judged() -> None:
    about = About("shop", "", None, T0_MS, [(0, 10)], told=200, told_right=150, told_early=20)
    html = render(Figures(Timeline.between(T0_MS, T0_MS)), about)
    assert "75.0 % waited so long, 10.0 % shorter, 15.0 % longer." in html


def test_seats_that_were_changed_meanwhile_count_from_then_on() -> None:
    line = Timeline.between(T0_MS, T0_MS + 4 * 60_000)
    line.stay(line.site, T0_MS, T0_MS + 4 * 60_000)
    half = T0_MS + 2 * 60_000
    html = render(Figures(line), About("shop", "", None, T0_MS, [(T0_MS, 2), (half, 8)]))
    # One visitor for four minutes, of two seats for two minutes and eight for two.
    assert "Of the time of all seats 20.0 % was used." in html


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, "–"), (0, "0.0 s"), (9_949, "9.9 s"), (59_400, "59 s"), (59_600, "1 min 0 s"),
     (3_599_600, "1 h 0 min"), (90_000_000, "25 h 0 min")],
)  # fmt: skip
def test_spans_are_written_for_people(ms: int | None, text: str) -> None:
    assert duration(ms) == text
