"""What the console keeps in a web process: the figures it reads, and its sockets."""

from dataclasses import dataclass

from waitroom.accounts.accounts import Accounts
from waitroom.console.live import Live
from waitroom.console.sockets import ConsoleSockets
from waitroom.control import Control
from waitroom.room import Directory


@dataclass(frozen=True)
class Console:
    """The console's own parts.

    Attributes:
        live: Figures of the rooms that somebody looks at.
        sockets: Of the pages that show them.
    """

    live: Live
    sockets: ConsoleSockets

    @classmethod
    def make(cls, accounts: Accounts, control: Control, directory: Directory) -> "Console":
        """Wire the parts together; nothing is connected yet.

        Args:
            accounts: Knows who is signed in.
            control: Reads the figures.
            directory: All rooms.
        """
        live = Live(control, directory)
        return cls(live, ConsoleSockets(accounts, live))
