"""What somebody does with their own second factor: begin it, confirm it, remove it.

Whatever changes it ends all sign-ins of the account, and begins a new one for who did.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from waitroom.accounts import totp
from waitroom.accounts.account import Record
from waitroom.accounts.book import Book
from waitroom.accounts.digests import Keyring
from waitroom.accounts.errors import SecondFactorError
from waitroom.accounts.signins import SignIn
from waitroom.accounts.times import Times
from waitroom.accounts.totp import Offer
from waitroom.accounts.who import Who


class SecondFactor:
    """Second factors of all accounts.

    Args:
        book: The accounts.
        keyring: The signing keys, of which secrets are made.
        times: The clock.
        prove: Returns the account of somebody who also knows its password.
        open_: Begins a sign-in.
    """

    def __init__(
        self,
        book: Book,
        keyring: Keyring,
        times: Times,
        prove: Callable[[Who, str], Awaitable[Record]],
        open_: Callable[[Record], Awaitable[SignIn]],
    ) -> None:
        self._book = book
        self._keyring = keyring
        self._times = times
        self._prove = prove
        self._open = open_

    async def begin(self, who: Who, password: str) -> Offer:
        """Offer a second factor; it counts once its first code was entered.

        One that the account has already goes on counting until then.

        Args:
            who: Whose it is.
            password: Theirs: a stolen cookie must not be enough.

        Returns:
            What the authenticator has to be told; it is not shown again.

        Raises:
            ThrottledError: If the next attempt is due later.
            SignInError: If the password does not fit.
            StoreError: If Redis failed. Asking again is safe.
        """
        await self._prove(who, password)
        text = totp.new_text()
        await self._book.change(
            who.name, lambda record: replace(record, totp_offer=text), str(who), quiet=True
        )
        return totp.offer(self._keyring, who.name, text)

    async def confirm(self, who: Who, code: str) -> tuple[list[str], SignIn]:
        """Have the second factor count from now on.

        A code that does not fit ends the offer, so nobody finds one by trying.

        Args:
            who: Whose it is.
            code: What the authenticator shows.

        Returns:
            Ten recovery codes, each for one sign-in, which are not shown again; and the sign-in
            that goes on.

        Raises:
            SecondFactorError: If nothing was offered, or the code does not fit.
            StoreError: If Redis failed. It may count: begin anew for other recovery codes.
        """
        now_ms = await self._times.now_ms()
        codes = totp.new_recovery_codes()
        digests = tuple(totp.recovery_digest(who.name, code) for code in codes)
        try:
            record = await self._book.change(
                who.name,
                lambda record: totp.confirmed(record, self._keyring, code, now_ms, digests),
                str(who),
            )
        except SecondFactorError:
            await self._book.change(
                who.name, lambda record: replace(record, totp_offer=""), str(who), quiet=True
            )
            raise
        return codes, await self._open(record)

    async def remove(self, who: Who, password: str) -> SignIn:
        """Take the second factor away.

        Args:
            who: Whose it is.
            password: Theirs.

        Returns:
            The sign-in that goes on.

        Raises:
            ThrottledError: If the next attempt is due later.
            SignInError: If the password does not fit.
            StoreError: If Redis failed. Asking again is safe.
        """
        await self._prove(who, password)
        return await self._open(await self._book.change(who.name, totp.removed, str(who)))
