"""Rooms, their lines and their splash pages, as the owner API takes and answers them.

Rooms are made from ``RoomSettings``, so a new setting is in the API without a word here.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from waitroom.api.models.base import RoomName, Strict
from waitroom.api.shapes import ADDRESS
from waitroom.control.exact import settings_model
from waitroom.control.views import Contact, List, RoomFigures, RoomView
from waitroom.room.theme import Theme
from waitroom.texts import languages
from waitroom.web.theme_preview import PreviewState

RoomChanges = settings_model("RoomChanges", "Settings to change; those that are left out stay.")
NewRoom = settings_model(
    "NewRoom",
    "A room to make; settings that are left out have the defaults of the installation.",
    name=(RoomName, Field(description="1 to 40 of a-z, 0-9, - and _.")),
)
Room = settings_model(
    "Room",
    "A room and its settings.",
    name=(RoomName, ...),
    version=(str, Field(description="Of these settings; also the answer's ETag.")),
)


def room(view: RoomView) -> dict[str, Any]:
    """Return a room as the API shows it."""
    return {
        "name": view.name,
        "version": view.version,
        **view.settings.model_dump(mode="json"),
    }


class Rooms(BaseModel):
    """All rooms that the token may see, sorted by name."""

    rooms: list[Room]  # type: ignore[valid-type]


class AllFigures(BaseModel):
    """All rooms that the token may see, in numbers, sorted by name."""

    rooms: list[RoomFigures]


class Message(Strict):
    """What everybody in the line is told."""

    text: Annotated[str, Field(max_length=500)] | None = Field(
        description="The sentence; null takes it away."
    )


class AdmitNow(Strict):
    """How many to let in."""

    n: int = Field(ge=1, le=100_000, description="How many, at most; never more than free seats.")


class Nothing(Strict):
    """No parameters."""


class VisitorsQuery(Strict):
    """Which visitors."""

    of: List = Field("waiting", description="Those in the line, those gone silent, or seated ones.")
    start: int = Field(0, ge=0, le=10**9, description="How many to pass over.")
    count: int = Field(50, ge=1, le=1_000, description="At most so many.")


class MatchQuery(Strict):
    """A page, as a visitor asks for it."""

    url: str = Field(
        min_length=1, max_length=4_096, description="Its address, such as https://example.com/shop."
    )
    method: str = Field("GET", pattern=r"^[A-Za-z]{1,16}$", description="The HTTP method.")
    address: str = Field(
        "",
        pattern=f"^{ADDRESS}?$",
        description="The visitor's IP address, for bypass rules; may be empty.",
    )


class Edges(BaseModel):
    """When each edge was last heard of."""

    edges: list[Contact]


class PreviewQuery(Strict):
    """What to look at."""

    state: PreviewState = Field("waiting", description="The state of the page.")
    language: str = Field(
        "en",
        pattern=f"^({'|'.join(sorted(languages()))})$",
        description="One of the languages of the splash page.",
    )


class PreviewBody(PreviewQuery):
    """What to look at, with a theme that is not published."""

    theme: Theme = Field(default_factory=Theme, description="The theme.")
