"""What an owner can do with alerts: the one door for console, API and command line.

Each method asks first whether ``who`` may (``ForbiddenError``), and leaves who changed what in the
trail. Channels, general rules and what was given up are for owners of all rooms; the rules of one
room are for its owners; how things stand, each sees for the rooms that are theirs. Whatever reaches
Redis raises ``StoreError`` when it fails.

For an API or a console, all results are pydantic models: ``model_dump(mode="json")`` is what is
shown. ``save_channel`` and ``save_rule`` take what came in as JSON, raise ``SettingError`` that
names the field, and can be fed from a form.
"""

from collections.abc import Mapping
from typing import Any, cast

from waitroom import clock
from waitroom.accounts.who import Who
from waitroom.alerts import keys
from waitroom.alerts.alert import Alert, Delivery
from waitroom.alerts.book import Book
from waitroom.alerts.channels import Channel, read_channel
from waitroom.alerts.configured import Item
from waitroom.alerts.editing import Edit, Editing
from waitroom.alerts.errors import (
    AlertNotFoundError,
    ChannelNotFoundError,
    ChannelOffError,
    DeliveryError,
    TestTooSoonError,
)
from waitroom.alerts.outcomes import note_failure, note_success, outcomes
from waitroom.alerts.rules import (
    RoomRule,
    Rule,
    RuleShown,
    read_rule,
    room_rules,
    with_defaults,
)
from waitroom.alerts.senders import send
from waitroom.alerts.shown import AlertsNow, ChannelShown, show_channel, show_condition
from waitroom.alerts.texts import make_test
from waitroom.config import Config
from waitroom.edits import NEVER
from waitroom.errors import RoomNotFoundError, SettingError
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
        self._configured = self._book.configured
        self._editing = Editing(self._configured)
        self._config = config

    async def channels(self, who: Who) -> list[ChannelShown]:
        """Return all channels by name, without their secrets."""
        who.require("owner")
        versions, went = await self._configured.versions(), await outcomes(self._book)
        return [
            show_channel(
                each, versions.get(str(Item("channel", each.name)), NEVER), went.get(each.name)
            )
            for each in await self._configured.channels()
        ]

    async def channel(self, who: Who, name: str) -> ChannelShown:
        """Return one channel, without its secrets.

        Raises:
            ChannelNotFoundError: If there is none of this name.
        """
        who.require("owner")
        return await self._shown(name)

    async def save_channel(
        self,
        who: Who,
        fields: Mapping[str, Any],
        *,
        seen: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> ChannelShown:
        """Make a channel, or change the one of this name.

        Args:
            who: Who does.
            fields: In the types of JSON; see ``Channel``. What is left out stays, and so do
                ``url`` and ``secret`` when they are None or empty.
            seen: Field -> the value that the editor saw; None checks nothing.
            version: That the editor saw; None checks nothing, ``NEVER`` makes a new one only.

        Returns:
            The channel; with ``new_secret`` when one was made for a webhook that had none.

        Raises:
            SettingError: Names the field and what is allowed. Nothing was changed.
            ChannelNotFoundError: If it was seen, and is there no more.
            ConflictError: If somebody else has changed a field to another value since it was
                seen; nothing was changed.
            VersionError: If somebody has changed it since that version; likewise.
            AlertChangedError: If others change it again and again.
        """
        who.require("owner")
        name = str(fields.get("name", ""))

        async def decide() -> Edit:
            old = await self._configured.channel(name)
            if old is None and seen:
                raise ChannelNotFoundError(name)
            channel = read_channel(dict(fields), old)
            if old is None and len(await self._configured.channels()) >= CHANNELS_MAX:
                raise SettingError("name", name, f"there may be {CHANNELS_MAX} channels at most")
            return Edit(old, old, channel, "changed" if old else "made")

        edit = await self._editing.save(
            Item("channel", name), decide, str(who), seen=seen, version=version
        )
        old, channel = cast(Channel | None, edit.old), cast(Channel, edit.new)
        if old is not None and old.quiet != channel.quiet:
            await self._hurry(name)
        made = channel.secret if not fields.get("secret") else None
        new = made.get_secret_value() if made and (old is None or old.secret != made) else None
        return (await self._shown(name)).model_copy(update={"new_secret": new})

    async def delete_channel(self, who: Who, name: str, *, version: str | None = None) -> None:
        """Delete a channel; what is on its way to it is not sent any more.

        Args:
            who: Who does.
            name: The channel's.
            version: That the editor saw; None checks nothing.

        Raises:
            ChannelNotFoundError: If there is none of this name.
            VersionError: If somebody has changed it since that version; nothing was deleted.
            AlertChangedError: If others change it again and again.
        """
        who.require("owner")
        await self._editing.delete(Item("channel", name), self._channel, str(who), version=version)

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

    async def rules(self, who: Who) -> list[RuleShown]:
        """Return all rules that hold, in order of kind: those saved, and the defaults."""
        who.require("owner")
        versions = await self._configured.versions()
        return [_shown(rule, versions) for rule in with_defaults(await self._configured.rules())]

    async def room_rules(self, who: Who, room: str) -> list[RoomRule]:
        """Return when the alerts of one room are told, in order of kind.

        Args:
            who: Who asks.
            room: The room.
        """
        who.require("viewer", room)
        versions = {
            spoken.removeprefix("rule "): version
            for spoken, version in (await self._configured.versions()).items()
        }
        return room_rules(await self._configured.rules(), room, versions)

    async def save_rule(
        self,
        who: Who,
        fields: Mapping[str, Any],
        *,
        seen: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> RuleShown:
        """Save the rule of a kind, or of a kind in one room.

        Args:
            who: Who does.
            fields: In the types of JSON; see ``Rule``. What is left out stays; in the first rule of
                a room it is as in the general one.
            seen: Field -> the value that the editor saw; None checks nothing.
            version: That the editor saw; None checks nothing.

        Raises:
            SettingError: Names the field and what is allowed. Nothing was changed.
            RoomNotFoundError: If there is no such room. Nothing was changed.
            ConflictError: If somebody else has changed a field to another value since it was
                seen; nothing was changed.
            VersionError: If somebody has changed it since that version; likewise.
            AlertChangedError: If others change it again and again.
        """
        room, kind = fields.get("room"), str(fields.get("kind"))
        who.require("owner", str(room) if room else None)
        id_ = kind if room is None else f"{kind}:{room}"

        async def decide() -> Edit:
            saved = {rule.id: rule for rule in await self._configured.rules()}
            held = saved.get(id_, saved.get(kind))
            rule = read_rule(dict(fields), held)
            await self._require_room(rule.room)
            if len(saved) >= RULES_MAX and id_ not in saved:
                raise SettingError("room", rule.room, f"there may be {RULES_MAX} rules at most")
            before = held or Rule.model_validate({"kind": rule.kind})
            return Edit(saved.get(id_), before, rule, "saved")

        edit = await self._editing.save(
            Item("rule", id_), decide, str(who), seen=seen, version=version
        )
        rule = cast(Rule, edit.new)
        try:
            await self._require_room(rule.room)
        except RoomNotFoundError:
            # Deleted meanwhile, with the rules that it had.
            await self._configured.drop_rules(str(rule.room))
            raise
        versions = await self._configured.versions()
        return _shown(await self._configured.rule(id_) or rule, versions)

    async def delete_rule(self, who: Who, id_: str, *, version: str | None = None) -> bool:
        """Go back to the default of a kind, or to the general rule in a room.

        Args:
            who: Who does.
            id_: The rule's, such as ``wait`` or ``wait:shop``.
            version: That the editor saw; None checks nothing.

        Returns:
            Whether there was a rule to forget.

        Raises:
            VersionError: If somebody has changed it since that version; nothing was forgotten.
            AlertChangedError: If others change it again and again.
        """
        who.require("owner", id_.partition(":")[2] or None)
        return await self._editing.delete(
            Item("rule", id_), self._configured.rule, str(who), version=version
        )

    async def forget_room(self, name: str) -> None:
        """Forget the rules of a room that is gone."""
        await self._configured.drop_rules(name)

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
            ChannelNotFoundError: If its channel was deleted; it stays among those given up.
            ChannelOffError: If its channel is off; likewise.
        """
        who.require("owner")
        found = await self._book.dead_one(delivery)
        if found is not None and not (await self._channel(found.channel)).on:
            raise ChannelOffError(found.channel)
        again = {
            "attempts": 0,
            "dead_ms": None,
            "forced": True,
            "due_ms": await self._book.now_ms(),
        }
        if found is None or not await self._book.revive(found.model_copy(update=again)):
            raise AlertNotFoundError(delivery)
        await self._configured.note_change(str(who), f"alert {delivery} sent again")

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
            await self._configured.note_change(str(who), f"edge {name} forgotten")
        return gone

    async def changes(self, who: Who, count: int = 100) -> list[dict[str, Any]]:
        """Return who changed which channel or rule, the newest first; no secret is in it."""
        who.require("owner")
        return await self._configured.changes(_rows(count))

    async def _channel(self, name: str) -> Channel:
        found = await self._configured.channel(name)
        if found is None:
            raise ChannelNotFoundError(name)
        return found

    async def _hurry(self, name: str) -> None:
        """Look again at what quiet hours hold back: they are others now."""
        now_ms = await self._book.now_ms()
        for each in await self._book.waiting(ROWS_MAX):
            if each.channel == name and not each.attempts and each.due_ms > now_ms:
                await self._book.settle(each.id, each.model_copy(update={"due_ms": now_ms}))

    async def _shown(self, name: str) -> ChannelShown:
        version = await self._configured.version(Item("channel", name))
        went = (await outcomes(self._book)).get(name)
        return show_channel(await self._channel(name), version, went)

    async def _require_room(self, name: str | None) -> None:
        if name is not None and not await self._configured.has_room(name):
            raise RoomNotFoundError(name)


def _shown(rule: Rule, versions: Mapping[str, str]) -> RuleShown:
    version = versions.get(str(Item("rule", rule.id)), NEVER)
    return RuleShown(**rule.model_dump(), version=version)


def _rows(count: int) -> int:
    return max(1, min(count, ROWS_MAX))
