"""The splash page and its assets, rendered and compressed once.

The page is the same bytes for everybody of one language, in all rooms without a theme and in each
room with one, so an edge can cache it and a surge costs nothing; what is personal comes by socket
or ``status``.
"""

import mimetypes
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import rcssmin
import rjsmin
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from quart import Response, request

from waitroom.room import Room
from waitroom.texts import Texts, read_languages, splash_folder
from waitroom.web.accepts import Accepts
from waitroom.web.blob import FOR_EVER as FOR_EVER
from waitroom.web.blob import Blob as Blob
from waitroom.web.reply import Reply
from waitroom.web.theme_look import Look
from waitroom.web.words import Words

#: Where assets are served.
ASSETS = "/__waitroom/assets/"
DEFAULT_LANGUAGE = "en"
#: The wrapper for single-page apps has one address for all versions.
FETCH_CACHE = "public, max-age=3600"
#: Browsers ask again each time; a shared cache in front may keep the page for a minute.
PAGE_CACHE = "public, max-age=0, s-maxage=60, must-revalidate"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Without scripts the page finds `return_to` in its own address, by the referrer.
    "Referrer-Policy": "same-origin",
}
#: Tells an edge which theme a page shows, as it keeps pages by theme.
THEME_HEADER = "waitroom-theme"

#: Sentences that no script says: of other pages, or in the page's HTML from the start.
UNSPOKEN = frozenset(
    """
    name dir generic_title progress_label wait_label rate_label message_label links_label keep_nojs
    nojs_link refresh go_home error_title error_code error_room_not_found error_bad_return_to
    error_store_unavailable leave leave_sure leave_no join try_again
    """.split()
)

_FETCH = "waitroom-fetch.js"
_FRAME = "theme.css"
_SOCKET_IO = Path("node_modules/socket.io-client/dist/socket.io.esm.min.js")
_SERVED = frozenset({".js", ".css", ".svg"})


class Splash:
    """All that visitors load.

    Args:
        folder: The splash folder.
    """

    def __init__(self, folder: Path) -> None:
        self._assets = {name: _read_asset(path) for name, path in _served_files(folder).items()}
        # One version for all: the page's modules name each other without one, so they have to
        # live in one folder that never mixes two deployments.
        etags = "".join(blob.etag for blob in self._assets.values())
        self.version = sha256(etags.encode()).hexdigest()[:12]
        self._texts = read_languages(folder)
        self._jinja = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.globals["asset"] = self._asset_address
        #: The languages there are, sorted.
        self.languages = sorted(self._texts)
        #: The style sheet that keeps the parts of a theme in their boxes.
        self.frame = self._assets[_FRAME].body.decode()
        self._pages = {lang: self._blob(lang, None, "") for lang in self._texts}

    @classmethod
    def load(cls) -> "Splash":
        """Read the splash folder of this installation: the wheel's own, or the checkout's.

        Raises:
            ConfigError: If there is none.
        """
        return cls(splash_folder())

    def page(
        self, accepts: Accepts, status: int, title: str = "", look: Look | None = None
    ) -> Reply:
        """Return the splash page in the visitor's language.

        Args:
            accepts: What the browser can read and has already.
            status: The room's ``queueing_status_code``.
            title: The room's; matters to a look only.
            look: How the room looks; None for the page as it is by default.
        """
        lang = accepts.language(self.languages, DEFAULT_LANGUAGE)
        if look is None:
            page, extra = self._pages[lang], []
        else:
            page = look.pages.get((lang, title)) or look.keep(
                lang, title, self._blob(lang, look, title)
            )
            extra = [(THEME_HEADER, look.version)]
        found = page.reply(accepts, status, PAGE_CACHE, "Accept-Encoding, Accept-Language")
        return found._replace(headers=[*found.headers, *extra, *SECURITY_HEADERS.items()])

    def asset(self, accepts: Accepts, version: str, name: str) -> Reply | None:
        """Return an asset, or None when there is no such one.

        Args:
            accepts: What the browser can read and has already.
            version: The one in the address. Another deployment's gets the file as it is here,
                for the moment only.
            name: The file's name.
        """
        blob = self._assets.get(name)
        if blob is None:
            return None
        return blob.file(accepts, FOR_EVER if version == self.version else "no-cache")

    def fetch_wrapper(self, accepts: Accepts) -> Reply:
        """Return the script that takes a single-page app to the splash page."""
        return self._assets[_FETCH].file(accepts, FETCH_CACHE)

    def personal_page(
        self,
        template: str,
        http_status: int,
        /,
        *,
        look: Look | None = None,
        title: str = "",
        **values: Any,
    ) -> Response:
        """Return a page made for one visitor; nobody may cache it.

        Args:
            template: A template of the splash folder.
            http_status: The answer's status.
            look: How the room looks; None for the page as it is by default.
            title: The room's.
            values: What else the template shows.
        """
        lang = self._language()
        common = self._common(lang, look, title)
        words = Words(common["texts"], lang, request.headers.get("Accept-Language", ""))
        body = self._jinja.get_template(template).render(
            **common, title=title, words=words, **values
        )
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-store", "Vary": "Accept-Language"}
        return Response(body, http_status, headers, content_type="text/html; charset=utf-8")

    def error_page(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        refresh_s: int = 0,
        room: Room | None = None,
        look: Look | None = None,
    ) -> Response:
        """Return a page that says one thing.

        Args:
            status: HTTP status.
            code: Stable name of what happened.
            detail: One sentence, for codes that the language files do not know.
            refresh_s: After how many seconds the page asks again by itself; 0 = never.
            room: Where it happened; None where it belongs to no room.
            look: How that room looks.
        """
        return self.personal_page(
            "error.html",
            status,
            look=look,
            title=room.settings.title if room else "",
            status=status,
            code=code,
            detail=detail,
            refresh_s=refresh_s,
        )

    def texts(self) -> Texts:
        """Return the sentences of the visitor's language."""
        return self._texts[self._language()]

    def render(
        self, lang: str, look: Look | None, title: str, preview: dict[str, str] | None = None
    ) -> bytes:
        """Return the splash page.

        Args:
            lang: One of ``languages``.
            look: How the room looks; None for the page as it is by default.
            title: The room's; matters to a look only.
            preview: For a page that asks nobody: its ``state``, ``title`` and ``message``.
        """
        common = self._common(lang, look, title)
        spoken = {key: text for key, text in common["texts"].items() if key not in UNSPOKEN}
        # In a script block only "<" could end the block.
        data = orjson.dumps(spoken).decode().replace("<", "\\u003c")
        page = self._jinja.get_template("index.html").render(
            **common,
            preview=preview,
            texts_json=Markup(data),  # noqa: S704 - escaped in the line above
        )
        return page.encode()

    def _language(self) -> str:
        return Accepts(request.scope).language(self.languages, DEFAULT_LANGUAGE)

    def _common(self, lang: str, look: Look | None, title: str) -> dict[str, Any]:
        texts = self._texts[lang]
        if look is not None:
            texts = look.theme.sentences(lang, texts)
        return {
            "lang": lang,
            "dir": texts["dir"],
            "texts": texts,
            "dress": look.dress(title, lang) if look else None,
        }

    def _blob(self, lang: str, look: Look | None, title: str) -> Blob:
        return Blob.make(self.render(lang, look, title), "text/html; charset=utf-8")

    def _asset_address(self, name: str) -> str:
        return f"{ASSETS}{self.version}/{name}"


def _served_files(folder: Path) -> dict[str, Path]:
    files = {
        path.name: path
        for path in sorted(folder.iterdir())
        if path.suffix in _SERVED and not path.name.endswith(".test.js")
    }
    # Without it the page polls; `make setup` brings it, and a wheel holds it.
    if (folder / _SOCKET_IO).is_file():
        files[_SOCKET_IO.name] = folder / _SOCKET_IO
    return files


def _read_asset(path: Path) -> Blob:
    """Read a file as it is sent: without its comments, which are half of it."""
    text = path.read_text()
    if path.suffix == ".js" and not path.name.endswith(".min.js"):
        text = rjsmin.jsmin(text)
    elif path.suffix == ".css":
        text = rcssmin.cssmin(text)
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return Blob.make(text.encode(), media_type)
