"""What owners set up of alerts, as Redis keeps it: channels, rules, and who changed them.

A change and its row in the trail are one step, done only if nobody else was quicker
(``scripts/change.lua``); the row's id is the version of what was changed.
"""

from typing import Literal, NamedTuple

import orjson
from redis.exceptions import ResponseError

from waitroom.alerts import keys
from waitroom.alerts.channels import Channel
from waitroom.alerts.rules import ROOM_KINDS, Rule
from waitroom.alerts.scripts import script
from waitroom.edits import NEVER
from waitroom.edits import after as after_version
from waitroom.errors import StoreError
from waitroom.room import Store
from waitroom.room.hand import TrailRow
from waitroom.room.keys import ROOMS
from waitroom.room.store import store_errors

#: Changes of channels and rules kept, about.
AUDIT_KEPT = 1_000


class Item(NamedTuple):
    """One thing that owners set up.

    Attributes:
        kind: What it is.
        name: The channel's name, or the rule's id.
    """

    kind: Literal["channel", "rule"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Configured:
    """Channels and rules on one store.

    Args:
        store: Where the rooms live.

    Every method raises ``StoreError`` if Redis failed.
    """

    def __init__(self, store: Store) -> None:
        self._redis = store.redis
        self._change = store.redis.register_script(script("change"))

    async def channels(self) -> list[Channel]:
        """Return all channels, by name, with their secrets."""
        with store_errors():
            found = await self._redis.hvals(keys.CHANNELS)
        return sorted((Channel.model_validate_json(text) for text in found), key=lambda c: c.name)

    async def channel(self, name: str) -> Channel | None:
        """Return one channel; None if there is none of this name."""
        with store_errors():
            text = await self._redis.hget(keys.CHANNELS, name)
        return None if text is None else Channel.model_validate_json(text)

    async def rules(self) -> list[Rule]:
        """Return the rules that somebody saved, in no order."""
        with store_errors():
            found = await self._redis.hvals(keys.RULES)
        return [Rule.model_validate_json(text) for text in found]

    async def rule(self, id_: str) -> Rule | None:
        """Return a rule that somebody saved; None if nobody did."""
        with store_errors():
            text = await self._redis.hget(keys.RULES, id_)
        return None if text is None else Rule.model_validate_json(text)

    async def versions(self) -> dict[str, str]:
        """Return the version of each item that somebody changed, by what the item is called.

        Read before what they are versions of, they are never newer.
        """
        with store_errors():
            found = await self._redis.hgetall(keys.VERSIONS)
        return {item.decode(): id_.decode() for item, id_ in found.items()}

    async def version(self, item: Item) -> str:
        """Return one version; ``NEVER`` if nobody changed it. As ``versions``."""
        with store_errors():
            found = await self._redis.hget(keys.VERSIONS, str(item))
        return found.decode() if found else NEVER

    async def change(
        self,
        item: Item,
        after: Channel | Rule | None,
        version: str,
        *,
        who: str,
        verb: str,
        changes: dict[str, list[object]],
    ) -> bool:
        """Keep a channel or a rule, or forget it, and note who did, as one step.

        What is on its way to a channel that is gone is dropped by the next attempt.

        Args:
            item: Which.
            after: What it is to be; None to forget it.
            version: Its version as it was read.
            who: Who does.
            verb: What is done, such as "saved".
            changes: Field -> value before and after; no secret.

        Returns:
            Whether it was done; false when somebody else was quicker.

        Source:
            ``scripts/change.lua``
        """
        channel = item.kind == "channel"
        names = [keys.CHANNELS if channel else keys.RULES, keys.VERSIONS, keys.AUDIT]
        text = after.model_dump_json() if after else ""
        args = [item.name, str(item), version, text]
        args += [str(AUDIT_KEPT), who, f"{item} {verb}", orjson.dumps(changes).decode()]
        with store_errors():
            done = bool(await self._change(keys=names, args=args))
            if done and channel and after is None:
                await self._redis.hdel(keys.OUTCOMES, item.name)
        return done

    async def drop_rules(self, room: str) -> None:
        """Forget the rules of a room that is gone."""
        ids = [f"{kind}:{room}" for kind in sorted(ROOM_KINDS)]
        with store_errors():
            await self._redis.hdel(keys.RULES, *ids)
            await self._redis.hdel(keys.VERSIONS, *(str(Item("rule", id_)) for id_ in ids))

    async def has_room(self, name: str) -> bool:
        """Say whether there is a room of this name."""
        with store_errors():
            return bool(await self._redis.sismember(ROOMS, name))

    async def note_change(self, who: str, what: str) -> None:
        """Note who did something that is no change of a channel or a rule.

        Args:
            who: Who.
            what: What was done to what.
        """
        row = {"who": who, "what": what, "about": "", "changes": b"{}"}
        with store_errors():
            try:
                await self._redis.xadd(keys.AUDIT, row, maxlen=AUDIT_KEPT, approximate=True)
            except ResponseError as e:
                raise StoreError("Redis refused to note who changed an alert.") from e

    async def changes(self, count: int) -> list[dict[str, object]]:
        """Return who changed what, the newest first; at most ``count`` rows."""
        with store_errors():
            found = await self._redis.xrevrange(keys.AUDIT, count=count)
        return [
            {
                "at_ms": int(id_.split(b"-")[0]),
                "who": row[b"who"].decode(),
                "what": row[b"what"].decode(),
                "changes": _changes(row),
            }
            for id_, row in found
        ]

    async def trail_of(self, item: Item, *, since: str | None = None) -> list[TrailRow]:
        """Return changes of one item, the newest first.

        Args:
            item: Which.
            since: Only changes that are newer than this version.

        Raises:
            VersionError: If ``since`` is no version of ours.
        """
        first = "-" if since is None else after_version(since)
        with store_errors():
            rows = await self._redis.xrevrange(keys.AUDIT, "+", first, count=AUDIT_KEPT)
        return [
            TrailRow(id_.decode(), row[b"who"].decode(), _changes(row))
            for id_, row in rows
            if row.get(b"about") == str(item).encode()
        ]


def _changes(row: dict[bytes, bytes]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = orjson.loads(row.get(b"changes", b"{}"))
    return found
