"""One look at all conditions: what has started or ended is told, the rest is left as it is.

Bounded: at most `ROOMS_MAX` rooms a look, so many at once, each at a constant cost; with more
rooms the next look goes on where this one stopped. It can be repeated and done twice at once: the
state in Redis changes hands only once (see ``book.tell``).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from waitroom.alerts.alert import Alert, Delivery
from waitroom.alerts.book import Book
from waitroom.alerts.channels import Channel
from waitroom.alerts.health import AskJobs, installation
from waitroom.alerts.readings import low_use, queueing, reading_id, report_failed, wait
from waitroom.alerts.rules import ROOM_KINDS, Kind, Rule, rule_for, with_defaults
from waitroom.alerts.state import Reading, State, Turn, step
from waitroom.alerts.texts import make_alert
from waitroom.errors import RoomNotFoundError, StoreError
from waitroom.reports.states import States
from waitroom.room import Directory, Room

#: Most rooms of one look.
ROOMS_MAX = 500
#: What counts as the next look, when rooms have to take turns, milliseconds.
LOOK_MS = 10_000
#: Rooms that are read at once.
AT_ONCE = 25

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look came to.

    Attributes:
        rooms: Rooms looked at.
        told: Alerts that it told, in no order.
    """

    rooms: int
    told: list[Alert]


class Check:
    """One look.

    Args:
        book: Where alerts live.
        directory: All rooms.
        ask_jobs: Says how the jobs do.
        now_ms: Milliseconds since the epoch, Redis's clock or a test's.
        room_ms: The same for rooms, which have a clock each; 0 means theirs.
    """

    def __init__(
        self, book: Book, directory: Directory, ask_jobs: AskJobs, now_ms: int, room_ms: int
    ) -> None:
        self._book = book
        self._directory = directory
        self._ask_jobs = ask_jobs
        self._now_ms = now_ms
        self._room_ms = room_ms
        self._rules: dict[str, Rule] = {}
        self._channels: list[Channel] = []
        self._states: dict[str, tuple[State, str]] = {}
        self._told: list[Alert] = []

    async def run(self, names: list[str], known: set[str]) -> Checked:
        """Look at some rooms and at the installation.

        Args:
            names: The rooms.
            known: All rooms there are; what was told of others ends.

        Returns:
            What it came to.

        Raises:
            StoreError: If Redis failed for the installation. What was told is told; asking again
                is safe.
        """
        self._rules = {rule.id: rule for rule in with_defaults(await self._book.configured.rules())}
        self._channels = await self._book.configured.channels()
        self._states = await self._book.states()
        told = {id_ for id_, (state, _) in self._states.items() if state.told}
        readings = await installation(
            self._book.store, self._ask_jobs, self._rules, told, self._now_ms
        )
        for start in range(0, len(names), AT_ONCE):
            some = [self._of_room(name, told) for name in names[start : start + AT_ONCE]]
            for found in await asyncio.gather(*some):
                readings += found
        for reading in readings:
            await self._note(reading)
        await self._end_orphans(known, {reading.id for reading in readings})
        return Checked(len(names), self._told)

    async def _of_room(self, name: str, told: set[str]) -> list[Reading]:
        rules = {kind: rule_for(self._rules, kind, name) for kind in ROOM_KINDS}
        if not any(rule.on for rule in rules.values()):
            return []
        try:
            return await self._read(await self._directory.get(name), rules, told)
        except RoomNotFoundError:
            # Deleted a moment ago; the next look ends what was told of it.
            return []
        except StoreError as e:
            # On a Cluster its node may be away, and the other rooms go on.
            log.warning("alerts_room_unknown", room=name, detail=e.detail)
            return []

    async def _read(self, room: Room, rules: dict[Kind, Rule], told: set[str]) -> list[Reading]:
        board = await room.board(now_ms=self._room_ms)
        figures = await room.figures(now_ms=self._room_ms)
        report = await States(self._book.store, room.keys).progress()
        long, low = (reading_id(kind, room.name) in told for kind in ("wait", "low_use"))
        return [
            queueing(room.name, board),
            wait(room.name, board, rules["wait"], told=long, now_ms=self._now_ms),
            low_use(room.name, board, figures, room.settings, rules["low_use"], told=low),
            report_failed(room.name, report, room.settings),
        ]

    async def _note(self, reading: Reading) -> None:
        rule = rule_for(self._rules, reading.kind, reading.room)
        old, text = self._states.get(reading.id, (None, ""))
        if not rule.on:
            if old is not None:
                await self._end(reading.id, old, text, "Nobody is told of this any more.")
            return
        new, turn = step(old, reading, rule, self._now_ms)
        if new == old:
            return
        last = new or old
        alert = None
        if turn and last:
            alert = make_alert(reading.id, last, turn, self._now_ms)
        await self._tell(reading.id, text, new, turn, alert)

    async def _end_orphans(self, known: set[str], looked_at: Iterable[str]) -> None:
        """End what was told of rooms and edges that are not there any more."""
        seen = set(looked_at)
        for id_, (state, text) in self._states.items():
            if id_ in seen:
                continue
            if state.room is not None and state.room not in known:
                await self._end(id_, state, text, "The room was deleted.")
            elif state.room is not None and not rule_for(self._rules, state.kind, state.room).on:
                await self._end(id_, state, text, "Nobody is told of this any more.")
            elif state.kind == "edge_silent":
                await self._end(id_, state, text, "The edge was forgotten.")

    async def _end(self, id_: str, old: State, text: str, because: str) -> None:
        alert = None
        if old.told:
            alert = make_alert(id_, old, "ended", self._now_ms, because=because)
        await self._tell(id_, text, None, "ended" if old.told else None, alert)

    async def _tell(
        self, id_: str, before: str, after: State | None, turn: Turn | None, alert: Alert | None
    ) -> None:
        deliveries = [] if alert is None else self._deliveries(alert)
        noted = await self._book.tell(id_, before, after, alert, deliveries)
        if noted and alert is not None:
            log.info("alert", alert=alert.id, phase=turn, title=alert.title, to=len(deliveries))
            self._told.append(alert)

    def _deliveries(self, alert: Alert) -> list[Delivery]:
        found = []
        for channel in self._channels:
            if alert.kind is not None and channel.wants(alert.kind, alert.room):
                held_ms = channel.held_until_ms(self._now_ms, urgent=alert.urgent)
                due_ms = held_ms or self._now_ms
                found.append(Delivery(channel=channel.name, alert=alert, due_ms=due_ms))
        return found


async def check(
    book: Book, directory: Directory, ask_jobs: AskJobs, *, by: str, now_ms: int = 0
) -> Checked:
    """Look at all conditions once.

    Args:
        book: Where alerts live.
        directory: All rooms.
        ask_jobs: Says how the jobs do.
        by: Who looks, for the owner's eyes.
        now_ms: Milliseconds since the epoch; 0 means Redis's clock.

    Returns:
        What it came to.

    Raises:
        StoreError: If Redis failed. What was told is told; asking again is safe.
    """
    room_ms, now_ms = now_ms, now_ms or await book.now_ms()
    names = await directory.names()
    turn = now_ms // LOOK_MS
    look = Check(book, directory, ask_jobs, now_ms, room_ms)
    found = await look.run(_share(names, turn), set(names))
    await book.note_checked(now_ms, by)
    return found


def _share(names: list[str], turn: int) -> list[str]:
    """Return the rooms whose turn it is: all, unless there are too many."""
    shares = -(-len(names) // ROOMS_MAX)
    return names if shares <= 1 else names[(turn % shares) * ROOMS_MAX :][:ROOMS_MAX]
