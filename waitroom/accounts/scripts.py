"""The Lua scripts of accounts, one wrapper a verb. Each runs atomically on Redis's server."""

from importlib.resources import files
from typing import Any

from waitroom.accounts import keys
from waitroom.room.store import Store, store_errors

VERBS = ("write", "look", "attempt", "forgive", "grant", "revoke", "bear")
#: Rows kept in the audit trail.
AUDIT_LENGTH = 10_000
#: Most accounts, and most API tokens.
MOST = 1_000


def source(verb: str) -> str:
    """Return the text of a script as it is sent."""
    return (files("waitroom.accounts") / "scripts" / f"{verb}.lua").read_text()


class Scripts:
    """The verbs on one store. All raise StoreError if Redis failed.

    Args:
        store: Where accounts live.
    """

    def __init__(self, store: Store) -> None:
        self._scripts = {verb: store.redis.register_script(source(verb)) for verb in VERBS}

    async def _run(self, verb: str, names: list[str], args: list[Any]) -> Any:
        with store_errors():
            return await self._scripts[verb](keys=names, args=args)

    async def write(
        self,
        name: str,
        before: bytes,
        after: bytes,
        *,
        chief: bool,
        first: bool = False,
        who: str = "",
        changes: bytes = b"",
    ) -> str:
        """Replace an account that is still what was read, unless no owner would be left.

        Args:
            name: Whose.
            before: The record as it was read; empty when there is none.
            after: The record as it is to be; empty deletes it.
            chief: Whether it is one of the chiefs afterwards.
            first: It may only be made while there is no chief.
            who: For the audit trail.
            changes: What to note, as JSON; empty for nothing.

        Returns:
            ``done``, ``changed``, ``last``, ``taken`` or ``full``.

        Raises:
            StoreError: If Redis failed. The write may have happened.

        Source:
            ``scripts/write.lua``
        """
        names = [keys.ACCOUNTS, keys.CHIEFS, keys.LAST_IN, keys.AUDIT, keys.VERSIONS]
        flags = [int(chief), int(first)]
        args = [name, before, after, *flags, MOST, AUDIT_LENGTH, who, changes]
        said: bytes = await self._run("write", names, args)
        return said.decode()

    async def look(
        self, digest: str, *, now_ms: int, idle_ms: int, touch: bool
    ) -> tuple[bytes, int] | None:
        """Find the account of a sign-in that still counts.

        Args:
            digest: Of the cookie.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
            idle_ms: How long it may be unused.
            touch: Whether this is a use of it.

        Returns:
            The account's record and when the sign-in ends at the latest; None when it does not
            count.

        Raises:
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/look.lua``
        """
        names = [keys.sign_in(digest), keys.ACCOUNTS]
        found = await self._run("look", names, [now_ms, idle_ms, int(touch)])
        return (found[0], int(found[1])) if found else None

    async def attempt(self, knocker: str, address: str, args: list[int]) -> int:
        """Count an attempt to sign in before it is made.

        Args:
            knocker: Digest of a name, or of a browser that is known for it.
            address: Digest of an address.
            args: As the script declares them.

        Returns:
            Milliseconds to wait; 0 when the attempt may go on.

        Raises:
            StoreError: If Redis failed. The attempt may have been counted.

        Source:
            ``scripts/attempt.lua``
        """
        names = [keys.attempts(knocker), keys.attempts(address)]
        return int(await self._run("attempt", names, args))

    async def forgive(self, knocker: str, address: str) -> None:
        """Take back an attempt that was right.

        Args:
            knocker: As it was counted.
            address: As it was counted.

        Raises:
            StoreError: If Redis failed.

        Source:
            ``scripts/forgive.lua``
        """
        await self._run("forgive", [keys.attempts(knocker), keys.attempts(address)], [])

    async def grant(
        self, name: str, digest: str, record: bytes, *, who: str, changes: bytes
    ) -> str:
        """Make an API token whose name is free.

        Args:
            name: Its name.
            digest: Of its value.
            record: As it is kept.
            who: For the audit trail.
            changes: What to note, as JSON.

        Returns:
            ``done``, ``changed`` when the name is taken, or ``full``.

        Raises:
            StoreError: If Redis failed. It may have been made.

        Source:
            ``scripts/grant.lua``
        """
        names = [keys.TOKENS, keys.DIGESTS, keys.AUDIT]
        said: bytes = await self._run(
            "grant", names, [name, digest, record, MOST, AUDIT_LENGTH, who, changes]
        )
        return said.decode()

    async def revoke(
        self, name: str, before: bytes, digest: str, *, who: str, changes: bytes
    ) -> str:
        """Delete an API token that is still what was read.

        Args:
            name: Its name.
            before: The record as it was read.
            digest: Of its value.
            who: For the audit trail.
            changes: What to note, as JSON.

        Returns:
            ``done``, or ``changed`` when it is another one or gone.

        Raises:
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/revoke.lua``
        """
        names = [keys.TOKENS, keys.DIGESTS, keys.USED, keys.AUDIT]
        said: bytes = await self._run(
            "revoke", names, [name, before, digest, AUDIT_LENGTH, who, changes]
        )
        return said.decode()

    async def bear(self, digest: str, *, now_ms: int, every_ms: int) -> bytes | None:
        """Find an API token that still counts, and note its use.

        Args:
            digest: Of its value.
            now_ms: Milliseconds since the epoch; 0 means the server's own clock.
            every_ms: How often the last use is written at most.

        Returns:
            The token's record; None when it does not count.

        Raises:
            StoreError: If Redis failed. Asking again is safe.

        Source:
            ``scripts/bear.lua``
        """
        names = [keys.TOKENS, keys.DIGESTS, keys.USED, keys.CHIEFS]
        found: bytes | None = await self._run("bear", names, [now_ms, digest, every_ms])
        return found or None
