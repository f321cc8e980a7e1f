"""Hands ``/__waitroom/`` to the service, so that visitors stay on the site's own host.

Cookies and the Host header pass unchanged; headers that belong to one connection do not.
``X-Forwarded-*`` are set anew: what a visitor claims about itself does not count. A gate behind
another proxy takes address and scheme from the server (such as Hypercorn's
``ProxyFixMiddleware``).
"""

import asyncio
from collections.abc import Collection, Iterable

import aiohttp
from yarl import URL

from waitroom.gate.origin import EDGE_NAMES
from waitroom.gate.replies import Reply, away_reply, json_reply
from waitroom.gate.service import TIME_LIMIT_S, Service, UnreachableError
from waitroom.gate.visit import Visit, plain_name

#: Longest request body handed on, bytes; visitors send a few hundred.
BODY_MAX = 64 * 1024

#: Belong to one connection (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    "transfer-encoding upgrade".split()
)
#: What no request takes to the service, named as ``plain_name`` does.
NOT_SENT = (
    HOP_BY_HOP
    | EDGE_NAMES
    | frozenset(
        "content-length expect forwarded x-forwarded-for x-forwarded-host x-forwarded-port "
        "x-forwarded-prefix x-forwarded-proto x-forwarded-server x-real-ip".split()
    )
)
#: What no answer brings back; our own server sets the last two.
NOT_RETURNED = HOP_BY_HOP | {"date", "server"}
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Upstream:
    """An answer of the service on its way to a visitor, to be closed in any case.

    Attributes:
        status: HTTP status.
        headers: What the visitor gets of them; names in lower case.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in response.raw_headers
            if name.decode("latin-1").lower() not in NOT_RETURNED
        ]

    async def read(self) -> bytes:
        """Return the next piece of the body; empty at its end.

        Raises:
            ServiceError: If the connection was lost or nothing came in time. The visitor's
                connection is to be cut then, so that half an answer does not pass for a whole.
        """
        try:
            async with asyncio.timeout(TIME_LIMIT_S):
                return await self._response.content.readany()
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            raise UnreachableError(f"{type(e).__name__} in the middle of an answer") from e

    async def aclose(self) -> None:
        """Give the connection back, or cut it if the answer was not read to its end."""
        self._response.close()


async def ask(
    service: Service,
    visit: Visit,
    page: str,
    headers: Iterable[tuple[str, str]],
    body: bytes | None,
) -> Upstream | Reply:
    """Hand one request to the service.

    Args:
        service: The service.
        visit: What the request shows.
        page: The canonical path, below ``/__waitroom/``.
        headers: The request's own.
        body: Its body; None if it is longer than ``BODY_MAX``, or incomplete.

    Returns:
        The service's answer, to be read and closed; or an answer in its place.
    """
    if body is None:
        return json_reply(413, "too_large", f"A body may have at most {BODY_MAX} bytes.")
    if not service.reachable:
        return away_reply(visit)
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            response = await service.http.request(
                visit.method,
                service_url(service, visit, page),
                headers=headers_for(headers, visit, NOT_SENT),
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=_AUTOMATIC,
            )
    except (aiohttp.ClientError, OSError, TimeoutError) as e:
        service.failed(UnreachableError(type(e).__name__))
        return away_reply(visit)
    return Upstream(response)


def service_url(service: Service, visit: Visit, page: str) -> URL:
    """Return the address of a page at the service, byte for byte as the visitor wrote it."""
    query = f"?{visit.query}" if visit.query else ""
    return URL(f"{service.url}{page}{query}", encoded=True)


def headers_for(
    headers: Iterable[tuple[str, str]], visit: Visit, without: Collection[str]
) -> list[tuple[str, str]]:
    """Return the headers that the service gets.

    Args:
        headers: The request's own.
        visit: What the request shows.
        without: Names that are not handed on, as ``plain_name`` writes them.
    """
    named = {name.strip().lower() for name in visit.headers.get("connection", "").split(",")}
    dropped = {*without, *named} - {"host", "cookie"}
    return [
        *((name, value) for name, value in headers if plain_name(name) not in dropped),
        ("X-Forwarded-For", visit.address),
        ("X-Forwarded-Proto", "https" if visit.secure else "http"),
        ("X-Forwarded-Host", visit.host),
    ]
