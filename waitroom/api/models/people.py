"""Accounts, API tokens and who is asking, as the owner API takes and answers them."""

from typing import Annotated

from pydantic import BaseModel, Field

from waitroom.accounts.account import NAME as ACCOUNT_NAME
from waitroom.accounts.account import Account
from waitroom.accounts.tokens import ApiToken
from waitroom.accounts.trail import TrailRow
from waitroom.accounts.who import Role
from waitroom.api.models.base import RoomName, Strict


class Me(BaseModel):
    """Whose token this is."""

    name: str = Field(description="As the audit trail says it.")
    role: Role
    rooms: list[str] | None = Field(description="The rooms it is for; null means all.")


RoomNames = Annotated[list[RoomName], Field(max_length=500)]


class AccountChange(Strict):
    """What somebody may do, and where."""

    role: Role = Field(description="What they may do.")
    # Never by silence: all rooms are given to nobody by mistake.
    rooms: RoomNames | None = Field(description="In which rooms; null means all.")


class NewLink(Strict):
    """A link for somebody who is locked out."""

    drop_totp: bool = Field(
        False, description="Take the second factor away at once: phone and codes are lost."
    )


class AccountsAuditQuery(Strict):
    """Which part of the trail of accounts."""

    before: str = Field(
        "",
        pattern=r"^([0-9]{1,19}-[0-9]{1,19})?$",
        description="The id of a row; only older ones are returned. Empty begins at the newest.",
    )
    count: int = Field(50, ge=1, le=500, description="At most so many rows.")


class NewAccount(AccountChange):
    """An account to make."""

    name: str = Field(pattern=f"^{ACCOUNT_NAME.pattern}$", description="Its name.")


class NewApiToken(AccountChange):
    """An API token to make."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$", description="Its name.")
    life_s: Annotated[int, Field(ge=60, le=10 * 366 * 86_400)] | None = Field(
        None, description="How long it counts, seconds; null means until it is revoked."
    )


class TokenMade(BaseModel):
    """An API token that was just made."""

    value: str = Field(description="What a program shows; not shown again.")
    token: ApiToken


class AllTokens(BaseModel):
    """All API tokens."""

    tokens: list[ApiToken]


class AllAccounts(BaseModel):
    """All accounts."""

    accounts: list[Account]


class Invitation(BaseModel):
    """A link by which somebody sets a password."""

    name: str = Field(description="The account.")
    value: str = Field(description="What is pasted in the console; not shown again.")
    until_ms: int = Field(description="Until when it counts, ms since the epoch.")


class AccountsAudit(BaseModel):
    """Who changed what of accounts and API tokens, the newest first."""

    rows: list[TrailRow]
