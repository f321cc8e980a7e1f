"""One request that a proxy asks about: what is decided, done and answered."""

import orjson
from quart import Response

from waitroom import clock
from waitroom.errors import RoomNotFoundError, StoreError, TokenError
from waitroom.gate.decide import (
    Decision,
    Enter,
    Forward,
    Hold,
    Known,
    Refuse,
    Splash,
    ToService,
    decide,
    entered,
)
from waitroom.gate.entry import (
    Cookies,
    entry_cookies,
    give_pass,
    give_ticket,
    new_ticket,
    ticket_to_ask_with,
)
from waitroom.gate.origin import Proofs
from waitroom.gate.paths import canonical_path, printable
from waitroom.gate.replies import Reply, hold_reply, refuse_reply, splash_reply
from waitroom.gate.rooms import EdgeRoom, Rooms
from waitroom.gate.visit import Visit
from waitroom.identity import pass_cookie_name, ticket_cookie_name
from waitroom.return_to import MAX_LENGTH
from waitroom.web.asking import find_room
from waitroom.web.edge import let_in, read_lapsed, read_ticket, renew_room
from waitroom.web.services import services


class Checked:
    """A visitor's request, and the cookies that its answer will set.

    Args:
        visit: What the request shows.
        nginx: Answer in the words of ``auth_request``.
    """

    def __init__(self, visit: Visit, *, nginx: bool) -> None:
        self._visit = visit
        self._nginx = nginx
        self._cookies: Cookies = []

    async def answer(self, rooms: Rooms, proofs: Proofs) -> Response:
        """Decide, do what the decision needs, and say so.

        Args:
            rooms: All rooms as they are now.
            proofs: What the origin is shown.

        Raises:
            StoreError: If it takes Redis to decide, and Redis is away.
            RoomNotFoundError: If Redis has not got the room any more.
        """
        decision = decide(self._visit, Known(rooms), services().tokens)
        if isinstance(decision, Enter | Splash) and not services().ticker.answers(decision.room):
            # The splash page would have nobody to ask.
            raise StoreError("Redis is away.")
        if (moved := self._moved(decision)) is not None:
            return self._held(moved)
        if isinstance(decision, Enter):
            decision = await self._enter(decision, _room(rooms, decision.room))
        if isinstance(decision, Forward):
            if decision.room is not None and decision.token:
                await self._renew(decision, _room(rooms, decision.room))
            passed = decision.room if decision.reason == "pass" else None
            return self._let_through(proofs, passed)
        if isinstance(decision, ToService):
            return self._let_through(proofs, None)
        if isinstance(decision, Refuse):
            return self._held(refuse_reply(decision))
        assert isinstance(decision, Splash)
        if decision.issue_ticket:
            self._give_ticket(decision.room, new_ticket(decision.room, services().tokens))
        return self._held(_splash_reply(decision, _room(rooms, decision.room)))

    def away(self) -> Response:
        """Answer while Redis is away; what the proxy makes of it is its configuration's matter."""
        page = self._visit.is_page() and not self._visit.websocket
        hold = Hold(None, "redirect" if page else "json", issue_ticket=False)
        reply = hold_reply(hold, has_ticket=bool(self._cookies))
        return self._respond(reply, apart=self._nginx)

    def _moved(self, decision: Decision) -> Reply | None:
        """Send a visitor to the canonical spelling of a page that is about to be let through.

        The proxy hands the path on as it came, and the origin might read it in another way than
        it was judged.
        """
        if not isinstance(decision, Forward | ToService | Enter):
            return None
        page = canonical_path(self._visit.path).page
        if page == printable(self._visit.path):
            return None
        if len(page) > MAX_LENGTH:
            return refuse_reply(Refuse(400, "bad_path"))
        query = printable(self._visit.query).replace("\\", "%5C")
        location = f"{page}?{query}" if query else page
        if len(location) > MAX_LENGTH:
            # Headers that nginx has no room for are a failure to it, which may open the door.
            location = page
        return Reply(308, (("cache-control", "no-store"), ("location", location)))

    async def _enter(self, asked: Enter, room: EdgeRoom) -> Forward | Splash:
        ticket = ticket_to_ask_with(asked, services().tokens)
        if ticket and ticket != asked.ticket:
            # Redis may know it, come what may.
            self._give_ticket(asked.room, ticket)
        found_room = await find_room(services(), asked.room)
        lapsed = read_lapsed(found_room, asked.lapsed)
        found = await let_in(found_room, read_ticket(found_room, ticket), lapsed)
        self._cookies = entry_cookies(asked, found, room, self._visit, ticket)
        return entered(asked, found.status)

    async def _renew(self, decision: Forward, room: EdgeRoom) -> None:
        if not decision.renew or not services().ticker.answers(room.name):
            return
        try:
            renewed = await renew_room(room.name, [(0, decision.token)])
        except (StoreError, RoomNotFoundError):
            # The pass counts without Redis; the next request asks again.
            return
        for _, token in renewed:
            if token not in self._visit.cookies(pass_cookie_name(room.name)):
                deadline_ms = _deadline_ms(room, token)
                self._cookies.append(give_pass(room, token, deadline_ms, self._visit))

    def _give_ticket(self, room: str, token: str) -> None:
        self._cookies.append(give_ticket(room, token, self._visit))

    def _let_through(self, proofs: Proofs, passed: str | None) -> Response:
        proof = (
            ("waitroom-origin", proofs.token(self._visit.now_ms)),
            ("cache-control", "no-store"),
        )
        gate = (("waitroom-gate", passed),) if passed is not None else ()
        return self._respond(Reply(204, (*proof, *gate)), apart=True)

    def _held(self, reply: Reply) -> Response:
        if not self._nginx:
            return self._respond(reply)
        told = dict(reply.headers)
        headers = [("cache-control", "no-store"), ("waitroom-status", str(reply.status))]
        if location := told.get("location"):
            return self._respond(
                Reply(401, (*headers, ("waitroom-location", location))), apart=True
            )
        error = orjson.loads(reply.body)
        headers += [
            (f"waitroom-{name}", error[name]) for name in ("error", "splash") if name in error
        ]
        if after := told.get("retry-after"):
            headers.append(("retry-after", after))
        return self._respond(Reply(403, tuple(headers)), apart=True)

    def _respond(self, reply: Reply, *, apart: bool = False) -> Response:
        """Return an answer with its cookies.

        Args:
            reply: The answer.
            apart: Name each cookie in a header of its own, too: nginx copies single headers only.
        """
        response = Response(reply.body, reply.status)
        if not reply.body:
            del response.headers["Content-Type"]
        for name, value in reply.headers:
            response.headers[name] = value
        for name, cookie in self._cookies:
            response.headers.add(name, cookie)
            if apart:
                kind = "Ticket" if cookie.startswith(ticket_cookie_name("")) else "Pass"
                response.headers[f"Waitroom-{kind}-Cookie"] = cookie
        return response


def _room(rooms: Rooms, name: str) -> EdgeRoom:
    return rooms.get(name) or EdgeRoom(name=name)


def _splash_reply(splash: Splash, room: EdgeRoom) -> Reply:
    if splash.answer == "inline":
        # A proxy that asks first has no place to show the page in.
        splash = Splash(splash.room, "redirect", splash.location, False, splash.closed)
    return splash_reply(splash, room)


def _deadline_ms(room: EdgeRoom, token: str) -> int:
    try:
        found = services().tokens.read_pass(token, room.name, epoch=0, now_ms=clock.now_ms())
    except TokenError:
        return 0
    return found.deadline_ms
