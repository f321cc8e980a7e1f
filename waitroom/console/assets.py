"""Stylesheet and scripts of the console, read, made small and hashed once at start.

All stylesheets go out as one. Scripts name each other without a version, so they live in one
folder whose name is the hash of all: it never mixes two deployments and is kept for ever.
"""

import mimetypes
from hashlib import sha256
from pathlib import Path

import rcssmin
import rjsmin

from waitroom.web.accepts import Accepts
from waitroom.web.reply import Reply
from waitroom.web.splash import FOR_EVER, Blob

HERE = Path(__file__).parent
#: The client of Socket.IO, as the splash page has it: in a wheel, or in a checkout.
_SOCKET_IO = "node_modules/socket.io-client/dist/socket.io.esm.min.js"
_SPLASH = (HERE.parent / "_splash", HERE.parent.parent / "splash")


class Assets:
    """All files that pages of the console load."""

    def __init__(self) -> None:
        found = {path.name: path for path in sorted((HERE / "static").iterdir())}
        styles = [path.read_text() for name, path in found.items() if name.endswith(".css")]
        self._blobs = {"console.css": _blob("console.css", rcssmin.cssmin("\n".join(styles)))}
        for name, path in found.items():
            if name.endswith(".js"):
                self._blobs[name] = _blob(name, rjsmin.jsmin(path.read_text()))
            elif name.endswith(".svg"):
                self._blobs[name] = _blob(name, path.read_text())
        for folder in _SPLASH:
            # Without it the figures are asked for every few seconds.
            if (folder / _SOCKET_IO).is_file():
                name = Path(_SOCKET_IO).name
                self._blobs[name] = _blob(name, (folder / _SOCKET_IO).read_text())
                break
        etags = "".join(blob.etag for blob in self._blobs.values())
        #: Hash of all files.
        self.version = sha256(etags.encode()).hexdigest()[:12]

    def address(self, name: str) -> str:
        """Return where a file is served."""
        return f"/console/assets/{self.version}/{name}"

    def reply(self, accepts: Accepts, version: str, name: str) -> Reply | None:
        """Return a file, or None when there is no such one.

        Args:
            accepts: What the browser can read and has already.
            version: The one in the address; that of another deployment is not kept.
            name: The file's name.
        """
        blob = self._blobs.get(name)
        if blob is None:
            return None
        found = blob.reply(accepts, 200, FOR_EVER if version == self.version else "no-cache")
        return found._replace(headers=[*found.headers, ("x-content-type-options", "nosniff")])


def _blob(name: str, text: str) -> Blob:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return Blob.make(text.encode(), media_type)
