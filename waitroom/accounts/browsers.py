"""Browsers that have signed in before, so that an attacker cannot hold up the owner.

Such a browser keeps a signed word of ours: for which name, and a random id. It opens nothing; its
attempts are counted apart from those of strangers
(https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies).
"""

import secrets
from hashlib import sha256

from itsdangerous import BadData, URLSafeSerializer

from waitroom.accounts.digests import Keyring

SALT = "waitroom.browser"
#: How long a browser stays known, milliseconds.
LIFE_MS = 180 * 86_400_000
_LONGEST = 512


class Browsers:
    """Signs and reads what browsers keep.

    Args:
        keyring: The signing keys.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def sign(self, name: str, now_ms: int) -> str:
        """Return what a browser keeps after signing in.

        Args:
            name: The account's.
            now_ms: Milliseconds since the epoch.

        Raises:
            ConfigError: If there is no signing key.
        """
        signed: str | bytes = self._serializer().dumps([name, secrets.token_hex(16), now_ms])
        return str(signed)

    def read(self, value: str, name: str, now_ms: int) -> str:
        """Return a browser's id; empty when it is not known for this name.

        Args:
            value: What it shows, untrusted.
            name: The account's.
            now_ms: Milliseconds since the epoch.

        Raises:
            ConfigError: If there is no signing key.
        """
        if not value or len(value) > _LONGEST:
            return ""
        try:
            known_for, browser, made_ms = self._serializer().loads(value)
        except (BadData, ValueError, TypeError):
            return ""
        return str(browser) if known_for == name and now_ms - made_ms < LIFE_MS else ""

    def _serializer(self) -> URLSafeSerializer:
        options = {"key_derivation": "hmac", "digest_method": sha256}
        return URLSafeSerializer(self._keyring.all, salt=SALT, signer_kwargs=options)
