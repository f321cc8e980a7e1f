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

from waitroom.errors import ServiceError
from waitroom.gate.calls import ANSWER_MAX, read_limited
from waitroom.gate.origin import EDGE_NAMES
from waitroom.gate.paths import printable
from waitroom.gate.replies import Reply, away_reply, json_reply
from waitroom.gate.service import TIME_LIMIT_S, Service
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


async def ask(
    service: Service,
    visit: Visit,
    page: str,
    headers: Iterable[tuple[str, str]],
    body: bytes | None,
) -> Reply:
    """Hand one request to the service, and read its whole answer within the time limit.

    Args:
        service: The service.
        visit: What the request shows.
        page: The canonical path, below ``/__waitroom/``.
        headers: The request's own.
        body: Its body; None if it is longer than ``BODY_MAX``, or incomplete.

    Returns:
        The service's answer; or one in its place, if there is no whole answer in time.
    """
    if body is None:
        return json_reply(413, "too_large", f"A body may have at most {BODY_MAX} bytes.")
    if not service.breaker.reachable:
        return away_reply(visit)
    try:
        async with (
            asyncio.timeout(TIME_LIMIT_S),
            service.http.request(
                # Our own server leaves the body out, but has to tell its length.
                "GET" if visit.method == "HEAD" else visit.method,
                service_url(service, visit, page),
                headers=headers_for(headers, visit, NOT_SENT),
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=_AUTOMATIC,
            ) as response,
        ):
            answer = await read_limited(response, ANSWER_MAX)
    except (aiohttp.ClientError, OSError, TimeoutError, ServiceError):
        service.doubt()
        return away_reply(visit)
    return Reply(response.status, _returned(response), answer)


def service_url(service: Service, visit: Visit, page: str) -> URL:
    """Return the address of a page at the service, with the query as the visitor wrote it."""
    # Bytes that are not ASCII are escaped, or they would be encoded a second time.
    query = f"?{printable(visit.query)}" if visit.query else ""
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


def _returned(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    pairs = (
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in response.raw_headers
    )
    return tuple(pair for pair in pairs if pair[0] not in NOT_RETURNED | {"content-length"})
