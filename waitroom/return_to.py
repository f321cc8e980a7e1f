"""Where a visitor goes after the wait: a path on the same host, nothing else."""

import re
from urllib.parse import urlsplit

from waitroom.errors import ReturnToError

#: Longest ``return_to``, characters.
MAX_LENGTH = 2_048
#: Where everything that a splash page needs lives.
PREFIX = "/__waitroom/"

_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_DOTS = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)


def checked_return_to(text: str | None) -> str:
    r"""Return a path that is safe to redirect to.

    Browsers read ``//host``, ``/\\host`` and, after dropping tabs and line ends, more spellings as
    another host; so anything but a plain path is refused rather than mended.

    Args:
        text: What the address named, decoded once; None or empty means ``/``.

    Raises:
        ReturnToError: If it has a scheme, a host, ``//`` in front, a backslash, white space or a
            control character, a dot segment, is too long, or leads back into the waiting room.
    """
    if not text:
        return "/"
    if len(text) > MAX_LENGTH or not text.startswith("/") or text.startswith("//"):
        raise ReturnToError
    if _UNSAFE.search(text):
        raise ReturnToError
    try:
        parts = urlsplit(text)
    except ValueError as e:
        raise ReturnToError from e
    # Browsers remove dot segments, so /x/..//host and the like are not what they seem.
    if parts.scheme or parts.netloc or _DOTS.search(parts.path):
        raise ReturnToError
    if f"{parts.path}/".startswith(PREFIX):
        raise ReturnToError
    return text
