"""At the door: the ticket that a visitor without a seat is asked for with, and the cookies after.

The same for a gate that asks the service and for the service that is asked by a proxy.
"""

from waitroom import clock
from waitroom.gate.decide import Enter
from waitroom.gate.rooms import EdgeRoom
from waitroom.gate.service import Entered
from waitroom.gate.visit import Visit
from waitroom.identity import pass_cookie, ticket_cookie
from waitroom.tokens import Ticket, Tokens

#: Set-Cookie headers.
Cookies = list[tuple[str, str]]


def new_ticket(room: str, tokens: Tokens) -> str:
    """Return a ticket for a visitor who came now."""
    return tokens.sign_ticket(Ticket(room, clock.new_visitor(), clock.now_us()))


def ticket_to_ask_with(asked: Enter, tokens: Tokens) -> str | None:
    """Return the ticket of a visitor who asks for a seat.

    A new one is made before the question, so that a lost answer leaves no second place in the
    line. Whoever shows a pass that ran out is known by that: a ticket made for each of a page's
    requests would be a seat each.
    """
    if asked.ticket is None and asked.lapsed is None:
        return new_ticket(asked.room, tokens)
    return asked.ticket


def entry_cookies(
    asked: Enter, answer: Entered, room: EdgeRoom, visit: Visit, ticket: str | None
) -> Cookies:
    """Return the cookies of a visitor who asked for a seat.

    Args:
        asked: The decision.
        answer: What became of it.
        room: The room.
        visit: What the request shows.
        ticket: What was asked with.
    """
    cookies: Cookies = []
    if answer.status == "waiting":
        given = answer.ticket or ticket
        # Not again what the browser holds.
        return [give_ticket(room.name, given, visit)] if given and given != asked.ticket else []
    if answer.status == "admitted" and answer.granted is not None:
        # A ticket is given up at the door, as in the service's own `go`.
        if asked.ticket is not None:
            cookies.append(give_ticket(room.name, "", visit))
        cookies.append(give_pass(room, answer.granted, answer.deadline_ms or 0, visit))
    return cookies


def give_ticket(room: str, token: str, visit: Visit) -> tuple[str, str]:
    """Return the header that has a browser keep a ticket; an empty one is deleted."""
    return "set-cookie", ticket_cookie(room, token, secure=visit.secure)


def give_pass(room: EdgeRoom, token: str, deadline_ms: int, visit: Visit) -> tuple[str, str]:
    """Return the header that has a browser keep a pass as long as it may be of use."""
    value = pass_cookie(
        room.name,
        token,
        left_ms=deadline_ms - visit.now_ms,
        session_duration_s=room.session_duration_s,
        secure=visit.secure,
    )
    return "set-cookie", value
