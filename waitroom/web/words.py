"""Numbers, counts and waits in the visitor's own format, for pages without scripts.

The same as ``splash/text.js`` says where scripts run: words come from the language file, numbers,
units and plural rules from CLDR. ``tests/vectors/waits.json`` pins how waits are rounded.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.numbers import format_decimal
from babel.units import format_unit
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from waitroom.texts import Texts, filled

Unit = Literal["minute", "hour", "day"]

MINUTE_S = 60
HOUR_S = 3_600
DAY_S = 86_400
#: Scripts of languages whose regions write differently: zh is Hans, and Babel finds Hant for zh-TW.
_USUAL = {"zh": "Hans"}
#: Digits of regions of our languages, by numbering system; Babel knows their separators only.
_DIGITS = {"arab": str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")}
#: Where the long form is the short one, CLDR names only that; Babel then says the unit's name.
_LENGTHS: tuple[Literal["long", "short"], ...] = ("long", "short")
#: Longest Accept-Language that is read for a region; nobody speaks more languages than that.
HEADER_MAX = 200


class Words:
    """The sentences of one page, and how its visitor writes numbers.

    Args:
        texts: The sentences.
        language: Theirs.
        accept_language: The visitor's header, untrusted; it may name a region of the language.
    """

    def __init__(self, texts: Texts, language: str, accept_language: str = "") -> None:
        self._texts = texts
        self._rules = Locale.parse(language, sep="-").plural_form
        self._locale = regional(language, accept_language[:HEADER_MAX])

    def number(self, n: float) -> str:
        """Return a number as the visitor writes it."""
        return self._in_digits(format_decimal(n, locale=self._locale, numbering_system="default"))

    def count(self, key: str, n: int) -> str:
        """Return a sentence that counts, in the plural form that its language wants.

        Args:
            key: Of the sentence.
            n: How many.
        """
        forms = self._texts[key]
        if isinstance(forms, str):
            return filled(forms, n=self.number(n))
        return filled(forms.get(self._rules(n)) or forms["other"], n=self.number(n))

    def wait(self, wait_s: Mapping[str, int] | None) -> str:
        """Return a wait as people say it.

        Args:
            wait_s: ``low`` and ``high``, seconds; None when unknown.
        """
        if wait_s is None:
            return self._say("wait_unknown")
        if wait_s["high"] <= MINUTE_S:
            return self._say("wait_moment")
        unit, low, high = round_wait(wait_s["low"], wait_s["high"])
        if low == 0:
            return self._say("wait_under", time=self._time(high, unit))
        if low == high:
            return self._say("wait_about", time=self._time(low, unit))
        return self._say("wait_range", low=self.number(low), time=self._time(high, unit))

    def _time(self, n: float, unit: Unit) -> str:
        name = f"duration-{unit}"
        for length in _LENGTHS:
            found = format_unit(n, name, length, locale=self._locale, numbering_system="default")
            if name not in found:
                break
        return self._in_digits(found)

    def _in_digits(self, text: str) -> str:
        return text.translate(_DIGITS.get(self._locale.default_numbering_system, {}))

    def _say(self, key: str, **values: str) -> str:
        return filled(str(self._texts[key]), **values)


def round_wait(low_s: float, high_s: float) -> tuple[Unit, float, float]:
    """Return the unit to speak of a wait in, and its range rounded outwards.

    Args:
        low_s: Seconds.
        high_s: Seconds.
    """
    unit: Unit
    if high_s <= 90 * MINUTE_S:
        unit, size, step = "minute", MINUTE_S, 1.0 if high_s <= 15 * MINUTE_S else 5.0
    elif high_s <= 2 * DAY_S:
        unit, size, step = "hour", HOUR_S, 0.5 if high_s <= 6 * HOUR_S else 1.0
    else:
        unit, size, step = "day", DAY_S, 1.0
    return unit, low_s / size // step * step, -(-high_s / size // step) * step


@lru_cache(maxsize=512)
def regional(language: str, accept_language: str) -> Locale:
    """Return the visitor's own variant of a language, if it is written in the same script.

    Args:
        language: Of the page.
        accept_language: The visitor's header, untrusted.

    Returns:
        Such as ``de_CH`` for a German page; the language itself when none fits.
    """
    own = Locale.parse(language, sep="-")
    for tag, _ in parse_accept_header(accept_language, LanguageAccept):
        if tag.partition("-")[0].lower() != own.language:
            continue
        try:
            found = Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
        if _script(found) == _script(own):
            return found
    return own


def _script(locale: Locale) -> str:
    """Return what a locale is written in, where the language is written in more than one way."""
    return locale.script or _USUAL.get(locale.language, "")
