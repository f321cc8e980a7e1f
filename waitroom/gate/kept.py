"""Public answers of the service, kept in memory: splash pages, their files and boards.

They are the same for everybody, so they are asked for without anything of the visitor, once for
all who wait for them, and only kept when the service says that they are public. A new visitor
of a queueing room thus costs the service nothing until its page connects.
"""

import asyncio
import re
from contextlib import suppress
from urllib.parse import parse_qsl

import aiohttp

from waitroom import clock
from waitroom.errors import ServiceError
from waitroom.gate.calls import UnreachableError, read_limited
from waitroom.gate.keeping import Page, Public, life_s, page_of
from waitroom.gate.languages import negotiated
from waitroom.gate.rooms import EdgeRoom
from waitroom.gate.service import TIME_LIMIT_S, Service
from waitroom.gate.visit import Visit
from waitroom.return_to import PREFIX
from waitroom.room.settings import ROOM_NAME

#: Most bytes kept, compressed copies included.
BYTES_MAX = 16 * 1024 * 1024
#: Longest answer kept, bytes.
ANSWER_MAX = 1024 * 1024
#: How long what is not for everybody is not asked for everybody again, seconds.
NOT_PUBLIC_S = 1.0
#: Most of such answers remembered.
NOT_PUBLIC_MAX = 1_000
_PAGE = re.compile(
    rf"{PREFIX}({ROOM_NAME.pattern})(/board|/theme/[a-z0-9-]{{1,40}}\.[a-z]{{3,4}})?"
)
_FILE = re.compile(
    rf"{PREFIX}(waitroom-fetch\.js|assets/[A-Za-z0-9]{{1,64}}/[A-Za-z0-9._-]{{1,80}})"
)


class Kept:
    """The public answers of one service.

    Args:
        service: Where they are made.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pages: dict[Public, Page] = {}
        self._bytes = 0
        # Since when, by the monotonic clock, an answer is not for everybody; oldest first.
        self._not_public: dict[Public, float] = {}
        self._flights: dict[Public, asyncio.Task[Page | None]] = {}

    def public(self, visit: Visit, page: str) -> Public | None:
        """Return which public answer a request below ``/__waitroom/`` asks for, if any.

        Args:
            visit: The request.
            page: Its canonical page.
        """
        if visit.method not in ("GET", "HEAD") or visit.websocket:
            return None
        if _FILE.fullmatch(page):
            return Public(page)
        found, rooms = _PAGE.fullmatch(page), self._service.known().rooms
        # Other names could be made up without end.
        room = rooms.get(found[1]) if found and rooms else None
        if found is None or room is None:
            return None
        if found[2]:
            return Public(page)
        return None if _is_personal(visit) else self.splash(room, visit)

    def splash(self, room: EdgeRoom, visit: Visit) -> Public:
        """Return the splash page of a room as it looks now, in the visitor's language."""
        shown = visit.headers.get("accept-language", "")
        language = negotiated(shown, self._service.languages)
        statuses = (200, room.queueing_status_code)
        return Public(f"{PREFIX}{room.name}", language, statuses, room.theme)

    def fresh(self, wanted: Public) -> Page | None:
        """Return what is kept, if it may still be used; may be called in any thread."""
        found = self._pages.get(wanted)
        return found if found is not None and clock.monotonic_s() < found.until_s else None

    async def get(self, wanted: Public) -> Page | None:
        """Return a public answer, asking the service for it once for all who wait.

        Returns:
            The answer; None if the service does not give one that is for everybody.

        Raises:
            ServiceError: If there is no answer in time.
        """
        if found := self.fresh(wanted):
            return found
        if clock.monotonic_s() - self._not_public.get(wanted, -NOT_PUBLIC_S) < NOT_PUBLIC_S:
            return None
        if not self._service.breaker.reachable:
            raise UnreachableError("the waiting room is away")
        flight = self._flights.get(wanted)
        if flight is None:
            flight = self._flights[wanted] = asyncio.create_task(self._fetch(wanted))
            flight.add_done_callback(lambda done: self._landed(wanted, done))
        # A visitor who leaves must not end it for the others.
        return await asyncio.shield(flight)

    async def stop(self) -> None:
        """End what is on its way."""
        for flight in list(self._flights.values()):
            flight.cancel()
            with suppress(asyncio.CancelledError, ServiceError):
                await flight

    def _landed(self, wanted: Public, flight: asyncio.Task[Page | None]) -> None:
        self._flights.pop(wanted, None)
        if not flight.cancelled():
            # All who waited may have left; asyncio then complains of an error that nobody saw.
            flight.exception()

    async def _fetch(self, wanted: Public) -> Page | None:
        headers = {"Accept-Encoding": "identity"}
        if wanted.language:
            headers["Accept-Language"] = wanted.language
        try:
            async with (
                asyncio.timeout(TIME_LIMIT_S),
                self._service.http.get(
                    f"{self._service.url}{wanted.path}", headers=headers, allow_redirects=False
                ) as response,
            ):
                life = life_s(response, wanted)
                body = await read_limited(response, ANSWER_MAX) if life else b""
        except ServiceError:
            life, body = 0, b""
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            error = UnreachableError(type(e).__name__)
            self._service.breaker.failed(error)
            raise error from e
        if not life:
            self._note_not_public(wanted)
            return None
        page = page_of(response, body, life)
        self._keep(wanted, page)
        return page

    def _note_not_public(self, wanted: Public) -> None:
        self._not_public.pop(wanted, None)
        self._not_public[wanted] = clock.monotonic_s()
        while len(self._not_public) > NOT_PUBLIC_MAX:
            del self._not_public[next(iter(self._not_public))]

    def _keep(self, wanted: Public, page: Page) -> None:
        self._drop(wanted)
        self._pages[wanted] = page
        self._bytes += page.size
        while self._bytes > BYTES_MAX:
            self._drop(next(iter(self._pages)))

    def _drop(self, wanted: Public) -> None:
        gone = self._pages.pop(wanted, None)
        self._bytes -= gone.size if gone else 0


def _is_personal(visit: Visit) -> bool:
    return ("nojs", "1") in parse_qsl(visit.query)
