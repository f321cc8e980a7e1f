"""Against whom a load test may go: this machine, or a site that was named twice."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from waitroom.loopback import is_loopback


class TargetError(Exception):
    """The target is not allowed; says what would be."""


def host_of(address: str) -> str:
    """Return the host of a URL, or of a bare host name."""
    return (urlsplit(address if "//" in address else f"//{address}").hostname or "").lower()


def check_target(site: str, services: Sequence[str], owned: Sequence[str]) -> None:
    """Refuse a target that is neither on this machine nor named twice.

    Args:
        site: As ``--site`` says.
        services: As ``--service`` says.
        owned: As ``--i-own-this-site`` says: URLs or hosts.

    Raises:
        TargetError: With what to type if it is really meant.
    """
    for address in (site, *services):
        if not address.startswith(("http://", "https://")):
            raise TargetError(f"{address}: must start with http:// or https://")
        host = host_of(address)
        if not is_loopback(host) and host not in {host_of(name) for name in owned}:
            raise TargetError(
                f"{host} is not on this machine. A load test can take a site down: run it only "
                f"against your own, and name that twice: --i-own-this-site {host}"
            )
