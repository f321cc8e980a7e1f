"""What `waitroom edge check` makes of answers, also of those that no site gives on demand."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.conftest import SECRET_KEY
from waitroom.cli.edge import visit
from waitroom.cli.edge.commands import print_findings
from waitroom.cli.edge.finding import Finding
from waitroom.cli.edge.findings import (
    BOARD_OLD_MS,
    board_found,
    caching_found,
    cookies_found,
    findings_of,
    left_found,
    passes_found,
    programs_found,
    sockets_found,
    tickets_found,
)
from waitroom.cli.edge.presence import gate_found
from waitroom.cli.edge.seen import see
from waitroom.cli.edge.view import Known, View
from waitroom.cli.edge.visit import NO_HTTPS, Answer, visiting
from waitroom.clock import now_ms
from waitroom.gate.decide import Hold, Splash
from waitroom.gate.replies import Reply, hold_reply, splash_reply
from waitroom.gate.rooms import EdgeRoom
from waitroom.identity import pass_cookie, ticket_cookie
from waitroom.tokens import Ticket, Tokens

TOKENS = Tokens([SECRET_KEY])
TICKET = TOKENS.sign_ticket(Ticket("shop", "AAECAwQFBgcICQoLDA0ODw", 7))
SPLASH = Splash("shop", "redirect", "/__waitroom/shop?return_to=%2F", issue_ticket=True)


def answer(status: int = 200, *headers: tuple[str, str], body: Any = b"") -> Answer:
    body = body if isinstance(body, bytes) else orjson.dumps(body)
    return Answer(status, CIMultiDictProxy(CIMultiDict(headers)), body)


def of(reply: Reply, *headers: tuple[str, str]) -> Answer:
    """Return a reply of the gate as it comes to a visitor."""
    return answer(reply.status, *reply.headers, *headers, body=reply.body)


def cookie(*, secure: bool = True) -> tuple[str, str]:
    return "set-cookie", ticket_cookie("shop", TICKET, secure=secure)


def seat(*, secure: bool = True) -> tuple[str, str]:
    text = pass_cookie("shop", "x.y", left_ms=1000, session_duration_s=10, secure=secure)
    return "set-cookie", text


HELD = see(of(splash_reply(SPLASH, EdgeRoom(name="shop")), cookie()))
SITE = see(answer(200, body=b"<html>the site</html>"))
SEATED = see(answer(200, seat(), ("cache-control", "private, no-cache")))


def view(**changes: Any) -> View:
    room = EdgeRoom.model_validate({"name": "shop", "routes": [{"path": "/"}]})
    given = {
        "url": URL("https://shop.example/"),
        "known": Known([room], TOKENS),
        "expected": room,
        "room": "shop",
        "page": HELD,
        "program": HELD,
        "own": SITE,
        "forged": HELD,
    }
    return View(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "kind", "room"),
    [
        (HELD.answer, "redirect", "shop"),
        (
            of(splash_reply(Splash("shop", "json", SPLASH.location, True), EdgeRoom(name="shop"))),
            "json",
            "shop",
        ),
        (of(hold_reply(Hold("shop", "json", False), has_ticket=False)), "away", ""),
        (answer(302, ("location", "https://shop.example/__waitroom/shop?x=1")), "redirect", "shop"),
        (answer(302, ("location", "/__waitroom/Not a room")), "through", ""),
        (answer(302, ("location", "http://[/__waitroom/shop")), "through", ""),
        (answer(302, ("location", "/login?next=/__waitroom/shop")), "through", ""),
        (answer(200, body=b'<!doctype html>\n<html data-room="shop" lang="en">'), "inline", "shop"),
        (SEATED.answer, "admitted", "shop"),
        (answer(403, body={"error": "past_the_edge"}), "past_the_edge", ""),
        (answer(403, body={"error": "forbidden"}), "through", ""),
        (answer(429, body={"error": "queued", "splash": 7}), "through", ""),
        (answer(429, body=[1]), "through", ""),
        (answer(200, ("set-cookie", "waitroom_pass_shop=; Max-Age=0")), "through", ""),
        (answer(200, ("set-cookie", "\x00=;;=")), "through", ""),
        (answer(200, ("set-cookie", "waitroom_pass_..=x")), "admitted", ""),
        (Answer(0, fault="no connection"), "none", ""),
        (answer(502, body=b"<html>Bad Gateway</html>"), "error", ""),
        (answer(500, body={"error": ["queued"]}), "error", ""),
        (answer(500, body={"error": "not_configured"}), "not_configured", ""),
        (answer(500, body={"error": "unauthorized"}), "bad_token", ""),
        (answer(401, body={"error": "unauthorized"}), "through", ""),
        (answer(503, body=b'<html lang="en" data-room="shop">'), "inline", "shop"),
        (answer(502, seat()), "admitted", "shop"),
    ],
)
def test_an_answer_shows_what_the_gate_has_done(shown: Answer, kind: str, room: str) -> None:
    seen = see(shown)
    assert (seen.kind, seen.room) == (kind, room)


def test_cookies_on_https_have_to_be_secure() -> None:
    assert cookies_found(view()).level == "ok"
    insecure = see(of(splash_reply(SPLASH, EdgeRoom(name="shop")), cookie(secure=False)))
    assert cookies_found(view(page=insecure)).level == "failed"
    http = URL("http://shop.example/")
    assert cookies_found(
        view(page=insecure, program=insecure, forged=insecure, url=http)
    ).level == ("ok")
    bare = ("set-cookie", f"waitroom_ticket_shop={TICKET}; Secure; Path=/")
    changed = see(answer(302, bare, ("location", SPLASH.location)))
    assert cookies_found(view(page=changed)).level == "failed"


def test_personal_answers_may_not_be_stored() -> None:
    assert caching_found(view()).level == "ok"
    assert caching_found(view(page=SEATED)).level == "ok"
    for cache in ((), (("cache-control", "public, max-age=60"),), (("cache-control", "private"),)):
        stored = see(answer(302, ("location", SPLASH.location), *cache))
        assert caching_found(view(page=stored)).level == "failed"
    assert caching_found(view(page=see(answer(200, seat())))).level == "failed"


def test_an_old_board_comes_from_a_cache() -> None:
    fresh = {"room": "shop", "state": "queueing", "waiting": 3, "active": 2, "at_ms": now_ms()}
    assert board_found(view(board=answer(body=fresh))).says == "queueing, 3 waiting, 2 seated"
    old = fresh | {"at_ms": now_ms() - BOARD_OLD_MS}
    assert board_found(view(board=answer(body=old))).level == "failed"
    for broken in (answer(body=fresh | {"room": "x"}), answer(500, body=fresh), answer(body=b"{")):
        assert board_found(view(board=broken)).level == "failed"
    assert board_found(view(board=None)).level == "unknown"


def test_passes_are_judged_only_where_they_make_a_difference() -> None:
    assert passes_found(view()).level == "ok"
    assert passes_found(view(page=SEATED, forged=SEATED)).level == "ok"
    assert passes_found(view(page=SITE)).level == "unknown"
    assert passes_found(view(own=HELD)).level == "failed"
    assert passes_found(view(own=SEATED, page=SEATED)).level == "failed"
    assert passes_found(view(forged=SITE)).says == "A forged pass opens the site."
    assert passes_found(view(own=see(Answer(0, fault="no answer")))).level == "unknown"
    assert passes_found(view(own=None)).level == "unknown"
    broken = see(answer(502))
    assert passes_found(view(own=broken)).says == "The page with a pass answers with status 502."
    assert passes_found(view(forged=broken)).level == "failed"
    unavailable = see(answer(503, body=b'<html lang="en" data-room="shop">'))
    assert passes_found(view(forged=unavailable)).level == "ok"


def test_a_program_gets_429_and_json_when_it_meets_the_queue() -> None:
    splash = Splash("shop", "json", SPLASH.location, True)
    right = of(splash_reply(splash, EdgeRoom(name="shop")))
    assert programs_found(view(program=see(right))).level == "ok"
    assert programs_found(view(program=HELD)).level == "failed"
    assert programs_found(view(program=SITE)).level == "failed"
    patient = answer(200, ("retry-after", "5"), body=right.body)
    assert programs_found(view(program=see(patient))).level == "failed"
    assert programs_found(view(page=SEATED)).level == "unknown"
    assert programs_found(view(page=SEATED, program=see(answer(500)))).level == "failed"


def test_a_browser_that_is_taken_for_a_program_is_said() -> None:
    splash = Splash("shop", "json", SPLASH.location, True)
    program = see(of(splash_reply(splash, EdgeRoom(name="shop"))))
    found = gate_found(view(page=program))
    assert found.level == "failed"
    assert "Sec-Fetch-Dest" in found.mend


def test_tickets_of_other_keys_are_found_wherever_they_come() -> None:
    assert tickets_found(view()).level == "ok"
    other = Tokens(["another-key-of-at-least-32-characters"])
    token = other.sign_ticket(Ticket("shop", "AAECAwQFBgcICQoLDA0ODw", 7))
    foreign = ("set-cookie", ticket_cookie("shop", token, secure=True))
    assert tickets_found(view(own=see(answer(200, foreign)))).level == "failed"
    assert tickets_found(view(page=SITE, program=SITE, forged=SITE)).level == "unknown"


def test_what_was_taken_and_what_was_not_given_back_is_said() -> None:
    assert left_found(view()).level == "ok"
    given = (answer(body={"left": "seat"}), answer(body={"left": None}))
    assert left_found(view(left=given)).says == "Given back: seat"
    assert left_found(view(left=(answer(404),))).level == "failed"


def test_sockets_say_what_went_wrong() -> None:
    assert sockets_found(view()).level == "ok"
    assert "answered with 404" in sockets_found(view(socket=answer(404))).says
    assert "answered like a page" in sockets_found(view(socket=answer(200))).says
    other = Answer(101, fault="opened, but somebody else is at the other end")
    assert "somebody else" in sockets_found(view(socket=other)).says


def test_a_challenge_of_cloudflare_is_not_taken_for_the_site() -> None:
    challenged = see(answer(403, ("cf-mitigated", "challenge")))
    site, rooms = findings_of(view(page=challenged))
    assert (site.level, "Cloudflare challenged" in site.says) == ("unknown", True)
    assert rooms.check == "rooms"


@pytest.mark.parametrize("location", ["/en/", "https://shop.example/en/", "http://[", ""])
def test_a_site_that_leads_on_by_itself_has_no_gate_in_front(location: str) -> None:
    page = see(answer(302, ("location", location)))
    found = findings_of(view(page=page, program=page, board=answer(404), socket=answer(404)))
    assert [one.level for one in found] == ["ok", "ok", "failed"]


def test_nothing_is_said_of_passes_when_there_is_no_gate() -> None:
    found = findings_of(view(page=SITE, program=SITE, board=answer(404), socket=answer(404)))
    assert [(one.check, one.level) for one in found] == [
        ("site", "ok"),
        ("rooms", "ok"),
        ("gate", "failed"),
    ]


def test_a_room_that_is_open_because_its_service_is_away_is_said() -> None:
    board = answer(503, body={"error": "service_unavailable"})
    found = findings_of(view(page=SITE, program=SITE, board=board, socket=answer(503)))
    assert [one.level for one in found] == ["ok", "ok", "failed"]
    assert "cannot reach its waiting room" in found[-1].says


def test_a_suspended_room_is_known_from_its_board_where_redis_is_out_of_reach() -> None:
    board = answer(body={"room": "shop", "state": "suspended"})
    seen = view(known=Known(None, None), expected=None, page=SITE, program=SITE, board=board)
    assert "suspended" in gate_found(seen).says
    nameless = view(known=Known(None, None), expected=None, page=SITE, program=SITE, room="")
    assert gate_found(nameless).mend == "Name the room with --room."


@pytest.mark.parametrize("status", [500, 502, 503, 504, 522])
@pytest.mark.parametrize("below", [True, False])
def test_an_error_is_neither_a_way_through_nor_a_missing_gate(status: int, below: bool) -> None:
    page = see(answer(status, body=b"<html>sorry</html>"))
    board, socket = answer(status), answer(status)
    if below:
        board, socket = answer(body={"room": "shop"}), Answer(101)
    found = findings_of(view(page=page, program=page, own=page, board=board, socket=socket))
    levels = [(one.check, one.level) for one in found]
    assert levels == [("site", "failed"), ("rooms", "ok"), ("gate", "unknown")]
    assert f"status {status}" in found[0].says
    assert "WAITROOM_EDGE_TOKEN" in found[2].says
    assert ("cannot reach the waiting room" in found[2].says) != below
    said = " ".join(one.says + one.mend for one in found)
    assert not [word for word in ("Nothing", "DNS", "open to everybody") if word in said]


@pytest.mark.parametrize("below", [answer(502), Answer(0, fault="no answer within 5 s")])
def test_an_open_page_with_errors_below_the_waiting_room_is_no_missing_gate(below: Answer) -> None:
    seen = view(page=SITE, program=SITE, forged=SITE, board=below, socket=below)
    found = findings_of(seen)
    assert [one.level for one in found] == ["ok", "ok", "failed"]
    assert "perhaps the edge cannot reach the waiting room" in found[-1].says
    assert below.fault or "status 502" in found[-1].says


def test_a_seat_on_a_site_that_is_down_is_said() -> None:
    down = see(answer(502, seat(), ("cache-control", "private, no-cache")))
    found = {one.check: one for one in findings_of(view(page=down, own=see(answer(502))))}
    assert (found["site"].level, found["gate"].level) == ("failed", "ok")
    assert found["passes"].level == "failed"


def test_the_gates_own_error_is_not_called_the_sites() -> None:
    away = see(of(hold_reply(Hold("shop", "json", False), has_ticket=False)))
    found = findings_of(view(page=away, program=away))
    assert [one.level for one in found] == ["unknown", "ok", "failed"]
    assert found[0].says.endswith("status 503: the edge's own, so the site was not seen.")


def test_a_proxy_that_shows_a_wrong_token_and_hands_the_refusal_on_is_said() -> None:
    page = see(answer(500, body={"error": "unauthorized"}))
    found = findings_of(view(page=page, program=page, board=answer(body={"room": "shop"})))
    assert [one.level for one in found] == ["unknown", "ok", "failed"]
    assert "wrong token" in found[-1].says


@asynccontextmanager
async def talking(
    said: bytes, *, ends: bool, tls: ssl.SSLContext | None = None
) -> AsyncIterator[URL]:
    """Serve connections that get some bytes and no further attention."""
    over = asyncio.Event()
    talks = []

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        writer.write(said)
        if not ends:
            await over.wait()
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls) as server:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        over.set()
        await asyncio.gather(*filter(None, talks))


async def test_a_site_that_says_nothing_costs_no_more_than_the_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visit, "TIME_LIMIT_S", 0.1)
    async with talking(b"", ends=False) as url, visiting(url) as visitor:
        assert (await visitor.page({})).fault.startswith("no answer within")
        assert (await visitor.socket()).fault.startswith("no answer within")


async def test_a_page_that_never_ends_is_judged_by_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visit, "TIME_LIMIT_S", 0.3)
    page = b'HTTP/1.1 200 OK\r\n\r\n<html data-room="shop">'
    async with talking(page, ends=False) as url, visiting(url) as visitor:
        seen = see(await visitor.page({}))
        assert (seen.kind, seen.room) == ("inline", "shop")


async def test_a_site_that_speaks_no_http_has_a_fault() -> None:
    async with talking(b"220 mail.example ESMTP\r\n", ends=True) as url:
        async with visiting(url) as visitor:
            assert "the connection broke" in (await visitor.page({})).fault


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", NO_HTTPS),
        (b"\x15\x03\x03\x00\x02\x02\x70", "it refuses the TLS handshake ("),
        (b"\x15\x03\x03\x00\x02\x02\x28", "it refuses the TLS handshake ("),
    ],
)
async def test_what_is_no_https_is_not_called_a_bad_certificate(said: bytes, fault: str) -> None:
    async with talking(said, ends=True) as url, visiting(url.with_scheme("https")) as visitor:
        assert (await visitor.page({})).fault.startswith(fault)
        assert (await visitor.socket()).fault.startswith(fault)


async def test_a_certificate_that_does_not_verify_is_said_with_its_reason(tmp_path: Path) -> None:
    files = ("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"))
    command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    more = ("-nodes", "-days", "2", "-subj", "/CN=localhost")
    await asyncio.to_thread(
        subprocess.run, (*command, *more, *files), check=True, capture_output=True
    )
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with talking(b"", ends=True, tls=shown) as url:
        async with visiting(url.with_scheme("https")) as visitor:
            fault = (await visitor.page({})).fault
    assert fault == "its certificate does not verify (self-signed certificate)"


def test_what_a_site_says_gives_no_orders_to_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_findings([Finding("board", "ok", "\x1b]0;owned\x07\r[bold]open")])
    assert capsys.readouterr().out == "✓ board     ok       ?]0;owned??[bold]open\n"
