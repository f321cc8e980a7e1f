"""Addresses of a mail server, of senders and of recipients, checked before anything is sent."""

from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from waitroom.errors import SettingError

#: Longest wait for one answer of a mail server, seconds.
ANSWER_S = 15.0
PORTS = {"smtp": 587, "smtps": 465}


def server_options(url: str) -> dict[str, Any]:
    """Return what aiosmtplib needs to know of a mail server.

    Args:
        url: ``smtp[s]://[user:password@]host[:port]``; ``?tls=off`` encrypts nothing, which
            is refused when there is a password and the host is another one.

    Raises:
        ValueError: If it cannot be right; no part of it is in the message.
    """
    parts = _split(url)
    host = parts.hostname
    if not host or parts.path.strip("/") or parts.fragment:
        raise ValueError("must be smtp://user:password@host:port or smtps://…")
    query = parse_qs(parts.query, keep_blank_values=True)
    if query not in ({}, {"tls": ["off"]}):
        raise ValueError("has an option that is not one; there is ?tls=off")
    off = bool(query)
    if off and parts.scheme == "smtps":
        raise ValueError("says smtps:// and tls=off at once")
    if off and parts.password and not _is_this_host(host):
        raise ValueError("would send the password in clear: leave out tls=off")
    found: dict[str, Any] = {
        "hostname": host,
        "port": parts.port or PORTS[parts.scheme],
        "use_tls": parts.scheme == "smtps",
        "start_tls": _start_tls(parts, off),
        "timeout": ANSWER_S,
    }
    if parts.username:
        found |= {
            "username": unquote(parts.username),
            "password": unquote(parts.password or ""),
        }
    return found


def _start_tls(parts: SplitResult, off: bool) -> bool | None:
    if off or parts.scheme == "smtps":
        return False
    # None: encrypted if the server offers it. With a password somebody between could hide the
    # offer, so there it is a must.
    return True if parts.password and not _is_this_host(parts.hostname or "") else None


def mail_address(text: str) -> str:
    """Return an address if mail can be sent to it.

    Args:
        text: Such as ``ada@example.com``, without a name.

    Raises:
        SettingError: If it is not one address.
    """
    if 3 <= len(text) <= 254 and not any(ord(char) <= 32 for char in text):
        with suppress(MessageError, ValueError, IndexError):
            found = Address(addr_spec=text)
            if found.username and found.domain and found.addr_spec == text:
                return text
    raise SettingError("to", text[:254], "must be a mail address such as ada@example.com")


def mail_sender(text: str) -> str:
    """Return a sender if it can be one.

    Args:
        text: An address, or ``Name <address>``.

    Raises:
        SettingError: If it is not one.
    """
    if "\n" not in text and "\r" not in text:
        mail_address(parseaddr(text)[1])
        return text
    raise SettingError("from", text, "must be one line")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is not an address; write special characters as %xx") from None
    if parts.scheme not in PORTS:
        raise ValueError("must start with smtp:// or smtps://")
    return parts


def _is_this_host(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
