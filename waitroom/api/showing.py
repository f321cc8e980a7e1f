"""What visitors see: themes, and the splash page in every state before it is published."""

from typing import Any

from quart import Response

from waitroom.accounts.guard import who
from waitroom.api.asking import answer, body, control, if_match, json_object, query
from waitroom.api.blueprint import api, describe
from waitroom.api.models.rooms import PreviewBody, PreviewQuery
from waitroom.control.views import ThemeView
from waitroom.errors import RoomChangedError, VersionError
from waitroom.room.theme import Theme
from waitroom.web.services import services
from waitroom.web.theme_preview import render_preview

_ABOUT = "The splash page"
_IF_MATCH = {
    "If-Match": "The ETag of the theme as you saw it: if somebody has published another one since, "
    "nothing is done (412)."
}


@api.get("/rooms/<name>/theme")
@describe(_ABOUT, answers=ThemeView, refuses=(404,))
async def get_theme(name: str) -> Response:
    """Get what the splash page looks like."""
    return _theme(await control().theme(who(), name))


@api.put("/rooms/<name>/theme")
@describe(_ABOUT, answers=ThemeView, body=Theme, headers=_IF_MATCH, refuses=(404, 409, 412))
async def publish_theme(name: str) -> Response:
    """Give the splash page another look.

    Visitors see it from the next second on; parts that are left out are as in all rooms. An
    earlier look is shown again by changing the room's setting theme to its version. Needs the
    role owner.
    """
    seen, raw = if_match(), await json_object()
    try:
        found = await control().publish_theme(who(), name, raw, seen=seen)
    except RoomChangedError:
        if seen is None:
            raise
        raise VersionError([]) from None
    return _theme(found)


@api.get("/rooms/<name>/preview")
@describe(_ABOUT, media="text/html", query=PreviewQuery, refuses=(404,))
async def preview(name: str) -> Response:
    """See the splash page as visitors see it, in any state."""
    wanted = query(PreviewQuery)
    found = await control().theme(who(), name)
    return await _preview(name, found.theme, wanted.state, wanted.language)


@api.post("/rooms/<name>/preview")
@describe(_ABOUT, media="text/html", body=PreviewBody, refuses=(404,))
async def preview_theme(name: str) -> Response:
    """See the splash page as a theme would make it, in any state.

    Nothing is kept.
    """
    await control().room(who(), name)
    raw = await json_object()
    theme = Theme.read(raw.pop("theme", {}))
    wanted = await body(PreviewBody, raw)
    return await _preview(name, theme, wanted.state, wanted.language)


async def _preview(name: str, theme: Theme, state: str, language: str) -> Response:
    room = await services().directory.get(name)
    return render_preview(room, theme, state, language).response()


def _theme(found: ThemeView) -> Response:
    headers: dict[str, Any] = {"ETag": f'"{found.version}"'}
    return answer(found, **headers)
