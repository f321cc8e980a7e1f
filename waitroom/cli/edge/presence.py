"""Whether a gate stands in front of a page, and which room's. Pure."""

from yarl import URL

from waitroom.cli.edge.finding import Finding
from waitroom.cli.edge.seen import Kind
from waitroom.cli.edge.view import View, bypassed

#: Somebody answered for the site and said that they could not.
_BROKEN: frozenset[Kind] = frozenset({"not_configured", "bad_token", "error"})
_LOG = (
    "Its log names it: `npx wrangler tail` in the Worker's folder, or Logs of the Worker in "
    "Cloudflare's dashboard. Secrets: `npx wrangler secret put`."
)
_TELLS = "See `waitroom doctor`, and the edge's error log."


def site_found(view: View) -> Finding:
    """Judge the answer itself."""
    answer = view.page.answer
    if is_challenge(view):
        mend = "Let this host's address pass by a rule of the firewall while you check."
        return Finding("site", "unknown", "Cloudflare challenged this check as a robot.", mend)
    if view.page.kind == "past_the_edge":
        says = "The origin's guard refuses what comes by this address."
        mend = "Visit the address that visitors use; if it is that, mend the edge's secret keys."
        return Finding("site", "failed", says, mend)
    if leads_away(view):
        says = f"The page leads on to {answer.headers['Location'][:200]}."
        return Finding("site", "unknown", says, "Check that address instead.")
    says = f"{view.url.host} answers with status {answer.status}"
    if view.page.held or not answer.failed:
        return Finding("site", "ok", says)
    if is_away(view) or _broken_kind(view) != "error":
        return Finding("site", "unknown", f"{says}: the edge's own, so the site was not seen.")
    mend = "See whether the site is up; if it is, the error is the edge's (below)."
    if view.page.kind == "admitted":
        mend = "The gate let this check through, so see whether the site itself is up."
    return Finding("site", "failed", f"{says}.", mend)


def rooms_found(view: View) -> Finding:
    """Judge which room should stand there, as this installation's settings say."""
    if view.known.rooms is None:
        says = f"{view.known.why}: which room should stand there is not known."
        mend = "Run it where `waitroom status` works, or name the room with --room."
        return Finding("rooms", "unknown", says, mend)
    at = view.known.at(view.url)
    if at is None:
        says = "No room's routes cover this page."
        mend = """waitroom rooms set NAME 'routes=[{"host": "…", "path": "/"}]'"""
        return Finding("rooms", "failed", says, mend)
    if view.expected is not None and view.expected.name != at.name:
        says = f"Room {at.name} covers this page, not {view.expected.name}."
        mend = "The most specific route wins: exact host first, then the longest path."
        return Finding("rooms", "failed", says, mend)
    return Finding("rooms", "ok", f"Room {at.name} covers this page")


def gate_found(view: View) -> Finding:
    """Judge whether a room stands in front of the page, and which."""
    page = view.page
    if is_away(view):
        mend = (
            "Check the edge's WAITROOM_SERVICE_URL and WAITROOM_EDGE_TOKEN, and that the service "
            "runs: `waitroom doctor`."
        )
        says = "A gate stands here, but it cannot reach its waiting room."
        return Finding("gate", "failed", says, mend)
    if is_broken(view):
        return _broken(view)
    if page.kind == "through":
        return _nothing_seen(view)
    if page.kind == "past_the_edge":
        return Finding("gate", "unknown", "No page was seen.")
    stands = view.room or "of an unknown name"
    if view.expected is not None and view.expected.name != view.room:
        says = f"Room {stands} stands here, not {view.expected.name}."
        mend = "Look at the routes: `waitroom rooms list`. The edge may belong to another service."
        return Finding("gate", "failed", says, mend)
    how = {
        "redirect": f"leads newcomers to its splash page (status {page.answer.status})",
        "inline": f"shows its splash page in place (status {page.answer.status})",
        "json": "answers newcomers as if they were programs",
        "admitted": "is open: this newcomer got a seat",
    }
    says = f"Room {stands} stands here and {how[page.kind]}"
    if page.kind == "json":
        mend = "Something in front drops the headers Accept and Sec-Fetch-Dest; hand them on."
        return Finding("gate", "failed", f"{says}.", mend)
    return Finding("gate", "ok", says)


def is_challenge(view: View) -> bool:
    """Say whether Cloudflare answered in the page's place."""
    return "cf-mitigated" in view.page.answer.headers


def leads_away(view: View) -> bool:
    """Say whether the page leads to another host or scheme, so that no gate was asked for it."""
    answer = view.page.answer
    if view.page.kind != "through" or not 300 <= answer.status < 400:
        return False
    try:
        target = view.url.join(URL(answer.headers.get("Location", "")))
        return target.origin() != view.url.origin()
    except ValueError:
        return False


def gate_is_there(view: View) -> bool:
    """Say whether anything of a gate was seen."""
    kinds = ("through", "past_the_edge", "error")
    return view.page.kind not in kinds or _below_is_there(view)


def socket_is_there(view: View) -> bool:
    """Say whether WebSockets reach the waiting room."""
    return view.socket.status == 101 and not view.socket.fault


def is_wsgi(view: View) -> bool:
    """Say whether a gate refused the WebSocket that it cannot carry."""
    return view.socket.status == 501 and view.socket.json().get("error") == "no_websocket"


def is_broken(view: View) -> bool:
    """Say whether the page is nothing but an error."""
    return view.page.kind in _BROKEN


def is_away(view: View) -> bool:
    """Say whether the gate cannot reach its waiting room."""
    # With `when_unavailable` open the page is there as ever; the board tells.
    below = [answer.json().get("error") for answer in (view.board, view.socket) if answer]
    return "away" in (view.page.kind, view.program.kind) or "service_unavailable" in below


def _below_is_there(view: View) -> bool:
    board = view.board is not None and view.board.json().get("room") == view.room
    return board or socket_is_there(view) or is_wsgi(view)


def _below_fails(view: View) -> str:
    """Return how what is asked below ``/__waitroom/`` fails; empty if it does not."""
    for answer in (view.board, view.socket):
        if answer is not None and (answer.failed or not answer.status):
            return answer.fault or f"status {answer.status}"
    return ""


def _broken_kind(view: View) -> Kind:
    """Return whose the error is; programs are told in words what browsers get as a page."""
    named = {view.page.kind, view.program.kind} & {"not_configured", "bad_token"}
    return named.pop() if is_broken(view) and named else "error"


def _broken(view: View) -> Finding:
    kind = _broken_kind(view)
    if kind == "not_configured":
        says = "The Worker is there, but not set up: one of its values is missing or wrong."
        return Finding("gate", "failed", says, _LOG)
    if kind == "bad_token":
        says = "The edge shows the waiting room a wrong token, so it holds everybody."
        mend = "Give the edge this installation's WAITROOM_EDGE_TOKEN."
        return Finding("gate", "failed", says, mend)
    says = f"With status {view.page.answer.status} no room can be seen. "
    if _below_is_there(view):
        says += (
            "Below /__waitroom/ the waiting room answers: perhaps the edge holds everybody "
            "because its WAITROOM_EDGE_TOKEN is wrong."
        )
    else:
        says += (
            "Perhaps the edge holds everybody because it cannot reach the waiting room, or its "
            "WAITROOM_EDGE_TOKEN is wrong."
        )
    return Finding("gate", "unknown", says, _TELLS)


def _nothing_seen(view: View) -> Finding:
    if not gate_is_there(view) and (fails := _below_fails(view)):
        says = (
            f"The page is open to everybody, and below /__waitroom/ is only an error ({fails}): "
            "perhaps the edge cannot reach the waiting room and lets everybody through."
        )
        return Finding("gate", "failed", says, _TELLS)
    if not gate_is_there(view):
        says = "Nothing of a gate is to be seen: no room, nothing below /__waitroom/."
        mend = "Look at the edge's routes, at DNS (is the host proxied?), and that it is deployed."
        return Finding("gate", "failed", says, mend)
    room = view.expected
    state = view.board.json().get("state") if view.board is not None else None
    if state == "suspended" or (room is not None and room.suspended):
        says = f"Room {view.room} is suspended: everybody gets through, as if there were no gate."
        mend = f"waitroom rooms set {view.room} suspended=false"
        return Finding("gate", "unknown", says, mend)
    if room is not None and bypassed(room, view.url):
        says = f"A bypass rule of room {room.name} lets this page through for everybody."
        return Finding("gate", "unknown", says, "Visit a page that no rule names.")
    if room is not None or view.room:
        says = f"Room {view.room} should stand here, but the page is open to everybody."
        mend = "See that the edge is on the way to this page, not only to /__waitroom/."
        return Finding("gate", "failed", says, mend)
    says = "There is a gate on this host, but no room is seen; a suspended one looks the same."
    return Finding("gate", "unknown", says, "Name the room with --room.")
