"""A theme as a whole: what it may hold, what a refusal names, and how words are overridden."""

from typing import Any

import orjson
import pytest

from tests.browser.theming import GOOD
from waitroom.errors import SettingError
from waitroom.room.theme import Theme
from waitroom.texts import languages


def refused(raw: Any) -> SettingError:
    with pytest.raises(SettingError) as e:
        Theme.read(raw)
    return e.value


def test_a_theme_is_the_same_after_it_was_kept() -> None:
    theme = Theme.read(GOOD)
    assert Theme.read(orjson.loads(theme.to_json())) == theme
    assert theme.digest() == Theme.read(orjson.loads(theme.to_json())).digest()
    assert Theme.read({}).empty and not theme.empty
    assert Theme.read({}).to_json() == b"{}"


@pytest.mark.parametrize(
    ("raw", "name", "word"),
    [
        ({"colour": {}}, "theme.colour", "there are logo, colours, links, css, blocks, texts"),
        ([], "theme", ""),
        ("x", "theme", ""),
        (None, "theme", ""),
        ({"css": "x" * 20_001}, "theme.css", "20000"),
        ({"css": 5}, "theme.css", ""),
        ({"blocks": {"top": "x" * 8_001}}, "theme.blocks.top", "8000"),
        ({"blocks": {"middle": "x"}}, "theme.blocks.middle", ""),
        ({"links": [{"text": "x", "url": "https://x"}] * 9}, "theme.links", "8"),
        ({"links": [{"text": "", "url": "https://x"}]}, "theme.links.0.text", ""),
        ({"links": [{"text": "a\nb", "url": "https://x"}]}, "theme.links.0.text", "control"),
        ({"texts": {"tlh": {}}}, "theme.texts", "'tlh' is not among ar, de, en"),
        ({"texts": {"en": {"hello": "x"}}}, "theme.texts", "en.hello: there is no such sentence"),
        ({"texts": {"en": {"dir": "rtl"}}}, "theme.texts", "en.dir: there is no such sentence"),
        ({"texts": {"en": {"keep": "Go"}}}, "theme.texts", "en.keep: must hold {time}"),
        ({"texts": {"en": {"go": "Go {n}"}}}, "theme.texts", "must hold nothing in braces"),
        ({"texts": {"en": {"go": " "}}}, "theme.texts", "1 to 500"),
        ({"texts": {"en": {"go": "x" * 501}}}, "theme.texts", "1 to 500"),
        ({"texts": {"en": {"go": "a\x00b"}}}, "theme.texts", "control"),
        ({"texts": {"en": {"go": {"other": "x"}}}}, "theme.texts", "one form"),
        ({"texts": {"en": {"rate": {"few": "{n}"}}}}, "theme.texts", "it has one, other"),
        ({"texts": {"en": {"rate": {"other": "many"}}}}, "theme.texts", "must hold {n}"),
        ({"texts": {"en": {"rate": "many"}}}, "theme.texts", "must hold {n}"),
        ({"texts": {"en": {"rate": {"one": "one {x}"}}}}, "theme.texts", "must hold {n}"),
        ({"texts": {"pl": {"rate": {"many": "wiele"}}}}, "theme.texts", "pl.rate: must hold {n}"),
        ({"texts": {"en": {"go": "Go { n }"}}}, "theme.texts", "a brace that stands for nothing"),
        ({"texts": {"en": {"keep": "{time}, {"}}}, "theme.texts", "a brace that stands"),
        ({"texts": {"en": {"go": "\u200b\u2060"}}}, "theme.texts", "en.go: must hold something"),
        ({"texts": {"en": {"go": "a\x85b"}}}, "theme.texts", "control"),
        ({"texts": {"en": {"go": "a\u202eb"}}}, "theme.texts", "turn the order"),
        ({"links": [{"text": "\u00a0\u200b", "url": "https://x"}]}, "theme.links.0.text", "seen"),
        ({"links": [{"text": "a\u2028b", "url": "https://x"}]}, "theme.links.0.text", "control"),
        ({"links": [{"text": "a\u202db", "url": "https://x"}]}, "theme.links.0.text", "order"),
    ],
)
def test_what_is_not_allowed_is_refused_by_its_name_with_what_is(
    raw: Any, name: str, word: str
) -> None:
    error = refused(raw)
    assert (error.name, error.code) == (name, "bad_setting")
    assert word in error.allowed


@pytest.mark.parametrize(
    "url",
    [
        "http://x.example",
        "javascript:alert(1)",
        "//x.example",
        "/help",
        "https://",
        "https:x",
        "https://user:pw@x.example",
        "https://x.example:99999",
        "https://x.example/ b",
        'https://x.example/"onclick=',
        "https://x.example/<script>",
        "https://[x",
        "HTTPS://x.example\nevil: 1",
        "",
    ],
)
def test_a_link_leads_to_https_and_nowhere_else(url: str) -> None:
    assert refused({"links": [{"text": "x", "url": url}]}).name == "theme.links.0.url"


def test_a_long_value_is_not_repeated_whole() -> None:
    assert len(str(refused({"css": "h2{color:red}" + " " * 9_000}))) < 1_000


def test_the_owners_words_replace_ours_form_by_form() -> None:
    theme = Theme.read({"texts": {"en": {"go": "Enter", "rate": {"one": "one guest a minute"}}}})
    ours = languages()["en"]
    found = theme.sentences("en", ours)
    assert found["go"] == "Enter"
    assert found["rate"] == {"one": "one guest a minute", "other": "{n} people a minute"}
    assert {key for key in ours if found[key] != ours[key]} == {"go", "rate"}
    assert theme.sentences("de", languages()["de"]) == languages()["de"]
    # Ours stay as they are, for all other rooms.
    assert languages()["en"]["go"] == "Go in"


def test_marks_that_scripts_need_are_taken() -> None:
    # Between Arabic and a number; a Persian non-joiner; an emoji of several.
    for text in ("اذهب\u200f 5", "می\u200cرود", "Go \U0001f469\u200d\U0001f4bb"):
        assert Theme.read({"texts": {"en": {"go": text}}}).texts["en"]["go"] == text


def test_one_sentence_may_stand_for_all_forms() -> None:
    theme = Theme.read({"texts": {"pl": {"rate": "tempo: {n}"}}})
    assert theme.sentences("pl", languages()["pl"])["rate"] == "tempo: {n}"
