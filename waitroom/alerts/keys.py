"""Names of everything that alerts keep in Redis, beside the rooms.

All share the hash tag ``{@}``, which no room has, so they live on one node of a cluster and one
script may touch them all. No other module spells a key of theirs.
"""

_PREFIX = "waitroom:alerts:{@}:"

#: Hash: channel's name -> channel as JSON, its secrets included.
CHANNELS = f"{_PREFIX}channels"
#: Hash: channel's name -> how its last deliveries went, as JSON.
OUTCOMES = f"{_PREFIX}outcomes"
#: Hash: rule's id -> rule as JSON, of those that differ from the defaults.
RULES = f"{_PREFIX}rules"
#: Hash: condition's id -> state as JSON, of those that hold or held a moment ago.
STATES = f"{_PREFIX}states"
#: Hash: delivery's id -> delivery as JSON, of those under way.
OUTBOX = f"{_PREFIX}outbox"
#: Zset: delivery's id -> when it is to be tried next, ms since epoch; the same as ``OUTBOX``.
DUE = f"{_PREFIX}due"
#: Hash: delivery's id -> delivery as JSON, of those given up.
DEAD = f"{_PREFIX}dead"
#: Zset: delivery's id -> when it was given up, ms since epoch; the same as ``DEAD``.
DEAD_AT = f"{_PREFIX}dead_at"
#: Stream: alerts told, the newest last.
TOLD = f"{_PREFIX}told"
#: Hash: what a change is about, such as ``rule wait`` -> id of its newest row in the trail.
VERSIONS = f"{_PREFIX}versions"
#: Stream: who changed which channel or rule.
AUDIT = f"{_PREFIX}audit"
#: Hash: when conditions were last checked, ms since epoch, and by whom.
CHECKED = f"{_PREFIX}checked"
#: String that expires: the web process that watches over the checks.
WATCH = f"{_PREFIX}watch"


def sending(delivery: str) -> str:
    """String that expires: somebody is trying this delivery."""
    return f"{_PREFIX}sending:{delivery}"


def tested(channel: str) -> str:
    """String that expires: a test alert went to this channel a moment ago."""
    return f"{_PREFIX}tested:{channel}"
