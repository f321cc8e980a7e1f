"""The splash page at the visitor's own address, for rooms with ``delivery`` ``inline``.

The service makes the page, the same for everybody of one language, so it is kept for some
seconds and a surge of visitors costs the service next to nothing.
"""

import asyncio

import aiohttp

from waitroom import clock
from waitroom.errors import ServiceError
from waitroom.gate.decide import Splash
from waitroom.gate.replies import Reply
from waitroom.gate.rooms import EdgeRoom
from waitroom.gate.service import TIME_LIMIT_S, Service, UnreachableError, read_limited
from waitroom.return_to import PREFIX

#: How long one page is used, seconds.
KEEP_S = 10.0
#: Most pages kept; visitors name their languages in many ways.
PAGES_MAX = 64
_PAGE_MAX = 256 * 1024
_RETURNED = ("content-type", "content-language", "content-security-policy", "referrer-policy")


class InlinePages:
    """Splash pages ready to be shown in place.

    Args:
        service: Where they are made.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pages: dict[tuple[str, str], tuple[float, Reply]] = {}

    async def reply(self, splash: Splash, room: EdgeRoom, languages: str) -> Reply:
        """Return the splash page for one visitor.

        Args:
            splash: The decision.
            room: The room.
            languages: The visitor's ``Accept-Language``.

        Raises:
            ServiceError: If the service did not give the page in time.
        """
        found = await self._page(room, languages[:100])
        # Without JavaScript the page leads to its personal form, which has its own address.
        personal = splash.location.replace("&", "&amp;") + "&amp;nojs=1"
        body = found.body.replace(b"?nojs=1", personal.encode())
        return Reply(room.queueing_status_code, found.headers, body)

    async def _page(self, room: EdgeRoom, languages: str) -> Reply:
        kept = self._pages.get((room.name, languages))
        if kept is not None and kept[0] > clock.monotonic_s():
            return kept[1]
        page = await self._fetch(room, languages)
        if len(self._pages) >= PAGES_MAX:
            self._pages.clear()
        self._pages[room.name, languages] = (clock.monotonic_s() + KEEP_S, page)
        return page

    async def _fetch(self, room: EdgeRoom, languages: str) -> Reply:
        headers = {"Accept-Encoding": "identity", "Accept": "text/html"}
        if languages:
            headers["Accept-Language"] = languages
        try:
            async with (
                asyncio.timeout(TIME_LIMIT_S),
                self._service.http.get(
                    f"{self._service.url}{PREFIX}{room.name}",
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                kind = response.headers.get("Content-Type", "")
                expected = response.status in (200, room.queueing_status_code)
                if not expected or not kind.startswith("text/html"):
                    raise ServiceError(f"the splash page answered {response.status}")
                body = await read_limited(response, _PAGE_MAX)
                kept = [(name, response.headers.get(name, "")) for name in _RETURNED]
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            error = UnreachableError(type(e).__name__)
            self._service.failed(error)
            raise error from e
        # The page takes the room from its address, which is not its own here.
        named = body.replace(b"<html ", f'<html data-room="{room.name}" '.encode(), 1)
        own = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
        return Reply(200, (*(pair for pair in kept if pair[1]), *own), named)
