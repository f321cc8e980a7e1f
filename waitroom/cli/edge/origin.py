"""Looks whether an origin can be reached past the edge, as somebody who knows its address would."""

from yarl import URL

from waitroom import clock
from waitroom.cli.edge.finding import Finding
from waitroom.cli.edge.seen import see
from waitroom.cli.edge.visit import BROWSER, NO_HTTPS, NO_NAME, Answer, Visitor
from waitroom.tokens import OriginProof, Tokens

_GUARD = (
    "Put waitroom.gate.OriginGuard around the site's app, or let the origin's firewall take "
    "connections from the edge only."
)
#: Life of the made-up word, milliseconds.
_LIFE_MS = 60_000


async def origin_found(visitor: Visitor, origin: URL) -> Finding:
    """Ask the origin itself for the page, without the edge's word and with a made-up one.

    Args:
        visitor: Who asks; its page is asked for.
        origin: Scheme, host and port of the origin.
    """
    proof = Tokens(["made up by a visitor, not a key of ours"]).sign_origin(
        OriginProof(clock.now_ms() + _LIFE_MS)
    )
    bare = await _ask(visitor, origin)
    if not bare.status:
        return _unreached(bare.fault)
    forged = await _ask(visitor, origin, **{"Waitroom-Origin": proof})
    for seen in (see(bare), see(forged)):
        # Another gate of the same installation may stand there, and has given a seat or a place.
        if seen.room and (cookies := seen.answer.cookies()):
            await visitor.leave(seen.room, {name: one.value for name, one in cookies.items()})
    if _guarded(bare) and _guarded(forged):
        return Finding("origin", "ok", "The origin answers only what comes through the edge")
    if _guarded(bare) and (forged.failed or not forged.status):
        got = forged.fault or f"status {forged.status}"
        says = f"With a made-up Waitroom-Origin it says {got}."
        return Finding("origin", "unknown", says, "Check that the site behind the guard is up.")
    if _guarded(bare):
        says = f"The origin believes a made-up Waitroom-Origin (status {forged.status})."
        return Finding("origin", "failed", says, _GUARD)
    return _judge(bare)


def _judge(bare: Answer) -> Finding:
    status = bare.status
    if see(bare).kind not in ("through", "past_the_edge", "error"):
        says = "A gate answers there too."
        return Finding("origin", "unknown", says, "Name the address of the site behind the edge.")
    if status in (401, 403):
        says = f"The origin refuses with status {status}, though not by Waitroom's guard"
        return Finding("origin", "ok", says)
    if 300 <= status < 400:
        target = bare.headers.get("Location", "")[:200]
        return Finding("origin", "unknown", f"It leads on to {target}.", "Ask that address.")
    if status >= 500 or status in (400, 404, 421):
        says = f"It answers with status {status}: no page, but no guard of ours either."
        return Finding("origin", "unknown", says, "Check the address.")
    says = f"The site can be reached past the edge (status {status})."
    return Finding("origin", "failed", says, _GUARD)


def _unreached(fault: str) -> Finding:
    if fault == NO_NAME:
        return Finding("origin", "unknown", f"Not found: {fault}.", "Check --origin.")
    if fault == NO_HTTPS:
        # Somebody answers there, so it can be reached.
        return Finding("origin", "unknown", f"Not asked: {fault}.", "Try it with http://.")
    says = f"The origin cannot be reached from here: {fault}"
    return Finding("origin", "ok", says)


async def _ask(visitor: Visitor, origin: URL, **headers: str) -> Answer:
    page = visitor.url
    url = URL(f"{origin.origin()}{page.raw_path_qs}", encoded=True)
    # Whoever goes past the edge does not care about certificates, and nothing secret is sent.
    said = {**BROWSER, "Host": page.host_port_subcomponent or "", **headers}
    return await visitor.ask("GET", url, {}, said, verify=False)


def _guarded(answer: Answer) -> bool:
    return see(answer).kind == "past_the_edge"
