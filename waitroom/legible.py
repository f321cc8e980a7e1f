"""What an owner writes for visitors to read: it says something, in the order it is written in."""

from unicodedata import category

#: Left-to-right and right-to-left override. Marks, embeddings and isolates are of use.
_REORDERED = frozenset("\u202d\u202e")
#: Letters and symbols that show nothing: fillers of Hangul, the empty cell of Braille.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def legible(text: str, *, lines: bool = False) -> str:
    """Return a text that visitors can read.

    Joiners and variation selectors are of use (Persian, emoji); alone they show nothing.

    Args:
        text: Of at least one character.
        lines: Whether it may have more than one line.

    Raises:
        ValueError: If it holds control characters, turns the order of others around, or shows
            nothing.
    """
    if any(category(char) in ("Cc", "Zl", "Zp") and not (lines and char == "\n") for char in text):
        raise ValueError("must not hold control characters")
    if _REORDERED & set(text):
        raise ValueError("must not hold characters that turn the order of others around")
    if not any(_shows(char) for char in text):
        raise ValueError("must hold something that can be seen")
    return text


def _shows(char: str) -> bool:
    kind = category(char)
    # Unassigned ones may be the emoji of a later Unicode than Python's.
    return char not in _BLANK and (kind == "Cn" or kind[0] not in "CZ") and not _selects(char)


def _selects(char: str) -> bool:
    """Say whether it is a variation selector: it only changes what is before it."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"
