"""Addresses of Redis: one server, the masters of a Cluster, or what Sentinels watch.

What is wrong with an address is said without any part of it: where a password holds a stray
slash, what looks like a host may be the password.
"""

from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.connection import parse_url

from waitroom.errors import ConfigError

Kind = Literal["server", "cluster", "sentinel"]

#: What an address may start with, and what is there.
SCHEMES: dict[str, Kind] = {
    "redis": "server",
    "rediss": "server",
    "unix": "server",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
}
PORTS: dict[Kind, int] = {"server": 6379, "cluster": 6379, "sentinel": 26379}
HINT = "write special characters in a password as %xx"


@dataclass(frozen=True, slots=True)
class Address:
    """An address that was understood.

    Attributes:
        kind: What is there.
        nodes: Host and port of each server named; of Sentinels, where these are.
        tls: Whether to speak TLS.
        master: What Sentinels call the master; else empty.
        options: What else a connection needs; may hold a password.
        sentinel_options: Likewise, for connections to the Sentinels themselves, which may have
            ``sentinel_username`` and ``sentinel_password``.
    """

    kind: Kind
    nodes: tuple[tuple[str, int], ...]
    tls: bool
    master: str
    options: dict[str, Any] = field(repr=False)
    sentinel_options: dict[str, Any] = field(repr=False)


def read_address(url: str) -> Address:
    """Read an address.

    Args:
        url: ``redis://``, ``rediss://``, ``unix://``, ``redis+cluster://host:port,host:port`` or
            ``redis+sentinel://host:port,host:port/master``, with ``rediss+`` for TLS; each may
            name ``user:password@`` before the hosts and options after ``?``.

    Raises:
        ConfigError: If it cannot be right. No part of the address is in the message.
    """
    scheme = url.partition("://")[0]
    if scheme not in SCHEMES or "://" not in url:
        raise ConfigError(f"must start with one of {', '.join(f'{name}://' for name in SCHEMES)}")
    kind = SCHEMES[scheme]
    if scheme == "unix":
        return Address(kind, (), False, "", _options(url), {})
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(f"is not an address; {HINT}") from None
    if parts.fragment:
        raise ConfigError(f"has a # in it; {HINT}")
    login, _, hosts = parts.netloc.rpartition("@")
    if kind == "server" and not hosts:
        hosts = "localhost"
    nodes = tuple(_node(host, PORTS[kind]) for host in hosts.split(","))
    if kind == "server" and len(nodes) > 1:
        raise ConfigError("names several servers: that takes redis+cluster:// or redis+sentinel://")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    own = {key: query.pop(f"sentinel_{key}", None) for key in ("username", "password")}
    master = _master(kind, parts.path)
    tls = scheme.startswith("rediss")
    path = parts.path if kind == "server" else ""
    simple = f"{'rediss' if tls else 'redis'}://{login}@host{path}?{urlencode(query)}"
    options = _options(simple)
    options.pop("host")
    if kind == "cluster" and options.pop("db", 0):
        raise ConfigError("names a database: a Cluster has none but 0")
    sentinel_options = {"ssl": tls} | {name: value for name, value in own.items() if value}
    sentinel_options |= {name: value for name, value in options.items() if name[:4] == "ssl_"}
    return Address(kind, nodes, tls, master, options, sentinel_options)


def _node(host: str, default_port: int) -> tuple[str, int]:
    try:
        found = urlsplit(f"//{host}")
        name, port = found.hostname, found.port
    except ValueError:
        raise ConfigError(f"has a port that is not one, 1 to 65535; {HINT}") from None
    if not name or port == 0 or found.path:
        raise ConfigError(f"lacks a host; {HINT}")
    return name, port or default_port


def _master(kind: Kind, path: str) -> str:
    name = path.strip("/")
    if kind == "cluster" and name not in ("", "0"):
        raise ConfigError("names a database: a Cluster has none but 0")
    if kind == "sentinel" and (not name or "/" in name):
        raise ConfigError(
            "lacks the name of the master, as in redis+sentinel://host:26379/mymaster"
        )
    return name if kind == "sentinel" else ""


def _options(url: str) -> dict[str, Any]:
    try:
        options = dict(parse_url(url))  # type: ignore[no-untyped-call]
    except ValueError:
        raise ConfigError(f"has an option or a database that is not one; {HINT}") from None
    # The one of synchronous connections; each caller knows its own.
    options.pop("connection_class", None)
    return options
