"""What the visitors of one process share: the plan, the connections, the board, the measures."""

import itertools
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from gevent.lock import Semaphore

from loadtest.browser import JSON, Browser, Connections, UnreachableError
from loadtest.measures import Measures
from loadtest.plan import Plan
from waitroom import clock
from waitroom.tokens import Ticket, Tokens

if TYPE_CHECKING:
    from locust.env import Environment

    from loadtest.line import Line
    from loadtest.visit import Visit

#: As long as an edge may keep the board, seconds.
BOARD_S = 1.0


class World:
    """One process's.

    Args:
        plan: The run.
        environment: Locust's, whose statistics hear of every request.
        keys: The installation's signing keys, where the generator plays the edge.
        name: Of the process; its chance differs from that of the others.
    """

    def __init__(
        self,
        plan: Plan,
        environment: "Environment",
        *,
        keys: tuple[str, ...] = (),
        name: str = "0",
    ) -> None:
        self.plan = plan
        #: Knows the truth about positions; None = it is not measured.
        self.line: Line | None = None
        self.measures = Measures()
        self.connections = Connections()
        self.rng = random.Random(f"{plan.seed} {name}")
        self.gauges: Counter[str] = Counter()
        self.visits: set[Visit] = set()
        self._request: Any = environment.events.request
        self._tokens = Tokens(list(keys)) if keys else None
        self._services = itertools.cycle(plan.services or (plan.site,))
        self._board: tuple[float, dict[str, Any] | None] = (0.0, None)
        self._board_lock = Semaphore()

    def next_service(self) -> str:
        """Return where the next visitor's personal requests go; all in turn, as balancers do."""
        return next(self._services)

    def stamp(self) -> str:
        """Return a new ticket with the time of now, as an edge gives it."""
        assert self._tokens is not None
        ticket = Ticket(self.plan.room, clock.new_visitor(), clock.now_us())
        return self._tokens.sign_ticket(ticket)

    def board(self) -> dict[str, Any] | None:
        """Return the board as an edge gives it to everybody, at most a second old."""
        with self._board_lock:
            if time.monotonic() - self._board[0] >= BOARD_S:
                self._board = (time.monotonic(), self._ask_board())
            return self._board[1]

    def note(self, kind: str, name: str, seconds: float, failed: str) -> None:
        """Tell Locust of a request."""
        self._request.fire(
            request_type=kind,
            name=name,
            response_time=seconds * 1000,
            response_length=0,
            exception=Exception(failed) if failed else None,
            context={},
        )

    def _ask_board(self) -> dict[str, Any] | None:
        browser = Browser(self.connections, self.note)
        url = f"{self.plan.site}/__waitroom/{self.plan.room}/board"
        try:
            found = browser.ask("board", "GET", url, JSON).json()
        except UnreachableError:
            return None
        return found if isinstance(found, dict) and "queueing" in found else None
