"""One account, as it is kept and as it is shown.

The record is one JSON text, written only over the text that was read before (see ``book.py``).
It holds no secret in clear: the password's argon2id hash, digests of links and recovery codes,
and of the second factor a random text that is worth nothing without a signing key.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson

from waitroom.accounts.errors import AccountNameError
from waitroom.accounts.who import ROLES, Role, Who

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
NAME_RULE = "1 to 64 of a-z, 0-9 and . _ @ + -, beginning with a letter or digit"


@dataclass(frozen=True, slots=True)
class Record:
    """One account as it is kept.

    Attributes:
        name: Its name, in lower case.
        role: What it may do.
        rooms: Names of its rooms, sorted; None means all.
        password: Argon2id hash; empty until a link was used.
        stamp: Random; a sign-in counts while it holds the same.
        link: Digest of the one link that may set the password; empty for none.
        made_ms: When it was made, milliseconds since the epoch.
        totp: Random text of the second factor; empty when there is none.
        totp_mark: Which signing key the second factor is made with.
        totp_last: Number of the last half minute whose code was used.
        totp_offer: Random text of a second factor that waits for its first code.
        recovery: Digests of the recovery codes left.
    """

    name: str
    role: Role
    rooms: tuple[str, ...] | None
    stamp: str
    made_ms: int
    password: str = ""
    link: str = ""
    totp: str = ""
    totp_mark: str = ""
    totp_last: int = 0
    totp_offer: str = ""
    recovery: tuple[str, ...] = ()

    @property
    def who(self) -> Who:
        """Who it is when it acts."""
        return Who(self.name, self.role, None if self.rooms is None else frozenset(self.rooms))

    @property
    def chief(self) -> bool:
        """Whether it can look after accounts, and can sign in to do so."""
        return self.role == "owner" and self.rooms is None and bool(self.password)

    def to_json(self) -> bytes:
        """Return the record as it is kept."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> "Record":
        """Read a record; fields of other versions are left out or have their defaults."""
        known = {field.name for field in fields(cls)}
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in orjson.loads(text).items()
            if name in known
        }
        return cls(**found)


@dataclass(frozen=True, slots=True)
class Account:
    """One account as it is shown.

    Attributes:
        name: Its name.
        role: What it may do.
        rooms: Names of its rooms, sorted; None means all.
        active: Whether it has a password; False while its link was not used.
        totp: Whether a second factor is asked for.
        recovery_left: How many recovery codes are left.
        made_ms: When it was made, milliseconds since the epoch.
        last_in_ms: When it last signed in; None for never.
        version: Of all but the last sign-in; also the answer's ETag.
    """

    name: str
    role: Role
    rooms: tuple[str, ...] | None
    active: bool
    totp: bool
    recovery_left: int
    made_ms: int
    last_in_ms: int | None
    version: str


def shown(record: Record, version: str, last_in_ms: int | None = None) -> Account:
    """Return an account without anything secret.

    Args:
        record: As it is kept.
        version: Of the record, or of an older one.
        last_in_ms: When it last signed in; None for never.
    """
    return Account(
        record.name,
        record.role,
        record.rooms,
        bool(record.password),
        bool(record.totp),
        len(record.recovery),
        record.made_ms,
        last_in_ms,
        version,
    )


def account_name(name: str) -> str:
    """Return a name for a new account, in lower case.

    Args:
        name: As typed.

    Raises:
        AccountNameError: If no account can have it.
    """
    found = name.strip().lower()
    if not NAME.fullmatch(found):
        raise AccountNameError(name, NAME_RULE)
    return found


def role_of(text: str) -> Role:
    """Return a role by its name.

    Raises:
        AccountNameError: If there is none of this name.
    """
    for role in ROLES:
        if role == text:
            return role
    raise AccountNameError(text, f"one of {', '.join(ROLES)}")


def sorted_rooms(rooms: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return names of rooms in order, each once; None stays None: all rooms."""
    return None if rooms is None else tuple(sorted(set(rooms)))


def access(account: Account | Record) -> dict[str, Any]:
    """Return what an account may do and where, in the types of JSON."""
    rooms = None if account.rooms is None else list(account.rooms)
    return {"role": account.role, "rooms": rooms}


def differences(before: Record | None, after: Record | None) -> dict[str, list[Any]]:
    """Return what the audit trail says of a change: field -> value before and after.

    Args:
        before: The account as it was; None when it is new.
        after: The account as it is; None when it is gone.
    """
    was, now = _told(before), _told(after)
    found = {field: [was[field], now[field]] for field in was if was[field] != now[field]}
    for field in ("password", "totp", "link"):
        old, new = (getattr(record, field, "") for record in (before, after))
        if old != new:
            found[field] = ["set" if old else None, "new" if new else None]
    if before and after and before.stamp != after.stamp and not found:
        found["sign_ins"] = ["open", "ended"]
    return found


def _told(record: Record | None) -> dict[str, Any]:
    if record is None:
        return dict.fromkeys(("role", "rooms", "recovery_codes"))
    return {
        "role": record.role,
        "rooms": "all" if record.rooms is None else list(record.rooms),
        "recovery_codes": len(record.recovery),
    }
