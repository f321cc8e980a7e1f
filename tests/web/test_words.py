"""Numbers, counts and waits on the page without scripts, in the visitor's own format."""

import json
from pathlib import Path
from typing import Any

import pytest

from waitroom.texts import languages
from waitroom.web.words import Words, regional, round_wait

WAITS = json.loads((Path(__file__).parents[1] / "vectors" / "waits.json").read_text())["rounded"]


def words(language: str, accepted: str = "") -> Words:
    return Words(languages()[language], language, accepted)


@pytest.mark.parametrize("row", WAITS, ids=str)
def test_waits_are_rounded_as_where_scripts_run(row: list[Any]) -> None:
    assert round_wait(row[0], row[1]) == (row[2], row[3], row[4])


def test_waits_read_as_people_say_them() -> None:
    en = words("en")
    assert en.wait(None) == "Not known yet"
    assert en.wait({"low": 0, "high": 20}) == "Less than a minute"
    assert en.wait({"low": 0, "high": 100}) == "Less than 2 minutes"
    assert en.wait({"low": 60, "high": 120}) == "1–2 minutes"
    assert en.wait({"low": 300, "high": 300}) == "About 5 minutes"
    assert en.wait({"low": 6_000, "high": 10_200}) == "1.5–3 hours"
    assert words("de").wait({"low": 6_000, "high": 10_200}) == "1,5–3 Stunden"
    assert words("ja").wait({"low": 300, "high": 300}) == "約5 分"
    assert "دقائق" in words("ar").wait({"low": 180, "high": 600})
    # Sentences that ask for no other case of the words for time than CLDR has.
    two = {"low": 120, "high": 120}
    assert words("pl").wait(two) == "Mniej więcej 2 minuty"
    assert words("es").wait({"low": 7_200, "high": 7_200}) == "Alrededor de 2 horas"
    assert words("de").wait({"low": 0, "high": 259_200}) == "Weniger als 3 Tage"


def test_numbers_have_the_digits_of_where_the_visitor_lives() -> None:
    assert words("ar", "ar-EG").number(1_234) == "١٬٢٣٤"
    assert words("ar", "ar-EG").wait({"low": 180, "high": 600}) == "٣–١٠ دقائق"
    assert words("ar", "ar-MA").number(1_234) == "1.234"
    assert words("hi", "hi-IN").number(123_456) == "1,23,456"


@pytest.mark.parametrize(
    ("language", "counted"),
    [
        ("en", {1: "1 person in line", 2: "2 people in line"}),
        ("pl", {1: "1 osoba", 3: "3 osoby", 5: "5 osób", 22: "22 osoby", 112: "112 osób"}),
        ("fr", {0: "0 personne dans", 1: "1 personne", 2: "2 personnes", 10**6: "de personnes"}),
        ("es", {1: "1 persona en", 2: "2 personas", 10**6: "1.000.000 de personas"}),
        ("ar", {2: "شخصان", 3: "3 أشخاص", 11: "11 شخصًا", 100: "100 شخص"}),
        ("ja", {1: "1人", 1_000: "1,000人"}),
        ("tr", {1: "1 kişi", 5: "5 kişi"}),
    ],
)
def test_counts_have_the_plural_of_their_language(language: str, counted: dict[int, str]) -> None:
    for n, expected in counted.items():
        assert expected in words(language).count("people_waiting", n).replace("\u202f", " ")


@pytest.mark.parametrize("language", sorted(languages()))
def test_every_language_says_everything(language: str) -> None:
    said = words(language)
    for n in (0, 1, 2, 3, 11, 100, 1_000_000):
        assert "{" not in said.count("rate", n)
    for high in (30, 120, 600, 7_200, 90_000, 400_000):
        for low in (0, 60, high):
            wait = said.wait({"low": low, "high": high})
            assert "{" not in wait and "duration" not in wait


@pytest.mark.parametrize(
    ("language", "accepted", "expected"),
    [
        ("de", "", "1.234.567"),
        ("de", "de-CH, de;q=0.9", "1’234’567"),
        ("de", "fr, de-LI;q=0.1", "1’234’567"),
        ("en", "en-IN, en;q=0.5", "12,34,567"),
        ("hi", "hi-IN", "12,34,567"),
        ("es", "es-MX", "1,234,567"),
        ("es", "en, es-ES;q=0.2", "1.234.567"),
    ],
)
def test_numbers_are_in_the_visitors_own_format(
    language: str, accepted: str, expected: str
) -> None:
    assert words(language, accepted).number(1_234_567) == expected


@pytest.mark.parametrize(
    ("language", "accepted", "expected"),
    [
        ("zh", "zh-TW,zh;q=0.9", "zh"),
        ("zh", "zh-HK", "zh"),
        ("zh", "zh-CN", "zh_Hans_CN"),
        ("pt", "pt-PT", "pt_PT"),
        ("de", "de-Latn-XX;q=x, d\x00e-AT, de-!", "de"),
        ("en", "x" * 9_000, "en"),
        ("en", "en-" + "x" * 8, "en"),
        ("en", "*", "en"),
    ],
)
def test_a_region_counts_within_the_pages_language_and_script(
    language: str, accepted: str, expected: str
) -> None:
    assert str(regional(language, accepted)) == expected
