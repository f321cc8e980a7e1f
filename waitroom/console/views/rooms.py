"""The list of rooms with their live state, and making one from a pasted address."""

import re
from typing import Any
from urllib.parse import urlsplit

from quart import Blueprint, Response, request

from waitroom.console import forms
from waitroom.console.door import who
from waitroom.console.pages import Note, fragment, go, page
from waitroom.console.sentences import texts
from waitroom.control.views import RoomFigures
from waitroom.errors import RequestError, RoomExistsError, SettingError
from waitroom.web.requests import json_response
from waitroom.web.services import services

_NUMBERS = ("total_active_users", "new_users_per_minute")


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("", endpoint="root", view_func=root)
    console.add_url_rule("/", endpoint="root_", view_func=root)
    console.add_url_rule("/rooms", view_func=rooms)
    console.add_url_rule("/rooms.html", view_func=rooms_fragment)
    console.add_url_rule("/new", view_func=new_room, methods=["GET", "POST"])
    console.add_url_rule("/new/address", view_func=read_address)


async def root() -> Response:
    """Go to the rooms."""
    return go("rooms")


async def rooms() -> Response:
    """List the rooms, or teach how to make the first one."""
    found = [_shown(each) for each in await services().control.all_figures(who())]
    return page("rooms.html", rooms=found, seats=services().config.total_active_users)


async def rooms_fragment() -> Response:
    """Return the list alone, for the page to refresh itself."""
    found = [_shown(each) for each in await services().control.all_figures(who())]
    return fragment("_rooms.html", rooms=found)


async def new_room() -> Response:
    """Show the form, or make a room of it."""
    who().require("owner")
    if request.method == "GET":
        values = {"total_active_users": str(services().config.total_active_users)}
        return _form({"queue_all": True, **values})
    form = (await request.form).to_dict()
    try:
        host, path = split_address(form.get("address", ""))
    except RequestError as e:
        return _form(form, Note(e.detail, "wrong"), "address")
    name = form.get("name", "").strip().lower() or proposed_name(host, path)
    changes: dict[str, Any] = {
        "routes": [{"host": host, "path": path}],
        "title": form.get("title", "").strip(),
        "queue_all": form.get("queue_all") == "1",
        **forms.read(form, _NUMBERS),
    }
    try:
        made = await services().control.create(who(), name, changes)
    except SettingError as e:
        field = e.name.partition(".")[0]
        return _form({**form, "name": name}, Note(_sentence(e), "wrong"), field)
    except RoomExistsError as e:
        detail = f"{e.detail} Choose another name."
        return _form({**form, "name": name}, Note(detail, "wrong"), "name", 409)
    return go("room", name=made.name, done="made")


async def read_address() -> Response:
    """Say what a pasted address means, and propose a name for its room."""
    try:
        host, path = split_address(request.args.get("address", ""))
    except RequestError as e:
        return json_response({"sentence": e.detail, "name": ""})
    below = "the whole site" if path == "/" else f"{path} and everything below it"
    return json_response(
        {"sentence": f"Covers {below} on {host}.", "name": proposed_name(host, path)}
    )


def split_address(text: str) -> tuple[str, str]:
    """Return host and path of an address as somebody pastes it.

    Raises:
        RequestError: If it names no host.
    """
    address = text.strip()
    if "://" not in address:
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\s@]", parts.netloc):
        raise RequestError("Paste the address of a page, such as https://shop.example.com/tickets.")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise RequestError("This is not the name of a host.") from None
    return (f"[{host}]" if ":" in host else host), parts.path.rstrip("/") or "/"


def proposed_name(host: str, path: str) -> str:
    """Return a name for the room of a page: its last step, else its host."""
    words = [word for word in path.split("/") if word]
    text = words[-1] if words else re.sub(r"^www\.", "", host).partition(".")[0]
    plain = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return plain[:40] or "room"


def _form(
    values: dict[str, Any], note: Note | None = None, wrong: str = "", status: int = 422
) -> Response:
    fields = ("address", "name", "title", *_NUMBERS, "queue_all")
    return page(
        "new_room.html",
        status=status if note else 200,
        notes=[note] if note else [],
        values={field: values.get(field, "") for field in fields},
        wrong=wrong,
        read="",
    )


def _sentence(error: SettingError) -> str:
    return f"{error.name.replace('_', ' ').capitalize()}: {error.allowed}."


def _shown(figures: RoomFigures) -> dict[str, Any]:
    return {"figures": figures, "texts": texts(figures, None)}
