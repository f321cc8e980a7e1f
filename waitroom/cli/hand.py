"""`waitroom rooms pause`, `admit`, `audit` and the like: a room's levers, its line, its trail."""

from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from waitroom.cli.common import acting, as_json, print_json, print_table, with_control
from waitroom.config import Config
from waitroom.control import Control
from waitroom.control.views import Admitted, AuditPage, Match, RoomView, VisitorView

#: Lever -> method, what the command does, what is said then.
LEVERS = {
    "pause": ("pause", "Let nobody in for now; newcomers get a place.", "is paused"),
    "open": ("open", "Let visitors in as seats become free, whatever held them.", "is open"),
    "close": ("close", "Refuse visitors with the message.", "is closed"),
    "drain": ("drain", "Let in who has a place; refuse newcomers with the message.", "drains"),
    "stop": ("stop", "Let nobody in, not even past a suspended room.", "is stopped"),
    "end-passes": ("end_passes", "End all passes: all need a new seat.", "has no passes any more"),
}


def _lever(name: str) -> click.Command:
    method, text, said = LEVERS[name]

    @click.command(name, help=text)
    @click.argument("room")
    def lever(room: str) -> None:
        async def work(_config: Config, control: Control) -> RoomView:
            pull: Callable[..., Coroutine[Any, Any, RoomView]] = getattr(control, method)
            return await pull(acting(), room)

        with_control(work)
        click.echo(f"Room {room} {said}.")

    return lever


@click.command("message")
@click.argument("room")
@click.argument("text", required=False)
def message(room: str, text: str | None) -> None:
    """Say TEXT to everybody in the line of ROOM; without TEXT, say nothing any more."""

    async def work(_config: Config, control: Control) -> RoomView:
        return await control.message(acting(), room, text)

    with_control(work)
    click.echo(f"Room {room} says it." if text else f"Room {room} says nothing.")


@click.command("admit")
@click.argument("room")
@click.argument("n", type=click.IntRange(1, 100_000))
@as_json
def admit(room: str, n: int, json_: bool) -> None:
    """Let the first N present visitors of ROOM in now, beside the rate, never over the seats."""

    async def work(_config: Config, control: Control) -> Admitted:
        return await control.admit_now(acting(), room, n)

    found = with_control(work)
    if json_:
        print_json(asdict(found))
        return
    why = {"full": ": all seats are taken", "empty": ": nobody else waits", None: ""}
    click.echo(f"{found.admitted} of {n} were let in{why[found.reason]}.")


@click.command("find")
@click.argument("room")
@click.argument("visitor")
@as_json
def find(room: str, visitor: str, json_: bool) -> None:
    """Find VISITOR in ROOM, by id or by a position in the line such as 12."""

    async def work(_config: Config, control: Control) -> VisitorView:
        return await control.visitor(acting(), room, visitor)

    _show(asdict(with_control(work)), f"Visitor of {room}", json_)


@click.command("let-in")
@click.argument("room")
@click.argument("visitor")
def let_in(room: str, visitor: str) -> None:
    """Let VISITOR into ROOM before all others, never over the seats."""

    async def work(_config: Config, control: Control) -> VisitorView:
        return await control.let_in(acting(), room, visitor)

    with_control(work)
    click.echo(f"Visitor {visitor} is let in.")


@click.command("remove")
@click.argument("room")
@click.argument("visitor")
def remove(room: str, visitor: str) -> None:
    """Take the place or seat of VISITOR in ROOM away."""

    async def work(_config: Config, control: Control) -> None:
        await control.remove(acting(), room, visitor)

    with_control(work)
    click.echo(f"Visitor {visitor} is removed.")


@click.command("audit")
@click.argument("room")
@click.option("--before", help="Only what is older than this id.")
@click.option("--count", type=click.IntRange(1, 1000), default=50, show_default=True)
@as_json
def audit(room: str, before: str | None, count: int, json_: bool) -> None:
    """Show who changed what in ROOM, newest first."""

    async def work(_config: Config, control: Control) -> AuditPage:
        return await control.audit(acting(), room, before=before, count=count)

    page = with_control(work)
    if json_:
        print_json(asdict(page))
        return
    rows = [
        (_time(entry.at_ms), entry.who, change.what, _typed(change.before), _typed(change.after))
        for entry in page.entries
        for change in entry.changes
    ]
    print_table(f"Trail of {room}", ("when", "who", "what", "before", "after"), rows)
    if page.next:
        click.echo(f"There is more: --before {page.next}")


@click.command("match")
@click.argument("url")
@click.option("--method", default="GET", show_default=True, help="The HTTP method.")
@click.option("--address", default="", help="The visitor's IP address, for bypass rules.")
@as_json
def match(url: str, method: str, address: str, json_: bool) -> None:
    """Say which room stands in front of URL, and why."""

    async def work(_config: Config, control: Control) -> Match:
        return await control.match(acting(), url, method=method, address=address)

    found = with_control(work)
    if json_:
        print_json(asdict(found))
        return
    click.echo(f"Room: {found.room or 'none'}")
    for sentence in found.why:
        click.echo(sentence)


def _show(found: dict[str, Any], title: str, json_: bool) -> None:
    if json_:
        print_json(found)
    else:
        print_table(title, ("what", "value"), [(name, found[name]) for name in found])


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(" ", "seconds")


def _typed(value: Any) -> str:
    return orjson.dumps(value).decode()


COMMANDS = (
    *(_lever(name) for name in LEVERS),
    *(message, admit, find, let_in, remove, audit, match),
)
