"""Every failure that Waitroom names.

One base class with a stable ``code`` and the HTTP ``status`` it stands for; leaves add the one
fact that a caller can act on. Errors of other libraries stop where they arise and are raised
again as one of these. No message holds a token, a secret or a cookie.
"""


class WaitroomError(Exception):
    """The base of all errors raised on purpose."""

    #: Stable name of the failure, for machines; shown outside.
    code: str = "internal_error"
    #: The HTTP status that answers it.
    status: int = 500

    @property
    def detail(self) -> str:
        """One sentence for a person; safe to show outside."""
        return str(self)


class ConfigError(WaitroomError):
    """A setting of this installation is wrong; nothing was started."""

    code = "bad_config"


class StoreError(WaitroomError):
    """Redis did not answer, or answered with an error. The operation may have happened."""

    code = "store_unavailable"
    status = 503


class ServiceError(WaitroomError):
    """The waiting room did not give an edge a usable answer in time."""

    code = "service_unavailable"
    status = 503


class StoppingError(WaitroomError):
    """This process is about to stop; other ones serve."""

    code = "service_unavailable"
    status = 503


class RequestError(WaitroomError):
    """A request that is malformed; the sender has to change it."""

    code = "bad_request"
    status = 400

    def __init__(self, detail: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(detail)
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status


class ReturnToError(RequestError):
    """``return_to`` is not a path on this host."""

    code = "bad_return_to"

    def __init__(self) -> None:
        super().__init__("return_to must be a path on this host, such as /tickets?day=1.")


class SettingError(WaitroomError):
    """A room's setting is unknown or out of range; nothing was changed."""

    code = "bad_setting"
    status = 422

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name}={value!r}: {allowed}")
        #: The setting's name.
        self.name = name
        #: The value refused.
        self.value = value
        #: What would have been accepted, as a phrase.
        self.allowed = allowed


class RoomError(WaitroomError):
    """Something about one room."""

    def __init__(self, room: str, detail: str) -> None:
        super().__init__(detail)
        #: The room's name.
        self.room = room


class RoomNotFoundError(RoomError):
    """No such room."""

    code = "room_not_found"
    status = 404

    def __init__(self, room: str) -> None:
        super().__init__(room, f"There is no room {room[:64]!r}.")


class RoomExistsError(RoomError):
    """A room of this name is there already."""

    code = "room_exists"
    status = 409

    def __init__(self, room: str) -> None:
        super().__init__(room, f"There is a room {room!r} already.")


class RoomChangedError(RoomError):
    """Others keep changing the settings that somebody wants to change; nothing was changed."""

    code = "changed_meanwhile"
    status = 409

    def __init__(self, room: str) -> None:
        super().__init__(room, f"Somebody else is changing the room {room!r}; try again.")


class TokenError(WaitroomError):
    """A ticket or pass that does not count. All defects look alike from outside."""

    code = "bad_token"
    status = 401

    @property
    def detail(self) -> str:
        """The same sentence for every defect; the reason is for the log only."""
        return "The ticket or pass is not valid here."


class TokenMissingError(TokenError):
    """No ticket was shown where one is needed."""


class TokenMalformedError(TokenError):
    """Not the shape of a token."""


class TokenForgedError(TokenError):
    """The signature is not ours, or the token belongs to another room."""


class TokenExpiredError(TokenError):
    """A pass whose seat has run out, or whose epoch was ended."""
