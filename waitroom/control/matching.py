"""Which room stands in front of a page, which rule decides, and why: the gate's own judgement.

The same pure code that an edge decides with, asked with a made-up visitor without pass or ticket.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from waitroom.accounts.who import Who
from waitroom.control.views import Match
from waitroom.errors import RequestError
from waitroom.gate.paths import Path, PathError, canonical_host, canonical_path, prefix
from waitroom.gate.rooms import EdgeRoom, Rooms, refusal
from waitroom.gate.visit import Visit
from waitroom.return_to import PREFIX
from waitroom.room import Room
from waitroom.room.settings import Route

#: Longest address that is looked at.
URL_MAX = 4_096
#: Characters of an address that stay as they are; broken escapes are to be seen as such.
_AS_TYPED = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class _Asked:
    url: str
    host: str
    path: Path
    visit: Visit


def match(rooms: list[Room], who: Who, url: str, method: str, address: str) -> Match:
    """Judge one page; see ``Control.match``.

    Args:
        rooms: All rooms, those too that the asker may not see: one of them may be in front.
        who: Who asks.
        url: The page's address; without a scheme, ``https`` is taken.
        method: HTTP method.
        address: The visitor's address, or empty.

    Raises:
        RequestError: If ``url`` is endless, or ``address`` no address.
    """
    if len(url) > URL_MAX:
        raise RequestError(f"url has at most {URL_MAX} characters.")
    if address and not _is_address(address):
        raise RequestError("address must be an IP address, such as 192.0.2.7.")
    host = raw = ""
    try:
        host, raw = _split(url)
        path, at = canonical_path(raw), canonical_host(host)
    except PathError as e:
        why = f"Edges refuse this request with 400, whatever the room: {e}."
        return _plain(url, host, raw, "unclear", "refused", why)
    except ValueError as e:
        return _plain(url, host, raw, "unclear", "refused", f"This is {e}.")
    if f"{path.page}/".startswith(PREFIX):
        why = f"Everything below {PREFIX} is the waiting room's own: the edge hands it on to it."
        return _plain(url, at, path.match, "own_page", "service", why)
    visit = Visit(method=method.upper(), host=at, path=raw, address=address)
    return _judge(rooms, who, _Asked(url, at, path, visit))


def behind(name: str, routes: Iterable[Route], rooms: Iterable[Room]) -> dict[str, str]:
    """Return the routes of a room in which another one always stands before it.

    Args:
        name: The room's name.
        routes: Its routes.
        rooms: All rooms.

    Returns:
        The route as ``host/path`` -> the room that decides there. Of two rooms with the same
        route the one whose name comes first decides, so the other one never holds anybody.
    """
    first: dict[tuple[str, str | None], str] = {}
    for room in sorted(rooms, key=lambda each: each.name):
        for route in room.settings.routes:
            first.setdefault(_place(route), room.name)
    found = {f"{each.host}{each.path}": first.get(_place(each), name) for each in routes}
    return {route: winner for route, winner in found.items() if winner < name}


def _place(route: Route) -> tuple[str, str | None]:
    return route.host.rstrip("."), prefix(route.path)


def _judge(rooms: list[Room], who: Who, asked: _Asked) -> Match:
    edges = [_edge(room) for room in rooms]
    found = Rooms(edges).find(asked.host, asked.path)
    if found is None:
        why = _why_none(rooms, who, asked)
        return _plain(asked.url, asked.host, asked.path.match, "no_room", "site", *why)
    if not who.sees(found.name):
        why = ["A room that is not among yours stands in front of this page."]
        return _plain(asked.url, asked.host, asked.path.match, "route", "enters", *why)
    route, *_ = _routes(found, asked)
    return _in_room(found, route, asked, _passed_over(edges, who, found, route, asked))


def _in_room(room: EdgeRoom, route: Route, asked: _Asked, passed_over: list[str]) -> Match:
    where = f"{route.host}{route.path}"
    why = [f"The route {where} of the room {room.name} covers it: {_covers(route, asked)}."]
    if passed_over:
        why.append(
            "It is the most specific one: an exact host wins over *, then the longer path, then "
            "the room's name."
        )
    rule, outcome, number = "route", "enters", _bypass(room, asked)
    if number is not None:
        rule, outcome = "bypass", "site"
        why.append(f"Bypass rule {number} applies: the request goes to the site, uncounted.")
    elif room.suspended:
        rule, outcome = "suspended", "site"
        why.append("The room is suspended: everybody goes to the site.")
    elif room.draining:
        outcome = "refused"
        why.append("The room drains: newcomers see its message, those in line are let in.")
    elif room.closed:
        outcome = "refused"
        why.append("The room is closed: visitors without a pass see its message.")
    elif room.queueing:
        outcome = "waits"
        why.append("The room holds everybody: visitors without a pass wait.")
    else:
        why.append(
            "Visitors with a pass go to the site; others are let in at once while a seat is "
            "free and nobody waits, else they wait."
        )
    return Match(
        url=asked.url,
        host=asked.host,
        path=asked.path.match,
        room=room.name,
        rule=rule,  # type: ignore[arg-type]
        route_host=route.host,
        route_path=route.path,
        bypass=number,
        outcome=outcome,  # type: ignore[arg-type]
        why=why,
        passed_over=passed_over,
    )


def _edge(room: Room) -> EdgeRoom:
    told = room.settings.model_dump(include=set(EdgeRoom.model_fields)) | refusal(room.settings)
    return EdgeRoom(name=room.name, queueing=room.settings.queue_all, **told)


def _routes(room: EdgeRoom, asked: _Asked) -> list[Route]:
    """Return the room's routes that cover the page, the most specific first."""
    covering = [
        route
        for route in room.routes
        if Rooms([room.model_copy(update={"routes": (route,)})]).find(asked.host, asked.path)
    ]
    return sorted(covering, key=_rank)


def _rank(route: Route) -> tuple[bool, int]:
    return route.host == "*", -len(prefix(route.path) or "")


def _passed_over(
    rooms: list[EdgeRoom], who: Who, winner: EdgeRoom, route: Route, asked: _Asked
) -> list[str]:
    others = [
        (_rank(other), room.name, other)
        for room in rooms
        if who.sees(room.name)
        for other in _routes(room, asked)
        if (room.name, other) != (winner.name, route)
    ]
    others.sort(key=lambda row: row[:2])
    return [f"{name} {other.host}{other.path}" for _, name, other in others]


def _bypass(room: EdgeRoom, asked: _Asked) -> int | None:
    """Return the number of the bypass rule that applies, from 1."""
    for number, rule in enumerate(room.bypass, 1):
        only = room.model_copy(update={"bypass": (rule,)})
        if only.bypasses(asked.visit, asked.path):
            return number
    return None


def _covers(route: Route, asked: _Asked) -> str:
    host = "any host" if route.host == "*" else f"the host is {asked.host}"
    at = prefix(route.path)
    if at == "/":
        return f"{host}, any path"
    below = "is" if asked.path.match == at else "is below"
    return f"{host}, and the path {asked.path.match} {below} {at}"


def _why_none(rooms: list[Room], who: Who, asked: _Asked) -> list[str]:
    routes = [
        (room.name, route)
        for room in rooms
        if who.sees(room.name)
        for route in room.settings.routes
    ]
    if not routes:
        return ["No room has a route yet: visitors go straight to the site."]
    same_host = [(n, r) for n, r in routes if r.host in ("*", asked.host)]
    if not same_host:
        hosts = ", ".join(sorted({route.host for _, route in routes}))
        return [f"No route has the host {asked.host or '(none)'}; there are: {hosts}."]
    paths = ", ".join(sorted({f"{r.host}{r.path} ({n})" for n, r in same_host}))
    return [
        f"No route covers the path {asked.path.match}; for this host there are: {paths}.",
        "A path covers itself and what is below it: /shop covers /shop/a, but not /shopping.",
    ]


def _plain(url: str, host: str, path: str, rule: str, outcome: str, *why: str) -> Match:
    return Match(
        url=url,
        host=host,
        path=path,
        room=None,
        rule=rule,  # type: ignore[arg-type]
        route_host=None,
        route_path=None,
        bypass=None,
        outcome=outcome,  # type: ignore[arg-type]
        why=list(why),
        passed_over=[],
    )


def _split(url: str) -> tuple[str, str]:
    """Return host and path of an address as a browser would send them.

    Raises:
        ValueError: If it is none.
    """
    text = url.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host = parts.netloc.rpartition("@")[2]
    except ValueError as e:
        raise ValueError("no address of a page") from e
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise ValueError("no address of a page, such as https://example.com/shop")
    return _ascii_host(host), quote(parts.path or "/", safe=_AS_TYPED)


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False
