"""Holds up those who try passwords, and not the owner whose password they try.

Failures are counted by name, so that many addresses together get no further than one: after a few
each next attempt has to wait twice as long, up to five minutes. Failures are counted by address
too, for those who try many names. An attacker could keep a name, or an address behind which many
are, at that for ever. The owner gets in all the same: a browser that has signed in before has
counts of its own (see ``browsers.py``), and `waitroom owners reset-password` makes a link which
asks for no attempt. Names and addresses are kept as keyed digests, an address for a day at most.
"""

import ipaddress
from typing import NamedTuple

from waitroom.accounts.digests import Keyring, keyed
from waitroom.accounts.errors import ThrottledError
from waitroom.accounts.scripts import Scripts
from waitroom.accounts.times import Times

#: Failures of one name or browser without a delay; the longest delay; how long they are kept.
FREE, LONGEST_MS, LIFE_MS = 5, 300_000, 3_600_000
#: The same for one address, behind which there may be an office.
ADDRESS_FREE, ADDRESS_LONGEST_MS, ADDRESS_LIFE_MS = 20, 900_000, 86_400_000


class Knock(NamedTuple):
    """By what an attempt is counted.

    Attributes:
        knocker: Digest of the name, or of a browser that is known for it.
        address: Digest of the address.
    """

    knocker: str
    address: str


class Throttle:
    """Counts attempts before they are made.

    Args:
        scripts: Verbs of the store.
        keyring: For the digests.
        times: The clock.
    """

    def __init__(self, scripts: Scripts, keyring: Keyring, times: Times) -> None:
        self._scripts = scripts
        self._keyring = keyring
        self._times = times

    def knock(self, name: str, address: str, browser: str = "") -> Knock:
        """Return by what an attempt is counted.

        Args:
            name: As typed, in lower case; there may be no such account.
            address: Where it comes from.
            browser: Id of a browser that is known for the name; empty for another one.

        Raises:
            ConfigError: If there is no signing key.
        """
        key = self._keyring.newest
        who = f"browser {browser}" if browser else f"name {name}"
        where = who if browser else network(address)
        return Knock(
            keyed(key, "knocker", who).hex()[:32],
            keyed(key, "address", where).hex()[:32],
        )

    async def attempt(self, knock: Knock) -> None:
        """Count an attempt that is about to be made.

        Raises:
            ThrottledError: If it has to wait; it was not counted.
            StoreError: If Redis failed. It may have been counted.
        """
        wait_ms = await self._scripts.attempt(
            *knock,
            [
                self._times.for_script,
                *(FREE, LONGEST_MS, LIFE_MS),
                *(ADDRESS_FREE, ADDRESS_LONGEST_MS, ADDRESS_LIFE_MS),
            ],
        )
        if wait_ms > 0:
            raise ThrottledError(-(-wait_ms // 1000))

    async def forgive(self, knock: Knock) -> None:
        """Take back an attempt that was right.

        Raises:
            StoreError: If Redis failed.
        """
        await self._scripts.forgive(*knock)


def network(address: str) -> str:
    """Return what one person has of addresses: one of IPv4, a /64 of IPv6.

    Args:
        address: As it came; anything else is returned as it is, cut.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
