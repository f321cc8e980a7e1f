"""Puts the Lua scripts together and sends them.

Each is sent with what its header says it ``NEEDS`` from ``scripts/shared/`` before it, by its
digest; redis-py sends the text again after Redis lost it.
"""

import re
from importlib.resources import files
from typing import Any

from redis.exceptions import ResponseError

from waitroom.errors import RoomNotFoundError
from waitroom.room.keys import Keys
from waitroom.room.store import Store, store_errors

VERBS = (
    "enter",
    "beat",
    "admit",
    "renew",
    "leave",
    "sweep",
    "sample",
    "board",
    "restore",
    "create",
    "update",
    "admit_now",
    "let_in",
    "note",
)
#: The first line of a script that Redis is to treat in a special way.
FLAGS = re.compile(r"#!lua .*\n")


class Loaded:
    """The scripts of all verbs on one store.

    Args:
        store: Where the rooms live.
    """

    def __init__(self, store: Store) -> None:
        self._scripts = {verb: store.redis.register_script(source(verb)) for verb in VERBS}

    async def run(self, verb: str, keys: Keys, names: list[str], args: list[Any]) -> Any:
        """Run a script and return its answer as it is.

        Args:
            verb: Which.
            keys: The room's keys.
            names: Those of them that the script declares, in its order.
            args: What else it takes.

        Raises:
            RoomNotFoundError: If Redis does not hold the room.
            StoreError: If Redis failed.
        """
        with store_errors():
            try:
                return await self._scripts[verb](keys=names, args=args)
            except ResponseError as e:
                if str(e).startswith("NOROOM"):
                    raise RoomNotFoundError(keys.room) from e
                raise


def source(verb: str) -> str:
    """Return the text of a script as it is sent: flags, what its header says it needs, itself."""
    folder = files("waitroom.room") / "scripts"
    text = (folder / f"{verb}.lua").read_text()
    needs = re.search(r"^NEEDS +(.+)$", text, re.MULTILINE)
    names = needs[1].split(", ") if needs else []
    shared = [(folder / "shared" / f"{name}.lua").read_text() for name in names]
    # Redis reads flags off the very first line only.
    flags = FLAGS.match(text)
    if flags is None:
        return "\n".join([*shared, text])
    return "\n".join([flags[0] + shared[0], *shared[1:], text[flags.end() :]])
