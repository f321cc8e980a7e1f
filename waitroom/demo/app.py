"""The demo shop: three pages of Quart, wrapped into the gate.

The pages know nothing of the waiting room but one header, which says that a seat is held.
"""

from quart import Quart, Response, abort, render_template, request

from waitroom.config import Config
from waitroom.demo.goods import DAYS, TICKETS, Day, Ticket, day, ticket
from waitroom.errors import ConfigError
from waitroom.gate import GateMiddleware

#: The room in front of the shop, made by ``waitroom up``.
ROOM = "shop"
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_demo(config: Config) -> GateMiddleware:
    """Return the shop behind the gate, as an ASGI app.

    Args:
        config: This installation's settings, with its secrets.

    Raises:
        ConfigError: If the edge token or the signing keys are missing.
    """
    if config.edge_token is None:
        raise ConfigError("WAITROOM_EDGE_TOKEN is not set; the gate needs it")
    return GateMiddleware(
        create_shop(),
        service_url=config.service_url or f"http://127.0.0.1:{config.port}",
        edge_token=config.edge_token.get_secret_value(),
        secret_keys=config.signing_keys(),
    )


def create_shop() -> Quart:
    """Return the shop alone, with nothing in front of it."""
    app = Quart(__name__)
    app.add_url_rule("/", "home", _home)
    app.add_url_rule("/tickets", "tickets", _tickets)
    app.add_url_rule("/buy", "buy", _buy, methods=["GET", "POST"])
    app.register_error_handler(404, _not_found)
    app.context_processor(_common)
    app.after_request(_with_headers)
    return app


async def _home() -> str:
    return await render_template("home.html", days=DAYS)


async def _tickets() -> str:
    return await render_template("tickets.html", days=DAYS, tickets=TICKETS, chosen=_day())


async def _buy() -> str:
    if request.method == "POST":
        form = await request.form
        return await render_template(
            "thanks.html", chosen=_day(form.get("day")), kind=_kind(form.get("kind"))
        )
    return await render_template("buy.html", chosen=_day(), kind=_kind(request.args.get("kind")))


async def _not_found(_: Exception) -> tuple[str, int]:
    return await render_template("missing.html"), 404


def _day(text: str | None = None) -> Day:
    text = text or request.args.get("day", "1")
    found = day(int(text)) if text.isascii() and text.isdigit() and len(text) < 3 else None
    return found or abort(404)


def _kind(key: str | None) -> Ticket:
    return ticket(key or TICKETS[0].key) or abort(404)


async def _common() -> dict[str, object]:
    seated = request.headers.get("Waitroom-Gate") == ROOM
    return {"seated": seated, "leave": f"/__waitroom/{ROOM}/leave"}


async def _with_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if response.content_type.startswith("text/html"):
        # Else "back" would show the shop to somebody who has given up the seat.
        response.headers["Cache-Control"] = "no-store"
    return response
