"""One POST to an address that an owner typed, without letting the owner reach what only we can.

The check is made on the very address that a socket is about to connect to, after the name was
resolved and for each address tried, so a name that answers differently the second time
(DNS rebinding) gains nothing; Host and TLS still go by the name. Redirects are not followed,
proxies of the environment are not used, and of the answer at most `BODY_MAX` bytes are read.
"""

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import aiohttp

from waitroom.alerts.channels import shown_url
from waitroom.alerts.errors import DeliveryError

#: Longest a whole call takes, seconds: looking up the name, connecting, TLS, the answer.
CALL_S = 5.0
#: Most bytes of an answer that are read.
BODY_MAX = 1_024

Address = IPv4Address | IPv6Address
Network = Any

#: Refused although Python calls them global: protocol assignments (metadata of one cloud is in
#: there), 6to4 relays, and the host agent of another cloud.
_REFUSED = tuple(ip_network(n) for n in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
#: IPv6 addresses that carry an IPv4 one in their last 32 bits.
_CARRIERS = tuple(IPv6Network(n) for n in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96"))
#: All that is global unicast in IPv6; site-local addresses, once given up, are not.
_UNICAST = IPv6Network("2000::/3")
#: Names that Slack and others give to their refusals.
_NAME = re.compile(rb"[a-z][a-z_]{2,40}")


def may_reach(address: Address, allowed: Sequence[Network]) -> bool:
    """Say whether an address may be connected to: it is public, or allowed by name.

    Args:
        address: About to be connected to.
        allowed: Networks that the installation allows.
    """
    inner = _carried(address)
    if inner is not None and inner != address:
        return may_reach(inner, allowed)
    if is_allowed(address, allowed):
        return True
    if address.version == 6 and address not in _UNICAST:
        return False
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return address.is_global and not any(_in(address, network) for network in _REFUSED)


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Say whether the installation allows an address by name.

    Args:
        address: About to be connected to.
        allowed: Networks that the installation allows.
    """
    return any(_in(address, network) for network in allowed)


def _in(address: Address, network: Network) -> bool:
    return bool(address.version == network.version and address in network)


def _carried(address: Address) -> Address | None:
    """Return the IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address.is_loopback or address.is_unspecified:
        return None
    if any(address in network for network in _CARRIERS):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


class _Guard:
    """Makes the sockets of one call, and refuses those to addresses that may not be reached."""

    def __init__(self, allowed: Sequence[Network], *, plain: bool) -> None:
        self._allowed = allowed
        self._plain = plain
        #: Why a socket was refused, if one was.
        self.refused = ""
        #: Whether another one was made: a name may have several addresses.
        self.tried = False

    def __call__(self, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, where = info
        address = ip_address(str(where[0]).partition("%")[0])
        if refused := self._refusal(address):
            self.refused = refused
            raise OSError("refused")
        self.tried = True
        found = socket.socket(family, kind, protocol)
        found.setblocking(False)
        return found

    def _refusal(self, address: Address) -> str:
        if not may_reach(address, self._allowed):
            return "is a private address: WAITROOM_ALERTS_ALLOW_NETWORKS does not allow it"
        if self._plain and not is_allowed(address, self._allowed):
            return "is a public address: those take https:// only"
        return ""


async def post(
    url: str, body: bytes, headers: Mapping[str, str], *, allowed: Sequence[Network] = ()
) -> None:
    """Send a body and return when it was taken.

    Args:
        url: ``https://``; ``http://`` for allowed networks.
        body: JSON.
        headers: Beside those of every request.
        allowed: Private networks that may be reached.

    Raises:
        DeliveryError: If it was not taken, or nobody knows whether it was; the address is shown
            as scheme and host only. ``permanent`` when trying again is of no use.
    """
    shown = shown_url(url)
    guard = _Guard(allowed, plain=url.startswith("http://"))
    try:
        async with asyncio.timeout(CALL_S):
            status, said = await _ask(url, body, headers, guard)
    except TimeoutError:
        raise DeliveryError(f"{shown} did not answer within {CALL_S:.0f} s.") from None
    except (aiohttp.ClientError, OSError, ValueError) as e:
        if guard.refused and not guard.tried:
            raise DeliveryError(f"{shown} {guard.refused}.", permanent=True) from None
        raise DeliveryError(f"{shown} {_said(e)}.") from None
    if 300 <= status < 400:
        raise DeliveryError(f"{shown} answered {status}: redirects are not followed.")
    if not 200 <= status < 300:
        # 410: gone on purpose, and for good (Standard Webhooks).
        raise DeliveryError(f"{shown} answered {status}{said}.", permanent=status == 410)


async def _ask(url: str, body: bytes, headers: Mapping[str, str], guard: _Guard) -> tuple[int, str]:
    connector = aiohttp.TCPConnector(socket_factory=guard, force_close=True, use_dns_cache=False)
    given = {"Content-Type": "application/json", "User-Agent": "waitroom-alerts", **headers}
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=CALL_S),
        ) as http,
        http.post(url, data=body, headers=given, allow_redirects=False) as answer,
    ):
        if 200 <= answer.status < 400:
            return answer.status, ""
        text = (await answer.content.read(BODY_MAX)).strip()
        # Nothing else of an answer is repeated: it may hold what is not for the owner's eyes.
        return answer.status, f" ({text.decode()})" if _NAME.fullmatch(text) else ""


def _said(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "has a certificate that is not valid for its name"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "has a name that leads nowhere"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot be connected to"
    return f"cannot be used ({type(error).__name__})"
