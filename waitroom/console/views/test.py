"""The test of an address: which room stands in front of it, which rule decides, and why."""

from quart import Blueprint, Response, request

from waitroom.console.door import who
from waitroom.console.pages import page
from waitroom.errors import RequestError
from waitroom.room.settings import Route
from waitroom.web.services import services

#: Stands in commands until a room names a page of the owner's site.
EXAMPLE = Route(host="your-site.example", path="/the-page")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
_OUTCOMES = {
    "site": ("good", "Goes to the site"),
    "waits": ("queueing", "Waits"),
    "enters": ("queueing", "Let in while a seat is free, else waits"),
    "refused": ("bad", "Refused"),
    "service": ("busy", "The waiting room’s own"),
}


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/test", view_func=test)
    console.add_url_rule("/connect", view_func=connect)


async def connect() -> Response:
    """Say how to put an edge in front of the site, with this installation's addresses."""
    config = services().config
    service = config.service_url or request.host_url.rstrip("/")
    health = await services().control.health(who())
    routes = [
        each for room in await services().control.rooms(who()) for each in room.settings.routes
    ]
    site = next((each for each in routes if each.host != "*"), EXAMPLE)
    return page("connect.html", section="connect", service=service, edges=health.edges, site=site)


async def test() -> Response:
    """Show the form, and what becomes of the address that was pasted."""
    url = request.args.get("url", "").strip()[:4_096]
    asked = request.args.get("method", "GET")
    method = asked if asked in METHODS else "GET"
    address = request.args.get("address", "").strip()[:64]
    match, wrong = None, ""
    if url:
        try:
            match = await services().control.match(who(), url, method=method, address=address)
        except RequestError as e:
            wrong = e.detail
    state, text = _OUTCOMES[match.outcome] if match else ("", "")
    return page(
        "test.html",
        status=400 if wrong else 200,
        section="test",
        url=url,
        method=method,
        address=address,
        match=match,
        wrong=wrong,
        outcome={"state": state, "text": text},
    )
