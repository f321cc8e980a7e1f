"""What alerts keep in Redis, read and written: channels, rules, states, and deliveries.

Each method is one step that either happened or did not. What is told and that it was told go
together (``scripts/tell.lua``), so a check that is repeated, or done twice at once, tells nothing
twice; and what was told stays in the outbox until it is delivered or given up.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import orjson
from redis.exceptions import ResponseError

from waitroom.alerts import keys
from waitroom.alerts.alert import Alert, Delivery
from waitroom.alerts.channels import Channel
from waitroom.alerts.rules import ROOM_KINDS, Rule
from waitroom.alerts.state import State
from waitroom.edits import NEVER
from waitroom.edits import after as after_version
from waitroom.errors import StoreError
from waitroom.room import Store
from waitroom.room.hand import TrailRow
from waitroom.room.keys import ROOMS
from waitroom.room.store import store_errors

#: Alerts kept for the eye, about.
TOLD_KEPT = 1_000
#: Changes of channels and rules kept, about.
AUDIT_KEPT = 1_000
#: Deliveries kept of those given up.
DEAD_KEPT = 500
SCRIPTS = ("tell", "settle", "revive", "take", "checked", "change")


class Book:
    """Alerts on one store.

    Args:
        store: Where the rooms live.

    Every method raises ``StoreError`` if Redis failed.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._scripts = {name: store.redis.register_script(_source(name)) for name in SCRIPTS}

    async def now_ms(self) -> int:
        """Return Redis's clock, which all checks go by; milliseconds since the epoch."""
        return await self.store.time_ms(keys.STATES)

    async def channels(self) -> list[Channel]:
        """Return all channels, by name, with their secrets."""
        with store_errors():
            found = await self.store.redis.hvals(keys.CHANNELS)
        return sorted((Channel.model_validate_json(text) for text in found), key=lambda c: c.name)

    async def channel(self, name: str) -> Channel | None:
        """Return one channel; None if there is none of this name."""
        with store_errors():
            text = await self.store.redis.hget(keys.CHANNELS, name)
        return None if text is None else Channel.model_validate_json(text)

    async def rules(self) -> list[Rule]:
        """Return the rules that somebody saved, in no order."""
        with store_errors():
            found = await self.store.redis.hvals(keys.RULES)
        return [Rule.model_validate_json(text) for text in found]

    async def rule(self, id_: str) -> Rule | None:
        """Return a rule that somebody saved; None if nobody did."""
        with store_errors():
            text = await self.store.redis.hget(keys.RULES, id_)
        return None if text is None else Rule.model_validate_json(text)

    async def versions(self) -> dict[str, str]:
        """Return the version of each channel and rule that somebody changed, by what it is about.

        Read before what they are versions of, they are never newer.
        """
        with store_errors():
            found = await self.store.redis.hgetall(keys.VERSIONS)
        return {about.decode(): id_.decode() for about, id_ in found.items()}

    async def version(self, about: str) -> str:
        """Return one version; ``NEVER`` if nobody changed it. As ``versions``."""
        with store_errors():
            found = await self.store.redis.hget(keys.VERSIONS, about)
        return found.decode() if found else NEVER

    async def change(
        self,
        name: str,
        after: Channel | Rule | None,
        version: str,
        *,
        channel: bool,
        who: str,
        what: str,
        changes: dict[str, list[object]],
    ) -> bool:
        """Keep a channel or a rule, or forget it, and note who did, as one step.

        What is on its way to a channel that is gone is dropped by the next attempt.

        Args:
            name: The channel's name, or the rule's id.
            after: What it is to be; None to forget it.
            version: Its version as it was read.
            channel: Whether it is a channel.
            who: Who does.
            what: What is done to what.
            changes: Field -> value before and after; no secret.

        Returns:
            Whether it was done; false when somebody else was quicker.

        Source:
            ``scripts/change.lua``
        """
        names = [keys.CHANNELS if channel else keys.RULES, keys.VERSIONS, keys.AUDIT]
        text = after.model_dump_json() if after else ""
        args = [name, about(name, channel=channel), version, text]
        args += [str(AUDIT_KEPT), who, what, orjson.dumps(changes).decode()]
        with store_errors():
            done = bool(await self._scripts["change"](keys=names, args=args))
            if done and channel and after is None:
                await self.store.redis.hdel(keys.OUTCOMES, name)
        return done

    async def drop_rules(self, room: str) -> None:
        """Forget the rules of a room that is gone."""
        ids = [f"{kind}:{room}" for kind in sorted(ROOM_KINDS)]
        with store_errors():
            await self.store.redis.hdel(keys.RULES, *ids)
            await self.store.redis.hdel(keys.VERSIONS, *(about(id_, channel=False) for id_ in ids))

    async def has_room(self, name: str) -> bool:
        """Say whether there is a room of this name."""
        with store_errors():
            return bool(await self.store.redis.sismember(ROOMS, name))

    async def states(self) -> dict[str, tuple[State, str]]:
        """Return the state of each condition that holds, and the text in which Redis holds it."""
        with store_errors():
            found = await self.store.redis.hgetall(keys.STATES)
        return {
            id_.decode(): (State.model_validate_json(text), text.decode())
            for id_, text in found.items()
        }

    async def state(self, condition: str) -> State | None:
        """Return the state of a condition; None when it does not hold."""
        with store_errors():
            text = await self.store.redis.hget(keys.STATES, condition)
        return None if text is None else State.model_validate_json(text)

    async def tell(
        self,
        condition: str,
        before: str,
        after: State | None,
        alert: Alert | None = None,
        deliveries: Sequence[Delivery] = (),
    ) -> bool:
        """Note the new state of a condition and what is to be told of it, as one step.

        Args:
            condition: Its name.
            before: The text of its state as it was read; empty when there was none.
            after: Its new state; None when it does not hold.
            alert: What is told; None when nothing is.
            deliveries: To whom.

        Returns:
            Whether it was noted; false when somebody else changed the state since it was read.

        Source:
            ``scripts/tell.lua``
        """
        names = [keys.STATES, keys.OUTBOX, keys.DUE, keys.TOLD]
        args: list[str | int] = [
            condition,
            before,
            after.model_dump_json() if after else "",
            alert.model_dump_json() if alert else "",
            TOLD_KEPT,
        ]
        for each in deliveries:
            args += [each.due_ms, each.id, each.model_dump_json()]
        with store_errors():
            return bool(await self._scripts["tell"](keys=names, args=args))

    async def delivery(self, id_: str) -> Delivery | None:
        """Return a delivery that is under way; None if it is not any more."""
        with store_errors():
            text = await self.store.redis.hget(keys.OUTBOX, id_)
        return None if text is None else Delivery.model_validate_json(text)

    async def due(self, now_ms: int, count: int) -> list[tuple[str, int]]:
        """Return deliveries to be tried now, those that wait longest first.

        Args:
            now_ms: Milliseconds since the epoch.
            count: Most of them.

        Returns:
            Id of each, and since when it is due, ms since the epoch.
        """
        with store_errors():
            found = await self.store.redis.zrangebyscore(
                keys.DUE, "-inf", now_ms, 0, count, withscores=True
            )
        return [(id_.decode(), int(due_ms)) for id_, due_ms in found]

    async def waiting(self, count: int) -> list[Delivery]:
        """Return deliveries under way, the next one first; at most ``count``."""
        return await self._listed(keys.DUE, keys.OUTBOX, count, newest=False)

    async def dead(self, count: int) -> list[Delivery]:
        """Return deliveries given up, the newest first; at most ``count``."""
        return await self._listed(keys.DEAD_AT, keys.DEAD, count, newest=True)

    async def dead_one(self, id_: str) -> Delivery | None:
        """Return a delivery that was given up; None if there is none of this name."""
        with store_errors():
            text = await self.store.redis.hget(keys.DEAD, id_)
        return None if text is None else Delivery.model_validate_json(text)

    async def settle(self, id_: str, delivery: Delivery | None) -> bool:
        """Note how an attempt went.

        Args:
            id_: The delivery's.
            delivery: As it is now: given up if it has ``dead_ms``, else tried again at ``due_ms``;
                None when it is done with.

        Returns:
            Whether it was under way.

        Source:
            ``scripts/settle.lua``
        """
        names = [keys.OUTBOX, keys.DUE, keys.DEAD, keys.DEAD_AT]
        dead_ms = delivery.dead_ms if delivery else None
        due_ms = delivery.due_ms if delivery and dead_ms is None else 0
        text = delivery.model_dump_json() if delivery else ""
        args = [id_, text, due_ms, dead_ms or 0, DEAD_KEPT]
        with store_errors():
            return bool(await self._scripts["settle"](keys=names, args=args))

    async def revive(self, delivery: Delivery) -> bool:
        """Send a delivery again that was given up; return whether it was among those.

        Source:
            ``scripts/revive.lua``
        """
        names = [keys.DEAD, keys.DEAD_AT, keys.OUTBOX, keys.DUE]
        args = [delivery.id, delivery.model_dump_json(), delivery.due_ms]
        with store_errors():
            return bool(await self._scripts["revive"](keys=names, args=args))

    async def take(self, key: str, hold_ms: int, who: str) -> bool:
        """Take something that only one may have at a time, until it lapses, or hold on to it.

        Args:
            key: Its key.
            hold_ms: For how long from now on, milliseconds.
            who: Who takes it.

        Returns:
            Whether it is theirs now.

        Source:
            ``scripts/take.lua``
        """
        with store_errors():
            return bool(await self._scripts["take"](keys=[key], args=[who, hold_ms]))

    async def give_back(self, key: str) -> None:
        """Give it back before it lapses."""
        with store_errors():
            await self.store.redis.delete(key)

    async def note_checked(self, at_ms: int, by: str) -> None:
        """Note when conditions were looked at, ms since the epoch, and by whom.

        Source:
            ``scripts/checked.lua``
        """
        with store_errors():
            await self._scripts["checked"](keys=[keys.CHECKED], args=[at_ms, by])

    async def checked(self) -> tuple[int | None, str | None]:
        """Return when conditions were last looked at, ms since the epoch, and by whom."""
        with store_errors():
            at, by = await self.store.redis.hmget(keys.CHECKED, "at_ms", "by")
        return (int(at) if at else None), (by.decode() if by else None)

    async def told(self, count: int) -> list[Alert]:
        """Return the alerts told, the newest first; at most ``count``."""
        with store_errors():
            found = await self.store.redis.xrevrange(keys.TOLD, count=count)
        return [Alert.model_validate_json(fields[b"alert"]) for _, fields in found]

    async def note_change(self, who: str, what: str) -> None:
        """Note who did something that is no change of a channel or a rule.

        Args:
            who: Who.
            what: What was done to what.
        """
        row = {"who": who, "what": what, "about": "", "changes": b"{}"}
        with store_errors():
            try:
                await self.store.redis.xadd(keys.AUDIT, row, maxlen=AUDIT_KEPT, approximate=True)
            except ResponseError as e:
                raise StoreError("Redis refused to note who changed an alert.") from e

    async def changes(self, count: int) -> list[dict[str, object]]:
        """Return who changed what, the newest first; at most ``count`` rows."""
        with store_errors():
            found = await self.store.redis.xrevrange(keys.AUDIT, count=count)
        return [
            {
                "at_ms": int(id_.split(b"-")[0]),
                "who": row[b"who"].decode(),
                "what": row[b"what"].decode(),
                "changes": _changes(row),
            }
            for id_, row in found
        ]

    async def trail_of(self, about: str, *, since: str | None = None) -> list[TrailRow]:
        """Return changes of one channel or rule, the newest first.

        Args:
            about: As ``about`` says it.
            since: Only changes that are newer than this version.

        Raises:
            VersionError: If ``since`` is no version of ours.
        """
        first = "-" if since is None else after_version(since)
        with store_errors():
            rows = await self.store.redis.xrevrange(keys.AUDIT, "+", first, count=AUDIT_KEPT)
        return [
            TrailRow(id_.decode(), row[b"who"].decode(), _changes(row))
            for id_, row in rows
            if row.get(b"about") == about.encode()
        ]

    async def _listed(self, order: str, bodies: str, count: int, *, newest: bool) -> list[Delivery]:
        with store_errors():
            names = await self.store.redis.zrange(order, 0, count - 1, desc=newest)
            texts = await self.store.redis.hmget(bodies, names) if names else []
        return [Delivery.model_validate_json(text) for text in texts if text is not None]


def about(name: str, *, channel: bool) -> str:
    """Return how the trail says a channel or a rule.

    Args:
        name: The channel's name, or the rule's id.
        channel: Whether it is a channel.
    """
    return f"{'channel' if channel else 'rule'} {name}"


def _changes(row: dict[bytes, bytes]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = orjson.loads(row.get(b"changes", b"{}"))
    return found


@cache
def _source(name: str) -> str:
    return (files("waitroom.alerts") / "scripts" / f"{name}.lua").read_text()
