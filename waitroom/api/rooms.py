"""Rooms, their settings and their levers."""

from typing import Any

import orjson
from pydantic import ValidationError
from quart import Response

from waitroom.accounts.guard import who
from waitroom.api.asking import (
    answer,
    body,
    control,
    if_match,
    if_match_header,
    json_object,
    no_content,
)
from waitroom.api.blueprint import api, describe
from waitroom.api.models.rooms import Message, NewRoom, Room, RoomChanges, Rooms, room
from waitroom.api.problems import FieldError
from waitroom.control.views import RoomView
from waitroom.room.settings import setting_error

_ABOUT = "Rooms"
_LEVERS = "Levers"
_IF_MATCH = if_match_header("the room")


@api.get("/rooms")
@describe(_ABOUT, answers=Rooms)
async def list_rooms() -> Response:
    """List the rooms.

    All that the token is for, sorted by name, with their settings.
    """
    return answer({"rooms": [room(view) for view in await control().rooms(who())]})


@api.post("/rooms")
@describe(_ABOUT, answers=Room, status=201, body=NewRoom, refuses=(409,))
async def create_room() -> Response:
    """Make a room.

    Settings that are left out have the defaults of the installation. Needs the role owner.
    """
    given = await _settings(NewRoom)
    if "name" not in given:
        raise FieldError("name", None, "it has to be given")
    name = given.pop("name")
    return _room(await control().create(who(), name, given), 201, Location=f"/api/rooms/{name}")


@api.get("/rooms/<name>")
@describe(_ABOUT, answers=Room, refuses=(404,))
async def get_room(name: str) -> Response:
    """Get a room with its settings.

    Secrets in bypass rules are shown to owners only.
    """
    return _room(await control().room(who(), name))


@api.patch("/rooms/<name>")
@describe(_ABOUT, answers=Room, body=RoomChanges, headers=_IF_MATCH, refuses=(404, 409, 412))
async def change_room(name: str) -> Response:
    """Change some settings of a room.

    Those that are left out stay. A change counts at the next tick, within a second. Operators
    may change total_active_users, new_users_per_minute, queue_all, suspended, closed, draining
    and message; all else needs the role owner.
    """
    given = await _settings(RoomChanges)
    return _room(await control().change(who(), name, given, version=if_match()))


@api.delete("/rooms/<name>")
@describe(_ABOUT, status=204, refuses=(404,))
async def delete_room(name: str) -> Response:
    """Delete a room.

    With its line, its seats, its history and its trail. Needs the role owner.
    """
    await control().delete(who(), name)
    return no_content()


@api.put("/rooms/<name>/message")
@describe(_LEVERS, answers=Room, body=Message, headers=_IF_MATCH, refuses=(404, 409, 412))
async def say(name: str) -> Response:
    """Say something to the line.

    Everybody who waits sees it at once; null takes it away.
    """
    said = await body(Message)
    return _room(await control().message(who(), name, said.text, version=if_match()))


@api.post("/rooms/<name>/pause")
@describe(_LEVERS, answers=Room, refuses=(404, 409))
async def pause(name: str) -> Response:
    """Let nobody in for now.

    Newcomers get a place in the line; those on the site stay.
    """
    return _room(await control().pause(who(), name))


@api.post("/rooms/<name>/open")
@describe(_LEVERS, answers=Room, refuses=(404, 409))
async def open_(name: str) -> Response:
    """Let visitors in.

    As seats become free, whatever held them before: undoes pause, drain, close and stop.
    """
    return _room(await control().open(who(), name))


@api.post("/rooms/<name>/drain")
@describe(_LEVERS, answers=Room, refuses=(404, 409))
async def drain(name: str) -> Response:
    """Drain the room.

    Newcomers see its message and get no place. Those who have one are let in, in order, until
    nobody waits; it goes on refusing newcomers then. Those on the site stay.
    """
    return _room(await control().drain(who(), name))


@api.post("/rooms/<name>/close")
@describe(_LEVERS, answers=Room, refuses=(404, 409))
async def close(name: str) -> Response:
    """Close the room.

    Visitors see its message and get no place; those on the site stay.
    """
    return _room(await control().close(who(), name))


@api.post("/rooms/<name>/stop")
@describe(_LEVERS, answers=Room, refuses=(404, 409))
async def stop(name: str) -> Response:
    """Stop everything.

    Nobody is let in, not even past a room that is suspended. Those on the site stay.
    """
    return _room(await control().stop(who(), name))


@api.post("/rooms/<name>/end-passes")
@describe(_LEVERS, answers=Room, refuses=(404, 409))
async def end_passes(name: str) -> Response:
    """End all passes.

    Everybody on the site needs a new seat, within seconds. Needs the role owner.
    """
    return _room(await control().end_passes(who(), name))


def _room(view: RoomView, status: int = 200, **headers: str) -> Response:
    return answer(room(view), status, ETag=f'"{view.version}"', **headers)


async def _settings(model: Any) -> dict[str, Any]:
    """Read a body of settings; whatever is wrong is said as the console and the CLI say it.

    Raises:
        RequestError: If it is no JSON object.
        SettingError: If a setting is unknown or not allowed.
    """
    given = await json_object()
    try:
        model.model_validate_json(orjson.dumps(given), strict=True)
    except ValidationError as e:
        first = e.errors()[0]
        if first["loc"] == ("name",):
            # Said by the name's own check; a missing one by the view.
            if first["type"] != "missing" and not isinstance(given["name"], str):
                raise FieldError("name", given["name"], "must be text") from None
        else:
            raise setting_error(e) from None
    return given
