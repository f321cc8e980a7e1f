"""What a gate does with a request, whatever server interface it came by.

A shell (``asgi``, ``wsgi``) makes a ``Visit`` of the request, asks the gate, and carries the
outcome out: hand the request to the origin, send an answer, or hand it to the service. A
visitor with a pass costs one signature check, no call and no waiting.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from waitroom.errors import ServiceError, TokenError, TokenForgedError
from waitroom.gate.decide import (
    Decision,
    Enter,
    Forward,
    Hold,
    Refuse,
    Splash,
    ToService,
    away,
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
from waitroom.gate.inline import inline_reply
from waitroom.gate.keeping import Page, Public
from waitroom.gate.kept import Kept
from waitroom.gate.origin import FORWARDED_HOST, GATE, ORIGIN, Proofs
from waitroom.gate.replies import Reply, away_reply, hold_reply, refuse_reply, splash_reply
from waitroom.gate.rooms import EdgeRoom
from waitroom.gate.service import Entered, Service
from waitroom.gate.visit import Visit, plain_name
from waitroom.identity import pass_cookie_name
from waitroom.tokens import Tokens

_log = logging.getLogger("waitroom.gate")


@dataclass(frozen=True, slots=True)
class Onward:
    """Hand the request to the origin.

    Attributes:
        page: The canonical page.
        headers: What the edge tells the origin; everything else of these names is dropped.
        cookies: To be added to the origin's answer, which must not be kept by a cache then.
    """

    page: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    cookies: Cookies = field(repr=False)


#: What a shell carries out.
Outcome = Onward | Reply | ToService


@dataclass(frozen=True, slots=True)
class Unheard:
    """The service was never heard; it may be starting at this moment."""


#: What has to wait for the service first.
Unsettled = Enter | Splash | Public | Unheard


class Gate:
    """The gate in front of one site, in one process and one event loop.

    Args:
        service_url: Where the waiting room's web process is.
        edge_token: The installation's ``WAITROOM_EDGE_TOKEN``.
        secret_keys: The installation's signing keys, oldest first.
        name: What the console and alerts call this gate; gates without one share an entry there.
    """

    def __init__(
        self, *, service_url: str, edge_token: str, secret_keys: Sequence[str], name: str = ""
    ) -> None:
        self.service = Service(service_url, edge_token, name)
        self._tokens = Tokens(secret_keys)
        self._keys_differ = False
        self._proofs = Proofs(self._tokens)
        self._kept = Kept(self.service)

    async def start(self) -> None:
        """Pull the rooms, and keep pulling in the background."""
        await self.service.start()

    async def stop(self) -> None:
        """End what runs in the background and close all connections."""
        await self._kept.stop()
        await self.service.stop()

    async def outcome(self, visit: Visit) -> Outcome:
        """Return what becomes of a request."""
        found = self.at_once(visit)
        return await self.settle(found, visit) if isinstance(found, Unsettled) else found

    def at_once(self, visit: Visit) -> Outcome | Unsettled:
        """Return what becomes of a request, if that can be said now; in any thread.

        Args:
            visit: What the request shows.

        Returns:
            The outcome; or what ``settle`` has to be asked about.
        """
        known = self.service.known()
        decision = decide(visit, known, self._tokens)
        if isinstance(decision, Hold) and known.rooms is None:
            return Unheard()
        return self._now(decision, visit)

    def _now(self, decision: Decision, visit: Visit) -> Outcome | Unsettled:
        if isinstance(decision, ToService):
            wanted = self._kept.public(visit, decision.page)
            page = self._kept.fresh(wanted) if wanted else None
            return page.reply(visit) if page else wanted or decision
        if isinstance(decision, Forward):
            return self._onward(decision, self._renew(decision, visit), visit)
        if isinstance(decision, Splash) and decision.answer == "inline":
            page = self._kept.fresh(self._kept.splash(self._room(decision.room), visit))
            if page is None:
                return decision
            return self._with_ticket(self._in_place(page, decision), decision, visit)
        return decision if isinstance(decision, Enter) else self._reply(decision, visit)

    async def settle(self, unsettled: Unsettled, visit: Visit) -> Outcome:
        """Return what becomes of a request for which the service has to be asked.

        Args:
            unsettled: What ``at_once`` returned.
            visit: What the request shows.
        """
        if isinstance(unsettled, Unheard):
            return await self._heard(visit)
        if isinstance(unsettled, Enter):
            return await self._enter(unsettled, visit)
        if isinstance(unsettled, Splash):
            return self._with_ticket(await self._inline(unsettled, visit), unsettled, visit)
        try:
            page = await self._kept.get(unsettled)
        except ServiceError:
            return away_reply(visit)
        # What is not for everybody is asked for in the visitor's own name.
        return page.reply(visit) if page else ToService(unsettled.path)

    async def _heard(self, visit: Visit) -> Outcome:
        await self.service.first_word()
        found = self._now(decide(visit, self.service.known(), self._tokens), visit)
        return await self.settle(found, visit) if isinstance(found, Unsettled) else found

    async def _inline(self, splash: Splash, visit: Visit) -> Reply:
        try:
            page = await self._kept.get(self._kept.splash(self._room(splash.room), visit))
        except ServiceError:
            page = None
        return self._in_place(page, splash)

    def _in_place(self, page: Page | None, splash: Splash) -> Reply:
        if page is not None and page.header("content-type").startswith("text/html"):
            return inline_reply(page, splash, self._room(splash.room))
        hold = Hold(splash.room, "redirect", issue_ticket=False)
        return hold_reply(hold, has_ticket=not splash.closed)

    async def _enter(self, asked: Enter, visit: Visit) -> Outcome:
        room = self._room(asked.room)
        ticket = ticket_to_ask_with(asked, self._tokens)
        try:
            answer = await self.service.enter(room.name, ticket, asked.lapsed)
        except ServiceError:
            return self._failed(asked, room, visit, ticket)
        self._check_keys(room, answer, visit)
        cookies = entry_cookies(asked, answer, room, visit, ticket)
        decision = entered(asked, answer.status)
        if isinstance(decision, Forward):
            return self._onward(decision, cookies, visit)
        if decision.answer == "inline":
            return _with_cookies(await self._inline(decision, visit), cookies)
        return _with_cookies(splash_reply(decision, room), cookies)

    def _check_keys(self, room: EdgeRoom, answer: Entered, visit: Visit) -> None:
        """Say in the log that gate and service do not share their keys; once."""
        if answer.granted is None or self._keys_differ:
            return
        try:
            self._tokens.read_pass(answer.granted, room.name, epoch=0, now_ms=visit.now_ms)
        except TokenForgedError:
            self._keys_differ = True
            _log.error(
                "the waiting room signs passes with a key that this gate does not have: every "
                "visitor takes a new seat at each request. Give both the same WAITROOM_SECRET_KEYS"
            )
        except TokenError:
            pass

    def _failed(self, asked: Enter, room: EdgeRoom, visit: Visit, ticket: str | None) -> Outcome:
        since_ms = self.service.known().away_since_ms
        since_ms = visit.now_ms if since_ms is None else since_ms
        decision = away(room, visit, asked.page, since_ms, ticket=asked.ticket is not None)
        cookies: Cookies = []
        if ticket and ticket != asked.ticket:
            if isinstance(decision, Forward) or decision.issue_ticket:
                cookies = [give_ticket(room.name, ticket, visit)]
        if isinstance(decision, Forward):
            return self._onward(decision, cookies, visit)
        has_ticket = asked.ticket is not None or bool(cookies)
        return _with_cookies(hold_reply(decision, has_ticket=has_ticket), cookies)

    def _reply(self, decision: Splash | Hold | Refuse, visit: Visit) -> Reply:
        if isinstance(decision, Refuse):
            return refuse_reply(decision)
        if isinstance(decision, Splash):
            reply = splash_reply(decision, self._room(decision.room))
        else:
            reply = hold_reply(decision, has_ticket=decision.room is not None)
        return self._with_ticket(reply, decision, visit)

    def _with_ticket(self, reply: Reply, decision: Splash | Hold, visit: Visit) -> Reply:
        if not decision.issue_ticket or decision.room is None:
            return reply
        token = new_ticket(decision.room, self._tokens)
        return _with_cookies(reply, [give_ticket(decision.room, token, visit)])

    def _onward(self, decision: Forward, cookies: Cookies, visit: Visit) -> Onward:
        headers = [(ORIGIN, self._proofs.token(visit.now_ms))]
        if decision.reason == "pass" and decision.room is not None:
            headers.append((GATE, decision.room))
        if any(plain_name(name) == FORWARDED_HOST for name in visit.headers):
            # An app that believes it must not serve another host than was judged.
            headers.append((FORWARDED_HOST, visit.host))
        return Onward(decision.page, tuple(headers), cookies)

    def _renew(self, decision: Forward, visit: Visit) -> Cookies:
        if not decision.token or decision.room is None:
            return []
        room = self._room(decision.room)
        if decision.renew:
            forget_ms = decision.deadline_ms + room.session_duration_s * 1000
            self.service.renewals.ask(room.name, decision.token, forget_ms)
        if decision.token in visit.cookies(pass_cookie_name(room.name)):
            return []
        return [give_pass(room, decision.token, decision.deadline_ms, visit)]

    def _room(self, name: str) -> EdgeRoom:
        rooms = self.service.known().rooms
        found = rooms.get(name) if rooms is not None else None
        # Deleted while this request was on its way.
        return found if found is not None else EdgeRoom(name=name)


def _with_cookies(reply: Reply, cookies: Cookies) -> Reply:
    return Reply(reply.status, (*reply.headers, *cookies), reply.body)
