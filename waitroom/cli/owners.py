"""`waitroom owners`: who may look after the rooms, from the command line.

Whoever can start this can read all of Redis, so nobody is asked for a password: it acts as an
owner, under the name of the system's user.
"""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TypeVar

import click
import orjson

from waitroom.accounts.account import Account, account_name, role_of
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import AccountNotFoundError
from waitroom.accounts.links import Link
from waitroom.accounts.tokens import ApiToken, NewToken
from waitroom.accounts.trail import TrailRow
from waitroom.accounts.welcome import console_base
from waitroom.accounts.who import ROLES, Who
from waitroom.cli.common import as_json, print_json, print_table
from waitroom.config import load_config
from waitroom.embedded import redis_url
from waitroom.room import Store
from waitroom.running import running_port

_T = TypeVar("_T")

role_option = click.option(
    "--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What it may do."
)
room_option = click.option(
    "--room", "rooms", multiple=True, metavar="NAME", help="One of its rooms; may be said often."
)
all_rooms_option = click.option("--all-rooms", is_flag=True, help="For all rooms, later ones too.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def rooms_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take the rooms of an account."""
    return room_option(all_rooms_option(command))


def acting() -> Who:
    """Return who acts on the command line."""
    try:
        return Who(f"cli {getpass.getuser()}", "owner", None)
    except (KeyError, OSError):
        # Containers run under numbers that have no name. No account's name has a space: what is
        # made on the command line is nobody's.
        return Who(f"cli {os.getuid()}", "owner", None)


def with_accounts(work: Callable[[Accounts, str], Awaitable[_T]]) -> _T:
    """Run some async work on the accounts of this installation.

    Args:
        work: Gets the accounts, and scheme and host of the console.

    Raises:
        ConfigError: If a setting is wrong or there is no Redis to talk to.
        WaitroomError: Whatever the work raises.
    """

    async def run() -> _T:
        config = load_config()
        store = Store.connect(redis_url(config))
        served = config.model_copy(update={"port": running_port(config) or config.port})
        try:
            return await work(Accounts(store, config), console_base(served))
        finally:
            await store.close()

    return asyncio.run(run())


@click.group()
def owners() -> None:
    """Make, change, show and delete accounts of those who look after the rooms."""


@owners.command("invite")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="What it may do; the first is an owner.")
@rooms_options
@as_json
def invite(
    name: str, role: str | None, rooms: tuple[str, ...], all_rooms: bool, json_: bool
) -> None:
    """Make the account NAME, and print the link by which it gets its password.

    The link works once, for an hour. Asked again, it prints another link; what is not said anew
    stays as it was. Without --room a new account is for all rooms.
    """

    async def work(accounts: Accounts, base: str) -> tuple[Link, str]:
        found = await _account(accounts, account_name(name))
        may = role or (found and found.role) or ("" if await accounts.has_owner() else "owner")
        if not may:
            raise click.UsageError("There is an owner already: say what this one may do by --role.")
        allowed = _chosen(rooms, all_rooms, found.rooms if found else None)
        link = await accounts.invite(acting(), name, role_of(may), allowed)
        return link, link.address(base)

    _print_link(*with_accounts(work), json_)


@owners.command("reset-password")
@click.argument("name")
@click.option("--drop-second-factor", is_flag=True, help="For who lost the phone and all codes.")
@as_json
def reset_password(name: str, drop_second_factor: bool, json_: bool) -> None:
    """Print a link by which the account NAME gets another password.

    Until it is used, the old password counts.
    """

    async def work(accounts: Accounts, base: str) -> tuple[Link, str]:
        link = await accounts.reset_link(acting(), name, drop_totp=drop_second_factor)
        return link, link.address(base)

    _print_link(*with_accounts(work), json_)


@owners.command("list")
@as_json
def list_(json_: bool) -> None:
    """List all accounts."""

    async def work(accounts: Accounts, _base: str) -> list[Account]:
        return await accounts.accounts(acting())

    found = with_accounts(work)
    if json_:
        print_json({"accounts": [asdict(account) for account in found]})
    elif not found:
        click.echo("There are no accounts; make one with `waitroom owners invite NAME`.")
    else:
        rows = [
            (
                account.name,
                account.role,
                _rooms(account.rooms),
                "yes" if account.totp else "no",
                _moment(account.last_in_ms) if account.active else "has not used the link",
            )
            for account in found
        ]
        print_table("Accounts", ("name", "role", "rooms", "second factor", "last sign-in"), rows)


@owners.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@rooms_options
def role_(name: str, role: str, rooms: tuple[str, ...], all_rooms: bool) -> None:
    """Give the account NAME another ROLE; its sign-ins end.

    Its rooms stay as they are unless they are said anew.
    """

    async def work(accounts: Accounts, _base: str) -> Account:
        found = await accounts.account(acting(), name)
        allowed = _chosen(rooms, all_rooms, found.rooms)
        # Rooms that are kept are those of this very account.
        return await accounts.change(acting(), name, role_of(role), allowed, version=found.version)

    found = with_accounts(work)
    click.echo(f"{found.name} is {found.role} of {_rooms(found.rooms)}.")


@owners.command("delete")
@click.argument("name")
@yes_option
def delete(name: str, yes: bool) -> None:
    """Delete the account NAME; its sign-ins and API tokens end."""

    async def work(accounts: Accounts, _base: str) -> None:
        await accounts.delete(acting(), name)

    if not yes:
        click.confirm(f"Delete the account {name}, and the API tokens it made?", abort=True)
    with_accounts(work)
    click.echo(f"The account {name} is deleted.")


@owners.command("audit")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@as_json
def audit(limit: int, json_: bool) -> None:
    """Show who changed what of accounts and API tokens, the newest first."""

    async def work(accounts: Accounts, _base: str) -> list[TrailRow]:
        return await accounts.audit(acting(), limit=limit)

    found = with_accounts(work)
    if json_:
        print_json({"changes": [asdict(row) for row in found]})
        return
    rows = [
        (_moment(row.at_ms), row.who, row.about, field, *map(_plain, change))
        for row in found
        for field, change in row.changes.items()
    ]
    print_table("Changes", ("when", "who", "of", "what", "from", "to"), rows)


@owners.group("tokens")
def tokens() -> None:
    """Make, show and revoke API tokens."""


@tokens.command("make")
@click.argument("name")
@role_option
@room_option
@click.option("--days", type=click.IntRange(1, 3_650), help="How long it counts; else for ever.")
@as_json
def make_token(name: str, role: str, rooms: tuple[str, ...], days: int | None, json_: bool) -> None:
    """Make the API token NAME and print its value, which is not shown again.

    Without --room it is for all rooms.
    """

    async def work(accounts: Accounts, _base: str) -> NewToken:
        life_s = None if days is None else days * 86_400
        return await accounts.tokens.make(
            acting(), name, role_of(role), rooms=rooms or None, life_s=life_s
        )

    made = with_accounts(work)
    if json_:
        print_json({"value": made.value, **asdict(made.token)})
    else:
        click.echo(made.value)
        click.echo("Keep it: it is not shown again.", err=True)


@tokens.command("list")
@as_json
def list_tokens(json_: bool) -> None:
    """List all API tokens."""

    async def work(accounts: Accounts, _base: str) -> list[ApiToken]:
        return await accounts.tokens.list(acting())

    found = with_accounts(work)
    if json_:
        print_json({"tokens": [asdict(token) for token in found]})
    elif not found:
        click.echo("There are no API tokens; make one with `waitroom owners tokens make NAME`.")
    else:
        rows = [
            (
                *(token.name, token.role, _rooms(token.rooms), token.by or None),
                *map(_moment, (token.expires_ms, token.used_ms)),
                "yes" if token.counts else "no",
            )
            for token in found
        ]
        columns = ("name", "role", "rooms", "made by", "expires", "last used", "counts")
        print_table("API tokens", columns, rows)


@tokens.command("revoke")
@click.argument("name")
def revoke_token(name: str) -> None:
    """Delete the API token NAME; it counts no more."""

    async def work(accounts: Accounts, _base: str) -> None:
        await accounts.tokens.revoke(acting(), name)

    with_accounts(work)
    click.echo(f"The API token {name} is revoked.")


async def _account(accounts: Accounts, name: str) -> Account | None:
    try:
        return await accounts.account(acting(), name)
    except AccountNotFoundError:
        return None


def _chosen(
    rooms: tuple[str, ...], all_rooms: bool, kept: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    if rooms and all_rooms:
        raise click.UsageError("Say --room or --all-rooms, not both.")
    return None if all_rooms else rooms or kept


def _print_link(link: Link, address: str, json_: bool) -> None:
    if json_:
        print_json({"name": link.name, "link": address, "until_ms": link.until_ms})
    else:
        click.echo(address)
        click.echo(f"{link.name} chooses a password there, once, within an hour.", err=True)


def _rooms(rooms: tuple[str, ...] | None) -> str:
    return "all rooms" if rooms is None else " ".join(rooms) or "no room"


def _moment(at_ms: int | None) -> str | None:
    return at_ms and f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC" or None


def _plain(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
