"""Errors of the owner API as RFC 9457 problem details.

Beside the standard members each has our ``code``; one about a value also names ``field``,
``value`` and what is ``allowed``; one about an edit that came too late lists ``changes``.
"""

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from quart import Response

from waitroom.errors import (
    AdmissionError,
    ConflictError,
    ForbiddenError,
    SettingError,
    VersionError,
    WaitroomError,
)

MEDIA_TYPE = "application/problem+json"
#: Where the readable page explains a code.
EXPLAINED = "/api/docs#problem-"
#: Longest value that is shown back, characters of its JSON.
SHOWN_MAX = 500
#: Seconds after which a program may try again what failed because Redis was away.
RETRY_AFTER_S = 3

#: What each status means here, for the page and for titles.
TITLES = {
    400: "The request is malformed.",
    401: "Nobody was recognised.",
    403: "This is not allowed.",
    404: "There is no such thing.",
    405: "This address does not know the method.",
    409: "This does not fit the state of things.",
    412: "Somebody else was quicker.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A value is not allowed.",
    429: "Too many requests.",
    500: "Something went wrong here.",
    502: "Somebody else did not take it.",
    503: "The service is not available at the moment.",
}


class LateChange(BaseModel):
    """A setting that somebody changed since it was seen."""

    field: str = Field(description="The setting.")
    before: Any = Field(None, description="Its value before.")
    value: Any = Field(None, description="Its value now.")
    who: str = Field(description="Who changed it.")
    at_ms: int = Field(description="When, milliseconds since the epoch.")


class Problem(BaseModel):
    """What went wrong, as RFC 9457 wants it; members that say nothing are left out."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Where it is explained.")
    title: str = Field(description="The kind of problem.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong, for a person.")
    code: str = Field(description="A stable name of what went wrong, for programs.")
    field: str | None = Field(None, description="The field or parameter that is wrong.")
    value: Any = Field(None, description="The value refused.")
    allowed: str | None = Field(None, description="What would have been accepted.")
    changes: list[LateChange] | None = Field(
        None, description="What somebody else changed meanwhile, oldest first."
    )


class FieldError(WaitroomError):
    """A field or parameter of a request is not allowed; nothing was done."""

    code = "bad_field"
    status = 422

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field}: {allowed}")
        #: Its name.
        self.field = field
        #: The value refused.
        self.value = value
        #: What would have been accepted.
        self.allowed = allowed


def is_owner_api(path: str) -> bool:
    """Say whether an address belongs to the owner API, whether there is something or not."""
    return f"{path}/".startswith("/api/") and not f"{path}/".startswith("/api/edge/")


def problem(error: WaitroomError) -> dict[str, Any]:
    """Return an error as problem details."""
    found: dict[str, Any] = {
        "type": f"{EXPLAINED}{error.code}",
        "title": TITLES.get(error.status, TITLES[500]),
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    if isinstance(error, SettingError):
        found |= _about(error.name, error.value, error.allowed)
    elif isinstance(error, FieldError):
        found |= _about(error.field, error.value, error.allowed)
    elif isinstance(error, ForbiddenError):
        found["allowed"] = f"the role {error.role}"
    elif isinstance(error, ConflictError):
        found |= {"field": error.field, "value": _shown(error.value)}
    elif isinstance(error, VersionError):
        found["changes"] = error.changes
    elif isinstance(error, AdmissionError):
        found["title"] = "This cannot be at the moment."
    return found


def problem_response(error: WaitroomError, headers: dict[str, str] | None = None) -> Response:
    """Return an error as an answer of the owner API.

    Args:
        error: What went wrong.
        headers: Headers that belong to it, such as Allow.
    """
    body = orjson.dumps(problem(error))
    response = Response(body, error.status, content_type=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    response.headers.update(headers or {})
    return response


def _about(field: str, value: object, allowed: str) -> dict[str, Any]:
    return {"field": field, "value": _shown(value), "allowed": allowed}


def _shown(value: object) -> Any:
    """Return a value as it may be shown back: not endless, and whatever it is."""
    try:
        text = orjson.dumps(value, default=str)
    except (orjson.JSONEncodeError, TypeError):
        return None
    return orjson.loads(text) if len(text) <= SHOWN_MAX else None
