"""``/api/edge/check``: the gate for proxies that ask before they let a request through.

nginx (``auth_request``), Caddy (``forward_auth``) and Traefik (``ForwardAuth``) show the visitor's
request; the decision is that of every other edge, and what it needs is done here at once. 204
lets the request through. ``edge/examples/`` has ready configurations.

nginx tells only 2xx, 401 and 403 apart. With ``Waitroom-Mode: auth_request`` each answer is one
of these, and headers say the rest; other proxies hand our answer on to the visitor as it is. A
fault is none of the three, so that no proxy takes it for a line, nor for an open door.
"""

from quart import Blueprint, Response, current_app, request

from waitroom import clock
from waitroom.errors import RequestError, RoomNotFoundError, StoreError
from waitroom.gate.origin import Proofs
from waitroom.gate.rooms import EdgeRoom, Rooms
from waitroom.gate.visit import Visit, merge_headers
from waitroom.room import RoomSettings, State
from waitroom.web.checked import Checked
from waitroom.web.edge import bearer, describe, is_edge_token
from waitroom.web.services import services

#: Proxies ask with GET, or with the visitor's own method.
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
#: Holds the edge token, for proxies that pass the visitor's own Authorization header on.
TOKEN_HEADER = "Waitroom-Edge-Token"  # noqa: S105 - a header's name, not a secret

check = Blueprint("check", __name__, url_prefix="/api/edge/check")


class _Ready:
    """What this process has ready between requests."""

    def __init__(self) -> None:
        self.proofs = Proofs(services().tokens)
        self._rooms = Rooms(())
        self._made_of: list[tuple[str, RoomSettings, bool, State]] = []

    async def rooms(self) -> Rooms:
        """Return the rooms, made anew only when one of them has changed."""
        hub, found = services().hub, []
        for room in list(services().directory.known.values()):
            # While Redis is away the last board has to do: passes still count.
            board = hub.line(room).board or await hub.board(room)
            found.append((room, board))
        made_of = [(room.name, room.settings, board.queueing, board.state) for room, board in found]
        if made_of != self._made_of:
            self._rooms = Rooms(EdgeRoom.model_validate(describe(*each)) for each in found)
        self._made_of = made_of
        return self._rooms


@check.route("", methods=METHODS, provide_automatic_options=False)
async def ask() -> Response:
    """Say whether the request that the headers describe may go to the origin."""
    _authorise()
    # Not by a header: those of a visitor come along.
    services().edges.heard("proxy")
    visit = _visit()
    checked = Checked(visit, nginx=request.headers.get("Waitroom-Mode") == "auth_request")
    try:
        if not services().ticker.loaded:
            # No rooms at all would mean that nothing is to be guarded.
            raise StoreError("The rooms have not been read yet.")
        ready = _ready()
        return await checked.answer(await ready.rooms(), ready.proofs)
    except (StoreError, RoomNotFoundError) as e:
        # A room that is gone from Redis was lost or deleted a moment ago: the next tick knows.
        services().metrics.error(services().hub.named(e).code)
        return checked.away()


def _ready() -> _Ready:
    found: _Ready | None = current_app.extensions.get(check.name)
    if found is None:
        found = current_app.extensions[check.name] = _Ready()
    return found


def _authorise() -> None:
    shown = request.headers.get(TOKEN_HEADER) or bearer(request.headers.get("Authorization", ""))
    if not is_edge_token(shown):
        # Not 401: nginx would take it for a line, and send every visitor to no address at all.
        raise RequestError("The edge token is missing or wrong.", code="unauthorized", status=500)


def _visit() -> Visit:
    """Return the visitor's own request."""
    headers = merge_headers(request.scope["headers"])
    headers.pop(TOKEN_HEADER.lower(), None)
    path, _, query = _told("X-Forwarded-Uri").partition("?")
    return Visit(
        method=_told("X-Forwarded-Method"),
        host=_told("X-Forwarded-Host"),
        path=path,
        query=query,
        headers=headers,
        address=headers.get("x-forwarded-for", "").partition(",")[0].strip(),
        now_ms=clock.now_ms(),
        # Proxies drop "Upgrade" from what they ask, as they have to.
        websocket="sec-websocket-key" in headers,
        # Traefik calls the scheme of a WebSocket wss.
        secure=headers.get("x-forwarded-proto", "").strip().lower() in ("https", "wss"),
    )


def _told(name: str) -> str:
    """Return what the proxy says of the visitor's request.

    Two of one name would be the proxy's and the visitor's, with no telling which is which.
    """
    values = request.headers.getlist(name)
    if len(values) != 1 or not values[0]:
        raise RequestError(f"The proxy has to send one {name} header.", code="bad_check")
    return values[0]
