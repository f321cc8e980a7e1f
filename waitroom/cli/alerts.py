"""`waitroom alerts`: who is told of what, what is going on, and what could not be delivered."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
import orjson

from waitroom.accounts.who import Who
from waitroom.alerts import Alerts
from waitroom.alerts.alert import iso
from waitroom.cli.common import as_json, print_json, print_table, who, with_rooms
from waitroom.config import Config
from waitroom.errors import SettingError
from waitroom.room import Directory, Store

_T = TypeVar("_T")


@click.group()
def alerts() -> None:
    """Look after alerts: channels, rules, what goes on, and what could not be delivered."""


@alerts.command("list")
@as_json
def list_(json_: bool) -> None:
    """List channels and how their last deliveries went; no secret is shown."""
    found = _with_alerts(lambda made, me: made.channels(me))
    if json_:
        print_json([each.model_dump(mode="json") for each in found])
        return
    print_table(
        "Channels",
        ("channel", "kind", "on", "address", "rooms", "delivered", "last error"),
        [
            (
                *(each.name, each.kind, "yes" if each.on else "no", each.address),
                ", ".join(each.rooms) if each.rooms else "all",
                iso(each.outcome.delivered_ms) if each.outcome.delivered_ms else None,
                each.outcome.error or None,
            )
            for each in found
        ],
    )


@alerts.command()
def save() -> None:
    """Make or change a channel, given as JSON on standard input, where secrets are not seen.

    \b
    waitroom alerts save << .
    {"name": "ops", "kind": "slack", "url": "https://hooks.slack.com/services/…"}
    .
    """  # noqa: D301 - \b is click's
    fields = _stdin()
    made = _with_alerts(lambda alerts, me: alerts.save_channel(me, fields))
    click.echo(f"{made.name}: {made.kind} to {made.address}")
    if made.new_secret:
        click.echo(f"Its secret, shown this once: {made.new_secret}")


@alerts.command()
@click.argument("channel")
def delete(channel: str) -> None:
    """Delete CHANNEL."""
    _with_alerts(lambda made, me: made.delete_channel(me, channel))


@alerts.command()
@click.argument("channel")
def test(channel: str) -> None:
    """Send a test alert to CHANNEL now."""
    _with_alerts(lambda made, me: made.send_test(me, channel))
    click.echo(f"{channel} took it.")


@alerts.command()
@as_json
def rules(json_: bool) -> None:
    """List what is worth an alert, and from when on."""
    found = _with_alerts(lambda made, me: made.rules(me))
    if json_:
        print_json([rule.model_dump(mode="json") for rule in found])
        return
    print_table(
        "Rules",
        ("rule", "on", "limit", "for", "clear after", "urgent"),
        [
            (
                *(rule.id, "yes" if rule.on else "no", rule.limit),
                *(f"{rule.for_s} s", f"{rule.clear_s} s", "yes" if rule.urgent else "no"),
            )
            for rule in found
        ],
    )


@alerts.command("rule")
@click.argument("kind")
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--room", help="For this room only.")
@click.option("--default", "default", is_flag=True, help="Go back to the default.")
def rule(kind: str, settings: tuple[str, ...], room: str | None, default: bool) -> None:
    """Say when KIND is worth an alert: on, limit, for_s, clear_s, urgent."""
    fields = _pairs(settings) | {"kind": kind, "room": room}
    if default:
        id_ = kind if room is None else f"{kind}:{room}"
        _with_alerts(lambda made, me: made.delete_rule(me, id_))
        return
    saved = _with_alerts(lambda made, me: made.save_rule(me, fields))
    print_json(saved.model_dump(mode="json"))


@alerts.command()
@as_json
def state(json_: bool) -> None:
    """Show the conditions that hold now."""
    found = _with_alerts(lambda made, me: made.state(me))
    if json_:
        print_json(found.model_dump(mode="json"))
        return
    print_table(
        "Conditions",
        ("since", "", "what", "found"),
        [(iso(each.since_ms), each.phase, each.title, each.text) for each in found.conditions],
    )
    checked = "never" if found.checked_ms is None else iso(found.checked_ms)
    click.echo(
        f"\nChecked        {checked} by {found.checked_by or 'nobody'}\n"
        f"On their way   {found.waiting}\nGiven up       {found.given_up}"
    )


@alerts.command()
@as_json
def dead(json_: bool) -> None:
    """List alerts that could not be delivered and were given up."""
    found = _with_alerts(lambda made, me: made.dead_letters(me))
    if json_:
        print_json([{"id": each.id} | each.model_dump(mode="json") for each in found])
        return
    print_table(
        "Given up",
        ("delivery", "title", "attempts", "given up", "error"),
        [
            (each.id, each.alert.title, each.attempts, iso(each.dead_ms or 0), each.error)
            for each in found
        ],
    )


@alerts.command()
@click.argument("delivery")
def resend(delivery: str) -> None:
    """Send DELIVERY again, one of those that `waitroom alerts dead` lists."""
    _with_alerts(lambda made, me: made.resend(me, delivery))


def _with_alerts(work: Callable[[Alerts, Who], Awaitable[_T]]) -> _T:
    async def run(config: Config, store: Store, _directory: Directory) -> _T:
        return await work(Alerts(store, config), Who(who(), "owner"))

    return with_rooms(run)


def _stdin() -> dict[str, Any]:
    try:
        fields = orjson.loads(sys.stdin.buffer.read(65_536))
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise SettingError("channel", "(standard input)", "must be a JSON object")
    return fields


def _pairs(settings: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in settings:
        name, equals, text = pair.partition("=")
        if not equals:
            raise SettingError(pair, "", "write it as name=value")
        try:
            found[name] = orjson.loads(text)
        except orjson.JSONDecodeError:
            found[name] = text
    return found
