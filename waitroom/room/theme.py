"""A room's theme: its owner's logo, colours, links, CSS, HTML blocks and words.

Everything is checked here, before it is kept, and a theme that was kept is checked again when it
is read: a later version may know of a trick that an earlier one let through.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from waitroom.blocks import BLOCK_MAX, check_block
from waitroom.errors import SettingError
from waitroom.legible import legible
from waitroom.room.theme_colours import Colours
from waitroom.room.theme_css import Sheet
from waitroom.room.theme_logo import Logo
from waitroom.texts import FACTS, Text, Texts, filled, languages, placeholders, plural_categories

#: Longest style sheet, characters.
CSS_MAX = 20_000
#: Longest sentence, characters.
SENTENCE_MAX = 500

Overrides = dict[str, Texts]

#: Categories that stand for one number, so that a form may do without it: "one person".
_SINGLE = frozenset({"zero", "one", "two"})


def _https(address: str) -> str:
    try:
        parts = urlsplit(address)
        good = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        good = False
    if not good or re.search(r"[\x00-\x20\x7f\\\"'<>`]", address):
        raise ValueError("must be an address such as https://example.com/help")
    return address


Line = Annotated[str, AfterValidator(legible)]


class Link(BaseModel):
    """A link below the page; it opens in a tab of its own, so that nobody loses the line.

    Attributes:
        text: What it says.
        url: Where it leads; https only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Annotated[Line, Field(min_length=1, max_length=80)]
    url: Annotated[str, Field(max_length=500), AfterValidator(_https)]


class Blocks(BaseModel):
    """HTML of the owner's own; see ``waitroom.blocks``.

    Attributes:
        top: Above the page.
        below: Below it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    top: Annotated[str, Field(max_length=BLOCK_MAX)] = ""
    below: Annotated[str, Field(max_length=BLOCK_MAX)] = ""

    @field_validator("top", "below")
    @classmethod
    def _may_be_shown(cls, text: str) -> str:
        return check_block(text, list(languages())) if text else text


class Theme(BaseModel):
    """What an owner makes of the splash page of a room.

    Attributes:
        logo: Shown above the page.
        colours: Instead of ours, by scheme.
        links: Shown below the page.
        css: Rules of the owner's own; see ``theme_css``.
        blocks: HTML of the owner's own.
        texts: Sentences instead of ours: language -> key -> sentence, or form by plural category.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    logo: Logo | None = None
    colours: Colours | None = None
    links: Annotated[list[Link], Field(max_length=8)] = Field(default_factory=list)
    css: Annotated[str, Field(max_length=CSS_MAX)] = ""
    blocks: Blocks = Blocks()
    texts: Overrides = Field(default_factory=dict)

    @field_validator("css")
    @classmethod
    def _harms_nobody(cls, text: str, info: ValidationInfo) -> str:
        Sheet("logo" if info.data.get("logo") else "").cleaned(text)
        return text

    @field_validator("texts")
    @classmethod
    def _say_the_same(cls, texts: Overrides) -> Overrides:
        for language, sentences in texts.items():
            known = languages().get(language)
            if known is None:
                raise ValueError(f"{language[:20]!r} is not among {', '.join(languages())}")
            for key, text in sentences.items():
                _check_sentence(language, key, text, known)
        return texts

    @classmethod
    def read(cls, raw: Any) -> "Theme":
        """Return a theme.

        Args:
            raw: In the types of JSON, untrusted.

        Raises:
            SettingError: If something in it is not allowed; names the first such part.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as e:
            first = e.errors()[0]
            name = ".".join(("theme", *(str(part) for part in first["loc"])))
            said = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
                said = f"there is no such part; there are {', '.join(cls.model_fields)}"
            raise SettingError(name, _short(first["input"]), said) from e

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return self == Theme()

    def to_json(self) -> bytes:
        """Return it as it is kept."""
        return orjson.dumps(self.model_dump(mode="json", exclude_defaults=True))

    def digest(self) -> str:
        """Return a short name of its content."""
        return sha256(self.to_json()).hexdigest()[:8]

    def sentences(self, language: str, ours: Texts) -> Texts:
        """Return the sentences of a language, the owner's where there are any.

        Args:
            language: The language.
            ours: Its sentences as we have them.
        """
        found = dict(ours)
        for key, text in self.texts.get(language, {}).items():
            own, forms = text, ours.get(key)
            if isinstance(own, dict) and isinstance(forms, dict):
                own = forms | own
            found[key] = own
        return found


def _check_sentence(language: str, key: str, text: Text, known: Texts) -> None:
    """Refuse a sentence that would lose what it has to say.

    Raises:
        ValueError: Names the sentence and what is wrong.
    """
    where = f"{language}.{key[:40]}"
    ours = known.get(key)
    if ours is None or key in FACTS:
        raise ValueError(f"{where}: there is no such sentence")
    if isinstance(text, dict):
        if not isinstance(ours, dict):
            raise ValueError(f"{where}: does not count, so it has one form")
        _check_categories(where, text, plural_categories(language))
    forms = list(text.items()) if isinstance(text, dict) else [("other", text)]
    for each, form in forms:
        _check_form(f"{where}.{each}" if isinstance(text, dict) else where, form)
        free = isinstance(text, dict) and each in _SINGLE
        _check_placeholders(where, placeholders(form), placeholders(ours), free=free)
        if set("{}") & set(filled(form, **dict.fromkeys(placeholders(ours), ""))):
            raise ValueError(f"{where}: has a brace that stands for nothing")


def _check_categories(where: str, given: Iterable[str], allowed: frozenset[str]) -> None:
    if unknown := set(given) - allowed:
        raise ValueError(
            f"{where}: {', '.join(sorted(unknown))} is no plural category of the language; it has "
            f"{', '.join(sorted(allowed))}"
        )


def _check_form(where: str, form: str) -> None:
    if not 0 < len(form.strip()) or len(form) > SENTENCE_MAX:
        raise ValueError(f"{where}: must be 1 to {SENTENCE_MAX} characters")
    try:
        legible(form)
    except ValueError as e:
        raise ValueError(f"{where}: {e}") from e


def _check_placeholders(where: str, given: set[str], needed: set[str], *, free: bool) -> None:
    if given - needed or (not free and needed - given):
        names = ", ".join(f"{{{name}}}" for name in sorted(needed)) or "nothing in braces"
        raise ValueError(f"{where}: must hold {names}, as ours does")


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else repr(value)
    return value if len(text) <= 200 else f"{text[:200]}…"
