"""The book of accounts: reads records, and writes them only over what was read.

Two who change the same account at once take turns: the later one reads again and decides again.
So no code is used twice, and no two owners demote each other.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import orjson

from waitroom.accounts import keys
from waitroom.accounts.account import NAME, Record, differences
from waitroom.accounts.errors import (
    AccountChangedError,
    AccountExistsError,
    AccountNotFoundError,
    AccountsFullError,
    LastOwnerError,
    LinkError,
)
from waitroom.accounts.scripts import MOST, Scripts
from waitroom.accounts.trail import trail_of
from waitroom.edits import NEVER, newer
from waitroom.room.store import Store, store_errors

#: How often a change is tried again because others changed the same account meanwhile.
ATTEMPTS = 10

_Decided = TypeVar("_Decided", bound=Record | None)


def new_stamp() -> str:
    """Return a stamp that no sign-in has."""
    return secrets.token_hex(8)


class Book:
    """All accounts on one store.

    Args:
        store: Where accounts live.
        scripts: Their verbs.
    """

    def __init__(self, store: Store, scripts: Scripts) -> None:
        self._store = store
        self._redis = store.redis
        self._scripts = scripts

    async def find(self, name: str) -> Record | None:
        """Return an account, or None.

        Args:
            name: As it came, untrusted.

        Raises:
            StoreError: If Redis failed.
        """
        return (await self._read(name))[1]

    async def get(self, name: str) -> Record:
        """Return an account.

        Args:
            name: As it came, untrusted.

        Raises:
            AccountNotFoundError: If there is none.
            StoreError: If Redis failed.
        """
        found = await self.find(name)
        if found is None:
            raise AccountNotFoundError(name)
        return found

    async def version(self, name: str) -> str:
        """Return the version of an account; read before the account, it is never newer.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            found = await self._redis.hget(keys.VERSIONS, name)
        return found.decode() if found else NEVER

    async def all(self) -> list[tuple[Record, str, int | None]]:
        """Return all accounts by name, each with its version and when it last signed in.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            # Before the accounts: a version must not be newer than what it is shown with.
            versions = await self._redis.hgetall(keys.VERSIONS)
            texts = await self._redis.hvals(keys.ACCOUNTS)
            seen = await self._redis.hgetall(keys.LAST_IN)
        records = sorted(map(Record.from_json, texts), key=lambda record: record.name)
        return [
            (
                record,
                versions.get(record.name.encode(), NEVER.encode()).decode(),
                int(at) if (at := seen.get(record.name.encode())) else None,
            )
            for record in records
        ]

    async def has_chief(self) -> bool:
        """Say whether somebody can sign in and look after the accounts.

        Raises:
            StoreError: If Redis failed.
        """
        with store_errors():
            return bool(await self._redis.scard(keys.CHIEFS))

    async def make(self, record: Record, who: str, *, first: bool = False) -> None:
        """Write an account that is not there.

        Args:
            record: The account.
            who: For the audit trail.
            first: Only while nobody can look after the accounts.

        Raises:
            AccountExistsError: If there is one of this name.
            LinkError: If it was to be the first, and there is another one by now.
            AccountsFullError: If there are too many.
            StoreError: If Redis failed. It may have been made.
        """
        said = await self._write(b"", None, record, who, first=first)
        if said == "changed":
            raise AccountExistsError(record.name)
        if said == "taken":
            raise LinkError

    async def change(
        self,
        name: str,
        decide: Callable[[Record], Record],
        who: str,
        *,
        quiet: bool = False,
        version: str | None = None,
    ) -> Record:
        """Change an account; its sign-ins end when what they stand for has changed.

        Args:
            name: Whose.
            decide: Returns the account as it is to be, or raises; may be called again.
            who: For the audit trail.
            quiet: What is changed is nobody's decision: sign-ins go on, and the audit trail says
                nothing.
            version: That its editor saw; None checks nothing.

        Returns:
            The account as it is now.

        Raises:
            AccountNotFoundError: If there is none.
            AccountChangedError: If others changed it again and again meanwhile.
            VersionError: If somebody has changed it since that version.
            LastOwnerError: If no owner would be left; nothing was changed.
            StoreError: If Redis failed. It may have been changed.
        """

        def changed(before: Record) -> Record:
            after = decide(before)
            if not quiet and _standing(after) != _standing(before):
                after = replace(after, stamp=new_stamp())
            return after

        return await self._replace(name, changed, who, version, note=not quiet)

    async def delete(self, name: str, who: str, *, version: str | None = None) -> None:
        """Delete an account; its sign-ins end with it.

        Args:
            name: Whose.
            who: For the audit trail.
            version: That its editor saw; None checks nothing.

        Raises:
            AccountNotFoundError: If there is none.
            AccountChangedError: If others changed it again and again meanwhile.
            VersionError: If somebody has changed it since that version.
            LastOwnerError: If no owner would be left; nothing was changed.
            StoreError: If Redis failed. It may have been deleted.
        """
        await self._replace(name, lambda _: None, who, version)

    async def _replace(
        self,
        name: str,
        decide: Callable[[Record], _Decided],
        who: str,
        version: str | None,
        *,
        note: bool = True,
    ) -> _Decided:
        """Put what is decided in an account's place, anew whenever somebody else was quicker."""
        for _ in range(ATTEMPTS):
            text, before = await self._read(name)
            if before is None:
                raise AccountNotFoundError(name)
            await self._refuse_newer(name, version)
            after = decide(before)
            if await self._write(text, before, after, who, note=note) == "done":
                return after
        raise AccountChangedError(name)

    async def _refuse_newer(self, name: str, version: str | None) -> None:
        """Return if a version is still the account's, or was when its text was read."""
        if version is not None and await self.version(name) != version:
            raise newer(reversed(await trail_of(self._store, name, since=version)))

    async def _read(self, name: str) -> tuple[bytes, Record | None]:
        if not NAME.fullmatch(name):
            # Redis is asked all the same: what is not there takes as long as what is.
            name = ""
        with store_errors():
            text: bytes | None = await self._redis.hget(keys.ACCOUNTS, name)
        return text or b"", Record.from_json(text) if text else None

    async def _write(
        self,
        text: bytes,
        before: Record | None,
        after: Record | None,
        who: str,
        *,
        first: bool = False,
        note: bool = True,
    ) -> str:
        record = after or before
        assert record is not None
        changes = differences(before, after) if note else {}
        said = await self._scripts.write(
            record.name,
            text,
            after.to_json() if after else b"",
            chief=after is not None and after.chief,
            first=first,
            who=who,
            changes=orjson.dumps(changes) if changes else b"",
        )
        if said == "last":
            raise LastOwnerError(record.name)
        if said == "full":
            raise AccountsFullError(record.name, MOST)
        return said


def _standing(record: Record) -> tuple[object, ...]:
    """Return what sign-ins stand for: another password, code, role or rooms ends them."""
    return record.password, record.totp, record.role, record.rooms, record.stamp
