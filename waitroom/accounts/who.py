"""Who acts: a name, a role and the rooms they may touch.

Whatever changes something takes a ``Who`` and asks it first. Where it came from (a sign-in of
the console, an API token, the command line) is of no interest to what it may do.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from waitroom.errors import ForbiddenError

Role = Literal["viewer", "operator", "owner"]

#: Every role, the least powerful first.
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who was recognised.

    Attributes:
        name: What the audit trail calls them, such as `ada`, `token deploy` or `cli root`.
        role: What they may do: viewers read, operators move the line, owners do everything.
        rooms: The rooms they may touch; None means all, those of tomorrow too.
    """

    name: str
    role: Role
    rooms: frozenset[str] | None = None

    def __str__(self) -> str:
        return self.name

    def can(self, role: Role, room: str | None = None) -> bool:
        """Say whether they may do what needs a role, in a room or everywhere.

        Args:
            role: The least powerful role that may.
            room: The room concerned; None when it concerns the whole installation, which an
                owner of some rooms only may not touch (reading is free to every role).

        Returns:
            True if they may.
        """
        if ROLES.index(self.role) < ROLES.index(role):
            return False
        if room is None:
            return role == "viewer" or self.rooms is None
        return self.sees(room)

    def sees(self, room: str) -> bool:
        """Say whether a room is among theirs.

        Args:
            room: A room's name.

        Returns:
            True if it is.
        """
        return self.rooms is None or room in self.rooms

    def require(self, role: Role, room: str | None = None) -> None:
        """Return if they may do what needs a role; see ``can``.

        Args:
            role: The least powerful role that may.
            room: The room concerned; None when it concerns the whole installation.

        Raises:
            ForbiddenError: If they may not; nothing was done.
        """
        if not self.can(role, room):
            raise ForbiddenError(self.name, role, room)
