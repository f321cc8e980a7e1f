"""Forms of alerts: reads channels and rules off them, and says what fills them."""

import re
from collections.abc import Mapping
from typing import Any

from waitroom.alerts import LIMITS, ROOM_KINDS, ChannelShown, Rule
from waitroom.console import forms
from waitroom.console.pages import Note
from waitroom.errors import ConflictError, SettingError, VersionError

#: Kind of alert -> when it is told, in words.
KIND_TEXTS = {
    "queueing": "A line has formed, and when it has ended",
    "wait": "A newcomer waits longer than",
    "low_use": "People wait, but of the seats are used less than",
    "report_failed": "A report cannot be made",
    "edge_silent": "An edge was not heard of for",
    "worker_silent": "No worker is alive",
    "clock_silent": "No clock is alive",
    "redis_memory": "Redis uses of its memory more than",
}
#: Kind of alert -> what a channel is told of.
CHOICES = {
    "queueing": "A line forms, and ends",
    "wait": "The wait is long",
    "low_use": "Seats stay empty although people wait",
    "report_failed": "A report cannot be made",
    "edge_silent": "An edge is silent",
    "worker_silent": "No worker is alive",
    "clock_silent": "No clock is alive",
    "redis_memory": "Redis is near its memory limit",
}
#: Field of a form -> what the page calls it.
LABELS = {
    "limit": "The limit",
    "for_s": "For at least",
    "name": "Name",
    "url": "Address of the webhook",
    "secret": "Secret of the webhook",
    "to": "Mail addresses",
    "rooms": "Rooms",
    "kinds": "What it is told of",
    "quiet": "Quiet hours",
}
#: A channel that is not there yet.
NEW: dict[str, Any] = {
    "name": "",
    "kind": "slack",
    "to": [],
    "on": True,
    "urgent_anytime": True,
    "rooms": None,
    "kinds": None,
    "quiet": None,
}


def read_channel(form: Any) -> dict[str, Any]:
    """Return a channel as a form has it; what cannot be right is left for the check.

    Args:
        form: What was sent, untrusted.
    """
    kind = form.get("kind", "webhook")
    fields: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "kind": kind,
        "on": form.get("on") == "1",
        "rooms": _some(form, "rooms"),
        "kinds": _some(form, "kinds"),
        "quiet": _quiet(form),
        "urgent_anytime": form.get("urgent_anytime") == "1",
    }
    if kind == "mail":
        fields["to"] = form.get("to", "").replace(",", " ").split()
    else:
        fields["url"] = form.get("url", "").strip() or None
    if kind == "webhook":
        fields["secret"] = form.get("secret", "").strip() or None
    return fields


def check_choices(form: Any) -> None:
    """Check that what is marked is what is chosen: nothing marked must not mean everything.

    Args:
        form: That of a channel.

    Raises:
        SettingError: Names the field.
    """
    for name in ("rooms", "kinds"):
        marked, some = _marked(form, name), form.get(f"{name}_of") == "some"
        if some and not marked:
            raise SettingError(name, "", "mark one at least, or choose all")
        if marked and not some:
            raise SettingError(name, "", "some are marked, but all are chosen; choose only these")
    kinds = _marked(form, "kinds")
    if kinds and _marked(form, "rooms") and not ROOM_KINDS & {*kinds}:
        raise SettingError("kinds", "", "none of them is about a room, and it is for rooms only")


def typed_channel(form: Any) -> dict[str, Any]:
    """Return what was typed, to be shown again; never an address or a secret.

    Args:
        form: That of a channel.
    """
    marked = {name: _marked(form, name) or _some(form, name) for name in ("rooms", "kinds")}
    return NEW | read_channel(form) | marked


def editable(channel: ChannelShown) -> dict[str, Any]:
    """Return a channel as its form shows it.

    Args:
        channel: Without its secrets.
    """
    found = channel.model_dump(mode="json")
    return {name: found[name] for name in NEW}


def read_rule(form: Mapping[str, str]) -> dict[str, Any]:
    """Return a rule as a form has it; what cannot be right is left for the check.

    Args:
        form: What was sent, untrusted.
    """
    kind = form.get("kind", "")
    fields: dict[str, Any] = {
        "kind": kind,
        "on": form.get("on") == "1",
        "urgent": form.get("urgent") == "1",
        "for_s": _number(form.get("for_s", "")),
    }
    if kind in LIMITS:
        fields["limit"] = _number(form.get("limit", ""))
    return fields


def shown_rule(rule: Rule, typed: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a rule as its form shows it.

    Args:
        rule: The rule that holds.
        typed: What was refused, of whatever kind.
    """
    refused = typed is not None and typed["kind"] == rule.kind
    now = rule.model_dump() | (typed or {} if refused else {})
    return {
        "kind": rule.kind,
        "rule": rule.id,
        "id": rule.id.replace(":", "-"),
        "room": rule.room or "",
        "text": KIND_TEXTS[rule.kind],
        "on": now["on"],
        "urgent": now["urgent"],
        "for_s": now["for_s"],
        "limit": now["limit"],
        "span": LIMITS.get(rule.kind),
        "refused": refused,
        "changed": rule.model_dump(include=set(Rule.model_fields))
        != Rule.model_validate({"kind": rule.kind}).model_dump(),
        "seen": forms.written_seen(rule.model_dump(include={"on", "urgent", "for_s", "limit"})),
        "words": in_words(rule),
    }


def in_words(rule: Rule) -> str:
    """Return a rule as one phrase, such as ``1,800 seconds, for at least 60 seconds``.

    Args:
        rule: The rule.
    """
    if not rule.on:
        return "off"
    span = LIMITS.get(rule.kind)
    limit = f"{rule.limit:,} {span.unit}, " if span else ""
    return f"{limit}for at least {rule.for_s:,} seconds{', urgent' if rule.urgent else ''}"


def refusal(error: SettingError) -> Note:
    """Return a note that names the field, what it was and what is allowed; never a secret.

    Args:
        error: What was refused.
    """
    label = LABELS.get(error.name.partition(".")[0], error.name)
    shown = isinstance(error.value, int | str) and error.value not in ("", "(hidden)")
    what = f"{label} {error.value}"[:200] if shown else label
    return Note(f"{what}: {error.allowed}", "wrong")


def refused_edit(error: ConflictError | VersionError) -> Note:
    """Return a note that says what somebody else has changed meanwhile.

    Args:
        error: What met.
    """
    if isinstance(error, VersionError):
        return Note(error.detail, "wrong")
    by = f" by {error.who}" if error.who else ""
    label = LABELS.get(error.field, error.field.replace("_", " ").capitalize())
    return Note(
        f"{label}: changed meanwhile{by}, now {_said(error.value)}. Nothing was saved. "
        "Save again to put yours in its place.",
        "wrong",
    )


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return " ".join(map(str, value.values()))
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "all" if value is None else str(value)


def _some(form: Any, name: str) -> list[str] | None:
    """Return what was marked when only some are wanted; None for all."""
    return _marked(form, name) if form.get(f"{name}_of") == "some" else None


def _marked(form: Any, name: str) -> list[str]:
    return [each for each in form.getlist(name) if each]


def _quiet(form: Any) -> dict[str, str] | None:
    start, end = form.get("quiet_start", ""), form.get("quiet_end", "")
    if not start and not end:
        return None
    return {"start": start, "end": end, "zone": form.get("quiet_zone", "").strip() or "UTC"}


def _number(text: str) -> int | str:
    plain = text.strip()
    return int(plain) if re.fullmatch(r"[0-9]{1,9}", plain) else plain
