"""Passes at the Worker: renewed in the background, keys that change, and all that is no pass."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

import pytest

from tests.conftest import SECRET_KEY
from tests.edge.visitors import Edge, Guarded, eventually
from waitroom import clock
from waitroom.tokens import CLOCK_SKEW_MS, MAX_TOKEN_LENGTH, OriginProof, Pass, Tokens

OLD_KEY = "an-older-key-of-at-least-32-characters"
FOREIGN_KEY = "a-foreign-key-of-at-least-32-characters"


def aged(site: Guarded, token: str, left_s: float = 3) -> str:
    """Return the same seat's pass as it would look `left_s` before its end."""
    found = site.edge.tokens.read_pass(token, site.room, epoch=0, now_ms=clock.now_ms())
    return site.seat(left_s, visitor=found.visitor)


@pytest.mark.room(session_duration_s=40)
def test_passes_past_half_their_life_are_renewed_in_the_background_in_one_batch(
    site: Guarded,
) -> None:
    seats = [site.get().cookies()[site.pass_name] for _ in range(4)]
    fresh, old = seats[0], [aged(site, seat) for seat in seats[1:]]
    # A pass ends a little before its seat, by what clocks may differ.
    latest_ms = clock.now_ms() + 40_000 - CLOCK_SKEW_MS
    assert site.get(**site.showing(fresh)).of_the_site
    first = [site.get(**site.showing(token)) for token in old]
    # The visitor waits for nothing, so the new pass can't be there yet.
    assert [(answer.of_the_site, answer.cookies()) for answer in first] == [(True, {})] * 3
    eventually(lambda: site.asked("renew"))
    eventually(lambda: all(site.get(**site.showing(token)).cookies() for token in old))
    renewed = [site.get(**site.showing(token)).cookies()[site.pass_name] for token in old]
    for token in renewed:
        found = site.edge.tokens.read_pass(token, site.room, epoch=0, now_ms=clock.now_ms())
        assert found.deadline_ms >= latest_ms
    asked = [entry["pass"] for call in site.asked("renew") for entry in call.json["passes"]]
    assert sorted(asked) == sorted(old)
    assert len(site.asked("renew")) < 3
    assert {each.headers["Waitroom-Gate"] for each in site.reached} == {site.room}


@pytest.mark.room(
    "renewal-off", path="/shop/off", session_duration_s=40, disable_session_renewal=True
)
@pytest.mark.room("renewal-on", path="/shop/on", session_duration_s=40)
def test_a_room_without_renewal_lets_passes_end(site: Guarded) -> None:
    names = ("renewal-off", "renewal-on")
    tokens = {room: site.seat(3, room=room) for room in names}
    cookies = "; ".join(f"waitroom_pass_{room}={token}" for room, token in tokens.items())
    assert site.get("/shop/off", Cookie=cookies).of_the_site
    assert site.get("/shop/on", Cookie=cookies).of_the_site
    eventually(lambda: site.edge.link.about("renewal-on", "renew"))
    assert site.edge.link.about("renewal-off", "renew") == []


@pytest.mark.room(queue_all=True)
def test_older_keys_still_open_and_the_newest_one_signs(
    own_edge: Callable[..., Edge], guard: Callable[[Edge], Guarded]
) -> None:
    site = guard(own_edge(WAITROOM_SECRET_KEYS=f"{OLD_KEY},{SECRET_KEY}"))
    for key in (OLD_KEY, SECRET_KEY):
        held = Pass(site.room, clock.new_visitor(), clock.now_ms() + 60_000, 0)
        token = Tokens([key]).sign_pass(held)
        assert site.get(**site.showing(token)).of_the_site
    proof = site.reached[0].headers["Waitroom-Origin"]
    Tokens([SECRET_KEY]).read_origin(proof, now_ms=clock.now_ms())
    ticket = site.get().cookies()[site.ticket_name]
    Tokens([SECRET_KEY]).read_ticket(ticket, site.room)
    foreign = Tokens([FOREIGN_KEY]).sign_pass(held)
    assert site.get(**site.showing(foreign)).status == 302
    assert len(site.reached) == 2


@pytest.mark.room(queue_all=True)
def test_of_several_cookies_of_one_name_the_good_one_counts(site: Guarded) -> None:
    good, bad = site.seat(), site.seat()[:-4] + "AAAA"
    name = site.pass_name
    assert site.get(Cookie=f"{name}={bad}; {name}={good}").of_the_site
    assert site.get(Cookie=f'{name}={good}; a=b; {name}="{bad}"').of_the_site
    assert site.get(Cookie=f"{name}={site.seat(-60)}; {name}={good}").of_the_site
    assert len(site.reached) == 3
    assert site.get(Cookie=f"{name}={bad}; {name}={bad}").status == 302
    assert site.get(Cookie=f"X{name}={good}; {name}x={good}").status == 302
    assert site.get(Cookie=f"{name.upper()}={good}").status == 302
    assert len(site.reached) == 3


@pytest.mark.room(queue_all=True)
def test_cookies_in_several_headers_count_like_one(site: Guarded) -> None:
    two = f"Cookie: theme=a,b\r\nCookie: x=1; {site.pass_name}={site.seat()}\r\n"
    assert site.raw(b"/shop", extra=two.encode()).startswith(b"HTTP/1.1 200")
    ticket = site.ticket(clock.now_us())
    two = f"Cookie: theme=a,b\r\nCookie: {site.ticket_name}={ticket}\r\n"
    status = site.raw(f"{site.splash}/status".encode(), extra=two.encode())
    assert status.startswith(b"HTTP/1.1 200"), status
    assert len(site.reached) == 1


def _payload(*fields: object) -> str:
    return _base64(".".join(map(str, fields)).encode())


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _signed(payload: str, salt: str = "waitroom.pass", key: str = SECRET_KEY) -> str:
    derived = hmac.digest(key.encode(), salt.encode(), sha256)
    return f"{payload}.{_base64(hmac.digest(derived, payload.encode(), sha256))}"


def _hostile(site: Guarded) -> dict[str, str]:
    """Return tokens that open nothing, by what is wrong with each."""
    good, visitor, later = site.seat(), clock.new_visitor(), clock.now_ms() + 60_000
    payload, _, signature = good.partition(".")
    tokens, longer = site.edge.tokens, "A" * MAX_TOKEN_LENGTH
    unsalted = hmac.digest(SECRET_KEY.encode(), payload.encode(), sha256)
    jwt = _base64(b'{"alg":"none","typ":"JWT"}')
    return {
        "no signature": payload + ".",
        "no dot": payload,
        "no payload": "." + signature,
        "truncated": good[:-1],
        "grown": good + "A",
        "another payload": f"{_payload(site.room, visitor, later + 9_999_999, 0)}.{signature}",
        "foreign key": _signed(payload, key=FOREIGN_KEY),
        "key without salt": f"{payload}.{_base64(unsalted)}",
        "swapped room": site.seat(room="another-room"),
        "room's other spelling": _signed(_payload(site.room.upper(), visitor, later, 0)),
        "expired": site.seat(-60),
        "ticket": site.ticket(),
        "origin proof": tokens.sign_origin(OriginProof(later)),
        "ticket's salt": _signed(payload, "waitroom.ticket"),
        "oversized": _signed(_payload(site.room, visitor, later, 0, longer)),
        "huge": "A" * 6_000,
        "algorithm none": f"{jwt}.{payload}.",
        "jwt": f"{jwt}.{payload}.{signature}",
        "sha-1": f"{payload}.{signature[:27]}",
        "padded": good + "=",
        "another last letter": good[:-1] + chr(ord(good[-1]) + 1),
        "percent": good.replace(".", "%2E"),
        "five fields": _signed(_payload(site.room, visitor, later, 0, 0)),
        "three fields": _signed(_payload(site.room, visitor, later)),
        "leading zero": _signed(_payload(site.room, visitor, f"0{later}", 0)),
        "exponent": _signed(_payload(site.room, visitor, "9e15", 0)),
        "too large": _signed(_payload(site.room, visitor, 2**53, 0)),
        "sign": _signed(_payload(site.room, visitor, f"+{later}", 0)),
        "blank": _signed(_payload(site.room, visitor, f" {later}", 0)),
        "negative epoch": _signed(_payload(site.room, visitor, later, -1)),
        "short visitor": _signed(_payload(site.room, visitor[:-1], later, 0)),
        "not base64": _signed("!!!!"),
        "not utf-8": _signed(_base64(b"\xff\xfe.a.b.c")),
        "empty": "",
        "quotes": '""',
        "proto": "__proto__",
    }


@pytest.mark.room(queue_all=True)
def test_what_is_no_valid_pass_opens_nothing(site: Guarded) -> None:
    # The hostile ones differ from a good one in one thing only.
    later = clock.now_ms() + 60_000
    good = _signed(_payload(site.room, clock.new_visitor(), later, 0))
    assert site.get(**site.showing(good)).of_the_site
    for defect, token in _hostile(site).items():
        answer = site.get(**site.showing(token))
        assert answer.status == 302, defect
        # All defects look alike from outside.
        assert set(answer.cookies()) == {site.ticket_name}, defect
    assert len(site.reached) == 1


@pytest.mark.room(queue_all=True)
def test_what_is_no_valid_ticket_is_replaced(site: Guarded) -> None:
    place = clock.now_us() - 10**9
    shown = {
        "forged": site.ticket()[:-4] + "AAAA",
        "a pass": site.seat(),
        "swapped room": _signed(_payload("another", clock.new_visitor(), place), "waitroom.ticket"),
        "a place of its own": f"{_payload(site.room, clock.new_visitor(), 1)}.{'A' * 43}",
    }
    for defect, token in shown.items():
        answer = site.get(Cookie=f"{site.ticket_name}={token}")
        assert answer.cookies()[site.ticket_name] not in ("", token), defect
    assert site.reached == []
