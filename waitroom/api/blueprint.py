"""The blueprint that all views of the owner API hang on, and what describes them."""

from collections.abc import Callable
from typing import Any, TypeVar

from quart import Blueprint, current_app, g, request
from quart_schema import document_querystring, document_request, document_response, tag

from waitroom.accounts.guard import who_of_bearer

_V = TypeVar("_V", bound=Callable[..., Any])

#: Attribute of a view: statuses with which it may refuse.
REFUSES = "_waitroom_refuses"
#: Attribute of a view: it needs no token.
PUBLIC = "_waitroom_public"
#: Attribute of a view: media type of an answer that is no JSON, by status.
MEDIA = "_waitroom_media"
#: Attribute of a view: headers that it reads, name -> description.
HEADERS = "_waitroom_headers"
#: Attribute of a view: the status of an answer without a body.
EMPTY = "_waitroom_empty"

api = Blueprint("api", __name__, url_prefix="/api")


@api.before_request
async def _recognise() -> None:
    view = current_app.view_functions[str(request.endpoint)]
    if not getattr(view, PUBLIC, False):
        g.waitroom_who = await who_of_bearer()


def describe(
    about: str,
    *,
    answers: type | None = None,
    status: int = 200,
    media: str = "",
    body: type | None = None,
    query: type | None = None,
    headers: dict[str, str] | None = None,
    refuses: tuple[int, ...] = (),
) -> Callable[[_V], _V]:
    """Say what a view takes and answers, for the OpenAPI document.

    Args:
        about: The heading that it stands under.
        answers: What a JSON answer holds.
        status: The status of an answer that is no problem.
        media: Media type of an answer that is no JSON.
        body: The model of the body.
        query: The model of the query.
        headers: Headers that it reads, name -> what they do.
        refuses: Statuses of problems, beside those that any view has.
    """

    def mark(view: _V) -> _V:
        view = tag([about])(view)
        if answers is not None:
            view = document_response(answers, status)(view)
        elif media:
            setattr(view, MEDIA, {status: media})
        else:
            setattr(view, EMPTY, status)
        if body is not None:
            view = document_request(body)(view)
        if query is not None:
            view = document_querystring(query)(view)
        setattr(view, HEADERS, headers or {})
        setattr(view, REFUSES, refuses)
        return view

    return mark


def public(view: _V) -> _V:
    """Let anybody ask a view."""
    setattr(view, PUBLIC, True)
    return view
