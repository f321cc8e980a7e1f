"""`waitroom rooms`: make, change, show and delete rooms."""

from typing import Any

import click
import orjson

from waitroom.cli.apply import apply, export
from waitroom.cli.common import acting, as_json, print_json, print_table, with_control
from waitroom.cli.hand import COMMANDS
from waitroom.cli.theme import theme
from waitroom.config import Config
from waitroom.control import Control
from waitroom.control.views import RoomView
from waitroom.room.settings import parse_assignments


@click.group()
def rooms() -> None:
    """Make, change, show and delete rooms; and move their levers."""


for _command in (export, apply, theme, *COMMANDS):
    rooms.add_command(_command)


@rooms.command("create")
@click.argument("name")
@click.argument("assignments", nargs=-1, metavar="[SETTING=VALUE]...")
@as_json
def create(name: str, assignments: tuple[str, ...], json_: bool) -> None:
    """Make the room NAME; settings that are not given have their defaults."""
    changes = parse_assignments(list(assignments))

    async def work(_config: Config, control: Control) -> RoomView:
        return await control.create(acting(), name, changes)

    _report(with_control(work), f"Room {name} is there.", json_)


@rooms.command("set")
@click.argument("name")
@click.argument("assignments", nargs=-1, required=True, metavar="SETTING=VALUE...")
@as_json
def set_(name: str, assignments: tuple[str, ...], json_: bool) -> None:
    """Change settings of the room NAME, as in: set shop total_active_users=2 message="Hello".

    A value is JSON (2, true, null, a list) or else text.
    """
    changes = parse_assignments(list(assignments))

    async def work(_config: Config, control: Control) -> RoomView:
        return await control.change(acting(), name, changes)

    _report(with_control(work), f"Room {name} is changed.", json_)


@rooms.command("show")
@click.argument("name")
@as_json
def show(name: str, json_: bool) -> None:
    """Show all settings of the room NAME."""

    async def work(_config: Config, control: Control) -> RoomView:
        return await control.room(acting(), name)

    found = _described(with_control(work))
    if json_:
        print_json(found)
        return
    rows = [(field, _as_typed(value)) for field, value in found.items()]
    print_table(f"Room {name}", ("setting", "value"), rows)


@rooms.command("list")
@as_json
def list_(json_: bool) -> None:
    """List all rooms."""

    async def work(_config: Config, control: Control) -> list[RoomView]:
        return await control.rooms(acting())

    found = [_described(room) for room in with_control(work)]
    if json_:
        print_json({"rooms": found})
        return
    if not found:
        click.echo("There are no rooms; make one with `waitroom rooms create NAME`.")
        return
    rows = [
        (
            room["name"],
            room["title"],
            room["total_active_users"],
            " ".join(f"{route['host']}{route['path']}" for route in room["routes"]),
        )
        for room in found
    ]
    print_table("Rooms", ("name", "title", "total_active_users", "routes"), rows)


@rooms.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, yes: bool) -> None:
    """Delete the room NAME with its line, its seats and its history."""

    async def look(_config: Config, control: Control) -> int:
        return (await control.figures(acting(), name)).waiting

    async def work(_config: Config, control: Control) -> None:
        await control.delete(acting(), name)

    waiting = with_control(look)
    if not yes:
        click.confirm(f"Delete room {name}, in which {waiting} visitors wait?", abort=True)
    with_control(work)
    click.echo(f"Room {name} is deleted.")


def _described(room: RoomView) -> dict[str, Any]:
    return {"name": room.name, **room.settings.model_dump(mode="json")}


def _report(room: RoomView, sentence: str, json_: bool) -> None:
    if json_:
        print_json(_described(room))
    else:
        click.echo(sentence)


def _as_typed(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
