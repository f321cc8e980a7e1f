"""How a page of the console is made: its template, who looks at it, what was just done."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from quart import Response, request, url_for

from waitroom.console.assets import HERE, Assets
from waitroom.console.door import form_token, signed_in
from waitroom.console.sentences import STATES
from waitroom.control.words import number
from waitroom.web.requests import see_other

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

#: What a page says after something was done, by the word that the redirect to it carries.
DONE = {
    "made": "The room is there.",
    "saved": "Saved. It counts from now on.",
    "same": "Nothing was different, so nothing was changed.",
    "open": "The room is open.",
    "stop": "Stopped. Nobody is let in; all keep their places.",
    "close": "Closed. Newcomers are refused, and a report of what happened is made.",
    "drain": "Draining. Newcomers are refused; those in line are let in.",
    "suspend": "Everybody goes straight to the site.",
    "end-passes": "All passes have ended.",
    "message": "The line reads your message now.",
    "silence": "The message is taken away.",
    "let-in": "The visitor is let in.",
    "removed": "The visitor is out of the room.",
    "deleted": "It is deleted.",
    "general": "The general rule holds in this room.",
    "default": "It is as it was.",
    "revoked": "The token counts no more.",
    "password": "The password is changed. All other sign-ins have ended.",
    "totp-off": "You sign in with your password alone.",
    "welcome": "Your password is set.",
    "signed-out": "You are signed out.",
    "sent": "Sent. Look whether it arrived.",
    "asked": "The report is being made.",
    "published": "Published. Visitors see it within a minute.",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One line on top of a page.

    Attributes:
        text: What it says.
        kind: What it is about.
    """

    text: str
    kind: Literal["done", "wrong", "warn"] = "done"


@lru_cache(maxsize=1)
def assets() -> Assets:
    """Return the console's files, read once a process."""
    return Assets()


def page(
    template: str, /, *, status: int = 200, notes: list[Note] | None = None, **values: Any
) -> Response:
    """Return a page; nobody may cache it.

    Args:
        template: Its name.
        status: HTTP status.
        notes: Lines on top, beside what the address says was done.
        values: What the template shows.
    """
    done = DONE.get(request.args.get("done", ""))
    found = ([Note(done)] if done and not notes else []) + (notes or [])
    return fragment(template, status=status, notes=found, **values)


def fragment(template: str, /, *, status: int = 200, **values: Any) -> Response:
    """Return a part of a page, for its script.

    Args:
        template: Its name.
        status: HTTP status.
        values: What the template shows.
    """
    common = {
        "section": "rooms",
        "status": status,
        "who": found.who if (found := signed_in()) else None,
        "csrf_token": form_token(),
    }
    body = _environment().get_template(template).render(common | values)
    return Response(body, status, HEADERS, content_type="text/html; charset=utf-8")


def go(endpoint: str, /, *, done: str = "", **values: Any) -> Response:
    """Return the redirect that follows a form.

    Args:
        endpoint: The view to go to, without the name of the blueprint.
        done: What was done, one of ``DONE``.
        values: Parts of its address.
    """
    if done:
        values["done"] = done
    return see_other(url_for(f"console.{endpoint}", **values))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(url_for=url_for, asset=assets().address, room_states=STATES)
    found.filters.update(iso=_iso, clock=_clock, number=number)
    return found


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")
