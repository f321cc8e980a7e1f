"""An owner's logo: a small picture of a kind that can hold no script, told by its bytes.

Read is only what stands at the front of the file: kind, width and height. A picture of a few
bytes can unfold to gigabytes in a visitor's browser, so its sides are limited too.
"""

import base64
import binascii
import struct
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from waitroom.legible import legible

#: Largest file, bytes.
BYTES_MAX = 100_000
#: Longest side, pixels.
SIDE_MAX = 2_000

Size = tuple[int, int]


class Logo(BaseModel):
    """A logo.

    Attributes:
        data: The file as base64; a ``data:`` address is taken too.
        alt: What it shows, for those who do not see it; empty when the title says so already.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Annotated[str, Field(max_length=200_000, repr=False)]
    alt: Annotated[str, Field(max_length=120)] = ""

    @model_validator(mode="before")
    @classmethod
    def _is_its_data(cls, value: Any) -> Any:
        return {"data": value} if isinstance(value, str) else value

    @field_validator("alt")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        return legible(text) if text else text

    @model_validator(mode="after")
    def _is_a_picture(self) -> "Logo":
        raw = self.raw
        if len(raw) > BYTES_MAX:
            raise ValueError(f"is {len(raw):,} bytes; at most {BYTES_MAX:,} are allowed")
        _, width, height = self.kind
        if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
            raise ValueError(f"is {width} x {height} pixels; at most {SIDE_MAX} a side are allowed")
        if _moves(raw):
            raise ValueError("is animated; who waits for an hour cannot stop it")
        return self

    @property
    def raw(self) -> bytes:
        """The file.

        Raises:
            ValueError: If the data are not base64.
        """
        try:
            return base64.b64decode(self.data.rpartition("base64,")[2], validate=True)
        except binascii.Error as e:
            raise ValueError("data must be base64") from e

    @cached_property
    def kind(self) -> tuple[str, int, int]:
        """``png``, ``jpeg`` or ``webp``, width and height.

        Raises:
            ValueError: If it is no picture of these kinds.
        """
        return picture_kind(self.raw)

    @property
    def media_type(self) -> str:
        """What it is, for browsers."""
        return f"image/{self.kind[0]}"


def _moves(raw: bytes) -> bool:
    """Whether a picture says of itself that it is animated, as browsers ask for it."""
    if raw[:4] == b"RIFF":
        return raw[12:16] == b"VP8X" and bool(raw[20] & 0x02)
    # Of an animated PNG this comes before the first picture.
    return raw[:4] == b"\x89PNG" and b"acTL" in raw.partition(b"IDAT")[0]


def picture_kind(raw: bytes) -> tuple[str, int, int]:
    """Return what a picture is, its width and its height.

    Args:
        raw: The file, untrusted.

    Raises:
        ValueError: If it is no PNG, JPEG or WebP.
    """
    readers: dict[str, Callable[[bytes], Size | None]] = {
        "png": _png,
        "jpeg": _jpeg,
        "webp": _webp,
    }
    for kind, read in readers.items():
        try:
            size = read(raw)
        except (struct.error, IndexError):
            size = None
        if size is not None:
            return kind, *size
    if b"<svg" in raw[:1_000].lower():
        raise ValueError("is an SVG, which can hold scripts; save it as PNG or WebP")
    raise ValueError("must be a PNG, JPEG or WebP")


def _png(raw: bytes) -> Size | None:
    if raw[:8] != b"\x89PNG\r\n\x1a\n" or raw[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", raw[16:24])
    return width, height


def _jpeg(raw: bytes) -> Size | None:
    if raw[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 9 < len(raw) and raw[at] == 0xFF:
        marker, length = raw[at + 1], struct.unpack(">H", raw[at + 2 : at + 4])[0]
        # Frames of all kinds; the three left out are tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", raw[at + 5 : at + 9])
            return width, height
        at += 2 + max(2, length)
    return None


def _webp(raw: bytes) -> Size | None:
    if raw[:4] != b"RIFF" or raw[8:12] != b"WEBP" or len(raw) < 30:
        return None
    kind = raw[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(raw[24:27], "little"), 1 + int.from_bytes(raw[27:30], "little")
    if kind == b"VP8L" and raw[20] == 0x2F:
        bits = struct.unpack("<I", raw[21:25])[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and raw[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", raw[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
