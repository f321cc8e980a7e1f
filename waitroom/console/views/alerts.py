"""Alerts: what holds now, where it is told, when, and what could not be delivered."""

import re
from typing import Any

from quart import Blueprint, Response, request

from waitroom.alerts import KINDS, LIMITS, Alerts, Rule
from waitroom.alerts.errors import (
    AlertNotFoundError,
    ChannelNotFoundError,
    DeliveryError,
    TestTooSoonError,
)
from waitroom.console.door import who
from waitroom.console.pages import Note, go, page
from waitroom.errors import SettingError
from waitroom.web.services import services

TOLD = 30
#: Kind of alert -> when it is told, in words.
KIND_TEXTS = {
    "queueing": "A line has formed, and when it has ended",
    "wait": "A newcomer waits longer than",
    "low_use": "People wait, but of the seats are used less than",
    "edge_silent": "An edge was not heard of for",
    "worker_silent": "No worker is alive",
    "clock_silent": "No clock is alive",
    "redis_memory": "Redis uses of its memory more than",
}


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/alerts", endpoint="all_alerts", view_func=all_alerts)
    console.add_url_rule("/rooms/<name>/alerts", endpoint="alerts", view_func=room_alerts)
    for path, view in (
        ("channel", save_channel),
        ("channel/delete", delete_channel),
        ("channel/test", test_channel),
        ("rule", save_rule),
        ("resend", resend_alert),
    ):
        console.add_url_rule(f"/alerts/{path}", view_func=view, methods=["POST"])


async def all_alerts() -> Response:
    """Show how things stand, the channels and the rules."""
    return await _page([])


async def room_alerts(name: str) -> Response:
    """Show what holds in one room, and what was told of it."""
    room = await services().control.room(who(), name)
    state = await _all().state(who())
    told = await _all().told(who(), 200)
    return page(
        "room_alerts.html",
        room=room,
        conditions=[each for each in state.conditions if each.room == name],
        told=[each for each in told if each.room == name][:TOLD],
    )


async def save_channel() -> Response:
    """Make a channel, or change one."""
    form = await request.form
    kind = form.get("kind", "webhook")
    fields: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "kind": kind,
        "on": form.get("on") == "1",
        "rooms": [name for name in form.getlist("rooms") if name] or None,
        "quiet": _quiet(form),
        "urgent_anytime": form.get("urgent_anytime") == "1",
    }
    if kind == "mail":
        fields["to"] = form.get("to", "").replace(",", " ").split()
    else:
        fields["url"] = form.get("url", "").strip() or None
    if kind == "webhook":
        fields["secret"] = form.get("secret", "").strip() or None
    try:
        made = await _all().save_channel(who(), fields)
    except SettingError as e:
        return await _page([Note(f"{e.name}: {e.allowed}", "wrong")], status=422, typed=fields)
    if made.new_secret:
        return await _page([], secret=(made.name, made.new_secret))
    return go("all_alerts", done="saved")


async def delete_channel() -> Response:
    """Delete a channel."""
    try:
        await _all().delete_channel(who(), (await request.form).get("name", ""))
    except ChannelNotFoundError as e:
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
    """Change when one kind of alert is told."""
    form = await request.form
    kind = form.get("kind", "")
    fields: dict[str, Any] = {
        "kind": kind,
        "on": form.get("on") == "1",
        "urgent": form.get("urgent") == "1",
        "for_s": _number(form.get("for_s", "")),
    }
    if kind in LIMITS:
        fields["limit"] = _number(form.get("limit", ""))
    if room := form.get("room", ""):
        fields["room"] = room
    try:
        await _all().save_rule(who(), fields)
    except SettingError as e:
        return await _page([Note(f"{e.name}: {e.allowed}", "wrong")], status=422)
    return go("all_alerts", done="saved")


async def resend_alert() -> Response:
    """Send again what was given up."""
    try:
        await _all().resend(who(), (await request.form).get("delivery", ""))
    except AlertNotFoundError as e:
        return await _page([Note(e.detail, "wrong")], status=e.status)
    return go("all_alerts", done="sent")


def _all() -> Alerts:
    return Alerts(services().store, services().config)


async def _page(
    notes: list[Note],
    *,
    status: int = 200,
    typed: dict[str, Any] | None = None,
    secret: tuple[str, str] | None = None,
) -> Response:
    asker, alerts = who(), _all()
    may = asker.can("owner")
    return page(
        "alerts.html",
        status=status,
        notes=notes,
        section="alerts",
        may=may,
        state=await alerts.state(asker),
        told=(await alerts.told(asker, TOLD)),
        channels=await alerts.channels(asker) if may else [],
        rules=[_rule(rule) for rule in await alerts.rules(asker)] if may else [],
        dead=await alerts.dead_letters(asker, TOLD) if may else [],
        rooms=await services().directory.names() if may else [],
        kinds=KINDS,
        typed={"name": "", "kind": "slack", "to": []} | (typed or {}),
        changing=typed is not None,
        secret=secret,
        mail=services().config.smtp_url is not None,
    )


def _rule(rule: Rule) -> dict[str, Any]:
    span = LIMITS.get(rule.kind)
    return {
        "kind": rule.kind,
        "id": rule.id.replace(":", "-"),
        "room": rule.room or "",
        "text": KIND_TEXTS[rule.kind],
        "on": rule.on,
        "urgent": rule.urgent,
        "for_s": rule.for_s,
        "limit": rule.limit,
        "span": span,
    }


def _quiet(form: Any) -> dict[str, str] | None:
    start, end = form.get("quiet_start", ""), form.get("quiet_end", "")
    if not start and not end:
        return None
    return {"start": start, "end": end, "zone": form.get("quiet_zone", "").strip() or "UTC"}


def _number(text: str) -> int | str:
    plain = text.strip()
    return int(plain) if re.fullmatch(r"[0-9]{1,9}", plain) else plain
