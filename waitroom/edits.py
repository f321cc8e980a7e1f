"""Edits that meet each other: the later one is told what changed since its editor looked.

What can be changed has a version, the id of its newest row in the trail. Whoever shows the version
that they saw is refused when there is a newer one; whoever shows values is refused when one of
those is another one by now.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from waitroom.errors import ConflictError, VersionError
from waitroom.room.hand import TRAIL_ID, TrailRow

#: The version of what nobody has changed yet.
NEVER = "0-0"


def after(version: str) -> str:
    """Return from which id on a trail has what is newer than a version.

    Raises:
        VersionError: If it is no version of ours.
    """
    if not TRAIL_ID.fullmatch(version):
        raise VersionError([])
    return f"({version}"


def newer(edits: Iterable[TrailRow]) -> VersionError:
    """Return the refusal of an edit that came too late.

    Args:
        edits: What was changed since, oldest first.
    """
    return VersionError(
        [
            {
                "field": field,
                "before": before,
                "value": value,
                "who": edit.who,
                "at_ms": int(edit.id.partition("-")[0]),
            }
            for edit in edits
            for field, (before, value) in edit.changes.items()
        ]
    )


def met(
    now: Mapping[str, Any], seen: Mapping[str, Any], wanted: Mapping[str, Any]
) -> tuple[str, Any] | None:
    """Return the first field that is neither as it was seen nor as it is wanted, and its value."""
    for field in now:
        if field in seen and now[field] not in (seen[field], wanted.get(field)):
            return field, now[field]
    return None


def conflict(field: str, value: Any, edits: Iterable[TrailRow]) -> ConflictError:
    """Return the refusal of an edit that meets another one.

    Args:
        field: Where.
        value: Its value now.
        edits: Of the trail, newest first.
    """
    by = next((edit.who for edit in edits if field in edit.changes), "")
    return ConflictError(field, value, by)
