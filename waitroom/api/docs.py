"""The OpenAPI document and a readable page made from it; neither needs a token.

The page is rendered here: no script, and nothing from another host.
"""

from functools import cache
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from quart import Response

from waitroom import errors
from waitroom.api.blueprint import api, describe, public
from waitroom.api.openapi import TAGS, document
from waitroom.api.problems import TITLES, FieldError

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@api.get("/openapi.json")
@public
@describe("Looking after it", media="application/json")
async def openapi() -> Response:
    """Get this API as an OpenAPI 3.1 document."""
    response = Response(orjson.dumps(document()), content_type="application/json")
    response.headers.update(SECURITY_HEADERS)
    return response


@api.get("/docs")
@public
@describe("Looking after it", media="text/html")
async def page() -> Response:
    """Read about this API."""
    response = Response(_page(), content_type="text/html; charset=utf-8")
    response.headers.update(SECURITY_HEADERS)
    return response


@api.get("/docs.css")
@public
@describe("Looking after it", media="text/css")
async def style() -> Response:
    """Get the page's style."""
    response = Response(_source("docs.css"), content_type="text/css; charset=utf-8")
    response.headers.update(SECURITY_HEADERS)
    return response


def _page() -> str:
    found = document()
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    ]
    groups = [
        (tag, text, [each for each in operations if each["tags"][0] == tag])
        for tag, text in TAGS.items()
    ]
    return (
        _environment()
        .get_template("docs.html")
        .render(
            document=found,
            groups=[group for group in groups if group[2]],
            schemas=sorted(found["components"]["schemas"].items()),
            codes=_codes(),
            titles=TITLES,
            kind=kind,
        )
    )


def kind(schema: dict[str, Any]) -> str:
    """Return what a value is, in words such as `integer, 1 to 10` or `list of Route`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(orjson.dumps(value).decode() for value in schema["enum"])
    if "const" in schema:
        return orjson.dumps(schema["const"]).decode()
    if "anyOf" in schema:
        return " or ".join(kind(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    name = str(schema.get("type", "anything"))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{name}, {low} to {high}"
    if "maxLength" in schema:
        return f"{name}, at most {schema['maxLength']} characters"
    return name


@cache
def _codes() -> list[tuple[str, int, str]]:
    """Return code, status and meaning of every problem that has one of its own, sorted."""
    found: dict[str, tuple[int, str]] = {}
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    for kind_ in [*kinds, FieldError]:
        if issubclass(kind_, errors.WaitroomError) and "code" in vars(kind_):
            first = (kind_.__doc__ or "").partition("\n")[0]
            found.setdefault(kind_.code, (kind_.status, first))
    return sorted((code, status, text) for code, (status, text) in found.items())


def marked(text: str) -> Markup:
    """Return text in which what stands in backticks is code."""
    # Every second part stood in backticks.
    parts = [
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("waitroom.api", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["marked"] = marked
    return found


@cache
def _source(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]
