"""Passwords: what is a good one, and argon2id off the event loop.

One hash takes 64 MiB and some tenths of a second on purpose. So few are made at once, in threads
of their own, and few may wait: a flood of sign-ins neither fills the memory nor stops visitors.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from waitroom.accounts.errors import BusyError, PasswordError

#: Fewest characters.
MIN_LENGTH = 12
#: Most bytes, as UTF-8.
MAX_BYTES = 1_024
#: Hashes made at once by one process, 64 MiB each.
AT_ONCE = 2
#: Most that wait for their turn.
WAITING_MAX = 32

_T = TypeVar("_T")


def checked(password: str, name: str) -> str:
    """Return a new password as it is hashed.

    Args:
        password: As typed.
        name: The account's name, which the password may not be.

    Returns:
        The password in the form NFKC, so that keyboards that write one character in two ways
        agree.

    Raises:
        PasswordError: If it is not good enough.
    """
    found = normal_or_none(password)
    if found is None:
        raise PasswordError(f"A password has at most {MAX_BYTES} bytes, of plain text.")
    if len(found) < MIN_LENGTH:
        raise PasswordError(f"A password has at least {MIN_LENGTH} characters.")
    if found.casefold().strip() == name.casefold():
        raise PasswordError("A password must not be the name.")
    return found


def normal(password: str) -> str:
    """Return a password that was right as it is hashed."""
    return normal_or_none(password) or ""


def normal_or_none(password: str) -> str | None:
    """Return a password as it is hashed, in the form NFKC; None when it can be none."""
    # Measured before too: of some characters the form NFKC is many times as long.
    if len(password) > MAX_BYTES:
        return None
    found = unicodedata.normalize("NFKC", password)
    try:
        return found if len(found.encode()) <= MAX_BYTES else None
    except UnicodeEncodeError:
        return None


class Passwords:
    """Hashes and verifies passwords.

    Args:
        hasher: How; argon2id with the parameters that RFC 9106 recommends for little memory when
            not given.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # A pool and no semaphore: a hash whose request was given up goes on in its thread.
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._asked = 0
        self._decoy = ""

    async def hash(self, password: str) -> str:
        """Return the hash of a password that ``checked`` returned.

        Raises:
            BusyError: If too many wait already.
        """
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, hashed: str, password: str, *, known: bool = False) -> bool:
        """Say whether a password fits; takes as long when there is nothing to fit.

        Args:
            hashed: What is kept; empty for an account that has no password, or is not there.
            password: As typed.
            known: Who asks is no stranger, and waits for a turn however many do.

        Returns:
            True if it fits.

        Raises:
            BusyError: If too many wait already.
        """
        plain = normal_or_none(password)
        if not self._decoy:
            self._decoy = await self.hash("a password that nobody has")
        against = hashed if hashed and plain is not None else self._decoy
        fits = await self._run(lambda: self._fits(against, plain or ""), known=known)
        return fits and against is not self._decoy

    def outdated(self, hashed: str) -> bool:
        """Say whether a hash was made with other parameters than those of today."""
        try:
            return self._hasher.check_needs_rehash(hashed)
        except InvalidHashError:
            return True

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], _T], *, known: bool = False) -> _T:
        if not known and self._asked >= AT_ONCE + WAITING_MAX:
            raise BusyError
        self._asked += 1
        done = asyncio.get_running_loop().run_in_executor(self._pool, work)
        done.add_done_callback(self._answered)
        return await done

    def _answered(self, _done: object) -> None:
        self._asked -= 1
