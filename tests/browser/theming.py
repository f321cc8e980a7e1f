"""What tests of themes share: a good theme, and the splash page of one web process in Chromium."""

import struct
import zlib
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Request, Response

from tests.web.helpers import Site
from waitroom.room import Room
from waitroom.room.theme import Theme
from waitroom.room.theme_store import publish_theme


def picture(width: int = 160, height: int = 48, colour: bytes = b"\xb0\x00\x20") -> str:
    """Return a PNG of one colour, as base64."""
    rows = (b"\x00" + colour * width) * height
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


GOOD: dict[str, Any] = {
    "logo": {"data": picture(), "alt": "The Fair"},
    "colours": {
        "light": {"background": "#fdf6f0", "text": "#2a1215", "accent": "#b00020"},
        "dark": {"background": "#1a0d0f", "text": "#ffe9e4", "accent": "#ff8a80"},
    },
    "links": [
        {"text": "Opening hours", "url": "https://fair.example/hours"},
        {"text": "Help", "url": "https://fair.example/help?a=1&b=2"},
    ],
    "css": (
        "h2 { font-family: Georgia, serif; font-weight: 700 }\n"
        "figure { border-radius: 0 }\n"
        ".theme-top { padding: 1rem; background: linear-gradient(#fff0, #b0002022) url(logo) }\n"
        ".theme-top b { animation: theme-glow 2s infinite alternate; color: #b00020 }\n"
        "@keyframes theme-glow { to { letter-spacing: 0.05em } }\n"
        "@media (prefers-color-scheme: dark) { .theme-top b { color: #ff8a80 } }"
    ),
    "blocks": {
        "top": "<p>Welcome to <b>{{ room.title }}</b></p>",
        "below": '{% if language == "de" %}<p>Guten Tag</p>{% else %}<p>Good day</p>{% endif %}',
    },
    "texts": {
        "en": {"heading_waiting": "Queue like a lady", "rate": {"one": "{n} guest a minute"}},
        "de": {"heading_waiting": "Bitte anstellen"},
    },
}


@dataclass
class Look:
    """One visitor's view of a page, and all that it asked for."""

    page: Page
    context: BrowserContext
    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    async def run(self, script: str, argument: Any = None) -> Any:
        """Return what an expression is on the page, or a function of an argument."""
        return await self.page.evaluate(script, argument)


async def look_at(chromium: Browser, url: str = "about:blank", **options: Any) -> Look:
    """Open an address as a visitor of their own."""
    context = await chromium.new_context(**options)
    found = Look(await context.new_page(), context)

    def requested(request: Request) -> None:
        found.requests.append(request.url)

    def answered(response: Response) -> None:
        if response.status >= 400:
            found.failed.append(f"{response.status} {response.url}")

    found.page.on("request", requested)
    found.page.on("response", answered)
    found.page.on("console", lambda message: found.said.append(message.text))
    found.page.on("pageerror", lambda error: found.said.append(str(error)))
    await found.page.goto(url)
    return found


async def wear(site: Site, room: Room, raw: Any) -> str:
    """Publish a theme, and return its version once the process shows it."""
    made = site.services
    version = await publish_theme(
        made.store, made.directory, room.name, Theme.read(raw), who="test"
    )
    return version
