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

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        super().__init__(detail)
        #: Whether the same mail will never be taken.
        self.permanent = permanent


class MailOffError(MailError):
    """No mail server is set up; nothing was sent."""

    code = "mail_off"
    status = 409

    def __init__(self) -> None:
        super().__init__("No mail server is set up: set WAITROOM_SMTP_URL.", permanent=True)


class UnauthorizedError(WaitroomError):
    """Nobody was recognised: sign in, or show an API token that counts."""

    code = "unauthorized"
    status = 401

    def __init__(self, detail: str = "Sign in first, or show an API token.") -> None:
        super().__init__(detail)


class SignInError(WaitroomError):
    """A name, password or code that does not fit; which one is not said."""

    code = "bad_sign_in"
    status = 401

    def __init__(self) -> None:
        super().__init__("The name, the password or the code is wrong.")


class CodeNeededError(WaitroomError):
    """The password fits; the account also asks for a code."""

    code = "code_needed"
    status = 401

    def __init__(self) -> None:
        super().__init__("Enter the code that your authenticator shows, or a recovery code.")


class ThrottledError(WaitroomError):
    """Too many attempts; the next one is due later."""

    code = "too_many_attempts"
    status = 429

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many attempts. Try again in {retry_after_s} s.")
        #: When the next attempt may come, whole seconds from now.
        self.retry_after_s = retry_after_s


class BusyError(WaitroomError):
    """More passwords wait to be checked than this process takes on."""

    code = "busy"
    status = 503

    def __init__(self) -> None:
        super().__init__("Too many people sign in right now. Try again in a few seconds.")


class CsrfError(WaitroomError):
    """A form that was not sent from a page of this sign-in; nothing was done."""

    code = "bad_csrf"
    status = 403

    def __init__(self) -> None:
        super().__init__("This form is out of date. Load the page again and send it once more.")


class LinkError(WaitroomError):
    """A link to set a password that does not count (any more)."""

    code = "bad_link"
    status = 410

    def __init__(self) -> None:
        super().__init__(
            "This link was used, is older than an hour, or was replaced by a newer one."
        )


class PasswordError(WaitroomError):
    """A password that is not good enough; nothing was changed."""

    code = "bad_password"
    status = 422


class AccountError(WaitroomError):
    """Something about one account or API token."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        #: The account's or the token's name.
        self.name = name


class AccountNameError(AccountError):
    """A name that no account or token can have; nothing was changed."""

    code = "bad_name"
    status = 422

    def __init__(self, name: str, allowed: str) -> None:
        super().__init__(name, f"The name {name[:64]!r} must be {allowed}.")


class AccountNotFoundError(AccountError):
    """No such account or token."""

    code = "account_not_found"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(name, f"There is no {name[:64]!r}.")


class AccountExistsError(AccountError):
    """An account or token of this name is there already."""

    code = "account_exists"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(name, f"There is {name[:64]!r} already.")


class AccountChangedError(AccountError):
    """Others keep changing an account; nothing was changed."""

    code = "changed_meanwhile"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Somebody else is changing {name[:64]!r}; try again.")


class AccountsFullError(AccountError):
    """There are as many accounts or tokens as there may be."""

    code = "too_many_accounts"
    status = 409

    def __init__(self, name: str, most: int) -> None:
        super().__init__(name, f"There are {most} already; delete one first.")


class LastOwnerError(AccountError):
    """Without this account nobody could look after the accounts; nothing was changed."""

    code = "last_owner"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(
            name, f"{name!r} is the last owner of all rooms: make another one owner first."
        )


class SecondFactorError(WaitroomError):
    """A code that does not confirm the authenticator; nothing was changed."""

    code = "bad_code"
    status = 422

    def __init__(self, detail: str = "The code does not fit. Enter the one shown now.") -> None:
        super().__init__(detail)


class RoomConflictError(RoomError):
    """Somebody else changed a setting to another value since it was seen; nothing was changed."""

    code = "conflict"
    status = 409

    def __init__(self, room: str, field: str, value: object, who: str) -> None:
        by = f" by {who}" if who else ""
        super().__init__(
            room, f"{field} was changed to {value!r}{by} since you looked; nothing was changed."
        )
        #: The setting.
        self.field = field
        #: Its value now.
        self.value = value
        #: Who set it; empty when the trail does not tell any more.
        self.who = who


class RoomVersionError(RoomError):
    """Somebody changed the room since the version that the editor saw; nothing was changed."""

    code = "changed_since"
    status = 412

    def __init__(self, room: str, changes: list[dict[str, object]]) -> None:
        fields = ", ".join(dict.fromkeys(str(change["field"]) for change in changes))
        what = f"Since then changed: {fields}." if fields else "That version is not known any more."
        super().__init__(room, f"{what} Read the room again; nothing was changed.")
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


class ReportError(RoomError):
    """Something about the report of a room; nothing that it says of visitors was lost."""

    code = "report_failed"


class ReportNotFoundError(ReportError):
    """No such report."""

    code = "report_not_found"
    status = 404

    def __init__(self, room: str, name: str) -> None:
        super().__init__(room, f"The room {room!r} has no report {name[:40]!r}.")


class ReportNotHereError(ReportError):
    """The report was written, but this process does not find its files."""

    code = "report_not_here"
    status = 409

    def __init__(self, room: str, name: str, host: str, folder: str) -> None:
        super().__init__(
            room,
            f"The report {name} of the room {room!r} was written on the host {host!r}, and the "
            f"folder {folder} of this process does not hold it. WAITROOM_REPORTS_DIR must name a "
            "folder that the web processes and the workers share.",
        )


class ReportFolderError(ReportError):
    """The folder of the reports cannot be written; the report is tried again later."""

    code = "report_folder"
    status = 507


class DeliveryError(WaitroomError):
    """A channel did not take an alert, or nobody knows whether it did."""

    code = "alert_not_delivered"
    status = 502

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        super().__init__(detail)
        #: Whether trying again is of no use.
        self.permanent = permanent


class ChannelNotFoundError(WaitroomError):
    """No such channel of alerts."""

    code = "channel_not_found"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no channel {name[:64]!r}.")
        #: The name asked for.
        self.name = name


class AlertNotFoundError(WaitroomError):
    """No such alert among those that were given up."""

    code = "alert_not_found"
    status = 404

    def __init__(self, delivery: str) -> None:
        super().__init__(f"There is no alert {delivery[:120]!r} that was given up.")
        #: The delivery asked for.
        self.delivery = delivery


class TestTooSoonError(WaitroomError):
    """A test alert went to this channel a moment ago; nothing was sent."""

    code = "too_soon"
    status = 429

    #: pytest takes classes called Test... for tests.
    __test__ = False

    def __init__(self) -> None:
        super().__init__("A test went to this channel a moment ago; wait three seconds.")


class ApplyError(WaitroomError):
    """Something in a file of rooms is wrong; nothing was changed."""

    code = "bad_file"
    status = 422

    def __init__(self, wrong: list[str]) -> None:
        super().__init__("; ".join(wrong))
        #: Each thing that is wrong, in a sentence.
        self.wrong = wrong
