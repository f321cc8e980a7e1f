"""What all that the owner API takes has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from waitroom.room.settings import ROOM_NAME

#: The last moment that may be asked for, milliseconds since the epoch.
LAST_MS = 10**14
RoomName = Annotated[str, Field(pattern=rf"^{ROOM_NAME.pattern}$")]
Ms = Annotated[int, Field(ge=0, le=LAST_MS)]


class Strict(BaseModel):
    """A body or query in which unknown names are refused."""

    model_config = ConfigDict(extra="forbid")
