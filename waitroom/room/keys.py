"""Names of everything Waitroom keeps in Redis.

All keys of one room share the hash tag ``{room}``, so they live on one node of a cluster and
one script may touch them all. No other module spells a key of theirs (the jobs have two of their
own, in RQ's Redis: see ``jobs/names.py``).
"""

from dataclasses import dataclass

#: Names of all rooms (set).
ROOMS = "waitroom:rooms"
#: One random text per life of the data: gone or changed means that Redis lost everything.
LIFE = "waitroom:life"
#: Web processes alive: name -> last tick, ms since epoch (zset).
PROCESSES = "waitroom:processes"
#: Edges: name -> last heard of, ms since epoch (zset).
EDGES = "waitroom:edges"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one room.

    Args:
        room: The room's name, already checked (see ``settings.ROOM_NAME``).
    """

    room: str

    def _key(self, what: str) -> str:
        return f"waitroom:{{{self.room}}}:{what}"

    @property
    def settings(self) -> str:
        """Hash: the owner's settings, each value as JSON."""
        return self._key("settings")

    @property
    def meta(self) -> str:
        """Hash: birth, recovery hold, last tick, rate bucket, counters; what boards go by."""
        return self._key("meta")

    @property
    def waiting(self) -> str:
        """Zset: visitor -> place, of those in the line."""
        return self._key("waiting")

    @property
    def seen(self) -> str:
        """Zset: visitor -> last heartbeat in ms, of the same visitors as ``waiting``."""
        return self._key("seen")

    @property
    def parked(self) -> str:
        """Zset: visitor -> last heartbeat in ms, of those who fell silent.

        Their place waits in their ticket.
        """
        return self._key("parked")

    @property
    def active(self) -> str:
        """Zset: visitor -> seat deadline in ms.

        An entry whose deadline has passed says that the visitor's ticket is spent.
        """
        return self._key("active")

    @property
    def unclaimed(self) -> str:
        """Zset: visitor -> when admitted, ms, of seats not used yet."""
        return self._key("unclaimed")

    @property
    def kept(self) -> str:
        """Hash: visitor -> place, of the parked."""
        return self._key("kept")

    @property
    def served(self) -> str:
        """Hash: visitor -> `place,admitted,claimed`, of seats whose end is not noted yet."""
        return self._key("served")

    @property
    def cut(self) -> str:
        """Zset: what ``active`` was when an epoch was ended, until the sweep has noted all."""
        return self._key("cut")

    @property
    def cut_rows(self) -> str:
        """Hash: what ``served`` was then."""
        return self._key("cut_rows")

    @property
    def journal(self) -> str:
        """Stream: one row a visit that is over."""
        return self._key("journal")

    @property
    def waits(self) -> str:
        """Hash: spans counted since the last sample; see ``scripts/shared/spans.lua``."""
        return self._key("waits")

    @property
    def told(self) -> str:
        """Hash: waits told to those who arrive; see ``scripts/shared/told.lua``."""
        return self._key("told")

    @property
    def board(self) -> str:
        """String: the board as JSON."""
        return self._key("board")

    @property
    def history(self) -> str:
        """Stream: one sample a minute."""
        return self._key("history")

    @property
    def days(self) -> str:
        """Hash: days since the epoch -> that day in numbers, as JSON."""
        return self._key("days")

    @property
    def audit(self) -> str:
        """Stream: who changed what, when, from what."""
        return self._key("audit")

    @property
    def closing(self) -> str:
        """Hash: when the room was opened and closed, as read from the audit trail."""
        return self._key("closing")

    @property
    def reporting(self) -> str:
        """Hash: the report that is being written, how far it is, why the last try failed."""
        return self._key("reporting")

    @property
    def writing(self) -> str:
        """String that expires: which process writes the report at this moment."""
        return self._key("writing")

    @property
    def reports(self) -> str:
        """Hash: name of a report -> what is known of it, as JSON; the files are in a folder."""
        return self._key("reports")

    @property
    def theme(self) -> str:
        """Hash: version of the room's theme -> its content as JSON; the setting names one."""
        return self._key("theme")

    @property
    def admitted(self) -> str:
        """Channel: visitors just admitted, separated by spaces; a hint, never the delivery."""
        return self._key("admitted")

    def holder(self, visitor: str) -> str:
        """String: the socket that holds a visitor's one connection; expires by itself."""
        return self._key(f"holder:{visitor}")

    def all(self) -> list[str]:
        """Return every key of the room, for its deletion."""
        return [
            self.settings,
            self.meta,
            self.waiting,
            self.seen,
            self.parked,
            self.active,
            self.unclaimed,
            self.kept,
            self.served,
            self.cut,
            self.cut_rows,
            self.journal,
            self.waits,
            self.told,
            self.board,
            self.history,
            self.days,
            self.audit,
            self.closing,
            self.reporting,
            self.writing,
            self.reports,
            self.theme,
        ]
