"""The second factor: codes of an authenticator (TOTP, RFC 6238), and recovery codes.

What Redis holds is a random text; the authenticator's secret is made of it and a signing key, so
who reads Redis can make no code. Who retires the key ends the second factors made with it: their
owners use a recovery code, and set it up again. A code counts once, as does a recovery code.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass, field, replace

import pyotp
import segno

from waitroom.accounts.account import Record
from waitroom.accounts.digests import Keyring, digest, keyed
from waitroom.accounts.errors import SecondFactorError, SignInError

ISSUER = "Waitroom"
#: Half minutes before and after now whose codes count: phones' clocks differ.
WINDOW = 1
RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class Offer:
    """A second factor that waits for its first code; shown once.

    Attributes:
        secret: What is typed into an authenticator that cannot read the picture.
        uri: The same as an address, `otpauth://…`.
        svg: The same as a picture (QR code) to stand in a page, without colours of its own.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    svg: str = field(repr=False)


def new_text() -> str:
    """Return a random text for a second factor."""
    return secrets.token_hex(16)


def offer(keyring: Keyring, name: str, text: str) -> Offer:
    """Return what an authenticator has to be told.

    Args:
        keyring: The signing keys; the newest one is used.
        name: The account's.
        text: The second factor's random text.

    Raises:
        ConfigError: If there is no signing key.
    """
    secret = _secret(keyring.newest, text)
    uri = pyotp.TOTP(secret, issuer=ISSUER, name=name).provisioning_uri()
    picture = segno.make_qr(uri, error="m").svg_inline(
        scale=4, border=4, dark="#000", light="#fff", omitsize=True, title="QR code"
    )
    return Offer(secret, uri, str(picture))


def confirmed(
    record: Record, keyring: Keyring, code: str, now_ms: int, recovery: tuple[str, ...]
) -> Record:
    """Return the account with the second factor that it was offered.

    Args:
        record: The account.
        keyring: The signing keys.
        code: As typed.
        now_ms: Milliseconds since the epoch.
        recovery: Digests of its new recovery codes.

    Raises:
        SecondFactorError: If nothing was offered, or the code does not fit.
        ConfigError: If there is no signing key.
    """
    if not record.totp_offer:
        raise SecondFactorError("Begin anew: nothing waits for a code.")
    used = _half_minute(_secret(keyring.newest, record.totp_offer), _plain(code), now_ms)
    if used is None:
        raise SecondFactorError
    return replace(
        record,
        totp=record.totp_offer,
        totp_mark=keyring.mark(keyring.newest),
        totp_last=used,
        totp_offer="",
        recovery=recovery,
    )


def removed(record: Record) -> Record:
    """Return the account without a second factor."""
    return replace(record, totp="", totp_mark="", totp_last=0, totp_offer="", recovery=())


def spent(record: Record, keyring: Keyring, code: str, now_ms: int) -> Record:
    """Return the account after a code of it was used.

    Args:
        record: The account, which has a second factor.
        keyring: The signing keys.
        code: A code of the authenticator or a recovery code, as typed.
        now_ms: Milliseconds since the epoch.

    Raises:
        SignInError: If it does not fit, or was used before.
    """
    plain = _plain(code)
    shown = recovery_digest(record.name, plain)
    if shown in record.recovery:
        left = tuple(kept for kept in record.recovery if kept != shown)
        return replace(record, recovery=left)
    key = keyring.marked(record.totp_mark)
    used = _half_minute(_secret(key, record.totp), plain, now_ms) if key else None
    if used is None or used <= record.totp_last:
        raise SignInError
    return replace(record, totp_last=used)


def new_recovery_codes() -> list[str]:
    """Return recovery codes as they are shown, each of 80 random bits."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


def recovery_digest(name: str, code: str) -> str:
    """Return what is kept of a recovery code.

    Args:
        name: The account's, so that equal codes look different.
        code: As shown or typed.
    """
    return digest(f"{name} {_plain(code)}")


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _secret(key: str, text: str) -> str:
    return base64.b32encode(keyed(key, "totp", text)[:20]).decode()


def _half_minute(secret: str, code: str, now_ms: int) -> int | None:
    """Return the number of the half minute that a code belongs to, or None."""
    totp = pyotp.TOTP(secret)
    now = now_ms // 1000 // totp.interval
    for number in range(now - WINDOW, now + WINDOW + 1):
        if hmac.compare_digest(totp.generate_otp(number).encode(), code.encode(errors="replace")):
            return number
    return None
