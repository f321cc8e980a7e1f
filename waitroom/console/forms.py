"""Reads forms of settings: only what was changed on the page goes on, in the types of JSON.

A form carries what its editor saw. A field that still says so is left out, so two people who
change different things do not meet; and what was seen goes along, so that two who change the
same thing are told.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, get_args

import orjson

from waitroom.errors import RequestError
from waitroom.room import RoomSettings

#: Largest text of what was seen; the largest settings are lists of 64.
MAX_SEEN = 131_072
#: Empty rules at the end of the list, to fill in.
MORE_RULES = 1
_PARTS = ("path", "methods", "header", "value", "network")


def kind(name: str) -> str:
    """Return how a setting is edited.

    Returns:
        ``switch``, ``number``, ``choice``, ``text``, ``long``, ``lines``, ``routes``, ``bypass``
        or ``unavailable``.
    """
    special = {
        "routes": "routes",
        "bypass": "bypass",
        "when_unavailable": "unavailable",
        "message": "long",
    }
    if name in special:
        return special[name]
    schema = _schema(name)
    kinds = {part.get("type") for part in schema.get("anyOf", [schema])}
    if "enum" in schema:
        return "choice"
    if "boolean" in kinds:
        return "switch"
    if kinds & {"integer", "number"}:
        return "number"
    return "lines" if "array" in kinds else "text"


def limits(name: str) -> tuple[int | None, int | None]:
    """Return the smallest and largest number of a setting, or the longest text."""
    schema = _schema(name)
    for part in schema.get("anyOf", [schema]):
        if "minimum" in part or "maximum" in part:
            return part.get("minimum"), part.get("maximum")
        if "maxLength" in part:
            return None, part["maxLength"]
    return None, None


def required(name: str) -> bool:
    """Say whether a number may not be empty."""
    return type(None) not in get_args(RoomSettings.model_fields[name].annotation)


def choices(name: str) -> list[Any]:
    """Return the values of a choice."""
    return list(_schema(name).get("enum", []))


def shown(name: str, value: Any) -> Any:
    """Return a setting's value as its field shows it.

    Args:
        name: The setting.
        value: In the types of JSON.
    """
    match kind(name):
        case "routes":
            return "\n".join(
                f"{'' if route['host'] == '*' else route['host']}{route['path']}" for route in value
            )
        case "lines":
            return "\n".join(str(line) for line in value)
        case "bypass":
            empty = {part: None for part in _PARTS}
            return [_rule(rule) for rule in [*value, *[empty] * MORE_RULES]]
    return value


def read(form: Mapping[str, str], names: Iterable[str]) -> dict[str, Any]:
    """Return settings as a form has them.

    Args:
        form: What was sent, untrusted.
        names: Settings that the form shows.
    """
    return {name: read_one(name, form) for name in names}


def read_one(name: str, form: Mapping[str, str]) -> Any:
    """Return one setting as a form has it; what cannot be right is left for the check."""
    text = form.get(name, "").replace("\r\n", "\n").strip()
    match kind(name):
        case "switch":
            return text == "true"
        case "number":
            return _number(text) if text else None
        case "choice":
            return _number(text) if text.isdigit() else text
        case "routes":
            return [_route(line) for line in text.split("\n") if line.strip()]
        case "lines":
            return [line.strip() for line in text.split("\n") if line.strip()]
        case "unavailable":
            limit = form.get(f"{name}.open_limit_s", "").strip()
            return {"action": form.get(f"{name}.action", ""), "open_limit_s": _number(limit)}
        case "bypass":
            return _rules(name, form)
    return text if text or required(name) else None


def read_seen(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that the editor of a form saw.

    Raises:
        RequestError: If the form does not say.
    """
    text = form.get("seen", "")
    try:
        found = orjson.loads(text) if len(text) <= MAX_SEEN else None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise RequestError("The form does not say what you saw. Load the page again.")
    return found


def read_version(form: Mapping[str, str]) -> str | None:
    """Return the version that the editor of a form saw; None if the form does not say."""
    return form.get("version") or None


def written_seen(values: Mapping[str, Any]) -> str:
    """Return what a form carries of what its editor sees."""
    return orjson.dumps(values).decode()


def changed(wanted: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """Return what a form changes: values that differ from what was seen."""
    return {name: value for name, value in wanted.items() if seen.get(name) != value}


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = RoomSettings.model_json_schema()["properties"]
    return found


def _schema(name: str) -> dict[str, Any]:
    return _schemas()[name]


def _number(text: str) -> int | str:
    plain = re.sub(r"[,\s_']", "", text)
    return int(plain) if re.fullmatch(r"-?\d{1,15}", plain) else text


def _route(line: str) -> dict[str, str]:
    """Read `host/path`, `/path` or a whole address; the query is not part of a route."""
    text = re.sub(r"^https?://", "", line.strip(), flags=re.IGNORECASE)
    host, slash, path = text.partition("/")
    if not slash:
        return {"host": host or "*", "path": "/"}
    return {"host": host or "*", "path": f"/{path}"}


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    cells = {part: rule.get(part) or "" for part in _PARTS}
    methods = rule.get("methods")
    return {**cells, "methods": ", ".join(methods or []), "filled": any(cells.values())}


def _rules(name: str, form: Mapping[str, str]) -> list[dict[str, Any]]:
    numbers = sorted(
        {int(found[1]) for key in form if (found := re.match(rf"{name}\.(\d{{1,3}})\.", key))}
    )
    rules = []
    for number in numbers:
        cells = {part: form.get(f"{name}.{number}.{part}", "").strip() for part in _PARTS}
        if not any(cells.values()):
            continue
        methods = [each.upper() for each in re.split(r"[,\s]+", cells["methods"]) if each]
        rule: dict[str, Any] = {part: cells[part] or None for part in _PARTS}
        rules.append({**rule, "methods": methods or None})
    return rules
