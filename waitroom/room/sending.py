"""What the wrappers of the scripts share: batches, and which keys go with a call."""

from waitroom.room.keys import Keys
from waitroom.room.loading import Loaded
from waitroom.room.store import Store

#: Most visitors in one call; Lua's ``unpack`` ends at 8000 and a script holds up everybody.
BATCH_MAX = 1_000


class Sender:
    """Sends scripts to one store.

    Args:
        store: Where the rooms live.
    """

    def __init__(self, store: Store) -> None:
        self._run = Loaded(store).run


def line(keys: Keys) -> list[str]:
    """Return the keys that hold who waits and who has a seat, in the order of the headers."""
    return [
        keys.settings,
        keys.meta,
        keys.waiting,
        keys.seen,
        keys.parked,
        keys.active,
        keys.unclaimed,
    ]


def seating(keys: Keys) -> list[str]:
    """Return those that a script needs which gives seats."""
    return [*line(keys), keys.kept, keys.served, keys.waits, keys.told]


def check_batch(count: int) -> None:
    """Refuse a batch that is too large or empty.

    Raises:
        ValueError: If it is.
    """
    if not 1 <= count <= BATCH_MAX:
        raise ValueError(f"a batch holds 1 to {BATCH_MAX}, not {count}")
