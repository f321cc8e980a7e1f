"""The OpenAPI 3.1 document, made from the views and their models by quart-schema.

What quart-schema leaves out is added here: problems, headers, the shapes of names, and a
description of each field, read from where the code already says it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from quart import Quart, current_app
from quart_schema import QuartSchema
from quart_schema.openapi import HttpSecurityScheme, Info, OpenAPIProvider, Tag
from werkzeug.routing import BaseConverter, Rule

import waitroom
from waitroom.accounts.account import NAME as ACCOUNT_NAME
from waitroom.api.blueprint import EMPTY, HEADERS, MEDIA, PUBLIC, REFUSES
from waitroom.api.problems import MEDIA_TYPE, TITLES, Problem
from waitroom.api.shapes import complete
from waitroom.control.meanings import MEANINGS
from waitroom.reports.folder import NAME as REPORT_NAME
from waitroom.room import RoomSettings
from waitroom.room.settings import ROOM_NAME

#: What any view may refuse with.
ANY = (401, 403, 422, 429, 500, 503)
#: What a view that takes a body may refuse with, too.
WITH_BODY = (400, 413, 415)

ABOUT = """Everything an owner can do with waiting rooms.

Send `Authorization: Bearer wrt_…` with an API token of the console. What a token may do is its
role's business: a viewer reads, an operator moves the line, an owner does everything; a token
may be for some rooms only. Times are milliseconds since the epoch unless a name says else.
Whatever goes wrong is told as RFC 9457 problem details, with a stable `code`."""

TAGS = {
    "Rooms": "Rooms and their settings.",
    "Levers": "One call each, for moments when there is no time.",
    "Visitors": "The line, one by one.",
    "Figures": "Rooms in numbers.",
    "The splash page": "What visitors see.",
    "Reports": "What happened, to keep.",
    "Alerts": "Who is told when something starts or ends.",
    "Accounts and tokens": "Who may look after the rooms; for owners of all rooms.",
    "Looking after it": "Who did what, and how everything does.",
}

_OPERATION = re.compile(r"[^a-z0-9]+")


class Provider(OpenAPIProvider):
    """Builds the document; asked once."""

    def schema(self) -> dict[str, Any]:
        """Return the document."""
        found = super().schema()
        # Made from a defaultdict, by views in the order of their addresses.
        found["paths"] = {path: found["paths"][path] for path in sorted(found["paths"])}
        schemas = found["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs", {})
        schemas["Problem"] = problem
        for operation in _operations(found):
            _lift(operation, schemas)
        for name, schema in schemas.items():
            complete(name, schema)
            _described(schema)
        return found

    def generate_rules(self) -> Iterable[Rule]:
        """Return the addresses of the owner API that need a token."""
        for rule in self._app.url_map.iter_rules():
            view = self._app.view_functions[rule.endpoint]
            if hasattr(view, REFUSES) and not getattr(view, PUBLIC, False):
                yield rule

    def operation_id(self, method: str, path: str, func: Callable[..., Any]) -> str | None:
        """Return the view's own name."""
        return func.__name__.strip("_")

    def build_path_parameter(self, name: str, converter: BaseConverter) -> dict[str, Any]:
        """Return a parameter of the address, with the shape it has."""
        found: dict[str, Any] = super().build_path_parameter(name, converter)
        if name == "name":
            found["schema"] = {"type": "string", "pattern": f"^{ROOM_NAME.pattern}$"}
            found["description"] = "The room's name."
        elif name == "visitor":
            found["schema"] = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
            found["description"] = "The visitor's id."
        elif name == "report":
            found["schema"] = {"type": "string", "pattern": f"^{REPORT_NAME.pattern}$"}
            found["description"] = "The report's id."
        elif name in ("account", "token"):
            found["schema"] = {"type": "string", "pattern": f"^{ACCOUNT_NAME.pattern}$"}
            found["description"] = f"The {name}'s name."
        return found

    def build_querystring_parameters(
        self, model: Any
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the parameters of a query; those without a default have to be given."""
        parameters, components = super().build_querystring_parameters(model)
        for parameter in parameters:
            parameter["required"] = model.model_fields[parameter["name"]].is_required()
        return parameters, components

    def build_paths(self, rule: Rule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the operations of an address, with all that they may answer."""
        view = self._app.view_functions[rule.endpoint]
        paths, components = super().build_paths(rule)
        for path in paths.values():
            for operation in path.values():
                _complete(operation, view)
        return paths, components


def describe_app(app: Quart) -> None:
    """Make the document available to the app's views; it adds no address by itself."""
    made_before, json_before = app.make_response, app.json
    QuartSchema(
        app,
        openapi_path=None,
        info=Info(title="Waitroom", version=waitroom.__version__, description=ABOUT),
        tags=[Tag(name, description) for name, description in TAGS.items()],
        security_schemes={"token": HttpSecurityScheme("bearer")},
        security=[{"token": []}],
        openapi_provider_class=Provider,
    )
    # It also converts what any view of the whole app returns; ours return answers.
    app.make_response, app.json = made_before, json_before  # type: ignore[method-assign]


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the app that handles this request."""
    extension = current_app.extensions["QUART_SCHEMA"]
    if not hasattr(extension, "waitroom_document"):
        extension.waitroom_document = extension.openapi_provider.schema()
    found: dict[str, Any] = extension.waitroom_document
    return found


def _operations(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _complete(operation: dict[str, Any], view: Callable[..., Any]) -> None:
    operation["description"] = operation.get("description", "").strip()
    answers = operation["responses"] = {
        str(status): answer for status, answer in operation["responses"].items()
    }
    for found in answers.values():
        found["description"] = found["description"].partition("Attributes:")[0].strip()
    for status, media in getattr(view, MEDIA, {}).items():
        answers[str(status)] = {
            "description": "What was asked for.",
            "content": {media: {"schema": {"type": "string"}}},
        }
    if empty := getattr(view, EMPTY, None):
        answers[str(empty)] = {"description": "Done."}
    statuses = {*ANY, *getattr(view, REFUSES, ())}
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
        statuses |= set(WITH_BODY)
    for status in sorted(statuses):
        answers[str(status)] = {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    for name, text in getattr(view, HEADERS, {}).items():
        operation["parameters"].append(
            {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        )


def _lift(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give models that stand in an operation a name of their own, once for all operations."""
    parts = [operation.get("requestBody", {}), *operation["responses"].values()]
    for part in parts:
        content = part.get("content", {}).get("application/json", {})
        title = content.get("schema", {}).get("title")
        if title:
            schemas.setdefault(title, content["schema"])
            content["schema"] = {"$ref": f"#/components/schemas/{title}"}


def _described(schema: dict[str, Any]) -> None:
    """Tell each field what the code says of it: docstrings of dataclasses, settings' meanings."""
    fields = schema.get("properties", {})
    told = _attributes(schema)
    is_settings = set(RoomSettings.model_fields) <= set(fields)
    for name, field in fields.items():
        field.pop("title", None)
        if is_settings and name in MEANINGS:
            field.setdefault("description", MEANINGS[name].text)
        elif name in told:
            field.setdefault("description", told[name])
        if is_settings:
            # What is left out of a change stays; of a new room it is the installation's.
            field.pop("default", None)


def _attributes(schema: dict[str, Any]) -> dict[str, str]:
    """Take the section ``Attributes`` out of a description, and return it by name."""
    text, _, section = schema.get("description", "").partition("Attributes:")
    if not section:
        return {}
    schema["description"] = text.strip()
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if match := re.match(r" *(\w+): (.*)", line):
            name = match[1]
            found[name] = match[2].strip()
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return {name: said.replace("``", "`") for name, said in found.items()}
