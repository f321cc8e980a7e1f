"""Every failure that Waitroom names; `accounts`, `alerts` and `reports` add their own.

One base class with a stable ``code`` and the HTTP ``status`` it stands for; leaves add the one
fact that a caller can act on. Errors of other libraries stop where they arise and are raised
again as one of these. No message holds a token, a secret or a cookie.
"""

from collections.abc import Sequence


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


class SettingsContradictError(SettingError):
    """A setting that does not fit another one; nothing was changed."""

    code = "settings_contradict"
    status = 409


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


class ForbiddenError(WaitroomError):
    """Somebody who was recognised may not do this; nothing was done."""

    code = "forbidden"
    status = 403

    def __init__(self, who: str, role: str, room: str | None = None) -> None:
        where = f"in the room {room[:64]!r}" if room is not None else "for all rooms"
        super().__init__(f"{who} may not do this: it needs the role {role} {where}.")
        #: Who wanted to.
        self.who = who
        #: The least powerful role that may.
        self.role = role
        #: The room concerned; None when it concerns the whole installation.
        self.room = room


class MailError(WaitroomError):
    """A mail was not taken by the mail server; some recipients may have it."""

    code = "mail_failed"
    status = 502

    def __init__(self, detail: str, *, permanent: bool = False, left: Sequence[str] = ()) -> None:
        super().__init__(detail)
        #: Whether the same mail will never be taken.
        self.permanent = permanent
        #: Who was refused while others have the mail; empty when nobody was told apart.
        self.left = list(left)


class MailOffError(MailError):
    """No mail server is set up; nothing was sent."""

    code = "mail_off"
    status = 409

    def __init__(self) -> None:
        super().__init__("No mail server is set up: set WAITROOM_SMTP_URL.", permanent=True)


class ConflictError(WaitroomError):
    """Somebody else changed a value to another one since it was seen; nothing was changed."""

    code = "conflict"
    status = 409

    def __init__(self, field: str, value: object, who: str) -> None:
        by = f" by {who}" if who else ""
        super().__init__(
            f"{field} was changed to {value!r}{by} since you looked; nothing was changed."
        )
        #: The setting or field.
        self.field = field
        #: Its value now.
        self.value = value
        #: Who set it; empty when the trail does not tell any more.
        self.who = who


class VersionError(WaitroomError):
    """Somebody changed something since the version that the editor saw; nothing was changed."""

    code = "changed_since"
    status = 412

    def __init__(self, changes: list[dict[str, object]]) -> None:
        fields = ", ".join(dict.fromkeys(str(change["field"]) for change in changes))
        what = f"Since then changed: {fields}." if fields else "That version is not known any more."
        super().__init__(f"{what} Read it again; nothing was changed.")
        #: What changed, oldest first: field, before, value, who, at_ms.
        self.changes = changes


class VisitorNotFoundError(RoomError):
    """The room knows no such visitor, or the visitor has neither place nor seat."""

    code = "visitor_not_found"
    status = 404

    def __init__(self, room: str, find: str) -> None:
        super().__init__(room, f"The room {room!r} knows no visitor {find[:64]!r}.")


class AdmissionError(RoomError):
    """Somebody cannot be let in by hand at the moment; nothing was done."""

    status = 409

    def __init__(self, room: str, code: str, detail: str) -> None:
        super().__init__(room, detail)
        self.code = code


class ApplyError(WaitroomError):
    """Something in a file of rooms is wrong; nothing was changed."""

    code = "bad_file"
    status = 422

    def __init__(self, wrong: list[str]) -> None:
        super().__init__("; ".join(wrong))
        #: Each thing that is wrong, in a sentence.
        self.wrong = wrong
