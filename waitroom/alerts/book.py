"""What alerts keep in Redis of what goes on: states, alerts told, and deliveries.

Each method is one step that either happened or did not. What is told and that it was told go
together (``scripts/tell.lua``), so a check that is repeated, or done twice at once, tells nothing
twice; and what was told stays in the outbox until it is delivered or given up.
"""

from collections.abc import Sequence

from waitroom.alerts import keys
from waitroom.alerts.alert import Alert, Delivery
from waitroom.alerts.configured import Configured
from waitroom.alerts.scripts import script
from waitroom.alerts.state import State
from waitroom.room import Store
from waitroom.room.store import store_errors

#: Alerts kept for the eye, about.
TOLD_KEPT = 1_000
#: Deliveries kept of those given up.
DEAD_KEPT = 500
SCRIPTS = ("tell", "settle", "revive", "take", "checked")


class Book:
    """Alerts on one store.

    Args:
        store: Where the rooms live.

    Attributes:
        configured: What owners set up.

    Every method raises ``StoreError`` if Redis failed.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.configured = Configured(store)
        self._scripts = {name: store.redis.register_script(script(name)) for name in SCRIPTS}

    async def now_ms(self) -> int:
        """Return Redis's clock, which all checks go by; milliseconds since the epoch."""
        return await self.store.time_ms(keys.STATES)

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

    async def _listed(self, order: str, bodies: str, count: int, *, newest: bool) -> list[Delivery]:
        with store_errors():
            names = await self.store.redis.zrange(order, 0, count - 1, desc=newest)
            texts = await self.store.redis.hmget(bodies, names) if names else []
        return [Delivery.model_validate_json(text) for text in texts if text is not None]
