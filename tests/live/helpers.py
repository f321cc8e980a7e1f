"""What the live tests share."""

from collections.abc import Callable
from typing import Any

from tests.conftest import SECRET_KEY
from waitroom.room import Directory
from waitroom.tokens import Tokens

TOKENS = Tokens([SECRET_KEY])
OpenPage = Callable[..., Any]


def visitor_of(ticket: str, room: str = "full") -> str:
    """Return whose ticket it is."""
    return TOKENS.read_ticket(ticket, room).visitor


async def give_seats(directory: Directory, seats: int, room: str = "full") -> None:
    """Change how many seats a room has."""
    await directory.update(room, {"total_active_users": seats}, who="test")
