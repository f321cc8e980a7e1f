"""The service as an edge sees it: its rooms, its word on who may enter, and whether it is there.

Rooms are pulled in the background, never inside a visitor's request. After a failure nobody
waits for a time-out again: the service counts as away until a probe in the background succeeds.
What fails in one visitor's own request is not believed: it only brings the next pull forward.
"""

import asyncio
import logging
import re
from contextlib import suppress
from typing import Annotated, Any, Literal

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from waitroom import clock
from waitroom.errors import ConfigError, ServiceError
from waitroom.gate.breaker import Breaker
from waitroom.gate.calls import (
    ANSWER_MAX,
    LINE_MAX,
    DeletedError,
    RefusedError,
    UnreachableError,
    read_limited,
    refusal,
)
from waitroom.gate.decide import Known
from waitroom.gate.languages import DEFAULT
from waitroom.gate.renewals import Renewals
from waitroom.gate.rooms import EdgeRooms, Rooms
from waitroom.room.contacts import EDGE_NAME

#: Longest wait for any answer of the service, seconds.
TIME_LIMIT_S = 2.0
#: How often rooms are pulled, seconds.
PULL_S = 2.0
#: How often a service that is away is asked whether it is back, seconds.
PROBE_S = 1.0
#: The same at first, before it was ever heard: both may be starting at this moment.
FIRST_PROBE_S = 0.05
#: So many times that often; 10 s. Later a visitor's request brings the next one forward.
FIRST_PROBES = 200
#: How long a visitor's request waits for the service's very first word, seconds.
FIRST_WORD_S = 0.5
#: How often passes to be renewed are sent, seconds.
RENEW_S = 1.0
#: Asked for to see whether ``enter`` works; a room of this name is never asked for.
PROBE_ROOM = "waitroom-probe"

_log = logging.getLogger("waitroom.gate")

#: Goes into a cookie, so nothing that could end one.
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,256}$")]


class Entered(BaseModel):
    """The answer of ``POST /api/edge/enter``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Literal["admitted", "waiting", "closed", "suspended"]
    ticket: Annotated[Token | None, Field(repr=False)] = None
    granted: Annotated[Token | None, Field(alias="pass", repr=False)] = None
    deadline_ms: int | None = None


class _Renewed(BaseModel):
    passes: list[Token | None]


class Service:
    """One gate's link to the service.

    Args:
        url: Where the service is, such as ``http://127.0.0.1:8000``.
        edge_token: Shown with every call.
        name: What this gate calls itself, 1 to 64 of A-Z, a-z, 0-9, ``.``, ``-``, ``_``; may be
            empty.

    Raises:
        ConfigError: If one of them cannot be right.
    """

    def __init__(self, url: str, edge_token: str, name: str = "") -> None:
        if not re.fullmatch(r"https?://[^/?#@\s]+/?", url):
            raise ConfigError(f"service_url={url!r}: must be as in http://127.0.0.1:8000")
        if not edge_token:
            raise ConfigError("edge_token is empty; it is the installation's WAITROOM_EDGE_TOKEN")
        if name and not EDGE_NAME.fullmatch(name):
            raise ConfigError(f"name={name!r}: must be 1 to 64 of A-Z, a-z, 0-9, '.', '-', '_'")
        self.url = url.rstrip("/")
        self._name = name
        self.breaker = Breaker()
        self.renewals = Renewals()
        #: WebSockets of visitors that are connected with the service now.
        self.sockets: set[aiohttp.ClientWebSocketResponse[bool]] = set()
        self.draining = False
        self._bearer = f"Bearer {edge_token}"
        self._rooms: Rooms | None = None
        self._pulled: Rooms | None = None
        #: Languages of the splash page.
        self.languages: tuple[str, ...] = (DEFAULT,)
        self._etag = ""
        # A pull alone does not show that ``enter`` works.
        self._enter_failed = False
        self._doubted = asyncio.Event()
        self._heard = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._http: aiohttp.ClientSession | None = None

    @property
    def http(self) -> aiohttp.ClientSession:
        """The HTTP connections; bodies come as they were sent, cookies are never kept."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=TIME_LIMIT_S),
                auto_decompress=False,
                max_line_size=LINE_MAX,
                max_field_size=LINE_MAX,
            )
        return self._http

    def known(self) -> Known:
        """Return what is known now, for a decision."""
        return Known(self._rooms, self.breaker.away_since_ms, self.renewals.renewed)

    async def start(self) -> None:
        """Pull the rooms once, then keep pulling in the background."""
        self.draining = False
        # The last one may belong to another event loop.
        self._doubted, self._heard = asyncio.Event(), asyncio.Event()
        await self._pull()
        self._tasks = [
            asyncio.create_task(self._pull_forever()),
            asyncio.create_task(self._renew_forever()),
        ]

    async def stop(self) -> None:
        """End what runs in the background and close all connections."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def drain(self) -> None:
        """End all WebSockets, and take no new ones; their pages connect again elsewhere."""
        self.draining = True
        await asyncio.gather(*(socket.close(code=1001) for socket in set(self.sockets)))

    async def enter(self, room: str, ticket: str | None, lapsed: str | None = None) -> Entered:
        """Ask for a seat.

        Args:
            room: The room's name.
            ticket: The visitor's ticket, verified, or one that was just made; None for a visitor
                who shows a lapsed pass alone.
            lapsed: A pass that ran out lately, whose seat may go on.

        Returns:
            The service's word; a room that was deleted meanwhile counts as suspended.

        Raises:
            ServiceError: If there is no usable answer in time. The visitor may have been seated.
        """
        try:
            asked = {"room": room, "ticket": ticket}
            answer = await self._post("enter", asked | ({"pass": lapsed} if lapsed else {}))
            found = Entered.model_validate_json(answer)
            if found.status == "admitted" and found.granted is None:
                raise ServiceError("admitted without a pass")
        except DeletedError:
            return Entered(status="suspended")
        except (ServiceError, ValidationError) as e:
            self._enter_failed = True
            self.breaker.failed(e)
            raise ServiceError("no usable answer to enter") from e
        if found.status == "waiting" and self._rooms is not None:
            # The next pull would say so; until then the line must not cost a call each.
            self._rooms = self._rooms.queueing(room)
        return found

    def doubt(self) -> None:
        """Find out in the background whether the service is there: a visitor's request failed.

        That may be the fault of the request, and no visitor may make the service count as away.
        """
        self._doubted.set()

    async def first_word(self) -> None:
        """Wait a moment for the rooms, if they were never heard.

        Gate and service may be starting at this moment. A visitor who comes then waits for the
        pull that is under way, and not for long; once the rooms are known, nobody waits.
        """
        if self._rooms is not None:
            return
        self._doubted.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_WORD_S):
                await self._heard.wait()

    async def _pull_forever(self) -> None:
        first_left = FIRST_PROBES
        while True:
            if self._rooms is None:
                # However many requests ask for it, it is pulled no more often than this.
                await asyncio.sleep(FIRST_PROBE_S)
            if self._rooms is None and first_left:
                first_left -= 1
            else:
                away = self.breaker.away_since_ms is not None
                with suppress(TimeoutError):
                    async with asyncio.timeout(clock.jitter(PROBE_S if away else PULL_S, 0.1)):
                        await self._doubted.wait()
            try:
                await self._pull()
            except Exception:
                # Without this task the gate would go on with old rooms for ever.
                _log.exception("pulling rooms failed")
            # Doubts that came meanwhile have their answer too.
            self._doubted.clear()

    async def _pull(self) -> None:
        try:
            status, body, etag = await self._call("GET", "rooms", etag=self._etag)
            if status == 200:
                told = EdgeRooms.model_validate_json(body)
                self._pulled, self._etag = Rooms(told.rooms), etag
                self.languages = told.languages
            elif status != 304 or self._pulled is None:
                raise ServiceError(f"rooms answered {status}")
            self._rooms = self._pulled
            self._heard.set()
            if self._enter_failed:
                await self._probe_enter()
        except (ServiceError, ValidationError) as e:
            self.breaker.failed(e)
            return
        if not self._enter_failed:
            self.breaker.worked()

    async def _probe_enter(self) -> None:
        # Visitors' own questions may fail meanwhile, and count.
        self._enter_failed = False
        if self._rooms is not None and self._rooms.get(PROBE_ROOM) is not None:
            # There it would take a seat.
            return
        try:
            await self._post("enter", {"room": PROBE_ROOM, "ticket": None})
            raise ServiceError("enter knows a room that is not there")
        except DeletedError:
            return
        except ServiceError:
            self._enter_failed = True
            raise

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                self.renewals.forget(clock.now_ms())
                if self.breaker.away_since_ms is None:
                    await self._renew()
            except Exception:
                # Without this task no pass would live longer, and none be forgotten.
                _log.exception("renewing passes failed")

    async def _renew(self) -> None:
        while batch := self.renewals.take():
            try:
                wanted = [{"room": room, "pass": token} for room, token in batch]
                answer = await self._post("renew", {"passes": wanted})
                passes = _Renewed.model_validate_json(answer).passes
                if len(passes) != len(batch):
                    raise ServiceError("renew answered another number of passes")
            except (ServiceError, ValidationError) as e:
                if not isinstance(e, RefusedError):
                    self.renewals.put_back(batch)
                self.breaker.failed(e)
                return
            self.renewals.settle(batch, passes)

    async def _post(self, verb: str, body: dict[str, Any]) -> bytes:
        status, answer, _ = await self._call("POST", verb, body=orjson.dumps(body))
        if status != 200:
            raise refusal(verb, status, answer)
        return answer

    async def _call(
        self, method: str, verb: str, *, body: bytes | None = None, etag: str = ""
    ) -> tuple[int, bytes, str]:
        headers = {
            "Authorization": self._bearer,
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
        }
        if etag:
            headers["If-None-Match"] = etag
        if self._name:
            headers["Waitroom-Edge"] = self._name
        try:
            async with (
                asyncio.timeout(TIME_LIMIT_S),
                self.http.request(
                    method,
                    f"{self.url}/api/edge/{verb}",
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                answer = await read_limited(response, ANSWER_MAX)
                return response.status, answer, response.headers.get("ETag", "")
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            raise UnreachableError(type(e).__name__) from e
