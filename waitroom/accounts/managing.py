"""What owners of all rooms do with accounts: invite, show, change and delete them.

Whoever acts is a ``Who`` and is asked whether they may; their own account is everybody's own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from waitroom.accounts import totp
from waitroom.accounts.account import Account, Record, access, account_name, shown, sorted_rooms
from waitroom.accounts.book import Book, new_stamp
from waitroom.accounts.digests import digest
from waitroom.accounts.errors import AccountExistsError
from waitroom.accounts.links import Link, Links
from waitroom.accounts.scripts import Scripts
from waitroom.accounts.times import Times
from waitroom.accounts.tokens import ApiTokens
from waitroom.accounts.trail import TrailRow, read_trail, trail_of
from waitroom.accounts.who import Role, Who
from waitroom.edits import conflict, met
from waitroom.room.store import Store


class Managing:
    """Accounts, as far as others than their own people have to do with them.

    Args:
        store: Where they live.
        now_ms: A test's clock, milliseconds since the epoch.
    """

    def __init__(self, store: Store, now_ms: Callable[[], int] | None = None) -> None:
        self._store = store
        self._times = Times(store, now_ms)
        self._scripts = Scripts(store)
        self._book = Book(store, self._scripts)
        self._links = Links(store, self._times)
        #: API tokens: make, list, revoke.
        self.tokens = ApiTokens(store, self._scripts, self._times)

    async def has_owner(self) -> bool:
        """Say whether somebody can sign in and look after the accounts.

        Raises:
            StoreError: If Redis failed.
        """
        return await self._book.has_chief()

    async def first_link(self) -> Link | None:
        """Make the link by which the first owner comes in; None when there is an owner.

        Raises:
            StoreError: If Redis failed.
        """
        return None if await self._book.has_chief() else await self._links.make("")

    async def invite(
        self, who: Who, name: str, role: Role = "owner", rooms: Iterable[str] | None = None
    ) -> Link:
        """Make an account, and the link by which its owner sets the password.

        An account whose link was not used yet gets another link.

        Args:
            who: Who invites; owners of all rooms may.
            name: 1 to 64 of a-z, 0-9, ``.``, ``_``, ``@``, ``+``, ``-``.
            role: What the account may do.
            rooms: Names of its rooms; None means all, those of tomorrow too.

        Raises:
            ForbiddenError: If they may not.
            AccountNameError: If the name is not allowed.
            AccountExistsError: If there is an account with a password: ``reset_link`` is for it.
            ConflictError: If somebody was invited under this name with another role or other
                rooms: ``change`` is for it.
            AccountsFullError: If there are too many.
            StoreError: If Redis failed. Asking again is safe.
        """
        who.require("owner")
        name = account_name(name)
        link = await self._links.make(name)
        allowed = sorted_rooms(rooms)

        def again(record: Record) -> Record:
            if record.password:
                raise AccountExistsError(name)
            if found := met(access(record), access(made), access(made)):
                raise _MetError(*found)
            return replace(record, link=digest(link.value))

        made = Record(
            name,
            role,
            allowed,
            new_stamp(),
            await self._times.now_ms(),
            link=digest(link.value),
        )
        try:
            await self._book.make(made, str(who))
        except AccountExistsError:
            await self._change(name, again, str(who))
        return link

    async def reset_link(self, who: Who, name: str, *, drop_totp: bool = False) -> Link:
        """Make a link by which somebody sets a new password; until then the old one counts.

        Args:
            who: Who makes it; owners of all rooms may.
            name: The account's.
            drop_totp: Take its second factor away at once, for who lost phone and codes.

        Raises:
            ForbiddenError: If they may not.
            AccountNotFoundError: If there is no such account.
            StoreError: If Redis failed. Asking again is safe.
        """
        who.require("owner")
        link = await self._links.make(name)

        def linked(record: Record) -> Record:
            kept = totp.removed(record) if drop_totp else record
            return replace(kept, link=digest(link.value))

        await self._book.change(name, linked, str(who))
        return link

    async def sign_out_everywhere(self, who: Who, name: str) -> None:
        """End all sign-ins of an account, this one too.

        Args:
            who: Whose they are, or an owner of all rooms.
            name: The account's.

        Raises:
            ForbiddenError: If they may not.
            AccountNotFoundError: If there is no such account.
            StoreError: If Redis failed. Asking again is safe.
        """
        _own_or_owner(who, name)
        await self._book.change(name, lambda record: replace(record, stamp=""), str(who))

    async def account(self, who: Who, name: str) -> Account:
        """Return one account.

        Args:
            who: Whose it is, or an owner of all rooms.
            name: The account's.

        Raises:
            ForbiddenError: If they may not.
            AccountNotFoundError: If there is none.
            StoreError: If Redis failed.
        """
        _own_or_owner(who, name)
        version = await self._book.version(name)
        return shown(await self._book.get(name), version)

    async def accounts(self, who: Who) -> list[Account]:
        """Return all accounts by name.

        Args:
            who: Who asks; owners of all rooms may.

        Raises:
            ForbiddenError: If they may not.
            StoreError: If Redis failed.
        """
        who.require("owner")
        return [shown(*found) for found in await self._book.all()]

    async def change(
        self,
        who: Who,
        name: str,
        role: Role,
        rooms: Iterable[str] | None,
        *,
        seen: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> Account:
        """Give an account another role or other rooms; its sign-ins end.

        Args:
            who: Who changes it; owners of all rooms may.
            name: The account's.
            role: What it may do from now on.
            rooms: Names of its rooms; None means all, those of tomorrow too.
            seen: Role and rooms as the editor saw them; None checks nothing.
            version: That the editor saw; None checks nothing. Stricter: any change since is
                refused.

        Raises:
            ForbiddenError: If they may not.
            AccountNotFoundError: If there is none.
            ConflictError: If somebody else has given it another role or other rooms since it was
                seen; nothing was changed.
            VersionError: If somebody has changed it since that version; likewise.
            LastOwnerError: If no owner of all rooms would be left; nothing was changed.
            StoreError: If Redis failed. Asking again is safe.
        """
        who.require("owner")
        allowed = sorted_rooms(rooms)

        def given(record: Record) -> Record:
            after = replace(record, role=role, rooms=allowed)
            if found := met(access(record), seen or {}, access(after)):
                raise _MetError(*found)
            return after

        await self._change(name, given, str(who), version)
        return await self.account(who, name)

    async def _change(
        self,
        name: str,
        decide: Callable[[Record], Record],
        who: str,
        version: str | None = None,
    ) -> None:
        try:
            await self._book.change(name, decide, who, version=version)
        except _MetError as e:
            field, value = e.args
            raise conflict(field, value, await trail_of(self._store, name)) from None

    async def delete(self, who: Who, name: str, *, version: str | None = None) -> None:
        """Delete an account; its sign-ins and API tokens end.

        Args:
            who: Who deletes it; owners of all rooms may.
            name: The account's.
            version: That the editor saw; None checks nothing.

        Raises:
            ForbiddenError: If they may not.
            AccountNotFoundError: If there is none.
            VersionError: If somebody has changed it since that version; nothing was deleted.
            LastOwnerError: If no owner of all rooms would be left; nothing was changed.
            StoreError: If Redis failed. Asking again is safe.
        """
        who.require("owner")
        try:
            await self._book.delete(name, str(who), version=version)
        finally:
            # They count no more already; but an account of the same name must not revive them.
            # Also when it is gone already: who deleted it may have been cut off here.
            if await self._book.find(name) is None:
                await self.tokens.revoke_of(who, name)

    async def audit(self, who: Who, *, before: str = "", limit: int = 100) -> list[TrailRow]:
        """Return what was changed of accounts and API tokens, the newest first.

        Args:
            who: Who asks; owners of all rooms may.
            before: The id of a row; only older ones are returned. Empty begins with the newest.
            limit: Most rows, 1 to 500.

        Raises:
            ForbiddenError: If they may not.
            StoreError: If Redis failed.
        """
        who.require("owner")
        return await read_trail(self._store, before=before, limit=limit)


class _MetError(Exception):
    """Somebody was quicker: which field, and its value now."""


def _own_or_owner(who: Who, name: str) -> None:
    if who.name != name:
        who.require("owner")
