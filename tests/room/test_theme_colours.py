"""Colours of a theme: what is read can be read, whatever three colours an owner picks."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waitroom.errors import SettingError
from waitroom.room.theme import Theme
from waitroom.room.theme_colours import SHAPE_MIN, TEXT_MIN, Scheme, contrast, mix

GOOD = {"background": "#fff", "text": "#222", "accent": "#B00020"}
#: Variables of `waiting.css` that words stand on.
GROUNDS = ("paper", "card", "dusk", "light", "lamp")


def refused(**changes: Any) -> str:
    with pytest.raises(SettingError) as e:
        Theme.read({"colours": {"light": GOOD | changes}})
    return str(e.value)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#ff0000", "#0000ff", 2.15)],
)
def test_contrast_is_as_wcag_counts_it(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.005)


def test_text_that_cannot_be_read_is_refused_with_its_ratio_and_what_is_needed() -> None:
    said = refused(text="#777")
    assert "theme.colours.light" in said
    assert "contrast of 4.48 to 1; at least 4.5 is needed" in said
    assert "at least 3.0 is needed" in refused(accent="#ccc")
    Theme.read({"colours": {"light": GOOD | {"text": "#767676"}}})


@pytest.mark.parametrize(
    "colour",
    ["red", "#ff", "#ggg", "url(x)", "#fff;}*{display:none", "rgb(0,0,0)", "#fff\n}", "", None, 5],
)
def test_a_colour_is_hexadecimal_and_nothing_else(colour: Any) -> None:
    assert "theme.colours.light.text" in refused(text=colour)


def test_dark_colours_are_checked_too_and_named() -> None:
    dark = {"background": "#111", "text": "#222", "accent": "#fff"}
    with pytest.raises(SettingError, match=r"theme\.colours\.dark"):
        Theme.read({"colours": {"light": GOOD, "dark": dark}})


def test_without_dark_colours_the_page_is_light_for_everybody() -> None:
    colours = Theme.read({"colours": {"light": GOOD}}).colours
    assert colours is not None
    assert "color-scheme:light;" in colours.css() and "@media" not in colours.css()


_BYTE = st.integers(0, 255)


@given(st.lists(st.tuples(_BYTE, _BYTE, _BYTE), min_size=3, max_size=3))
def test_whatever_is_allowed_all_that_is_read_has_its_contrast(
    picked: list[tuple[int, int, int]],
) -> None:
    colours = ["#" + "".join(f"{part:02x}" for part in colour) for colour in picked]
    # Those which may be a scheme, if any, in all orders.
    for background, text, accent in itertools.permutations(colours):
        enough = contrast(text, background) >= TEXT_MIN
        if not enough or contrast(accent, background) < SHAPE_MIN:
            continue
        made = Scheme(background=background, text=text, accent=accent).variables()
        for ground in GROUNDS:
            assert contrast(made["ink"], made[ground]) >= TEXT_MIN, (ground, made)
        for ground in ("paper", "card"):
            assert contrast(made["soft"], made[ground]) >= TEXT_MIN
        assert contrast(made["on-button"], made["button"]) >= TEXT_MIN


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    assert mix("#000000", "#ffffff", 0) == "#000000"
    assert mix("#000000", "#ffffff", 1) == "#ffffff"
    assert mix("#000000", "#ffffff", 0.5) == "#808080"
