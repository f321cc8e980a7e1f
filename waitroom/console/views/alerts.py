"""Alerts: what holds now, where it is told, when, and what could not be delivered."""

from typing import Any

from quart import Blueprint, Response, request

from waitroom.alerts import Alerts, ChannelShown
from waitroom.alerts.errors import (
    AlertNotFoundError,
    ChannelNotFoundError,
    ChannelOffError,
    DeliveryError,
    TestTooSoonError,
)
from waitroom.console import forms
from waitroom.console.alert_form import (
    CHOICES,
    NEW,
    check_choices,
    editable,
    in_words,
    read_channel,
    read_rule,
    refusal,
    refused_edit,
    shown_rule,
    typed_channel,
)
from waitroom.console.door import who
from waitroom.console.pages import Note, go, page
from waitroom.edits import NEVER
from waitroom.errors import ConflictError, SettingError, VersionError
from waitroom.web.services import services

TOLD = 30


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/alerts", endpoint="all_alerts", view_func=all_alerts)
    console.add_url_rule("/rooms/<name>/alerts", endpoint="alerts", view_func=room_alerts)
    for path, view in (
        ("alerts/channel", save_channel),
        ("alerts/channel/delete", delete_channel),
        ("alerts/channel/test", test_channel),
        ("alerts/rule", save_rule),
        ("alerts/rule/delete", delete_rule),
        ("alerts/resend", resend_alert),
        ("rooms/<name>/alerts/rule", save_room_rule),
        ("rooms/<name>/alerts/rule/delete", delete_room_rule),
    ):
        console.add_url_rule(f"/{path}", view_func=view, methods=["POST"])


async def all_alerts() -> Response:
    """Show how things stand, the channels and the rules; with ``?channel=`` one to be changed."""
    name = request.args.get("channel", "")
    if not name:
        return await _page([])
    try:
        found = await _all().channel(who(), name)
    except ChannelNotFoundError as e:
        return await _page([Note(e.detail, "wrong")], status=e.status)
    return await _page([], typed=editable(found), old=name)


async def room_alerts(name: str) -> Response:
    """Show what holds in one room, what was told of it, and from when on."""
    return await _room_page(name, [])


async def save_channel() -> Response:
    """Make a channel, or change one."""
    who().require("owner")
    form = await request.form
    fields, old = read_channel(form), form.get("old", "")
    try:
        check_choices(form)
        await _check_name(fields["name"], old)
        made = await _save_channel(fields, form, new=not old)
    except SettingError as e:
        typed = typed_channel(form)
        return await _page([refusal(e)], status=422, typed=typed, old=old, wrong=e.name)
    except (ConflictError, VersionError) as e:
        typed = typed_channel(form)
        return await _page([refused_edit(e)], status=e.status, typed=typed, old=fields["name"])
    except ChannelNotFoundError as e:
        note = Note(f"{e.detail} It was deleted meanwhile; save again to make it anew.", "wrong")
        return await _page([note], status=e.status, typed=typed_channel(form))
    if made is None:
        return go("all_alerts", done="same")
    if made.new_secret:
        return await _page([], secret=(made.name, made.new_secret))
    return go("all_alerts", done="saved")


async def _save_channel(fields: dict[str, Any], form: Any, *, new: bool) -> ChannelShown | None:
    """Save what was changed on the page; None when nothing was."""
    if new:
        return await _all().save_channel(who(), fields, version=NEVER)
    seen = forms.read_seen(form)
    changes = forms.changed(fields, seen)
    if not changes:
        return None
    if "kind" in changes:
        # What the other kind had is not there to be kept.
        return await _all().save_channel(who(), fields, seen=seen)
    # What is never shown cannot be seen: nothing at all may have changed then.
    hidden = any(fields.get(each) for each in ("url", "secret"))
    return await _all().save_channel(
        who(),
        {"name": fields["name"], **changes},
        seen={each: value for each, value in seen.items() if each in changes},
        version=forms.read_version(form) if hidden else None,
    )


async def delete_channel() -> Response:
    """Delete a channel."""
    form = await request.form
    try:
        await _all().delete_channel(who(), form.get("name", ""), version=forms.read_version(form))
    except (ChannelNotFoundError, VersionError) as e:
        return await _page([Note(e.detail, "wrong")], status=e.status)
    return go("all_alerts", done="deleted")


async def test_channel() -> Response:
    """Send a test alert now."""
    try:
        await _all().send_test(who(), (await request.form).get("name", ""))
    except (ChannelNotFoundError, DeliveryError, TestTooSoonError) as e:
        return await _page([Note(f"The test was not taken: {e.detail}", "wrong")], status=e.status)
    return go("all_alerts", done="sent")


async def save_rule() -> Response:
    """Change when one kind of alert is told, in all rooms that have no rule of their own."""
    form = await request.form
    fields = read_rule(form)
    try:
        await _save_rule(fields, form)
    except SettingError as e:
        return await _page([refusal(e)], status=422, rule=fields, wrong=e.name)
    except ConflictError as e:
        return await _page([refused_edit(e)], status=e.status, rule=fields, wrong=e.field)
    return go("all_alerts", done="saved")


async def _save_rule(fields: dict[str, Any], form: Any, room: str | None = None) -> None:
    seen = forms.read_seen(form)
    # Nothing is different where a room is to keep what is general so far.
    changes = forms.changed(fields, {"kind": fields["kind"], **seen}) or fields
    named = {"kind": fields["kind"], "room": room}
    only = {each: value for each, value in seen.items() if each in changes}
    await _all().save_rule(who(), changes | named, seen=only)


async def delete_rule() -> Response:
    """Go back to the default of a kind, or to the general rule in a room."""
    form = await request.form
    try:
        await _all().delete_rule(who(), form.get("rule", ""), version=forms.read_version(form))
    except VersionError as e:
        return await _page([refused_edit(e)], status=e.status)
    return go("all_alerts", done="default")


async def save_room_rule(name: str) -> Response:
    """Change when one kind of alert is told in one room."""
    await services().control.room(who(), name)
    form = await request.form
    fields = read_rule(form)
    try:
        await _save_rule(fields, form, name)
    except SettingError as e:
        return await _room_page(name, [refusal(e)], status=422, rule=fields, wrong=e.name)
    except ConflictError as e:
        return await _room_page(
            name, [refused_edit(e)], status=e.status, rule=fields, wrong=e.field
        )
    return go("alerts", name=name, done="saved")


async def delete_room_rule(name: str) -> Response:
    """Have the general rule hold in a room again."""
    form = await request.form
    id_ = f"{form.get('kind', '')}:{name}"
    try:
        await _all().delete_rule(who(), id_, version=forms.read_version(form))
    except VersionError as e:
        return await _room_page(name, [refused_edit(e)], status=e.status)
    return go("alerts", name=name, done="general")


async def resend_alert() -> Response:
    """Send again what was given up."""
    try:
        await _all().resend(who(), (await request.form).get("delivery", ""))
    except (AlertNotFoundError, ChannelNotFoundError, ChannelOffError) as e:
        return await _page([Note(e.detail, "wrong")], status=e.status)
    return go("all_alerts", done="sent")


def _all() -> Alerts:
    return Alerts(services().store, services().config)


async def _page(
    notes: list[Note],
    *,
    status: int = 200,
    typed: dict[str, Any] | None = None,
    old: str = "",
    rule: dict[str, Any] | None = None,
    wrong: str = "",
    secret: tuple[str, str] | None = None,
) -> Response:
    asker, alerts = who(), _all()
    may = asker.can("owner")
    rules = await alerts.rules(asker) if may else []
    names = await services().directory.names() if may else []
    typed = typed or NEW
    channels = await alerts.channels(asker) if may else []
    # Read anew: whoever was told what changed has seen it.
    now = next((each for each in channels if old and each.name == old), None)
    return page(
        "alerts.html",
        status=status,
        notes=notes,
        section="alerts",
        may=may,
        state=await alerts.state(asker),
        told=(await alerts.told(asker, TOLD)),
        channels=channels,
        version=now.version if now else "",
        seen=forms.written_seen(editable(now)) if now else "",
        rules=[
            shown_rule(each, rule) | {"version": each.version}
            for each in rules
            if each.room is None
        ],
        room_rules=[
            shown_rule(each) | {"version": each.version} for each in rules if each.room is not None
        ],
        dead=await alerts.dead_letters(asker, TOLD) if may else [],
        room_choices=[(name, name) for name in sorted({*names, *(typed["rooms"] or [])})],
        kinds=CHOICES,
        typed=typed,
        old=old,
        changing=typed is not NEW,
        wrong=wrong.partition(".")[0],
        secret=secret,
        mail=services().config.smtp_url is not None,
    )


async def _room_page(
    name: str,
    notes: list[Note],
    *,
    status: int = 200,
    rule: dict[str, Any] | None = None,
    wrong: str = "",
) -> Response:
    room = await services().control.room(who(), name)
    state = await _all().state(who())
    told = await _all().told(who(), 200)
    rules = await _all().room_rules(who(), name)
    return page(
        "room_alerts.html",
        status=status,
        notes=notes,
        room=room,
        may=who().can("owner", name),
        rules=[
            shown_rule(each.rule, rule)
            | {"own": each.own, "general": in_words(each.general), "version": each.version}
            for each in rules
        ],
        wrong=wrong,
        conditions=[each for each in state.conditions if each.room == name],
        told=[each for each in told if each.room == name][:TOLD],
    )


async def _check_name(name: str, old: str) -> None:
    """Refuse to change one channel when another one, or a new one, is meant."""
    there = {channel.name for channel in await _all().channels(who())}
    if name != old and name in there:
        raise SettingError("name", name, "there is a channel of this name; use its Change button")
