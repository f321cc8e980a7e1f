"""An answer as plain data, for whatever carries it."""

from typing import NamedTuple


class Reply(NamedTuple):
    """One answer.

    Attributes:
        status: HTTP status.
        headers: Names and values, in lower case where it matters; the length is not among them.
        body: What follows.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
