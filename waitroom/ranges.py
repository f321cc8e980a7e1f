"""Says in words what a setting may be, from the model that checks it."""

from typing import Any

from pydantic import BaseModel

_TYPES = {"integer": "a whole number", "boolean": "true or false", "string": "text"}


def allowed(model: type[BaseModel], name: str) -> str:
    """Return what a field accepts, as a phrase after "must be".

    Args:
        model: The model.
        name: One of its fields.

    Returns:
        Such as ``a whole number, 0 to 65535`` or ``redirect or inline``; empty for a field whose
        shape says nothing short.
    """
    schema = model.model_json_schema(by_alias=False)
    return _phrase(schema["properties"][name])


def _phrase(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        parts = [_phrase(part) for part in schema["anyOf"]]
        return " or ".join(part for part in parts if part)
    kind = schema.get("type")
    if kind == "null":
        return "null"
    if kind == "array":
        return f"a list of at most {schema['maxItems']}" if "maxItems" in schema else "a list"
    phrase = _TYPES.get(str(kind), "")
    if "minimum" in schema and "maximum" in schema:
        phrase += f", {schema['minimum']} to {schema['maximum']}"
    if "maxLength" in schema:
        phrase += f" of at most {schema['maxLength']} characters"
    return phrase
