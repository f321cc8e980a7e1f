"""Every setting with its meaning, range and present effect; and edits that meet each other."""

import re
from typing import Any

from quart import Blueprint, Response, request

from waitroom.accounts.who import Who
from waitroom.console import forms
from waitroom.console.door import who
from waitroom.console.pages import DONE, Note, go, page
from waitroom.console.views.room import now_in, seen
from waitroom.control.effects import Now, effect, effect_of
from waitroom.control.meanings import GROUPS, MEANINGS, Meaning, meaning
from waitroom.control.views import RoomView
from waitroom.errors import ConflictError, RequestError, SettingError
from waitroom.room import RoomSettings
from waitroom.web.requests import json_response
from waitroom.web.services import services

#: Changed by levers of their own, not by a field.
NOT_HERE = frozenset(("epoch", "theme"))


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/rooms/<name>/settings", view_func=settings, methods=["GET", "POST"])
    console.add_url_rule("/rooms/<name>/effect", endpoint="effect", view_func=effect_now)
    console.add_url_rule("/rooms/<name>/delete", view_func=delete, methods=["POST"])


async def settings(name: str) -> Response:
    """Show all settings, or save one group of them."""
    if request.method == "GET":
        return await settings_page(name)
    form = (await request.form).to_dict()
    seen_values = forms.read_seen(form)
    names = [each for each in seen_values if each in RoomSettings.model_fields]
    changes = forms.changed(forms.read(form, names), seen_values)
    if not changes:
        return _back(name, form, "same")
    only = {each: seen_values[each] for each in changes}
    try:
        await services().control.change(who(), name, changes, seen=only)
    except ConflictError as e:
        return await conflict_page(name, e, changes)
    except SettingError as e:
        return await refused_page(name, e, changes)
    return _back(name, form, "saved")


def _back(name: str, form: dict[str, str], told: str) -> Response:
    """Return to the group that was saved, which says so where it is looked at."""
    group = form.get("group") or None
    return go("settings", name=name, told=told, group=group, _anchor=group)


async def effect_now(name: str) -> Response:
    """Say what a value would do, for a field that is being typed in."""
    setting = request.args.get("setting", "")
    if setting not in RoomSettings.model_fields:
        raise RequestError("There is no such setting.", status=404)
    found = await services().control.room(who(), name)
    value = forms.read_one(setting, {setting: request.args.get("value", "")[:2_000]})
    now = await now_in(who(), name)
    return json_response({"effect": _plain(effect_of(setting, value, found.settings, now))})


async def delete(name: str) -> Response:
    """Delete a room whose name was typed once more."""
    if (await request.form).get("sure", "").strip() != name:
        note = Note("The name that was typed is another one. Nothing was deleted.", "wrong")
        return await settings_page(name, note=note, status=422)
    await services().control.delete(who(), name)
    return go("rooms", done="deleted")


async def conflict_page(name: str, error: ConflictError, changes: dict[str, Any]) -> Response:
    """Show both values of a setting that somebody else has changed meanwhile.

    Args:
        name: The room.
        error: What met.
        changes: What was to be saved; it stays in the fields.
    """
    conflict = {
        "label": meaning(error.field).label,
        "who": error.who,
        "theirs": said(error.field, error.value),
        "yours": said(error.field, changes.get(error.field)),
    }
    return await settings_page(name, mine=changes, conflict=conflict, status=409)


async def refused_page(name: str, error: SettingError, changes: dict[str, Any]) -> Response:
    """Show why a value is not accepted, beside its field."""
    wrong = error.name.partition(".")[0]
    at, _, part = error.name.removeprefix(wrong).strip(".").partition(".")
    where = f"{at}: " if at else ""
    if at.isdigit():
        nth = int(at) + 1
        where = f"Rule {nth}, {part}: " if wrong == "bypass" and part else f"Line {nth}: "
    note = Note(f"{meaning(wrong).label}: not accepted. Nothing was saved.", "wrong")
    return await settings_page(
        name, mine=changes, errors={wrong: f"{where}{_plain(error.allowed)}"}, note=note, status=422
    )


async def settings_page(
    name: str,
    *,
    mine: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
    conflict: dict[str, Any] | None = None,
    note: Note | None = None,
    status: int = 200,
) -> Response:
    """Show all settings.

    Args:
        name: The room.
        mine: Values that were typed and not saved; they stay in the fields.
        errors: Setting name -> why its value is not accepted.
        conflict: A setting that somebody else has changed, with both values.
        note: A line on top.
        status: HTTP status.
    """
    asker = who()
    found = await services().control.room(asker, name)
    now = await now_in(asker, name)
    groups = [_group(title, found, asker, now, mine or {}, errors or {}) for title in GROUPS]
    return page(
        "settings.html",
        status=status,
        notes=[note] if note else [],
        room=found,
        groups=[group for group in groups if group["settings"]],
        conflict=conflict,
        told=DONE.get(request.args.get("told", ""), ""),
        told_in=request.args.get("group", ""),
    )


def said(name: str, value: Any) -> str:
    """Return a setting's value in words."""
    match forms.kind(name):
        case "switch":
            return "yes" if value else "no"
        case "routes":
            return ", ".join(forms.shown(name, value or []).split("\n")) or "none"
        case "lines":
            return ", ".join(map(str, value or [])) or "none"
        case "bypass":
            rules = len(value or [])
            return f"{rules} {'rule' if rules == 1 else 'rules'}"
        case "unavailable":
            return f"{value['action']}, {value['open_limit_s']} s" if value else "–"
    if value is None or value == "":
        return "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _group(
    title: str,
    found: RoomView,
    asker: Who,
    now: Now,
    mine: dict[str, Any],
    errors: dict[str, str],
) -> dict[str, Any]:
    names = [each for each in RoomSettings.model_fields if each not in NOT_HERE]
    order = list(MEANINGS)
    names.sort(key=lambda each: order.index(each) if each in MEANINGS else len(order))
    meanings = [meaning(each) for each in names if meaning(each).group == title]
    items = [_item(each, found, asker, now, mine, errors) for each in meanings]
    editable = [item["name"] for item in items if item["editable"]]
    return {
        "id": title.lower().replace(" ", "-"),
        "title": title,
        "settings": items,
        "editable": bool(editable),
        "seen": seen(found, editable),
        "who": "An owner" if all(each.role == "owner" for each in meanings) else "An operator",
    }


def _item(
    about: Meaning,
    found: RoomView,
    asker: Who,
    now: Now,
    mine: dict[str, Any],
    errors: dict[str, str],
) -> dict[str, Any]:
    value = found.settings.model_dump(mode="json")[about.name]
    kind = forms.kind(about.name)
    low, high = forms.limits(about.name)
    return {
        "name": about.name,
        "label": about.label,
        "text": about.text,
        "unit": about.unit,
        "allowed": _range(about.name) if kind in ("number", "text", "long") else "",
        "kind": kind,
        "minimum": low,
        "maximum": high,
        "required": forms.required(about.name),
        "choices": forms.choices(about.name),
        "value": forms.shown(about.name, mine.get(about.name, value)),
        "editable": asker.can(about.role, found.name),
        "effect": effect(about.name, found.settings, now),
        "error": errors.get(about.name, ""),
    }


def _plain(allowed: str) -> str:
    """Return what is allowed in the words of a form, where JSON's null is an empty field."""
    return re.sub(
        r"\d{4,}", lambda found: f"{int(found[0]):,}", allowed.replace(" or null", ", or empty")
    )


def _range(name: str) -> str:
    """Return what a field takes, in a few words."""
    low, high = forms.limits(name)
    if low is None and high is None:
        return ""
    if low is None:
        return f"At most {high:,} characters."
    empty = "" if forms.required(name) else ", or empty"
    return f"Allowed: {low:,} to {high:,}{empty}."
