"""What the models' own checks mean in JSON Schema, so that the document says no less than they do.

Checks written in Python leave no trace in a generated schema; here each has its words.
"""

from typing import Any

from waitroom.room.settings import THEME_VERSION

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_GROUP = "[0-9A-Fa-f]{1,4}"
_V4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_V6 = "|".join(
    [
        f"({_GROUP}:){{7}}{_GROUP}",
        f"({_GROUP}:){{1,7}}:",
        *(f"({_GROUP}:){{1,{7 - n}}}(:{_GROUP}){{1,{n}}}" for n in range(1, 7)),
        f":((:{_GROUP}){{1,7}}|:)",
    ]
)
#: An IP address.
ADDRESS = f"({_V4}|{_V6})"
_NETWORK = f"({_V4}(/(3[0-2]|[12]?[0-9]))?|({_V6})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)"

_TEXT = {"pattern": r"^[^\x00-\x09\x0b-\x1f]*$"}
#: Also `/shop/*`, as owners write it elsewhere; it means the same as `/shop`.
_PATH = {"pattern": r"^/([^/\x00-\x20\\?#*][^\x00-\x20\\?#*]*(/\*)?|\*)?$"}

#: Shape and field -> what its schema lacks.
FIELDS: dict[tuple[str, str], dict[str, Any]] = {
    ("Route", "path"): _PATH,
    ("Bypass", "path"): _PATH,
    ("Bypass", "network"): {"pattern": f"^{_NETWORK}$", "format": "ip-network"},
    ("Message", "text"): _TEXT,
    **{
        (shape, field): found
        for shape in ("Room", "NewRoom", "RoomChanges")
        for field, found in {
            "title": _TEXT,
            "message": _TEXT,
            "report_to": {"format": "email"},
            "theme": {"pattern": f"^({THEME_VERSION.pattern})?$"},
        }.items()
    },
}
#: Shape -> what it lacks as a whole.
WHOLE: dict[str, dict[str, Any]] = {
    "Bypass": {
        # A rule that names nothing would do nothing.
        "anyOf": [
            {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
            for name in ("path", "methods", "header", "value", "network")
        ]
    }
}


def complete(name: str, schema: dict[str, Any]) -> None:
    """Add to a shape what its generated schema lacks.

    Args:
        name: The shape's name.
        schema: Its schema; changed in place.
    """
    for field, found in schema.get("properties", {}).items():
        if more := FIELDS.get((name, field)):
            _text(found).update(more)
    schema.update(WHOLE.get(name, {}))


def _text(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a field's schema that is about its text: beside null, or in a list."""
    if "items" in schema:
        return _text(schema["items"])
    for part in schema.get("anyOf", ()):
        if part.get("type") == "string":
            found: dict[str, Any] = part
            return found
    return schema
