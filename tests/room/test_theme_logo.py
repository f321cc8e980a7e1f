"""A logo is told by its bytes: a small picture of three kinds, and nothing that holds a script."""

import struct
from base64 import b64encode

import pytest

from tests.browser.theming import picture
from waitroom.errors import SettingError
from waitroom.room.theme import Theme
from waitroom.room.theme_logo import BYTES_MAX, Logo, picture_kind


def jpeg(width: int, height: int) -> bytes:
    table = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF" + bytes(10)
    return b"\xff\xd8" + table + b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"x"


def webp(kind: bytes, rest: bytes) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBP" + kind + bytes(4) + rest + bytes(9 if rest else 0)


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + struct.pack(">II", width, height)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (png(30, 20), ("png", 30, 20)),
        (jpeg(30, 20), ("jpeg", 30, 20)),
        (webp(b"VP8X", bytes(4) + b"\x1d\x00\x00\x13\x00\x00"), ("webp", 30, 20)),
        (webp(b"VP8L", b"\x2f" + struct.pack("<I", 29 | 19 << 14)), ("webp", 30, 20)),
        (webp(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 30, 20)), ("webp", 30, 20)),
    ],
    ids=["png", "jpeg", "webp", "webp lossless", "webp lossy"],
)
def test_kind_and_size_are_read_off_the_bytes(raw: bytes, found: tuple[str, int, int]) -> None:
    assert picture_kind(raw) == found
    logo = Logo(data=b64encode(raw).decode())
    assert (logo.raw, logo.media_type) == (raw, f"image/{found[0]}")
    # What a browser gives for a file.
    assert Logo(data=f"data:image/gif;base64,{logo.data}").kind == found


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"<svg xmlns='x' onload='alert(1)'/>", "SVG"),
        (b"<?xml version='1.0'?><!-- x --><SVG>", "SVG"),
        (b"<html><script>alert(1)</script>", "PNG, JPEG or WebP"),
        (b"GIF89a" + bytes(20), "PNG, JPEG or WebP"),
        (b"", "PNG, JPEG or WebP"),
        (b"\x89PNG\r\n\x1a\n", "PNG, JPEG or WebP"),
        (b"\xff\xd8\xff", "PNG, JPEG or WebP"),
        (b"\xff\xd8" + b"\xff\xe0\x00\x00" * 9, "PNG, JPEG or WebP"),
        (webp(b"VP8X", b""), "PNG, JPEG or WebP"),
        (png(60_000, 60_000), "60000 x 60000 pixels; at most 2000"),
        (png(0, 10), "0 x 10 pixels"),
        (jpeg(5, 2_001), "5 x 2001"),
        (png(1, 1) + bytes(BYTES_MAX), "at most 100,000"),
        (png(30, 20) + b"\0\0\0\x08acTL" + bytes(12) + b"IDAT", "is animated"),
        (webp(b"VP8X", b"\x02" + bytes(3) + b"\x1d\x00\x00\x13\x00\x00"), "is animated"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_no_small_picture_is_refused_with_the_reason(raw: bytes, word: str) -> None:
    with pytest.raises(SettingError) as e:
        Theme.read({"logo": {"data": b64encode(raw).decode()}})
    assert e.value.name == "theme.logo"
    assert word in str(e.value)


def test_the_name_of_a_file_or_its_said_type_decides_nothing() -> None:
    svg = b64encode(b"<svg/>").decode()
    with pytest.raises(SettingError, match="SVG"):
        Theme.read({"logo": f"data:image/png;base64,{svg}"})


@pytest.mark.parametrize("data", ["not base64!", "é", "=", None, 5, "A" * 200_001])
def test_data_that_are_no_base64_are_refused(data: object) -> None:
    with pytest.raises(SettingError):
        Theme.read({"logo": {"data": data}})


@pytest.mark.parametrize("alt", ["a\nb", "a\u202eb", "\u200b"])
def test_what_it_shows_can_be_read(alt: str) -> None:
    with pytest.raises(SettingError) as refused:
        Theme.read({"logo": {"data": picture(), "alt": alt}})
    assert refused.value.name == "theme.logo.alt"


def test_a_real_picture_just_small_enough_is_taken() -> None:
    theme = Theme.read({"logo": {"data": picture(), "alt": "Fair"}})
    assert theme.logo is not None and theme.logo.kind == ("png", 160, 48)
    assert Theme.read(theme.model_dump(mode="json", exclude_defaults=True)) == theme
