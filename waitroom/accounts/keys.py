"""Names of everything that accounts keep in Redis.

All share the hash tag ``{@}``, which no room has, so they live on one node of a cluster and one
script may touch them all. No other module spells a key of theirs.
"""

_PREFIX = "waitroom:accounts:{@}:"

#: Hash: account's name -> record as JSON.
ACCOUNTS = f"{_PREFIX}accounts"
#: Set: accounts with a password that are owners of all rooms; never emptied once filled.
CHIEFS = f"{_PREFIX}chiefs"
#: Hash: account's name -> last sign-in, ms since epoch.
LAST_IN = f"{_PREFIX}last_in"
#: Hash: account's name -> id of its newest row in the trail.
VERSIONS = f"{_PREFIX}versions"
#: Hash: API token's name -> record as JSON.
TOKENS = f"{_PREFIX}tokens"
#: Hash: digest of an API token -> its name.
DIGESTS = f"{_PREFIX}digests"
#: Hash: API token's name -> last use, ms since epoch.
USED = f"{_PREFIX}used"
#: Stream: who changed what, when, from what.
AUDIT = f"{_PREFIX}audit"


def sign_in(digest: str) -> str:
    """String: one sign-in, as JSON, by the digest of its cookie; expires by itself."""
    return f"{_PREFIX}sign_in:{digest}"


def link(digest: str) -> str:
    """String: whose password a link may set, as JSON, by its digest; expires by itself."""
    return f"{_PREFIX}link:{digest}"


def attempts(digest: str) -> str:
    """Hash: failed attempts of one name, browser or address, by digest; expires by itself."""
    return f"{_PREFIX}attempts:{digest}"
