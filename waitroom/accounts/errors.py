"""Why a sign-in, an account or one of its secrets was refused."""

from waitroom.errors import WaitroomError


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
