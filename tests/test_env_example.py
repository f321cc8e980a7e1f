"""`.env.example` says the same as the configuration does."""

import re
from pathlib import Path
from typing import Any

import annotated_types
import pytest

from waitroom.config import PREFIX, Config

EXAMPLE = Path(__file__).parent.parent / ".env.example"
ASSIGNMENT = re.compile(rf"# ({PREFIX}[A-Z_]+)=(.*)")


def documented() -> dict[str, tuple[str, str]]:
    """Return field -> (default as written, comment above)."""
    found: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    for line in EXAMPLE.read_text().splitlines():
        if match := ASSIGNMENT.fullmatch(line):
            found[match[1].removeprefix(PREFIX).lower()] = match[2], " ".join(comment)
            comment = []
        elif line.startswith("# "):
            comment.append(line.removeprefix("# "))
        else:
            assert not line, f"not a comment: {line}"
            comment = []
    return found


def default(name: str) -> str:
    value: Any = Config.model_fields[name].get_default(call_default_factory=True)
    return "" if value in (None, ()) else str(value)


def test_every_setting_is_documented_and_no_other() -> None:
    assert list(documented()) == list(Config.model_fields)


@pytest.mark.parametrize("name", Config.model_fields)
def test_the_default_is_the_one_written_there(name: str) -> None:
    assert documented()[name][0] == default(name)


@pytest.mark.parametrize("name", Config.model_fields)
def test_the_comment_says_more_than_the_name(name: str) -> None:
    assert len(documented()[name][1]) > 30


@pytest.mark.parametrize("name", Config.model_fields)
def test_the_range_and_the_unit_are_written_there(name: str) -> None:
    comment = documented()[name][1]
    field = Config.model_fields[name]
    bounds = [
        bound
        for part in [*field.metadata, *getattr(field.annotation, "__metadata__", ())]
        for bound in (getattr(part, "ge", None), getattr(part, "le", None))
        if bound is not None
    ]
    for bound in bounds:
        assert re.search(rf"\b{bound}\b", comment), f"{bound} is not in: {comment}"
    for suffix, unit in (("_s", "in seconds"), ("_ms", "in milliseconds")):
        if name.endswith(suffix):
            assert unit in comment


def test_limits_are_read_from_the_model_at_all() -> None:
    # The test above must not pass because pydantic keeps limits elsewhere.
    assert any(
        isinstance(part, annotated_types.Ge) for part in Config.model_fields["port"].metadata
    )
