"""Bytes that are the same for everybody, ready to be sent."""

import gzip
from dataclasses import dataclass
from hashlib import sha256

from waitroom.web.accepts import Accepts
from waitroom.web.reply import Reply

#: Of a file whose address changes with its content.
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes ready to send.

    Attributes:
        body: As they are.
        zipped: The same, gzipped; empty for what is compressed by its nature.
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
        pictures = content_type.startswith("image/") and "svg" not in content_type
        zipped = b"" if pictures else gzip.compress(body, 9, mtime=0)
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
        if self.zipped and accepts.gzip:
            return Reply(status, [*headers, ("content-encoding", "gzip")], self.zipped)
        return Reply(status, headers, self.body)

    def file(self, accepts: Accepts, cache: str) -> Reply:
        """Return an answer that browsers take for what its type says, and nothing else.

        Args:
            accepts: What the browser can read and has already.
            cache: The Cache-Control header.
        """
        reply = self.reply(accepts, 200, cache)
        return reply._replace(headers=[*reply.headers, ("x-content-type-options", "nosniff")])
