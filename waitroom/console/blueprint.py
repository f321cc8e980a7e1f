"""All addresses below ``/console``, and what their answers have in common."""

from quart import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from waitroom.accounts.errors import UnauthorizedError
from waitroom.console.door import check, signed_in
from waitroom.console.pages import HEADERS, assets, page
from waitroom.console.views import alerts as alerts_views
from waitroom.console.views import (
    changes,
    levers,
    me,
    people,
    reports,
    room,
    rooms,
    settings,
    sign_in,
    splash,
    test,
    tokens,
    visitors,
)
from waitroom.errors import WaitroomError
from waitroom.web.requests import json_response, responded, see_other, shown
from waitroom.web.services import services

_HEADINGS = {
    401: "Sign in first",
    403: "That is not yours to do",
    404: "There is no such page",
    409: "Somebody was quicker",
    429: "A little too fast",
    503: "The waiting room’s store does not answer",
}

console = Blueprint("console", __name__, url_prefix="/console")


@console.get("/assets/<version>/<name>")
async def asset(version: str, name: str) -> Response:
    """Send a stylesheet or script; one of this version is kept for ever."""
    reply = assets().reply(shown().accepts, version, name)
    if reply is None:
        return Response("", 404)
    return responded(reply)


@console.before_request
async def _check() -> Response | None:
    return await check()


@console.after_request
async def _headers(response: Response) -> Response:
    if request.endpoint != "console.asset":
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response


@console.errorhandler(WaitroomError)
async def _refusal(error: WaitroomError) -> Response:
    error = services().hub.named(error)
    services().metrics.error(error.code)
    return refused(error.status, error.code, error.detail, error)


@console.errorhandler(HTTPException)
async def _http_error(error: HTTPException) -> Response:
    return refused(error.code or 500, "bad_request", error.description or error.name)


def refused(status: int, code: str, detail: str, error: WaitroomError | None = None) -> Response:
    """Return what a refusal looks like: a page for people, JSON for scripts.

    Args:
        status: HTTP status.
        code: Stable name of what happened.
        detail: One sentence.
        error: What happened, if it is one of ours.
    """
    if "text/html" not in request.headers.get("Accept", ""):
        return json_response({"error": code, "detail": detail}, status)
    if isinstance(error, UnauthorizedError) and not signed_in():
        return see_other("/console/sign-in")
    heading = _HEADINGS.get(status, "That did not work")
    back = request.referrer if request.method == "POST" else None
    inside = back is not None and back.startswith(request.host_url)
    again = status == 503 and request.method == "GET"
    return page(
        "error.html",
        status=status,
        heading=heading,
        detail=detail,
        back=back if inside else request.full_path.rstrip("?") if again else "/console/rooms",
        again=again,
    )


for _module in (
    sign_in,
    rooms,
    room,
    levers,
    settings,
    visitors,
    changes,
    test,
    me,
    people,
    tokens,
    splash,
    alerts_views,
    reports,
):
    _module.add_to(console)
