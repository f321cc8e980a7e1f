"""The splash page as an owner looks at it before publishing: in any state, asking nobody.

It is the page that visitors get, but for its script (``splash/preview.js``), which shows one fixed
answer, and for the theme, which stands in the page as it has no address yet. So its policy names
that one style sheet by its hash, and is else as strict as ever.
"""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, get_args

from quart import Response

from waitroom.errors import SettingError
from waitroom.room import Room
from waitroom.room.theme import Theme
from waitroom.web.services import services
from waitroom.web.splash import DEFAULT_LANGUAGE, SECURITY_HEADERS, Splash
from waitroom.web.theme_look import Look

PreviewState = Literal[
    "waiting", "nearly_there", "your_turn", "paused", "closed", "reconnecting", "message"
]
#: The states there are, in the order in which a visitor may meet them.
STATES: tuple[PreviewState, ...] = get_args(PreviewState)

#: Shown in the state ``message`` while the room has none.
_SAMPLE = "What you tell the line appears here."


@dataclass(frozen=True, slots=True)
class Preview:
    """A page to look at, in a frame of the same host.

    Attributes:
        body: HTML.
        headers: To be sent with it; among them its policy.
    """

    body: bytes
    headers: dict[str, str]

    def response(self) -> Response:
        """Return it as an answer."""
        return Response(self.body, 200, self.headers, content_type="text/html; charset=utf-8")


def render_preview(
    room: Room, theme: Theme, state: str, language: str = DEFAULT_LANGUAGE
) -> Preview:
    """Return how a theme would look; nothing is kept. As ``preview``, for the running process."""
    return preview(services().splash, room, theme, state, language)


def preview(
    splash: Splash, room: Room, theme: Theme, state: str, language: str = DEFAULT_LANGUAGE
) -> Preview:
    """Return how a theme would look; nothing is kept.

    Args:
        splash: The splash page.
        room: Whose title and message are shown.
        theme: The theme; an empty one shows the page as it is by default.
        state: One of ``STATES``.
        language: One of those of the splash page.

    Raises:
        SettingError: If there is no such state or language.
    """
    if state not in STATES:
        raise SettingError("state", state, f"must be one of {', '.join(STATES)}")
    if language not in splash.languages:
        raise SettingError("language", language, f"must be one of {', '.join(splash.languages)}")
    title, message = room.settings.title, room.settings.message or ""
    if state == "message":
        message = message or _SAMPLE
    look = None if theme.empty else Look(room.name, "", theme, splash.frame)
    shown = {"state": state, "title": title, "message": message}
    body = splash.render(language, look, title, shown)
    headers = SECURITY_HEADERS | {"Cache-Control": "no-store"}
    if look is not None:
        policy = headers["Content-Security-Policy"]
        headers["Content-Security-Policy"] = policy.replace(
            "style-src 'self'", f"style-src 'self' '{_hash(look.css())}'"
        )
    return Preview(body, headers)


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
