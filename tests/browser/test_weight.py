"""What a visitor's phone has to load before it sees its position."""

import gzip
import re
from pathlib import Path

import pytest

from tests.browser.theming import GOOD
from waitroom.room.theme import Theme
from waitroom.texts import languages
from waitroom.web.accepts import Accepts
from waitroom.web.splash import UNSPOKEN, Splash
from waitroom.web.theme_look import Look

#: About one round trip of a fresh connection.
FIRST_VIEW_MAX = 14 * 1024
#: What a theme may add by itself, without what the owner puts in it.
THEME_MAX = 1_024


def phone(language: str = "en") -> Accepts:
    """Return what a phone asks with: every answer is measured as it is sent."""
    return Accepts(
        {"headers": [(b"accept-encoding", b"gzip"), (b"accept-language", language.encode())]}
    )


def first_view(splash: Splash, language: str) -> dict[str, int]:
    """Return the bytes of all that comes before the position, by name."""
    page = splash.page(phone(language), 200).body
    names = set(
        re.findall(rb'(?:src|href)="/__waitroom/assets/[0-9a-f]+/([^"]+)', gzip.decompress(page))
    )
    sizes = {"the page": len(page)}
    for name in sorted({found.decode() for found in names} | {"heartbeat.js"}):
        answer = splash.asset(phone(), splash.version, name)
        assert answer is not None, name
        sizes[name] = len(answer.body)
    return sizes


def test_first_view_is_at_most_14_kb_gzipped_in_every_language(
    capsys: pytest.CaptureFixture[str],
) -> None:
    splash, totals = Splash(Path("splash")), {}
    for language in splash.languages:
        sizes = first_view(splash, language)
        assert {"waiting.js", "waiting.css", "state.js"} <= set(sizes)
        assert not {"theme.css", "preview.js", "live.js"} & set(sizes)
        totals[language] = sum(sizes.values())
    heaviest = max(totals, key=totals.__getitem__)
    # Shown in every run: a page grows a little at a time.
    with capsys.disabled():
        print(
            f"\nfirst view: {totals['en']:,} bytes gzipped in English, {totals[heaviest]:,} in "
            f"{heaviest}, of at most {FIRST_VIEW_MAX:,}"
        )
    assert totals[heaviest] <= FIRST_VIEW_MAX


def test_a_theme_adds_little_more_than_the_owner_puts_in() -> None:
    splash = Splash(Path("splash"))
    theme = Theme.read({"colours": GOOD["colours"], "links": GOOD["links"]})
    look = Look("shop", "20261123131500-0123abcd", theme, splash.frame)
    plain = splash.page(phone(), 200).body
    themed = splash.page(phone(), 200, "", look).body
    style = look.files()["20261123131500-0123abcd.css"].zipped
    assert 0 < len(themed) - len(plain) + len(style) <= THEME_MAX


def test_no_module_of_the_page_is_left_out_of_the_first_view() -> None:
    folder = Path("splash")
    imported = {
        name
        for script in folder.glob("*.js")
        if not script.name.endswith(".test.js")
        for name in re.findall(r'from "\./([a-z]+\.js)"', script.read_text())
    }
    page = (folder / "index.html").read_text()
    assert imported and all(Path(name).stem in page for name in imported)


def test_sentences_that_are_left_out_of_the_page_are_said_by_no_script() -> None:
    scripts = "".join(
        path.read_text()
        for path in Path("splash").glob("*.js")
        if not path.name.endswith(".test.js")
    )
    said = set(re.findall(r'"([a-z]+(?:_[a-z]+)*)"', scripts))
    begun = re.findall(r"`([a-z]+_)\$\{", scripts)
    assert UNSPOKEN <= set(languages()["en"])
    # Some of these words are also names of elements and states.
    calls = set(re.findall(r'(?:say|count)\("(\w+)"', scripts))
    chosen = set(re.findall(r'\? "([a-z_]+)" : "([a-z_]+)"', scripts))
    assert not UNSPOKEN & (calls | {name for pair in chosen for name in pair})
    assert begun and not [key for key in UNSPOKEN if key.startswith(tuple(begun))]
    # And all that is left in is said: nobody carries a sentence for nothing.
    for key in set(languages()["en"]) - UNSPOKEN:
        assert key in said or key.startswith(tuple(begun)), key
