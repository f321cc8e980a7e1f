"""The form of a theme: what its fields show, and the theme that they make, still unchecked."""

import base64
from collections.abc import Mapping
from typing import Any

import orjson
from quart.datastructures import FileStorage

from waitroom.texts import FACTS, languages, plural_categories

#: Largest logo that is read, bytes; the check of the theme says what is allowed.
LOGO_READ_MAX = 150_000
#: Empty links to fill in.
MORE_LINKS = 2
LINKS_MAX = 8
SCHEMES = ("light", "dark")
PARTS = ("background", "text", "accent")
#: What colour fields show while no colours are set.
USUAL = {
    "light": {"background": "#f6f2ea", "text": "#1b2442", "accent": "#22325a"},
    "dark": {"background": "#0e1322", "text": "#f4ecdd", "accent": "#55669c"},
}


def theme_fields(raw: dict[str, Any], language: str) -> dict[str, Any]:
    """Return what the fields show.

    Args:
        raw: The theme, in the types of JSON.
        language: Whose sentences are listed.
    """
    colours = raw.get("colours") or {}
    blocks, logo = raw.get("blocks") or {}, raw.get("logo")
    links = [*(raw.get("links") or [])][:LINKS_MAX]
    empty = [{"text": "", "url": ""}] * min(MORE_LINKS, LINKS_MAX - len(links))
    return {
        "logo": bool(logo),
        "alt": logo.get("alt", "") if isinstance(logo, dict) else "",
        "schemes": [
            {
                "name": scheme,
                "on": bool(colours.get(scheme)),
                "parts": [
                    {"name": part, "value": (colours.get(scheme) or USUAL[scheme])[part]}
                    for part in PARTS
                ],
            }
            for scheme in SCHEMES
        ],
        "links": links + empty,
        "css": raw.get("css", ""),
        "top": blocks.get("top", ""),
        "below": blocks.get("below", ""),
        "words": _words((raw.get("texts") or {}).get(language, {}), language),
    }


def theme_kept(raw: dict[str, Any]) -> str:
    """Return what no field shows of a theme that is not published yet: it goes with the form.

    Args:
        raw: The theme, in the types of JSON, unchecked.
    """
    return orjson.dumps({part: raw[part] for part in ("logo", "texts") if part in raw}).decode()


def read_theme_form(
    form: Mapping[str, str], logo: FileStorage | None, current: dict[str, Any]
) -> dict[str, Any]:
    """Return the theme that a form makes, to be checked.

    Args:
        form: What was sent, untrusted.
        logo: The file that was chosen, if one was.
        current: The theme that is shown; what the form does not hold stays as it is there.
    """
    current = _kept(form) or current
    made: dict[str, Any] = {}
    if picture := _logo(form, logo, current.get("logo")):
        made["logo"] = picture
    if colours := _colours(form):
        made["colours"] = colours
    if links := _links(form):
        made["links"] = links
    if css := form.get("css", "").replace("\r\n", "\n").strip():
        made["css"] = css
    blocks = {each: text for each in ("top", "below") if (text := form.get(each, "").strip())}
    if blocks:
        made["blocks"] = blocks
    if texts := _texts(form, current.get("texts") or {}):
        made["texts"] = texts
    return made


def _kept(form: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what ``theme_kept`` has put into the form, if it has."""
    try:
        found = orjson.loads(form.get("kept", ""))
    except orjson.JSONDecodeError:
        return None
    texts = found.setdefault("texts", {}) if isinstance(found, dict) else None
    good = isinstance(texts, dict) and all(isinstance(each, dict) for each in texts.values())
    return found if good else None


def _logo(form: Mapping[str, str], file: FileStorage | None, old: Any) -> dict[str, Any] | None:
    data = file.read(LOGO_READ_MAX) if file is not None else b""
    alt = form.get("alt", "").strip()
    if data:
        return {"data": base64.b64encode(data).decode(), "alt": alt}
    if old is None or form.get("no_logo") == "1":
        return None
    return {"data": old.get("data") if isinstance(old, dict) else old, "alt": alt}


def _colours(form: Mapping[str, str]) -> dict[str, Any]:
    return {
        scheme: {part: form.get(f"{scheme}.{part}", "") for part in PARTS}
        for scheme in SCHEMES
        if form.get(f"{scheme}.on") == "1"
    }


def _links(form: Mapping[str, str]) -> list[dict[str, str]]:
    found = []
    for number in range(1, LINKS_MAX + MORE_LINKS + 1):
        text = form.get(f"link.{number}.text", "").strip()
        url = form.get(f"link.{number}.url", "").strip()
        if text or url:
            found.append({"text": text, "url": url})
    return found


def _texts(form: Mapping[str, str], old: dict[str, Any]) -> dict[str, Any]:
    """Return all sentences of the owner's: those of the language in the form are read anew."""
    language = form.get("words", "")
    if language not in languages():
        return old
    own: dict[str, Any] = {}
    for key, ours in languages()[language].items():
        if key in FACTS:
            continue
        if isinstance(ours, str):
            if text := form.get(f"word.{key}", "").strip():
                own[key] = text
            continue
        forms = {
            category: text
            for category in plural_categories(language)
            if (text := form.get(f"word.{key}.{category}", "").strip())
        }
        if forms:
            own[key] = forms
    return {**{each: texts for each, texts in old.items() if each != language}} | (
        {language: own} if own else {}
    )


def _words(own: dict[str, Any], language: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for key, ours in languages()[language].items():
        if key in FACTS:
            continue
        label, mine = key.replace("_", " "), own.get(key)
        if isinstance(ours, str):
            value = mine if isinstance(mine, str) else ""
            rows.append({"name": f"word.{key}", "label": label, "ours": ours, "value": value})
            continue
        forms = mine if isinstance(mine, dict) else {}
        for category in sorted(plural_categories(language), key=lambda each: each == "other"):
            text = ours.get(category) or ours["other"]
            name, value = f"word.{key}.{category}", forms.get(category, "")
            rows.append({"name": name, "label": f"{label}, {category}", "ours": text})
            rows[-1]["value"] = value
    return rows
