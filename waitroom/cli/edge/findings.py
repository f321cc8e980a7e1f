"""What `waitroom edge check` makes of what it saw. Pure: a view goes in, findings come out."""

from waitroom.cli.edge.finding import Finding
from waitroom.cli.edge.presence import (
    gate_found,
    gate_is_there,
    is_away,
    is_broken,
    is_challenge,
    is_wsgi,
    leads_away,
    rooms_found,
    site_found,
    socket_is_there,
)
from waitroom.cli.edge.view import View
from waitroom.clock import now_ms
from waitroom.errors import TokenError
from waitroom.identity import ticket_cookie_name

#: A board older than this comes from a cache that keeps it too long, milliseconds. It is made
#: and kept for one second each; the rest is for clocks.
BOARD_OLD_MS = 10_000

_SAME_KEYS = (
    "Give the edge this installation's WAITROOM_SECRET_KEYS, and see that its clock is right."
)
_BELOW = "Let the edge answer everything below /__waitroom/ on this host too."


def findings_of(view: View) -> list[Finding]:
    """Return all findings about a site, in the order in which they are best mended."""
    if view.page.kind == "none":
        mend = "Check the address, DNS, the certificate, and that the site is up."
        says = f"{view.url.host} does not answer: {view.page.answer.fault}."
        return [Finding("site", "failed", says, mend)]
    if is_challenge(view) or leads_away(view):
        return [site_found(view), rooms_found(view)]
    findings = [site_found(view), rooms_found(view), gate_found(view)]
    if is_away(view) or is_broken(view) or not gate_is_there(view):
        # What follows could not be judged before that is mended.
        return findings
    return [
        *findings,
        passes_found(view),
        tickets_found(view),
        programs_found(view),
        cookies_found(view),
        caching_found(view),
        board_found(view),
        sockets_found(view),
        left_found(view),
    ]


def passes_found(view: View) -> Finding:
    """Judge whether the edge lets this installation's passes through, and no others."""
    if not (view.page.held or view.page.kind == "admitted"):
        return Finding("passes", "unknown", "Everybody got through, so a pass proves nothing here.")
    if view.forged is not None and view.forged.kind == "through":
        says = "A forged pass opens the site."
        mend = "Nobody but a changed gate does that: deploy the edge anew."
        return Finding("passes", "failed", says, mend)
    if view.known.tokens is None or view.own is None:
        return Finding("passes", "unknown", "This installation's keys are not known here.")
    if view.own.kind == "past_the_edge":
        says = "Let through by the edge, but the origin's guard refuses its word."
        return Finding("passes", "failed", says, "Give the origin's guard the same secret keys.")
    for shown, seen in (("a", view.own), ("a forged", view.forged)):
        if seen is not None and seen.answer.failed and not (seen.held or seen.kind == "away"):
            says = f"The page with {shown} pass answers with status {seen.answer.status}."
            return Finding("passes", "failed", says, "See that the site behind the edge is up.")
    if view.own.kind == "through":
        says = "A pass of this installation is let through; a forged one is not"
        return Finding("passes", "ok", says)
    if view.own.kind in ("none", "away"):
        fault = view.own.answer.fault or "the waiting room was away"
        return Finding("passes", "unknown", f"The page with a pass was not seen: {fault}.")
    return Finding("passes", "failed", "A pass of this installation is not accepted.", _SAME_KEYS)


def tickets_found(view: View) -> Finding:
    """Judge whether this installation will know the tickets that the edge gives."""
    name = ticket_cookie_name(view.room)
    cookies = [seen.answer.cookies() for seen in view.personal]
    given = [found[name].value for found in cookies if name in found]
    if not given or view.known.tokens is None:
        why = "No ticket was given." if not given else "The keys are not known here."
        return Finding("tickets", "unknown", why)
    try:
        # The first may come from the waiting room itself; the edge signs those that follow.
        for ticket in given:
            view.known.tokens.read_ticket(ticket, view.room)
    except TokenError:
        says = "The edge signs tickets with other keys: visitors would lose their places."
        return Finding("tickets", "failed", says, _SAME_KEYS)
    return Finding("tickets", "ok", "The edge's tickets are signed with this installation's keys")


def programs_found(view: View) -> Finding:
    """Judge what a program that meets the queue gets."""
    answer = view.program.answer
    if answer.failed and not (view.page.held and view.program.held):
        says = f"A program that asks for JSON got status {answer.status}."
        return Finding("programs", "failed", says, "See that the site behind the edge is up.")
    if not view.page.held:
        says = "Nobody is held, so programs are not either."
        mend = (
            f"To see it, hold newcomers for a moment: waitroom rooms set {view.room} queue_all=true"
        )
        return Finding("programs", "unknown", says, mend if view.page.kind == "admitted" else "")
    if view.program.kind == "json" and answer.status == 429 and "Retry-After" in answer.headers:
        after_s = answer.headers["Retry-After"][:10]
        return Finding("programs", "ok", f"Status 429 and JSON, to come again after {after_s} s")
    says = f"A program that asks for JSON got status {answer.status}, not 429 and JSON."
    mend = "See that nothing between changes the header Accept or the status of answers."
    return Finding("programs", "failed", view.program.answer.fault or says, mend)


def cookies_found(view: View) -> Finding:
    """Judge the attributes of the cookies that were set."""
    cookies = [one for seen in view.personal for one in seen.answer.cookies().values()]
    if not cookies:
        return Finding("cookies", "unknown", "No cookie was set.")
    if not all(one["httponly"] and one["path"] == "/" and one["samesite"] for one in cookies):
        mend = "Something between changes Set-Cookie; let it pass as it is."
        return Finding("cookies", "failed", "Cookies lack HttpOnly, SameSite or Path=/.", mend)
    if view.url.scheme != "https":
        return Finding("cookies", "ok", "HttpOnly and SameSite; not Secure, since this is http")
    if not all(one["secure"] for one in cookies):
        mend = "Let the proxy in front of the gate say X-Forwarded-Proto: https."
        return Finding("cookies", "failed", "Cookies on https are not Secure.", mend)
    return Finding("cookies", "ok", "Secure, HttpOnly, SameSite")


def caching_found(view: View) -> Finding:
    """Judge whether a cache could hand one visitor's answer to another."""
    if not view.personal:
        return Finding("caching", "unknown", "No personal answer was seen.")
    mend = "Let no cache between touch answers that say no-store or private."
    for seen in view.personal:
        if not seen.answer.says("no-store") and (seen.held or not seen.answer.says("private")):
            return Finding("caching", "failed", "A personal answer may be stored.", mend)
    return Finding("caching", "ok", "Personal answers may not be stored")


def board_found(view: View) -> Finding:
    """Judge whether the line can be followed on the site's own host."""
    if view.board is None:
        says = "The room's name is not known."
        return Finding("board", "unknown", says, "Name it with --room.")
    board = view.board.json()
    if view.board.status != 200 or board.get("room") != view.room:
        seen = view.board.fault or f"status {view.board.status}"
        return Finding("board", "failed", f"The board of {view.room} is not there: {seen}.", _BELOW)
    at_ms = board.get("at_ms")
    age_ms = now_ms() - at_ms if isinstance(at_ms, int) else BOARD_OLD_MS
    if age_ms >= BOARD_OLD_MS:
        mend = "Let no cache keep it longer than its max-age; compare this host's clock too."
        return Finding("board", "failed", f"The board is {age_ms / 1000:.0f} s old.", mend)
    waiting, active = board.get("waiting"), board.get("active")
    return Finding("board", "ok", f"{board.get('state')}, {waiting} waiting, {active} seated")


def sockets_found(view: View) -> Finding:
    """Judge whether splash pages get their WebSocket."""
    socket = view.socket
    if socket_is_there(view):
        return Finding("sockets", "ok", "WebSockets reach the waiting room")
    if is_wsgi(view):
        says = "A gate in WSGI carries no WebSockets; pages poll instead."
        mend = "For live updates the web server can hand /__waitroom/ to the web processes."
        return Finding("sockets", "unknown", says, mend)
    page = "answered like a page" if socket.status == 200 else f"answered with {socket.status}"
    says = f"WebSockets do not reach the waiting room ({socket.fault or page}); pages poll instead."
    return Finding("sockets", "failed", says, "Pass WebSockets on below /__waitroom/socket.io/.")


def left_found(view: View) -> Finding:
    """Judge whether this visit left anything behind."""
    given = [str(left) for one in view.left if (left := one.json().get("left"))]
    if not all(one.status == 200 for one in view.left):
        says = "What this check took could not be given back; it ends by itself."
        return Finding("left", "failed", says, _BELOW)
    if not given:
        return Finding("left", "ok", "Nothing was taken, nothing is left behind")
    return Finding("left", "ok", f"Given back: {', '.join(given)}")


def keys_found(*, needed: bool) -> Finding:
    """Say that passes and tickets could not be judged without this installation's keys.

    Args:
        needed: Whether the owner wants them judged.
    """
    says = "Without this installation's keys, passes and tickets were not judged."
    where = (
        "Run it in the installation's folder (with its .env or .waitroom/), or with its "
        "WAITROOM_SECRET_KEYS in the environment"
    )
    if not needed:
        return Finding("keys", "unknown", says, f"{where}.")
    return Finding("keys", "failed", says, f"{where}; or say --without-keys.")
