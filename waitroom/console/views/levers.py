"""The levers: stop, open, limits, message, and letting some in by hand. All are forms."""

from typing import Any

from quart import Blueprint, Response, request

from waitroom.console import forms
from waitroom.console.admitted import admitted_word
from waitroom.console.door import who
from waitroom.console.pages import go
from waitroom.console.views.room import LIMITS
from waitroom.console.views.settings import conflict_page, refused_page
from waitroom.errors import (
    AdmissionError,
    ConflictError,
    RequestError,
    SettingError,
)
from waitroom.web.services import services


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/rooms/<name>/lever/<verb>", view_func=lever, methods=["POST"])
    console.add_url_rule("/rooms/<name>/limits", view_func=limits, methods=["POST"])
    console.add_url_rule("/rooms/<name>/say", view_func=say, methods=["POST"])
    console.add_url_rule("/rooms/<name>/admit", view_func=admit, methods=["POST"])


async def lever(name: str, verb: str) -> Response:
    """Stop, open, drain, close, step aside, or end all passes."""
    control = services().control
    match verb:
        case "stop":
            await control.stop(who(), name)
        case "open":
            await control.open(who(), name)
        case "drain":
            await control.drain(who(), name)
        case "close":
            await control.close(who(), name)
        case "suspend":
            await control.change(who(), name, {"suspended": True})
        case "end-passes":
            await control.end_passes(who(), name)
        case _:
            raise RequestError("There is no such lever.", status=404)
    return go("room", name=name, done=verb)


async def limits(name: str) -> Response:
    """Change how many are on the site, and how many a minute are let in."""
    form = (await request.form).to_dict()
    seen = forms.read_seen(form)
    changes = forms.changed(forms.read(form, LIMITS), seen)
    if not changes:
        return go("room", name=name, done="same")
    try:
        await services().control.change(who(), name, changes, seen=_only(seen, changes))
    except ConflictError as e:
        return await conflict_page(name, e, changes)
    except SettingError as e:
        return await refused_page(name, e, changes)
    return go("room", name=name, done="saved")


async def say(name: str) -> Response:
    """Say something to the line, or take it away."""
    text = (await request.form).get("message", "").replace("\r\n", "\n").strip()
    try:
        await services().control.message(who(), name, text or None)
    except SettingError as e:
        return await refused_page(name, e, {"message": text})
    return go("room", name=name, done="message" if text else "silence")


async def admit(name: str) -> Response:
    """Let some in now, beside the rate."""
    form = await request.form
    asked = form.get("n", "").strip()
    try:
        n = int(asked)
    except ValueError:
        raise RequestError(f"{asked[:20]!r} is not a number.") from None
    try:
        done = await services().control.admit_now(who(), name, n, once=form.get("once", "")[:64])
    except AdmissionError as e:
        return go("room", name=name, admitted=e.code)
    return go("room", name=name, admitted=admitted_word(done))


def _only(values: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
