"""Random values that are shown once, and what is kept of them.

A value of 256 random bits needs no slow hash: nobody finds it by trying. Names and addresses are
few, so they are kept as keyed digests, which say nothing without a signing key.
"""

import hmac
import secrets
from hashlib import sha256

from waitroom.errors import ConfigError


def new_value() -> str:
    """Return 256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def digest(value: str) -> str:
    """Return what is kept of a random value: SHA-256, in hexadecimal."""
    return sha256(value.encode(errors="replace")).hexdigest()


def keyed(key: str, purpose: str, value: str) -> bytes:
    """Return what is kept of something that could be guessed: HMAC-SHA256.

    Args:
        key: A signing key.
        purpose: Keeps digests of different things apart.
        value: What it is of.
    """
    derived = hmac.digest(key.encode(), f"waitroom.accounts.{purpose}".encode(), "sha256")
    return hmac.digest(derived, value.encode(errors="replace"), "sha256")


class Keyring:
    """The signing keys, as far as accounts need them.

    Args:
        secret_keys: Oldest first; the last one is used for what is new. May be empty where
            nothing keyed is asked for, as on the command line.
    """

    def __init__(self, secret_keys: list[str]) -> None:
        self._keys = secret_keys

    @property
    def newest(self) -> str:
        """The key for what is new.

        Raises:
            ConfigError: If there is none.
        """
        if not self._keys:
            raise ConfigError("WAITROOM_SECRET_KEYS is not set; sign-ins need a signing key")
        return self._keys[-1]

    @property
    def all(self) -> list[str]:
        """All keys, oldest first.

        Raises:
            ConfigError: If there is none.
        """
        return [*self._keys[:-1], self.newest]

    def mark(self, key: str) -> str:
        """Return what tells keys apart without saying anything of them."""
        return keyed(key, "mark", "").hex()[:16]

    def marked(self, mark: str) -> str | None:
        """Return the key of a mark; None when it was retired."""
        return next((key for key in self._keys if self.mark(key) == mark), None)
