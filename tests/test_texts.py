"""The sentences of the splash page: complete in every language, in every plural form of it."""

import re
from pathlib import Path

import pytest

from waitroom.texts import filled, languages, placeholders, plural_categories

ENGLISH = languages()["en"]
LANGUAGES = sorted(languages())


def test_there_are_the_languages_that_owners_were_promised() -> None:
    assert LANGUAGES == "ar de en es fr hi it ja ko nl pl pt tr zh".split()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence(language: str) -> None:
    texts = languages()[language]
    assert list(texts) == list(ENGLISH)
    for key, text in texts.items():
        assert isinstance(text, type(ENGLISH[key])), key
        forms = text.values() if isinstance(text, dict) else [text]
        assert all(form == form.strip() and form for form in forms), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_that_counts_has_the_forms_of_its_language(language: str) -> None:
    counting = {k: t for k, t in languages()[language].items() if isinstance(t, dict)}
    assert set(counting) == {"position_of", "people_waiting", "rate"}
    for key, forms in counting.items():
        assert set(forms) == plural_categories(language), key
        # The number is said wherever there can be more than the form's own one.
        assert placeholders(forms["other"]) == {"n"}, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_has_the_placeholders_of_english(language: str) -> None:
    for key, text in languages()[language].items():
        assert placeholders(text) == placeholders(ENGLISH[key]), key


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_no_sentence_was_left_in_english(language: str) -> None:
    same = {key for key, text in languages()[language].items() if text == ENGLISH[key]}
    # Signs, and words that other languages took over.
    assert same <= {"dir", "document_title", "wait_range", "connection_live", "error_code"}


def test_arabic_alone_reads_from_right_to_left() -> None:
    assert {language for language in LANGUAGES if languages()[language]["dir"] == "rtl"} == {"ar"}


def test_every_sentence_that_a_page_names_is_there() -> None:
    named = set()
    for path in [*Path("splash").glob("*.js"), *Path("splash").glob("*.html")]:
        text = path.read_text()
        named |= set(re.findall(r"(?:say|count)\(\"(\w+)\"", text))
        named |= set(re.findall(r"texts\.(\w+)", text)) - {"get"}
    assert "keep" in named and "links_label" in named
    assert named <= set(ENGLISH)


def test_placeholders_that_are_not_known_stay() -> None:
    assert filled("{a} {b} {", a="{b}") == "{b} {b} {"
