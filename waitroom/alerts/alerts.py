"""What an owner can do with alerts: the one door for console, API and command line.

Each method asks first whether ``who`` may (``ForbiddenError``), and leaves who changed what in the
trail. Channels, rules and what was given up are for owners of all rooms; how things stand, each
sees for the rooms that are theirs. Whatever reaches Redis raises ``StoreError`` when it fails.

For an API or a console, all results are pydantic models: ``model_dump(mode="json")`` is what is
shown. ``save_channel`` and ``save_rule`` take what came in as JSON, raise ``SettingError`` that
names the field, and can be fed from a form.
"""

from collections.abc import Mapping
from typing import Any

from waitroom import clock
from waitroom.accounts.who import Who
from waitroom.alerts import keys
from waitroom.alerts.alert import Alert, Delivery
from waitroom.alerts.book import Book
from waitroom.alerts.channels import Channel, read_channel
from waitroom.alerts.errors import (
    AlertNotFoundError,
    ChannelNotFoundError,
    DeliveryError,
    TestTooSoonError,
)
from waitroom.alerts.outcomes import note_failure, note_success, outcomes
from waitroom.alerts.rules import Rule, read_rule, with_defaults
from waitroom.alerts.senders import send
from waitroom.alerts.shown import AlertsNow, ChannelShown, show_channel, show_condition
from waitroom.alerts.texts import make_test
from waitroom.config import Config
from waitroom.errors import SettingError
from waitroom.room import Store
from waitroom.room.keys import EDGES
from waitroom.room.store import store_errors

#: Most channels of an installation.
CHANNELS_MAX = 20
#: Most rules that differ from the defaults.
RULES_MAX = 500
#: Most rows of any list.
ROWS_MAX = 500
#: Between two tests of one channel, milliseconds.
TEST_GAP_MS = 3_000


class Alerts:
    """Alerts of one installation.

    Args:
        store: Where the rooms live.
        config: This installation's settings.
    """

    def __init__(self, store: Store, config: Config) -> None:
        self._book = Book(store)
        self._config = config

    async def channels(self, who: Who) -> list[ChannelShown]:
        """Return all channels by name, without their secrets."""
        who.require("owner")
        went = await outcomes(self._book)
        return [show_channel(each, went.get(each.name)) for each in await self._book.channels()]

    async def channel(self, who: Who, name: str) -> ChannelShown:
        """Return one channel, without its secrets.

        Raises:
            ChannelNotFoundError: If there is none of this name.
        """
        who.require("owner")
        channel = await self._channel(name)
        return show_channel(channel, (await outcomes(self._book)).get(name))

    async def save_channel(self, who: Who, fields: Mapping[str, Any]) -> ChannelShown:
        """Make a channel, or change the one of this name.

        Args:
            who: Who does.
            fields: In the types of JSON; see ``Channel``. What is left out stays, and so do
                ``url`` and ``secret`` when they are None or empty.

        Returns:
            The channel; with ``new_secret`` when one was made for a webhook that had none.

        Raises:
            SettingError: Names the field and what is allowed. Nothing was changed.
        """
        who.require("owner")
        name = str(fields.get("name", ""))
        old = await self._book.channel(name)
        channel = read_channel(dict(fields), old)
        if old is None and len(await self._book.channels()) >= CHANNELS_MAX:
            raise SettingError("name", name, f"there may be {CHANNELS_MAX} channels at most")
        await self._book.put_channel(channel)
        if old is not None and old.quiet != channel.quiet:
            await self._hurry(name)
        await self._note(who, f"channel {name} {'changed' if old else 'made'}", channel)
        made = channel.secret if not fields.get("secret") else None
        new = made.get_secret_value() if made and (old is None or old.secret != made) else None
        return show_channel(channel, (await outcomes(self._book)).get(name), new)

    async def delete_channel(self, who: Who, name: str) -> None:
        """Delete a channel; what is on its way to it is not sent any more.

        Raises:
            ChannelNotFoundError: If there is none of this name.
        """
        who.require("owner")
        if not await self._book.drop_channel(name):
            raise ChannelNotFoundError(name)
        await self._book.note_change(str(who), f"channel {name} deleted", {})

    async def send_test(self, who: Who, name: str) -> None:
        """Send a test alert to a channel now, whatever its quiet hours; returns when it was taken.

        It takes as long as the receiver does, 5 s at most (a mail server: 10 s).

        Raises:
            ChannelNotFoundError: If there is none of this name.
            TestTooSoonError: If the last test was less than three seconds ago. Nothing was sent.
            DeliveryError: If it was not taken; says why.
        """
        who.require("owner")
        channel = await self._channel(name)
        if not await self._book.take(keys.tested(name), TEST_GAP_MS, clock.new_visitor()):
            raise TestTooSoonError
        now_ms = await self._book.now_ms()
        try:
            await send(self._config, channel, make_test(name, now_ms))
        except DeliveryError as e:
            await note_failure(self._book, name, now_ms, e.detail)
            raise
        await note_success(self._book, name, now_ms)

    async def rules(self, who: Who) -> list[Rule]:
        """Return all rules that hold, in order of kind: those saved, and the defaults."""
        who.require("owner")
        return with_defaults(await self._book.rules())

    async def save_rule(self, who: Who, fields: Mapping[str, Any]) -> Rule:
        """Save the rule of a kind, or of a kind in one room.

        Args:
            who: Who does.
            fields: In the types of JSON; see ``Rule``. What is left out stays, or has its default.

        Raises:
            SettingError: Names the field and what is allowed. Nothing was changed.
        """
        who.require("owner")
        saved = {rule.id: rule for rule in await self._book.rules()}
        room = fields.get("room")
        old = saved.get(f"{fields.get('kind')}:{room}" if room else str(fields.get("kind")))
        rule = read_rule(dict(fields), old)
        if len(saved) >= RULES_MAX and old is None:
            raise SettingError("room", rule.room, f"there may be {RULES_MAX} rules at most")
        await self._book.put_rule(rule)
        await self._note(who, f"rule {rule.id} saved", rule)
        return rule

    async def delete_rule(self, who: Who, id_: str) -> bool:
        """Go back to the default of a kind, or to the general rule in a room.

        Args:
            who: Who does.
            id_: The rule's, such as ``wait`` or ``wait:shop``.

        Returns:
            Whether there was a rule to forget.
        """
        who.require("owner")
        gone = await self._book.drop_rule(id_)
        if gone:
            await self._book.note_change(str(who), f"rule {id_} deleted", {})
        return gone

    async def state(self, who: Who) -> AlertsNow:
        """Return how things stand, of the rooms that ``who`` sees and of the installation."""
        who.require("viewer")
        found = [
            show_condition(id_, state)
            for id_, (state, _) in (await self._book.states()).items()
            if state.room is None or who.sees(state.room)
        ]
        found.sort(key=lambda each: (not each.urgent, each.since_ms, each.id))
        redis = self._book.store.redis
        checked_ms, checked_by = await self._book.checked()
        with store_errors():
            waiting, given_up = await redis.zcard(keys.DUE), await redis.zcard(keys.DEAD_AT)
        return AlertsNow(
            conditions=found,
            checked_ms=checked_ms,
            checked_by=checked_by,
            waiting=waiting,
            given_up=given_up,
        )

    async def told(self, who: Who, count: int = 100) -> list[Alert]:
        """Return the alerts told lately, the newest first, of the rooms that ``who`` sees.

        Args:
            who: Who asks.
            count: Most of those looked through. 1 to 500.
        """
        who.require("viewer")
        found = await self._book.told(_rows(count))
        return [each for each in found if each.room is None or who.sees(each.room)]

    async def waiting(self, who: Who, count: int = 100) -> list[Delivery]:
        """Return deliveries that are held back or to be retried, the next one first."""
        who.require("owner")
        return await self._book.waiting(_rows(count))

    async def dead_letters(self, who: Who, count: int = 100) -> list[Delivery]:
        """Return deliveries that were given up, the newest first, with the reason of each."""
        who.require("owner")
        return await self._book.dead(_rows(count))

    async def resend(self, who: Who, delivery: str) -> None:
        """Send again what was given up, within seconds; it keeps its id.

        Args:
            who: Who does.
            delivery: Its ``id``, as ``dead_letters`` has it.

        Raises:
            AlertNotFoundError: If it is not among those given up.
        """
        who.require("owner")
        found = await self._book.dead_one(delivery)
        again = {
            "attempts": 0,
            "dead_ms": None,
            "forced": True,
            "due_ms": await self._book.now_ms(),
        }
        if found is None or not await self._book.revive(found.model_copy(update=again)):
            raise AlertNotFoundError(delivery)
        await self._book.note_change(str(who), f"alert {delivery} sent again", {})

    async def forget_edge(self, who: Who, name: str) -> bool:
        """Forget an edge that was taken away for good, so that nobody waits for it.

        Args:
            who: Who does.
            name: The edge's.

        Returns:
            Whether it was known.
        """
        who.require("owner")
        with store_errors():
            gone = bool(await self._book.store.redis.zrem(EDGES, name))
        if gone:
            await self._book.note_change(str(who), f"edge {name} forgotten", {})
        return gone

    async def changes(self, who: Who, count: int = 100) -> list[dict[str, Any]]:
        """Return who changed which channel or rule, the newest first; no secret is in it."""
        who.require("owner")
        return await self._book.changes(_rows(count))

    async def _channel(self, name: str) -> Channel:
        found = await self._book.channel(name)
        if found is None:
            raise ChannelNotFoundError(name)
        return found

    async def _hurry(self, name: str) -> None:
        """Look again at what quiet hours hold back: they are others now."""
        now_ms = await self._book.now_ms()
        for each in await self._book.waiting(ROWS_MAX):
            if each.channel == name and not each.attempts and each.due_ms > now_ms:
                await self._book.settle(each.id, each.model_copy(update={"due_ms": now_ms}))

    async def _note(self, who: Who, what: str, made: Channel | Rule) -> None:
        fields = made.model_dump(mode="json", exclude={"url", "secret"})
        if isinstance(made, Channel):
            fields["address"] = made.address
        await self._book.note_change(str(who), what, fields)


def _rows(count: int) -> int:
    return max(1, min(count, ROWS_MAX))
