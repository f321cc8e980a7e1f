"""API tokens: for programs, each with a name, a role, rooms and an end.

The value is 256 random bits after `wrt_` and is shown once; Redis knows its digest only. A token
counts while the account that made it is an owner of all rooms: who loses that, or is deleted,
leaves no way in behind.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import orjson

from waitroom.accounts import keys
from waitroom.accounts.account import NAME, sorted_rooms
from waitroom.accounts.digests import digest, new_value
from waitroom.accounts.errors import (
    AccountExistsError,
    AccountNameError,
    AccountNotFoundError,
    AccountsFullError,
)
from waitroom.accounts.scripts import MOST, Scripts
from waitroom.accounts.times import Times
from waitroom.accounts.who import Role, Who
from waitroom.errors import VersionError
from waitroom.room.store import Store, store_errors

PREFIX = "wrt_"
#: The last use is written once in so many milliseconds at most.
USED_EVERY_MS = 60_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_VALUE = re.compile(r"wrt_[A-Za-z0-9_-]{43}")
#: How the audit trail calls a token.
_SPOKEN = "token "


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One API token as it is shown.

    Attributes:
        name: Its name.
        role: What it may do.
        rooms: Names of its rooms, sorted; None means all.
        by: The account that made it; empty when it was made on the command line.
        made_ms: When, milliseconds since the epoch.
        expires_ms: When it ends, milliseconds since the epoch; None for never.
        used_ms: When it was last used, to the minute; None for never.
        counts: Whether it counts: it has not ended, and who made it is an owner of all rooms.
        version: Tells it from an earlier or later one of its name.
    """

    name: str
    role: Role
    rooms: tuple[str, ...] | None
    by: str
    made_ms: int
    expires_ms: int | None
    used_ms: int | None
    counts: bool
    version: str


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made; its value is shown once.

    Attributes:
        value: What a program shows as `Authorization: Bearer …`.
        token: The rest of it.
    """

    value: str = field(repr=False)
    token: ApiToken


@dataclass(frozen=True, slots=True)
class _Kept:
    name: str
    role: Role
    rooms: list[str] | None
    by: str
    made_ms: int
    expires_ms: int
    digest: str

    @property
    def version(self) -> str:
        # A token is made and revoked, never changed.
        return self.digest[:16]

    def shown(self, used_ms: int | None, counts: bool) -> ApiToken:
        rooms = None if self.rooms is None else tuple(self.rooms)
        return ApiToken(
            *(self.name, self.role, rooms, self.by, self.made_ms),
            *(self.expires_ms or None, used_ms, counts, self.version),
        )

    def told(self) -> dict[str, object]:
        rooms = "all" if self.rooms is None else self.rooms
        return {"role": self.role, "rooms": rooms, "expires_ms": self.expires_ms or None}


class ApiTokens:
    """All API tokens on one store.

    Args:
        store: Where they live.
        scripts: Its verbs.
        times: The clock.
    """

    def __init__(self, store: Store, scripts: Scripts, times: Times) -> None:
        self._redis = store.redis
        self._scripts = scripts
        self._times = times

    async def make(
        self,
        who: Who,
        name: str,
        role: Role,
        *,
        rooms: Iterable[str] | None = None,
        life_s: int | None = None,
    ) -> NewToken:
        """Make a token.

        Args:
            who: Who makes it; owners of all rooms may.
            name: 1 to 40 of a-z, 0-9, ``.``, ``_``, ``-``; not taken.
            role: What it may do.
            rooms: Names of its rooms; None means all, those of tomorrow too.
            life_s: How long it counts, seconds; None means until it is revoked.

        Returns:
            The token with its value, which is not kept.

        Raises:
            ForbiddenError: If they may not.
            AccountNameError: If the name is not allowed.
            AccountExistsError: If it is taken.
            AccountsFullError: If there are too many.
            StoreError: If Redis failed. It may have been made; nobody knows its value.
        """
        who.require("owner")
        if not _NAME.fullmatch(name):
            raise AccountNameError(name, "1 to 40 of a-z, 0-9 and . _ -")
        value, now_ms = PREFIX + new_value(), await self._times.now_ms()
        sorted_ = sorted_rooms(rooms)
        kept = _Kept(
            name,
            role,
            None if sorted_ is None else list(sorted_),
            await self._maker(who),
            now_ms,
            now_ms + life_s * 1000 if life_s else 0,
            digest(value),
        )
        changes = orjson.dumps({"token": [None, kept.told()]})
        said = await self._scripts.grant(
            name, kept.digest, orjson.dumps(asdict(kept)), who=str(who), changes=changes
        )
        if said == "changed":
            raise AccountExistsError(name)
        if said == "full":
            raise AccountsFullError(name, MOST)
        return NewToken(value, kept.shown(None, True))

    async def list(self, who: Who) -> list[ApiToken]:
        """Return all tokens by name, those that no longer count too.

        Args:
            who: Who asks; owners of all rooms may.

        Raises:
            ForbiddenError: If they may not.
            StoreError: If Redis failed.
        """
        who.require("owner")
        now_ms = await self._times.now_ms()
        with store_errors():
            texts = await self._redis.hvals(keys.TOKENS)
            used = await self._redis.hgetall(keys.USED)
            chiefs = {name.decode() for name in await self._redis.smembers(keys.CHIEFS)}
        found = []
        for kept in sorted((_Kept(**orjson.loads(text)) for text in texts), key=_by_name):
            at = used.get(kept.name.encode())
            over = 0 < kept.expires_ms <= now_ms
            counts = not over and (not kept.by or kept.by in chiefs)
            found.append(kept.shown(int(at) if at else None, counts))
        return found

    async def revoke(self, who: Who, name: str, *, version: str | None = None) -> None:
        """Delete a token; it counts no more.

        Args:
            who: Who revokes it; owners of all rooms may.
            name: The token's.
            version: That the editor saw; None checks nothing.

        Raises:
            ForbiddenError: If they may not.
            AccountNotFoundError: If there is none.
            VersionError: If it is another one of this name; nothing was revoked.
            StoreError: If Redis failed. Asking again is safe.
        """
        who.require("owner")
        kept, text = await self._read(name)
        if version is not None and kept.version != version:
            raise VersionError([])
        changes = orjson.dumps({"token": [kept.told(), None]})
        said = await self._scripts.revoke(name, text, kept.digest, who=str(who), changes=changes)
        if said != "done":
            raise AccountNotFoundError(name)

    async def revoke_of(self, who: Who, maker: str) -> None:
        """Delete all tokens that an account has made.

        Args:
            who: Who revokes them; owners of all rooms may.
            maker: The account's name.

        Raises:
            ForbiddenError: If they may not.
            StoreError: If Redis failed. Asking again is safe.
        """
        for token in await self.list(who):
            if token.by == maker:
                with suppress(AccountNotFoundError):
                    await self.revoke(who, token.name)

    async def who(self, value: str) -> Who | None:
        """Return who shows a token, and note its use.

        Args:
            value: What was shown, untrusted.

        Returns:
            Who it is; None when the token does not count.

        Raises:
            StoreError: If Redis failed.
        """
        if not _VALUE.fullmatch(value):
            return None
        text = await self._scripts.bear(
            digest(value), now_ms=self._times.for_script, every_ms=USED_EVERY_MS
        )
        if text is None:
            return None
        kept = _Kept(**orjson.loads(text))
        rooms = None if kept.rooms is None else frozenset(kept.rooms)
        return Who(_SPOKEN + kept.name, kept.role, rooms)

    async def _maker(self, who: Who) -> str:
        """Return the account that answers for a token made by somebody."""
        if who.name.startswith(_SPOKEN):
            return (await self._read(who.name.removeprefix(_SPOKEN)))[0].by
        return who.name if NAME.fullmatch(who.name) else ""

    async def _read(self, name: str) -> tuple[_Kept, bytes]:
        with store_errors():
            text = await self._redis.hget(keys.TOKENS, name) if _NAME.fullmatch(name) else None
        if text is None:
            raise AccountNotFoundError(name)
        return _Kept(**orjson.loads(text)), text


def _by_name(kept: _Kept) -> str:
    return kept.name
