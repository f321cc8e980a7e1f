"""The look of a room's splash page: editor, preview in every state, earlier versions."""

from typing import Any

from quart import Blueprint, Response, request

from waitroom.console.door import who
from waitroom.console.pages import Note, go, page
from waitroom.console.theme_form import read_theme_form, theme_fields, theme_kept
from waitroom.errors import RoomChangedError, SettingError
from waitroom.room.theme import Theme
from waitroom.room.theme_store import check_version, publish_theme, read_theme, theme_versions
from waitroom.texts import languages
from waitroom.web.services import services
from waitroom.web.theme_preview import STATES, render_preview

_STATE_NAMES = {
    "waiting": "Waiting",
    "nearly_there": "Nearly there",
    "your_turn": "Your turn",
    "paused": "On hold",
    "closed": "Closed",
    "reconnecting": "Reconnecting",
    "message": "With a message",
}


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/rooms/<name>/splash", view_func=splash)
    console.add_url_rule("/rooms/<name>/splash", view_func=publish, methods=["POST"])
    console.add_url_rule("/rooms/<name>/splash/preview", view_func=preview, methods=["GET", "POST"])
    console.add_url_rule("/rooms/<name>/splash/version", view_func=version, methods=["POST"])


async def splash(name: str) -> Response:
    """Show the editor with the theme that visitors see."""
    return await _page(name, [], language=request.args.get("words", ""))


async def publish(name: str) -> Response:
    """Show a theme to visitors from now on; or, asked so, the words of another language first."""
    form, files = (await request.form).to_dict(), await request.files
    seen, language = form.get("seen", ""), form.get("words", "")
    raw = read_theme_form(form, files.get("logo"), await _current(name))
    if "show" in form:
        return await _page(name, [], language=form["show"], raw=raw, seen=seen)
    who().require("owner", name)
    try:
        theme = Theme.read(raw)
        made = services()
        await publish_theme(made.store, made.directory, name, theme, who=str(who()), seen=seen)
    except SettingError as e:
        field = e.name.removeprefix("theme.").replace(".", " › ")
        wrong = [Note(f"{field}: {e.allowed}", "wrong")]
        return await _page(name, wrong, language=language, raw=raw, seen=seen, status=422)
    except RoomChangedError:
        said = (
            "Somebody else has published another look since you began. Nothing was published. "
            "Publish again to show yours instead; theirs stays among the earlier looks."
        )
        return await _page(name, [Note(said, "warn")], language=language, raw=raw, status=409)
    return go("splash", name=name, done="published")


async def preview(name: str) -> Response:
    """Show the page in one state: as it is, or as the form would make it."""
    who().require("viewer", name)
    values = (await request.form).to_dict() if request.method == "POST" else request.args
    theme = Theme()
    problem = ""
    try:
        current = await _current(name)
        if request.method == "POST":
            logo = (await request.files).get("logo")
            theme = Theme.read(read_theme_form(values, logo, current))
        else:
            theme = Theme.read(current)
        room = await services().directory.get(name)
        language = values.get("language", "en")
        return render_preview(room, theme, values.get("state", "waiting"), language).response()
    except SettingError as e:
        problem = f"{e.name.removeprefix('theme.')}: {e.allowed}"
    response = page("preview_wrong.html", status=422, problem=problem)
    policy = response.headers["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy.replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    )
    return response


async def version(name: str) -> Response:
    """Show an earlier look again, or the one that all rooms have."""
    who().require("owner", name)
    made, wanted = services(), (await request.form).get("version", "")
    check_version(wanted, await theme_versions(made.store, name))
    await made.control.change(who(), name, {"theme": wanted})
    return go("splash", name=name, done="published")


async def _current(name: str) -> dict[str, Any]:
    """Return the theme that visitors see, in the types of JSON."""
    found = await services().control.room(who(), name)
    if not found.settings.theme:
        return {}
    theme = await read_theme(services().store, name, found.settings.theme)
    return theme.model_dump(mode="json", exclude_defaults=True) if theme else {}


async def _page(
    name: str,
    notes: list[Note],
    *,
    language: str,
    raw: dict[str, Any] | None = None,
    seen: str | None = None,
    status: int = 200,
) -> Response:
    """Show the editor.

    Args:
        name: The room.
        notes: Lines on top.
        language: Whose words are listed; English if it is none.
        raw: The draft; None for the theme that visitors see.
        seen: The version from which the draft began; None for the one of now.
        status: HTTP status.
    """
    room = await services().control.room(who(), name)
    if language not in languages():
        language = "en"
    current = await _current(name)
    return page(
        "splash.html",
        status=status,
        notes=notes,
        room=room,
        theme=theme_fields(current if raw is None else raw, language),
        kept="" if raw is None else theme_kept(raw),
        seen=room.settings.theme if seen is None else seen,
        states=[(state, _STATE_NAMES.get(state, state)) for state in STATES],
        languages=[(code, str(texts["name"])) for code, texts in languages().items()],
        language=language,
        versions=await theme_versions(services().store, name),
        may=who().can("owner", name),
    )
