"""The splash page and its assets, rendered and compressed once at start.

The page is the same bytes for everybody of one language, so an edge can cache it and a surge
costs nothing; what is personal comes by socket or ``status``.
"""

import gzip
import mimetypes
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import rcssmin
import rjsmin
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from quart import Response, request

from waitroom.errors import ConfigError
from waitroom.web.accepts import Accepts
from waitroom.web.reply import Reply

#: Where assets are served.
ASSETS = "/__waitroom/assets/"
DEFAULT_LANGUAGE = "en"
#: An asset of a version never changes.
FOR_EVER = "public, max-age=31536000, immutable"
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

_FETCH = "waitroom-fetch.js"
_SOCKET_IO = Path("node_modules/socket.io-client/dist/socket.io.esm.min.js")
_SERVED = frozenset({".js", ".css", ".svg"})


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes ready to send.

    Attributes:
        body: As they are.
        zipped: The same, gzipped.
        etag: A short hash of them.
        content_type: Their media type.
    """

    body: bytes
    zipped: bytes
    etag: str
    content_type: str

    @classmethod
    def make(cls, body: bytes, content_type: str) -> "Blob":
        """Compress and hash a body."""
        zipped = gzip.compress(body, 9, mtime=0)
        return cls(body, zipped, sha256(body).hexdigest()[:12], content_type)

    def reply(
        self, accepts: Accepts, status: int, cache: str, vary: str = "Accept-Encoding"
    ) -> Reply:
        """Return an answer, gzipped or 304 as the request allows.

        Args:
            accepts: What the browser can read and has already.
            status: HTTP status.
            cache: The Cache-Control header.
            vary: The Vary header.
        """
        headers = [("etag", f'W/"{self.etag}"'), ("cache-control", cache), ("vary", vary)]
        if status == 200 and accepts.has(self.etag):
            return Reply(304, headers, b"")
        headers.append(("content-type", self.content_type))
        if accepts.gzip:
            return Reply(status, [*headers, ("content-encoding", "gzip")], self.zipped)
        return Reply(status, headers, self.body)


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
        self._texts = {
            path.stem: orjson.loads(path.read_bytes())
            for path in sorted((folder / "languages").glob("*.json"))
        }
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
        self._pages = {lang: self._render_page(lang) for lang in self._texts}

    @classmethod
    def load(cls) -> "Splash":
        """Read the splash folder of this installation: the wheel's own, or the checkout's.

        Raises:
            ConfigError: If there is none.
        """
        package = Path(__file__).resolve().parent.parent
        for folder in (package / "_splash", package.parent / "splash"):
            if (folder / "index.html").is_file():
                return cls(folder)
        raise ConfigError("the splash page is missing: install Waitroom again, or `make setup`")

    def page(self, accepts: Accepts, status: int) -> Reply:
        """Return the splash page in the visitor's language.

        Args:
            accepts: What the browser can read and has already.
            status: The room's ``queueing_status_code``.
        """
        page = self._pages[accepts.language(self.languages, DEFAULT_LANGUAGE)]
        found = page.reply(accepts, status, PAGE_CACHE, "Accept-Encoding, Accept-Language")
        return found._replace(headers=[*found.headers, *SECURITY_HEADERS.items()])

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
        return _as_it_says(
            blob.reply(accepts, 200, FOR_EVER if version == self.version else "no-cache")
        )

    def fetch_wrapper(self, accepts: Accepts) -> Reply:
        """Return the script that takes a single-page app to the splash page."""
        return _as_it_says(self._assets[_FETCH].reply(accepts, 200, FETCH_CACHE))

    def personal_page(self, template: str, http_status: int, /, **values: Any) -> Response:
        """Return a page made for one visitor; nobody may cache it.

        Args:
            template: A template of the splash folder.
            http_status: The answer's status.
            values: What the template shows.
        """
        lang = self._language()
        body = self._jinja.get_template(template).render(**self._common(lang), **values)
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-store", "Vary": "Accept-Language"}
        return Response(body, http_status, headers, content_type="text/html; charset=utf-8")

    def error_page(self, status: int, code: str, detail: str, *, refresh_s: int = 0) -> Response:
        """Return a page that says one thing.

        Args:
            status: HTTP status.
            code: Stable name of what happened.
            detail: One sentence, for codes that the language files do not know.
            refresh_s: After how many seconds the page asks again by itself; 0 = never.
        """
        return self.personal_page(
            "error.html", status, status=status, code=code, detail=detail, refresh_s=refresh_s
        )

    def texts(self) -> dict[str, Any]:
        """Return the sentences of the visitor's language."""
        found: dict[str, Any] = self._texts[self._language()]
        return found

    def _language(self) -> str:
        return Accepts(request.scope).language(self.languages, DEFAULT_LANGUAGE)

    def _common(self, lang: str) -> dict[str, Any]:
        texts = self._texts[lang]
        return {"lang": lang, "dir": texts.get("dir", "ltr"), "texts": texts}

    def _render_page(self, lang: str) -> Blob:
        # In a script block only "<" could end the block.
        data = orjson.dumps(self._texts[lang]).decode().replace("<", "\\u003c")
        page = self._jinja.get_template("index.html").render(
            **self._common(lang),
            texts_json=Markup(data),  # noqa: S704 - escaped in the line above
        )
        return Blob.make(page.encode(), "text/html; charset=utf-8")

    def _asset_address(self, name: str) -> str:
        return f"{ASSETS}{self.version}/{name}"


def _as_it_says(reply: Reply) -> Reply:
    """Have browsers take it for what its type says, and nothing else."""
    return reply._replace(headers=[*reply.headers, ("x-content-type-options", "nosniff")])


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
