"""The sentences of the splash page: one file a language, in ``splash/languages``.

Keys and ``{placeholders}`` are the same in all of them. A sentence that counts has one form for
each plural category that CLDR gives its language.
"""

import re
from functools import cache
from pathlib import Path

import orjson
from babel import Locale

from waitroom.errors import ConfigError

#: One sentence: its words, or its forms by plural category.
Text = str | dict[str, str]
#: All sentences of one language, by key.
Texts = dict[str, Text]

#: Facts about a language, not sentences.
FACTS = frozenset({"name", "dir"})

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def splash_folder() -> Path:
    """Return the splash folder of this installation: the wheel's own, or the checkout's.

    Raises:
        ConfigError: If there is none.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_splash", package.parent / "splash"):
        if (folder / "index.html").is_file():
            return folder
    raise ConfigError("the splash page is missing: install Waitroom again, or `make setup`")


def read_languages(folder: Path) -> dict[str, Texts]:
    """Return the sentences of every language of a splash folder, sorted by language.

    Args:
        folder: The splash folder.
    """
    return {
        path.stem: orjson.loads(path.read_bytes())
        for path in sorted((folder / "languages").glob("*.json"))
    }


@cache
def languages() -> dict[str, Texts]:
    """Return the sentences of every language of this installation; not to be changed.

    Raises:
        ConfigError: If the splash page is missing.
    """
    return read_languages(splash_folder())


@cache
def plural_categories(language: str) -> frozenset[str]:
    """Return the categories that CLDR gives a language, such as one and other."""
    return frozenset(Locale.parse(language, sep="-").plural_form.tags) | {"other"}


def placeholders(text: Text) -> set[str]:
    """Return the names in braces of a sentence, of all of its forms."""
    forms = text.values() if isinstance(text, dict) else (text,)
    return {name for form in forms for name in _PLACEHOLDER.findall(form)}


def filled(text: str, **values: str) -> str:
    """Return a sentence with its placeholders filled; others stay as they are."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
