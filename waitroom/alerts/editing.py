"""How channels and rules are changed: each edit against what its editor saw.

What an edit does is decided anew whenever somebody else was quicker, so two edits of different
fields both stay, and of the same field the later one is told (see ``waitroom.edits``).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from waitroom.alerts.channels import Channel
from waitroom.alerts.configured import Configured, Item
from waitroom.alerts.errors import AlertChangedError
from waitroom.alerts.rules import Rule
from waitroom.edits import conflict, met, newer

#: How often a change is tried again because others changed the same thing meanwhile.
ATTEMPTS = 10


@dataclass(frozen=True)
class Edit:
    """One change of an item.

    Attributes:
        old: The item as it is kept; None if it is not.
        held: What held until now: the item, or what held in its place.
        new: What it is to be.
        verb: What is done, such as "saved".
    """

    old: Channel | Rule | None
    held: Channel | Rule | None
    new: Channel | Rule
    verb: str


class Editing:
    """Edits of what owners set up.

    Args:
        configured: Where it is.

    Every method raises ``StoreError`` if Redis failed, ``VersionError`` if somebody has changed
    the item since ``version``, and ``AlertChangedError`` if others change it again and again;
    nothing was changed then.
    """

    def __init__(self, configured: Configured) -> None:
        self._configured = configured

    async def save(
        self,
        item: Item,
        decide: Callable[[], Awaitable[Edit]],
        who: str,
        *,
        seen: Mapping[str, Any] | None,
        version: str | None,
    ) -> Edit:
        """Make or change an item.

        Args:
            item: Which.
            decide: Reads what there is and says what to do; called once an attempt.
            who: Who does.
            seen: Field -> the value that the editor saw; None checks nothing.
            version: That the editor saw; None checks nothing.

        Returns:
            What was done.

        Raises:
            ConflictError: If a field is neither as it was seen nor as it is wanted.
        """
        for _ in range(ATTEMPTS):
            now = await self._version(item, version)
            edit = await decide()
            if found := met(_fields(edit.held), seen or {}, _fields(edit.new)):
                raise conflict(*found, await self._configured.trail_of(item))
            changes = _differences(edit)
            if await self._configured.change(
                item, edit.new, now, who=who, verb=edit.verb, changes=changes
            ):
                return edit
        raise AlertChangedError(str(item))

    async def delete(
        self,
        item: Item,
        find: Callable[[str], Awaitable[Channel | Rule | None]],
        who: str,
        *,
        version: str | None,
    ) -> bool:
        """Forget an item.

        Args:
            item: Which.
            find: Returns it by its name; None if there is none.
            who: Who does.
            version: That the editor saw; None checks nothing.

        Returns:
            Whether there was one.
        """
        for _ in range(ATTEMPTS):
            now = await self._configured.version(item)
            old = await find(item.name)
            if old is None:
                return False
            await self._refuse_other(item, now, version)
            changes = {field: [value, None] for field, value in _fields(old).items()}
            if await self._configured.change(
                item, None, now, who=who, verb="deleted", changes=changes
            ):
                return True
        raise AlertChangedError(str(item))

    async def _version(self, item: Item, seen: str | None) -> str:
        """Return a version, read before what it is a version of."""
        now = await self._configured.version(item)
        await self._refuse_other(item, now, seen)
        return now

    async def _refuse_other(self, item: Item, now: str, seen: str | None) -> None:
        if seen is not None and seen != now:
            raise newer(reversed(await self._configured.trail_of(item, since=seen)))


def _fields(what: Channel | Rule | None) -> dict[str, Any]:
    """Return what may be shown of a channel or a rule, in the types of JSON."""
    if what is None:
        return {}
    found = what.model_dump(mode="json", exclude={"name", "kind", "room", "url", "secret"})
    if isinstance(what, Channel):
        found |= {"kind": what.kind, "address": what.address}
    return found


def _differences(edit: Edit) -> dict[str, list[Any]]:
    """Return what the trail says of a change; of secrets only that they are new."""
    was, now = _fields(edit.held), _fields(edit.new)
    found = {field: [was.get(field), now[field]] for field in now if was.get(field) != now[field]}
    if isinstance(edit.new, Channel):
        for field in ("url", "secret"):
            secret, made = getattr(edit.old, field, None), getattr(edit.new, field)
            if secret != made:
                found[field] = ["set" if secret else None, "new" if made else None]
    return found if edit.old or found else {"own": [False, True]}
