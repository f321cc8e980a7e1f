"""What the commands share: the way to the rooms, and output for people and for machines."""

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import click
import orjson
from rich.console import Console
from rich.table import Table

from waitroom.accounts.who import Who
from waitroom.config import Config, load_config
from waitroom.control import Control
from waitroom.embedded import redis_url
from waitroom.room import Directory, RoomSettings, Store

_T = TypeVar("_T")

#: Columns when the output is not a terminal, so that nothing is cut off in a pipe.
WIDE = 200

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON for machines.")


def room_defaults(config: Config) -> RoomSettings:
    """Return the settings that new rooms of this installation start with."""
    return RoomSettings(
        total_active_users=config.total_active_users, session_duration_s=config.session_duration_s
    )


def with_rooms(work: Callable[[Config, Store, Directory], Awaitable[_T]]) -> _T:
    """Run some async work on the rooms of this installation.

    Args:
        work: Gets the configuration, the store and the directory.

    Raises:
        ConfigError: If a setting is wrong or there is no Redis to talk to.
        WaitroomError: Whatever the work raises.
    """

    async def run() -> _T:
        config = load_config()
        store = Store.connect(redis_url(config))
        try:
            return await work(config, store, Directory(store, room_defaults(config)))
        finally:
            await store.close()

    return asyncio.run(run())


def who() -> str:
    """Return who changes something, for the audit trail."""
    try:
        return f"cli {getpass.getuser()}"
    except (KeyError, OSError):
        # Containers run under numbers that have no name. No account's name has a space: what is
        # made on the command line is nobody's.
        return f"cli {os.getuid()}"


def acting() -> Who:
    """Return who acts on a command line: whoever may run it may do everything."""
    return Who(who(), "owner")


def with_control(work: Callable[[Config, Control], Awaitable[_T]]) -> _T:
    """Run some async work on all that an owner can do; see ``with_rooms``.

    Args:
        work: Gets the configuration and the operations.

    Raises:
        WaitroomError: Whatever the work raises.
    """

    async def run(config: Config, store: Store, directory: Directory) -> _T:
        return await work(config, Control(store, directory, config))

    return with_rooms(run)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print rows for a person; None is shown as a dash."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*("–" if cell is None else str(cell) for cell in row))
    console().print(table)


def console() -> Console:
    """Return where people read."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)
