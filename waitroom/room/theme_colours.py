"""An owner's colours: three for each scheme, from which all colours of the splash page follow.

What is read is checked as WCAG 2.2 counts contrast (1.4.3 and 1.4.11). Every tint that text
stands on is mixed so that the text can still be read.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

#: Least contrast of words, and of what else has to be seen.
TEXT_MIN, SHAPE_MIN = 4.5, 3.0
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")

#: The lit door when it is the visitor's turn, which is else of our own colours.
_TURN = '[data-phase="turn"] .door::before{background:linear-gradient(var(--light),var(--lamp))}'

RGB = tuple[float, float, float]


def _colour(text: str) -> str:
    found = text.strip().lower()
    if not _HEX.fullmatch(found):
        raise ValueError("must be a colour such as #1b2442")
    return found if len(found) == 7 else "#" + "".join(digit * 2 for digit in found[1:])


Colour = Annotated[str, AfterValidator(_colour)]


class Scheme(BaseModel):
    """The colours of one scheme.

    Attributes:
        background: Of the page.
        text: Of what is read; at least 4.5 to 1 against the background.
        accent: Door, progress and buttons; at least 3 to 1 against the background.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    background: Colour
    text: Colour
    accent: Colour

    @model_validator(mode="after")
    def _can_be_read(self) -> "Scheme":
        for name, least in (("text", TEXT_MIN), ("accent", SHAPE_MIN)):
            found = contrast(getattr(self, name), self.background)
            if found < least:
                raise ValueError(
                    f"{name} {getattr(self, name)} on background {self.background} has a contrast "
                    f"of {found:.2f} to 1; at least {least} is needed"
                )
        return self

    def variables(self) -> dict[str, str]:
        """Return the custom properties of ``waiting.css`` that make these colours."""
        paper, ink, accent = self.background, self.text, self.accent
        return {
            "paper": paper,
            "card": self._behind(mix(paper, ink, 0.04)),
            "ink": ink,
            "soft": self._on(mix(ink, paper, 0.28)),
            "line": mix(paper, ink, 0.16),
            "frame": accent,
            "dusk": self._tint(accent, 0.14),
            "light": self._tint(accent, 0.3),
            "lamp": self._tint(accent, 0.5),
            "spill": mix(paper, accent, 0.5),
            "button": accent,
            "on-button": max("#000000", "#ffffff", paper, key=lambda on: contrast(on, accent)),
            "good": accent,
            "busy": accent,
        }

    def _tint(self, accent: str, share: float) -> str:
        """Return as much accent in the background as leaves text readable on it."""
        while share > 0.01 and contrast(found := mix(self.background, accent, share), self.text) < (
            TEXT_MIN
        ):
            share *= 0.8
        return found if share > 0.01 else self.background

    def _behind(self, colour: str) -> str:
        return colour if contrast(self.text, colour) >= TEXT_MIN else self.background

    def _on(self, colour: str) -> str:
        card = self._behind(mix(self.background, self.text, 0.04))
        both = min(contrast(colour, self.background), contrast(colour, card))
        return colour if both >= TEXT_MIN else self.text


class Colours(BaseModel):
    """The colours of a splash page.

    Attributes:
        light: For everybody who does not prefer dark.
        dark: For those who do; without it they see the light ones too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    light: Scheme
    dark: Scheme | None = None

    def css(self) -> str:
        """Return the style sheet that puts these colours on the page."""
        # As strong as `:root` in `waiting.css`, and later: also where that speaks of dark ones.
        light = f":root{{color-scheme:{'light dark' if self.dark else 'light'};{_set(self.light)}}}"
        light += _TURN
        if self.dark is None:
            return light
        return f"{light}@media (prefers-color-scheme:dark){{:root{{{_set(self.dark)}}}}}"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21.

    Args:
        one: As ``#rrggbb``.
        other: As ``#rrggbb``.
    """
    light, dark = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """Return a colour with some of another one in it.

    Args:
        one: As ``#rrggbb``.
        other: As ``#rrggbb``.
        share: How much of the other one, 0 to 1.
    """
    pairs = zip(_rgb(one), _rgb(other), strict=True)
    return "#" + "".join(f"{round(255 * (a + (b - a) * share)):02x}" for a, b in pairs)


def _rgb(colour: str) -> RGB:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _luminance(rgb: RGB) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _set(scheme: Scheme) -> str:
    return "".join(f"--{name}:{value};" for name, value in scheme.variables().items())
