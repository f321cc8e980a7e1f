"""Sign-ins: who holds a cookie of the console, and for how long.

The cookie is 256 random bits; Redis knows its digest only. A sign-in holds its account's stamp:
when password, second factor, role or rooms change, the account gets another stamp, and all its
sign-ins end with the very next request. The CSRF token of a sign-in is made of its cookie, so it is
kept nowhere.
"""

import hmac
from dataclasses import dataclass, field

import orjson

from waitroom.accounts import keys
from waitroom.accounts.account import Record
from waitroom.accounts.digests import digest, keyed, new_value
from waitroom.accounts.scripts import Scripts
from waitroom.accounts.times import Times
from waitroom.accounts.who import Who
from waitroom.room.store import Store, store_errors

#: A sign-in ends when it was not used for so long, milliseconds.
IDLE_MS = 30 * 60_000
#: It ends so long after it began, however much it is used, milliseconds.
ABSOLUTE_MS = 12 * 3_600_000
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class SignIn:
    """What somebody gets who signs in.

    Attributes:
        who: Who it is.
        cookie: Value of the cookie that stands for the sign-in.
        browser: Value of the cookie by which the browser is known next time.
        until_ms: When it ends at the latest, milliseconds since the epoch.
    """

    who: Who
    cookie: str = field(repr=False)
    browser: str = field(repr=False)
    until_ms: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in.

    Attributes:
        who: Who it is.
        totp: Whether the account has a second factor.
        until_ms: When the sign-in ends at the latest, milliseconds since the epoch.
    """

    who: Who
    totp: bool
    until_ms: int


class SignIns:
    """All sign-ins on one store.

    Args:
        store: Where they live.
        scripts: Its verbs.
        times: The clock.
    """

    def __init__(self, store: Store, scripts: Scripts, times: Times) -> None:
        self._redis = store.redis
        self._scripts = scripts
        self._times = times

    async def open(self, record: Record, now_ms: int) -> tuple[str, int]:
        """Begin a sign-in.

        Args:
            record: Whose.
            now_ms: Milliseconds since the epoch.

        Returns:
            The cookie's value and when it ends at the latest.

        Raises:
            StoreError: If Redis failed.
        """
        cookie = new_value()
        kept = {
            "name": record.name,
            "stamp": record.stamp,
            "seen_ms": now_ms,
            "until_ms": now_ms + ABSOLUTE_MS,
        }
        with store_errors():
            await self._redis.set(keys.sign_in(digest(cookie)), orjson.dumps(kept), px=IDLE_MS)
            await self._redis.hset(keys.LAST_IN, record.name, now_ms)
        return cookie, now_ms + ABSOLUTE_MS

    async def look(self, cookie: str, *, touch: bool = True) -> SignedIn | None:
        """Return who holds a cookie.

        Args:
            cookie: Its value, untrusted.
            touch: Whether this is a use of the sign-in; False for what a page does by itself.

        Returns:
            Who it is; None when the sign-in does not count.

        Raises:
            StoreError: If Redis failed.
        """
        if not cookie or len(cookie) > _LONGEST:
            return None
        found = await self._scripts.look(
            digest(cookie), now_ms=self._times.for_script, idle_ms=IDLE_MS, touch=touch
        )
        if found is None:
            return None
        record = Record.from_json(found[0])
        return SignedIn(record.who, bool(record.totp), found[1])

    async def end(self, cookie: str) -> None:
        """End a sign-in; one that is not there has ended.

        Args:
            cookie: Its value, untrusted.

        Raises:
            StoreError: If Redis failed.
        """
        if cookie and len(cookie) <= _LONGEST:
            with store_errors():
                await self._redis.unlink(keys.sign_in(digest(cookie)))


def csrf_token(cookie: str) -> str:
    """Return what each form of a sign-in has to bring.

    Args:
        cookie: Value of the sign-in's cookie.
    """
    return keyed(cookie, "csrf", "").hex()


def csrf_fits(cookie: str, shown: str) -> bool:
    """Say whether a form comes from a page of this sign-in.

    Args:
        cookie: Value of the sign-in's cookie.
        shown: What the form brought, untrusted.
    """
    expected = csrf_token(cookie).encode()
    return hmac.compare_digest(expected, shown.encode(errors="replace"))
