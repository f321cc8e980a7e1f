"""Whether a gate stands in front of a page, and which room's. Pure."""

from yarl import URL

from waitroom.cli.edge.finding import Finding
from waitroom.cli.edge.view import View, bypassed


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
    return Finding("site", "ok", f"{view.url.host} answers with status {answer.status}")


def rooms_found(view: View) -> Finding:
    """Judge which room should stand there, as this installation's settings say."""
    if view.known.rooms is None:
        says = "Redis cannot be reached from here: which room should stand there is not known."
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
    board = view.board is not None and view.board.json().get("room") == view.room
    return view.page.kind not in ("through", "past_the_edge") or board or not view.socket


def is_away(view: View) -> bool:
    """Say whether the gate cannot reach its waiting room."""
    # With `when_unavailable` open the page is there as ever; the board tells.
    board = view.board.json().get("error") if view.board is not None else None
    return "away" in (view.page.kind, view.program.kind) or board == "service_unavailable"


def _nothing_seen(view: View) -> Finding:
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
