"""The service as an edge sees it: its rooms, its word on who may enter, and whether it is there.

Rooms are pulled in the background, never inside a visitor's request. After a failure nobody
waits for a time-out again: the service counts as away until a probe in the background succeeds.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Annotated, Any, Literal

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from waitroom import clock
from waitroom.errors import ServiceError
from waitroom.gate.decide import Known
from waitroom.gate.languages import DEFAULT
from waitroom.gate.renewals import Renewals
from waitroom.gate.rooms import EdgeRooms, Rooms

#: Longest wait for any answer of the service, seconds.
TIME_LIMIT_S = 2.0
#: How often rooms are pulled, seconds.
PULL_S = 2.0
#: How often a service that is away is asked whether it is back, seconds.
PROBE_S = 1.0
#: The same before it was heard for the first time.
FIRST_PROBE_S = 0.05
#: How often passes to be renewed are sent, seconds.
RENEW_S = 1.0
#: A service that fails again this soon was never back, milliseconds; else ``open_limit_s`` would
#: start anew at each flicker.
RELAPSE_MS = 10_000
#: Longest answer read, bytes.
_ANSWER_MAX = 4 * 1024 * 1024

_log = logging.getLogger("waitroom.gate")

#: Goes into a cookie, so nothing that could end one.
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,256}$")]


class UnreachableError(ServiceError):
    """No connection, or no answer in time; as opposed to an answer that says no."""


class RefusedError(ServiceError):
    """The service wants something else; asking the same again is of no use."""


class Entered(BaseModel):
    """The answer of ``POST /api/edge/enter``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Literal["admitted", "waiting", "closed", "suspended"]
    ticket: Token | None = None
    granted: Annotated[Token | None, Field(alias="pass")] = None
    deadline_ms: int | None = None


class _Renewed(BaseModel):
    passes: list[Token | None]


class Service:
    """One gate's link to the service.

    Args:
        url: Where the service is, such as ``http://127.0.0.1:8000``.
        edge_token: Shown with every call.
    """

    def __init__(self, url: str, edge_token: str) -> None:
        self.url = url.rstrip("/")
        #: False while connections fail; pages of the service are not worth a try then.
        self.reachable = True
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
        self._away_since_ms: int | None = None
        self._last_away = (0, -RELAPSE_MS)
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
            )
        return self._http

    def known(self) -> Known:
        """Return what is known now, for a decision."""
        return Known(self._rooms, self._away_since_ms, self.renewals.renewed)

    async def start(self) -> None:
        """Pull the rooms once, then keep pulling in the background."""
        self.draining = False
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
            ticket: The visitor's ticket, verified; None for a new visitor.
            lapsed: A pass that ran out lately, whose seat may go on.

        Returns:
            The service's word; a room that was deleted meanwhile counts as suspended.

        Raises:
            ServiceError: If there is no usable answer in time. The visitor may have been seated.
        """
        try:
            asked = {"room": room, "ticket": ticket}
            answer = await self._post("enter", asked | ({"pass": lapsed} if lapsed else {}))
            if answer is None:
                return Entered(status="suspended")
            found = Entered.model_validate_json(answer)
            if found.status == "admitted" and found.granted is None:
                raise ServiceError("admitted without a pass")
        except (ServiceError, ValidationError) as e:
            self.failed(e)
            raise ServiceError("no usable answer to enter") from e
        if found.status == "waiting" and self._rooms is not None:
            # The next pull would say so; until then the line must not cost a call each.
            self._rooms = self._rooms.queueing(room)
        return found

    def failed(self, error: Exception) -> None:
        """Note that the service gave no usable answer."""
        if isinstance(error, UnreachableError):
            self.reachable = False
        if self._away_since_ms is not None:
            return
        now_ms = clock.now_ms()
        since_ms, until_ms = self._last_away
        self._away_since_ms = since_ms if now_ms - until_ms < RELAPSE_MS else now_ms
        _log.warning("the waiting room is away: %s", _reason(error))

    def _worked(self) -> None:
        self.reachable = True
        if self._away_since_ms is not None:
            self._last_away = (self._away_since_ms, clock.now_ms())
            self._away_since_ms = None
            _log.info("the waiting room is back")

    async def _pull_forever(self) -> None:
        while True:
            if self._rooms is None:
                await asyncio.sleep(FIRST_PROBE_S)
            else:
                away = self._away_since_ms is not None
                await asyncio.sleep(clock.jitter(PROBE_S if away else PULL_S, 0.1))
            try:
                await self._pull()
            except Exception:
                # Without this task the gate would go on with old rooms for ever.
                _log.exception("pulling rooms failed")

    async def _pull(self) -> None:
        try:
            status, body, etag = await self._call("GET", "rooms", etag=self._etag)
            if status == 200:
                told = EdgeRooms.model_validate_json(body)
                self._pulled, self._etag = Rooms(told.rooms), etag
                self.languages = told.languages
            elif status != 304 or self._pulled is None:
                raise ServiceError(f"rooms answered {status}")
        except (ServiceError, ValidationError) as e:
            self.failed(e)
            return
        self._rooms = self._pulled
        self._worked()

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            self.renewals.forget(clock.now_ms())
            if self._away_since_ms is None:
                await self._renew()

    async def _renew(self) -> None:
        while batch := self.renewals.take():
            try:
                wanted = [{"room": room, "pass": token} for room, token in batch]
                answer = await self._post("renew", {"passes": wanted})
                passes = _Renewed.model_validate_json(answer or b"").passes
                if len(passes) != len(batch):
                    raise ServiceError("renew answered another number of passes")
            except (ServiceError, ValidationError) as e:
                if not isinstance(e, RefusedError):
                    self.renewals.put_back(batch)
                self.failed(e)
                return
            self.renewals.settle(batch, passes)

    async def _post(self, verb: str, body: dict[str, Any]) -> bytes | None:
        status, answer, _ = await self._call("POST", verb, body=orjson.dumps(body))
        if status == 404:
            return None
        if status != 200:
            kind = RefusedError if 400 <= status < 500 else ServiceError
            raise kind(f"{verb} answered {status}")
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
                answer = await read_limited(response, _ANSWER_MAX)
                return response.status, answer, response.headers.get("ETag", "")
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            raise UnreachableError(type(e).__name__) from e


async def read_limited(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return a body.

    Raises:
        ServiceError: If it is longer than ``limit`` bytes.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ServiceError("the answer is too long")
    return bytes(body)


def _reason(error: Exception) -> str:
    # A validation error quotes what it was given, tokens and all.
    if isinstance(error, ValidationError):
        return "its answer has not the expected shape"
    return str(error)
