"""Settings taken exactly as JSON types them: no text for a number, no true for 1.

The room's own model is friendlier, for owners who type; programs and files are told at once.
"""

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from waitroom.errors import SettingError
from waitroom.room import RoomSettings
from waitroom.room.settings import setting_error


def settings_model(called: str, doc: str, **more: Any) -> type[BaseModel]:
    """Return a model of all settings, none of which has to be given.

    Args:
        called: The model's name.
        doc: What it is.
        more: Fields beside the settings, as ``create_model`` takes them.
    """
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in RoomSettings.model_fields.items()
    }
    return create_model(
        called, __config__=ConfigDict(extra="forbid"), __doc__=doc, **(more | fields)
    )


_Settings = settings_model("Settings", "Settings of a room.")


def check_exact(changes: dict[str, Any]) -> None:
    """Return if settings have exactly the types that JSON gives them.

    Ranges of several settings together are the room's business.

    Raises:
        SettingError: If one is unknown, of another type, or out of range; names the first one.
    """
    for name, value in changes.items():
        try:
            text = orjson.dumps({name: value}, option=orjson.OPT_PASSTHROUGH_DATETIME)
        except (TypeError, orjson.JSONEncodeError):
            raise SettingError(name, str(value), "must be a value that JSON has") from None
        try:
            _Settings.model_validate_json(text, strict=True)
        except ValidationError as e:
            raise setting_error(e) from None
