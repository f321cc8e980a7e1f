"""`waitroom rooms export` and `apply`: rooms in a file that lives in version control.

The file is the truth about a room's settings: one that it leaves out has its default. What is
turned while a room runs (its levers, its message, its theme) stays as it is unless the file names
it. Nothing is changed when anything in the file is wrong.
"""

import sys
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import click
import orjson
import tomlkit

from waitroom.cli.common import (
    acting,
    as_json,
    print_json,
    room_defaults,
    with_control,
)
from waitroom.config import Config
from waitroom.control import Control
from waitroom.control.exact import check_exact
from waitroom.control.views import RoomView
from waitroom.errors import ApplyError, SettingError, WaitroomError
from waitroom.room import RoomSettings
from waitroom.room.settings import room_name
from waitroom.room.theme_store import check_version

#: Turned while a room runs; left as they are unless the file names them.
RUNNING = frozenset({"queue_all", "suspended", "closed", "draining", "message", "theme"})
#: Never in a file: an epoch that is set back would bring ended passes to life.
NEVER = frozenset({"epoch"})
#: Largest file that is read, bytes.
FILE_MAX = 4_194_304

HEADER = """\
Rooms of a Waitroom installation, written by `waitroom rooms export`.
`waitroom rooms apply FILE --dry-run` shows what this file would change, without --dry-run it does.
A setting that is left out has its default; levers, message and theme stay as they are.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one room.

    Attributes:
        room: Its name.
        does: What is done; ``stay`` is a room that the file does not name.
        changes: Setting -> value now and value to be; of a new room, now is the default.
    """

    room: str
    does: Literal["create", "change", "delete", "stay", "same"]
    changes: dict[str, tuple[Any, Any]]


@click.command("export")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--running", is_flag=True, help="Also levers, message and theme, as they are now.")
def export(names: tuple[str, ...], running: bool) -> None:
    """Write rooms as TOML to standard output; all of them, or those named.

    It holds the secrets of bypass rules: keep it where secrets belong.
    """

    async def work(config: Config, control: Control) -> str:
        views = [await control.room(acting(), name) for name in names]
        views = views or await control.rooms(acting())
        return written(views, room_defaults(config), running=running)

    text = with_control(work)
    click.echo(text, nl=False)
    if "value = " in text:
        click.echo("note: the file holds secrets of bypass rules", err=True)


@click.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--delete", "deletes", is_flag=True, help="Delete rooms that the file leaves out.")
@click.option("--yes", is_flag=True, help="Do not ask before rooms are deleted.")
@as_json
def apply(file: str, dry_run: bool, deletes: bool, yes: bool, json_: bool) -> None:
    """Make rooms what FILE says; - is standard input. Shows the difference.

    Nothing is changed when anything in the file is wrong.
    """
    wanted = read(file)

    async def look(config: Config, control: Control) -> list[Step]:
        views = await control.rooms(acting())
        found = plan(wanted, views, room_defaults(config), deletes=deletes)
        await _refuse_lost_themes(control, found)
        return found

    async def work(_config: Config, control: Control) -> None:
        done: list[str] = []
        for step in steps:
            try:
                await _do(control, step)
            except WaitroomError:
                if done:
                    said = f"Done before the fault: {', '.join(done)}. All else is as it was."
                    click.echo(said, err=True)
                raise
            if step.does not in ("same", "stay"):
                done.append(step.room)

    steps = with_control(look)
    if json_:
        print_json({"dry_run": dry_run, "rooms": [asdict(step) for step in steps]})
    else:
        click.echo("\n".join(_shown(steps, dry_run=dry_run)))
    gone = [step.room for step in steps if step.does == "delete"]
    if dry_run:
        return
    if gone and not yes:
        click.confirm(f"Delete {', '.join(gone)}, with all who wait there?", abort=True, err=True)
    with_control(work)


def written(views: list[RoomView], defaults: RoomSettings, *, running: bool) -> str:
    """Return rooms as TOML.

    Args:
        views: The rooms.
        defaults: What new rooms of this installation have; equal values are left out.
        running: Whether levers, message and theme are written too.
    """
    document = tomlkit.document()
    for line in HEADER.splitlines():
        document.add(tomlkit.comment(line))
    rooms = tomlkit.table(is_super_table=True)
    standard = defaults.model_dump(mode="json")
    left_out = NEVER if running else NEVER | RUNNING
    for view in views:
        table = tomlkit.table()
        for name, value in view.settings.model_dump(mode="json").items():
            # TOML has no null; where null is allowed it is the default.
            if name not in left_out and value is not None and value != standard[name]:
                table.add(name, _toml(value))
        rooms.add(view.name, table)
    document.add(tomlkit.nl())
    document.add("rooms", rooms)
    return tomlkit.dumps(document)


def read(file: str) -> dict[str, dict[str, Any]]:
    """Read a file of rooms.

    Args:
        file: Its path; ``-`` is standard input.

    Returns:
        Room -> the settings that it names, each of them checked by itself.

    Raises:
        ApplyError: If it is no such file, or anything in it is wrong; says all that is.
    """
    try:
        raw = sys.stdin.buffer.read(FILE_MAX + 1) if file == "-" else Path(file).read_bytes()
        if len(raw) > FILE_MAX:
            raise ApplyError([f"{file} has more than {FILE_MAX} bytes"])
        document = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ApplyError([f"{file} is not TOML: {e}"]) from None
    except OSError as e:
        raise ApplyError([f"{file} cannot be read ({type(e).__name__})"]) from e
    rooms = document.pop("rooms", {})
    wrong = [f"there is no {name}, only [rooms.NAME]" for name in document]
    if not isinstance(rooms, dict):
        raise ApplyError(["rooms must be tables such as [rooms.shop]"])
    for name, settings in rooms.items():
        wrong += _defects(name, settings)
    if wrong:
        raise ApplyError(wrong)
    return rooms


def plan(
    wanted: dict[str, dict[str, Any]],
    views: list[RoomView],
    defaults: RoomSettings,
    *,
    deletes: bool,
) -> list[Step]:
    """Return what has to be done, sorted by room.

    Args:
        wanted: Room -> the settings that the file names.
        views: The rooms there are.
        defaults: What new rooms of this installation have.
        deletes: Whether rooms that the file does not name are deleted.

    Raises:
        ApplyError: If settings of a room contradict each other; says all that do.
    """
    there = {view.name: view.settings for view in views}
    steps: list[Step] = []
    wrong: list[str] = []
    for name in sorted({*wanted, *there}):
        if name not in wanted:
            steps.append(Step(name, "delete" if deletes else "stay", {}))
            continue
        try:
            steps.append(_step(name, wanted[name], there.get(name), defaults))
        except SettingError as e:
            wrong.append(f"{name}: {e.detail}")
    if wrong:
        raise ApplyError(wrong)
    return steps


def _step(
    name: str, wanted: dict[str, Any], now: RoomSettings | None, defaults: RoomSettings
) -> Step:
    before = now or defaults
    kept = {field: getattr(before, field) for field in RUNNING | NEVER}
    whole = defaults.model_dump() | kept | wanted
    after = before.changed(whole).model_dump(mode="json")
    was = before.model_dump(mode="json")
    changes = {field: (was[field], after[field]) for field in after if after[field] != was[field]}
    if now is None:
        return Step(name, "create", changes)
    return Step(name, "change" if changes else "same", changes)


def _defects(name: str, settings: Any) -> list[str]:
    """Return what is wrong with a room of the file, each in a sentence."""
    try:
        room_name(name)
    except SettingError as e:
        return [e.detail]
    if not isinstance(settings, dict):
        return [f"{name} must be a table: [rooms.{name}]"]
    wrong = []
    for field, value in settings.items():
        if field in NEVER:
            wrong.append(f"{name}: {field} does not belong into a file; end passes instead")
            continue
        try:
            check_exact({field: value})
        except SettingError as e:
            wrong.append(f"{name}: {e.detail}")
    return wrong


async def _refuse_lost_themes(control: Control, steps: list[Step]) -> None:
    """Return unless a step shows a version of a theme that its room does not keep.

    Raises:
        ApplyError: If one does; says all that do.
    """
    wrong: list[str] = []
    for step in steps:
        wanted = step.changes.get("theme", (None, ""))[1]
        if not wanted:
            continue
        there = step.does == "change"
        kept = (await control.theme(acting(), step.room)).versions if there else []
        try:
            check_version(wanted, kept)
        except SettingError as e:
            wrong.append(f"{step.room}: {e.detail}")
    if wrong:
        raise ApplyError(wrong)


async def _do(control: Control, step: Step) -> None:
    changes = {field: after for field, (_, after) in step.changes.items()}
    if step.does == "create":
        await control.create(acting(), step.room, changes)
    elif step.does == "change":
        seen = {field: before for field, (before, _) in step.changes.items()}
        await control.change(acting(), step.room, changes, seen=seen)
    elif step.does == "delete":
        await control.delete(acting(), step.room)


def _shown(steps: list[Step], *, dry_run: bool) -> list[str]:
    signs = {"create": "+", "change": "~", "delete": "-"}
    lines: list[str] = []
    for step in steps:
        if step.does in signs:
            lines.append(f"{signs[step.does]} {step.room}")
            lines += [
                f"    {field}: {_short(before)} -> {_short(after)}"
                for field, (before, after) in step.changes.items()
            ]
    stay = [step.room for step in steps if step.does == "stay"]
    if stay:
        lines.append(f"Not in the file, left as they are: {', '.join(stay)}.")
    if not any(step.does in signs for step in steps):
        lines.append("Nothing to change.")
    elif dry_run:
        lines.append("Nothing was changed (--dry-run).")
    return lines


def _short(value: Any) -> str:
    return orjson.dumps(value).decode()


def _toml(value: Any) -> Any:
    """Return a value as TOML writes it for people: lists of tables one a line, no nulls."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for name, each in value.items():
            if each is not None:
                table.add(name, _toml(each))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for each in value:
            array.append(_toml(each))
        return array.multiline(len(value) > 1)
    return value
