"""What requests of the owner API have in common: who asks, the body, the query, the answer.

Bodies and queries are taken exactly: no unknown fields, no text where a number belongs.
"""

from functools import cache
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from quart import Response, request

from waitroom.api.problems import FieldError
from waitroom.control import Control
from waitroom.errors import RequestError, VersionError
from waitroom.ranges import allowed
from waitroom.web.services import services

_M = TypeVar("_M", bound=BaseModel)

#: Numbers below this one are exact in every JSON parser.
EXACT = 2**53
#: Lists and objects in one another; no model needs half as many, and writers of JSON give up later.
NESTED_MAX = 32
#: Said of names that a model does not have.
_UNKNOWN = "there is no such field"


def control() -> Control:
    """Return what an owner can do."""
    return services().control


async def body(model: type[_M], given: dict[str, Any] | None = None) -> _M:
    """Read the body.

    Args:
        model: What it has to be.
        given: The body, if it was read already.

    Raises:
        RequestError: If it is no JSON object.
        FieldError: If a field is unknown, missing, or not allowed.
    """
    given = await json_object() if given is None else given
    try:
        return model.model_validate_json(orjson.dumps(given), strict=True)
    except ValidationError as e:
        raise field_error(e, model) from None


async def json_object() -> dict[str, Any]:
    """Return the body of a request that has to be a JSON object.

    Raises:
        RequestError: If it calls itself something else, or is none.
    """
    if request.mimetype != "application/json":
        raise RequestError(
            "Send JSON, with the header Content-Type: application/json.",
            code="not_json",
            status=415,
        )
    try:
        found = _whole(orjson.loads(await request.get_data()))
    except orjson.JSONDecodeError:
        raise RequestError("The body is not JSON.", code="not_json") from None
    if not isinstance(found, dict):
        raise RequestError("The body is not a JSON object.", code="not_an_object", status=422)
    return found


def query(model: type[_M]) -> _M:
    """Read the query of the address.

    Args:
        model: What it has to be.

    Raises:
        FieldError: If a parameter is unknown, given twice, or not allowed.
    """
    shown: dict[str, Any] = {}
    for name in request.args:
        values = request.args.getlist(name)
        if len(values) > 1:
            raise FieldError(name, values, "give it once")
        shown[name] = values[0]
    try:
        return model.model_validate(shown)
    except ValidationError as e:
        raise field_error(e, model) from None


def if_match() -> str | None:
    """Return the version that ``If-Match`` names; None if it is not shown, or is ``*``.

    Raises:
        VersionError: If it is no version of ours.
    """
    shown = request.headers.get("If-Match", "").strip()
    if shown in ("", "*"):
        return None
    if len(shown) < 2 or not (shown[0] == shown[-1] == '"') or '"' in shown[1:-1]:
        raise VersionError([])
    return shown[1:-1]


def if_match_header(what: str) -> dict[str, str]:
    """Return how the document describes ``If-Match``.

    Args:
        what: What is changed, such as ``the room``.
    """
    return {
        "If-Match": f"The ETag of {what} as you saw it: if anything was changed since, nothing is "
        "done, and the problem (412) says what changed."
    }


def field_error(error: ValidationError, model: type[BaseModel]) -> FieldError:
    """Return what a model refused; names the first one."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "body"
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        there = ", ".join(model.model_fields) or "none"
        return FieldError(name, first["input"], f"{_UNKNOWN}; there are: {there}")
    if first["type"] == "missing":
        return FieldError(name, None, "it has to be given")
    phrase = ""
    if len(first["loc"]) == 1 and first["type"] != "value_error":
        phrase = allowed(model, name)
    said = f"must be {phrase}" if phrase else first["msg"].removeprefix("Value error, ")
    return FieldError(name, first["input"], said)


def answer(value: object, status: int = 200, **headers: str) -> Response:
    """Return data as an answer that nobody may cache.

    Args:
        value: A model, a dataclass or plain data.
        status: HTTP status.
        headers: Further headers, ``_`` for ``-``.
    """
    kind: Any = type(value)
    text = _adapter(kind).dump_json(value)
    response = Response(text, status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    for name, text_ in headers.items():
        response.headers[name.replace("_", "-")] = text_
    return response


def no_content() -> Response:
    """Return the answer of what is done and has nothing to say."""
    response = Response(b"", 204)
    response.headers["Cache-Control"] = "no-store"
    response.headers.pop("Content-Type", None)
    return response


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _whole(value: Any, inside: int = 0) -> Any:
    """Return a value with whole numbers for those that JSON may write as ``5.0``.

    Raises:
        RequestError: If it is nested deeper than anything that is taken.
    """
    if inside > NESTED_MAX:
        raise RequestError("The body is nested too deeply.", code="not_json")
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)
    if isinstance(value, list):
        return [_whole(each, inside + 1) for each in value]
    if isinstance(value, dict):
        return {name: _whole(each, inside + 1) for name, each in value.items()}
    return value
