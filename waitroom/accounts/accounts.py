"""Everything that can be done with accounts, for the console, the API and the command line.

Coming in and going out is here; what owners do with the accounts of others is in ``managing.py``,
API tokens in ``tokens.py``, second factors in ``factor.py``.
"""

from collections.abc import Callable
from dataclasses import replace

from waitroom.accounts import totp
from waitroom.accounts.account import Record, account_name
from waitroom.accounts.book import new_stamp
from waitroom.accounts.browsers import Browsers
from waitroom.accounts.digests import Keyring, digest
from waitroom.accounts.errors import AccountNotFoundError, CodeNeededError, LinkError, SignInError
from waitroom.accounts.factor import SecondFactor
from waitroom.accounts.managing import Managing
from waitroom.accounts.passwords import Passwords, checked, normal
from waitroom.accounts.signins import SignedIn, SignIn, SignIns
from waitroom.accounts.throttle import Throttle
from waitroom.accounts.who import Who
from waitroom.config import Config
from waitroom.room.store import Store

#: Longest name that is looked at; none is as long.
_NAME_MAX = 256


class Accounts(Managing):
    """All accounts of an installation.

    Args:
        store: Where they live.
        config: Its signing keys are used for second factors, known browsers and addresses; where
            nobody signs in, as on the command line, it needs none.
        passwords: How passwords are hashed; a test's are cheap.
        now_ms: A test's clock, milliseconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        *,
        passwords: Passwords | None = None,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(store, now_ms)
        self._keyring = Keyring(config.signing_keys())
        #: How many proxies add an address to X-Forwarded-For; see ``guard.py``.
        self.trusted_proxies = config.trusted_proxies
        self._sign_ins = SignIns(store, self._scripts, self._times)
        self._passwords = passwords or Passwords()
        self._throttle = Throttle(self._scripts, self._keyring, self._times)
        self._browsers = Browsers(self._keyring)
        #: Second factors: begin, confirm, remove.
        self.totp = SecondFactor(self._book, self._keyring, self._times, self._prove, self._open)

    async def accept(self, value: str, password: str, name: str = "") -> SignIn | None:
        """Set a password by a link, which then counts no more, and sign in.

        Args:
            value: What stands after ``#`` in the link, untrusted.
            password: At least 12 characters, at most 1024 bytes, not the name.
            name: What the first owner wants to be called; other links know their account.

        Returns:
            The sign-in; None when the account has a second factor: sign in with its code.

        Raises:
            LinkError: If the link does not count.
            AccountNameError: If no account can have the name.
            PasswordError: If the password is not good enough; the link still counts.
            BusyError: If too many passwords wait to be hashed; the link still counts.
            StoreError: If Redis failed. The password may have been set.
        """
        invited = await self._links.read(value)
        owner = invited or account_name(name)
        hashed = await self._passwords.hash(checked(password, owner))
        if invited:
            record = await self._set_by_link(invited, digest(value), hashed)
        else:
            record = await self._make_first(owner, hashed)
        await self._links.end(value)
        return None if record.totp else await self._open(record)

    async def _set_by_link(self, name: str, link: str, hashed: str) -> Record:
        def linked(record: Record) -> Record:
            if record.link != link:
                raise LinkError
            return replace(record, password=hashed, link="")

        try:
            return await self._book.change(name, linked, name)
        except AccountNotFoundError:
            raise LinkError from None

    async def _make_first(self, name: str, hashed: str) -> Record:
        now_ms = await self._times.now_ms()
        record = Record(name, "owner", None, new_stamp(), now_ms, password=hashed)
        await self._book.make(record, name, first=True)
        return record

    async def sign_in(
        self, name: str, password: str, code: str = "", address: str = "", *, browser: str = ""
    ) -> SignIn:
        """Sign somebody in; whatever does not fit, the answer and its time are the same.

        Args:
            name: As typed.
            password: As typed.
            code: Of the authenticator, or a recovery code; empty when none was asked for yet.
            address: Where the request comes from; kept as a keyed digest, for a day at most.
            browser: What the browser kept from its last sign-in, untrusted.

        Returns:
            The sign-in, always with new values.

        Raises:
            ThrottledError: If the next attempt is due later; nothing was looked at.
            CodeNeededError: If name and password fit, and a code is asked for.
            SignInError: If something does not fit.
            BusyError: If too many passwords wait to be checked.
            StoreError: If Redis failed.
        """
        name = name.strip().lower()[:_NAME_MAX]
        now_ms = await self._times.now_ms()
        known = self._browsers.read(browser, name, now_ms)
        knock = self._throttle.knock(name, address, known)
        await self._throttle.attempt(knock)
        record = await self._book.find(name)
        hashed = record.password if record else ""
        fits = await self._passwords.verify(hashed, password, known=bool(known))
        if record is None or not fits:
            raise SignInError
        if record.totp:
            record = await self._spend(record, code, now_ms)
        await self._throttle.forgive(knock)
        return await self._open(await self._hashed_anew(record, password))

    async def _spend(self, record: Record, code: str, now_ms: int) -> Record:
        if not code.strip():
            raise CodeNeededError

        def spent(found: Record) -> Record:
            # The password that fits is the one that was checked.
            if found.password != record.password:
                raise SignInError
            return totp.spent(found, self._keyring, code, now_ms) if found.totp else found

        return await self._book.change(record.name, spent, record.name)

    async def _hashed_anew(self, record: Record, password: str) -> Record:
        """Hash a password that was right with the parameters of today, if they have changed."""
        if not self._passwords.outdated(record.password):
            return record
        hashed = await self._passwords.hash(normal(password))

        def anew(found: Record) -> Record:
            same = found.password == record.password
            return replace(found, password=hashed) if same else found

        return await self._book.change(record.name, anew, record.name, quiet=True)

    async def _open(self, record: Record) -> SignIn:
        now_ms = await self._times.now_ms()
        cookie, until_ms = await self._sign_ins.open(record, now_ms)
        browser = self._browsers.sign(record.name, now_ms)
        return SignIn(record.who, cookie, browser, until_ms)

    async def who_of_cookie(self, cookie: str, *, touch: bool = True) -> SignedIn | None:
        """Return who holds a cookie of the console.

        Args:
            cookie: Its value, untrusted.
            touch: Whether this is a use of the sign-in; False for what a page does by itself, or
                an open page would never be signed out.

        Returns:
            Who it is; None when the sign-in has ended.

        Raises:
            StoreError: If Redis failed.
        """
        return await self._sign_ins.look(cookie, touch=touch)

    async def who_of_token(self, value: str) -> Who | None:
        """Return who shows an API token, and note its use.

        Args:
            value: What was shown, untrusted.

        Returns:
            Who it is; None when the token does not count.

        Raises:
            StoreError: If Redis failed.
        """
        return await self.tokens.who(value)

    async def sign_out(self, cookie: str) -> None:
        """End a sign-in; one that is not there has ended.

        Args:
            cookie: Its value, untrusted.

        Raises:
            StoreError: If Redis failed.
        """
        await self._sign_ins.end(cookie)

    async def change_password(self, who: Who, old: str, new: str) -> SignIn:
        """Set another password of one's own; all sign-ins end, and a new one begins.

        Args:
            who: Whose it is.
            old: The password as it is.
            new: At least 12 characters, at most 1024 bytes, not the name.

        Raises:
            ThrottledError: If the next attempt is due later.
            SignInError: If the old password does not fit.
            PasswordError: If the new one is not good enough.
            BusyError: If too many passwords wait to be checked.
            StoreError: If Redis failed. The password may have been changed.
        """
        plain = checked(new, who.name)
        proven = await self._prove(who, old)
        hashed = await self._passwords.hash(plain)

        def set_(record: Record) -> Record:
            if record.password != proven.password:
                raise SignInError
            # A link that waits would set yet another one.
            return replace(record, password=hashed, link="")

        return await self._open(await self._book.change(who.name, set_, str(who)))

    async def _prove(self, who: Who, password: str) -> Record:
        """Return the account of somebody who is signed in and knows the password, too."""
        # Counted apart from strangers' attempts: a thief of a cookie gets no further than they.
        knock = self._throttle.knock(f"{who.name} again", f"{who.name} again")
        await self._throttle.attempt(knock)
        record = await self._book.find(who.name)
        hashed = record.password if record else ""
        fits = await self._passwords.verify(hashed, password, known=True)
        if record is None or not fits:
            raise SignInError
        await self._throttle.forgive(knock)
        return record
