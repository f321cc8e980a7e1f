"""The service fails: killed, 500, garbage, silence. Each test has a Worker of its own."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.edge.background import Cache
from tests.edge.conftest import Installation
from tests.edge.link import Fault
from tests.edge.visitors import Answer, Edge, Guarded, eventually

Guard = Callable[[Edge], Guarded]
OwnEdge = Callable[..., Edge]
#: Longest wait for any answer of the service, and what two busy cores add to it, seconds.
LIMIT_S = 3.0
#: A visitor who waits for nobody, on two busy cores, seconds.
AT_ONCE_S = 1.0
FAULTS: list[Fault] = ["500", "garbage", "empty", "hang", "long"]


@pytest.fixture
def warm(own_edge: OwnEdge, guard: Guard) -> Guarded:
    """Return the test's room behind a Worker that knows it, and whose service can fail."""
    site = guard(own_edge())
    eventually(lambda: site.get("/free").of_the_site)
    site.edge.origin.reached.clear()
    return site


def break_service(site: Guarded, fault: str) -> None:
    """Let the service fail."""
    if fault == "killed":
        site.edge.link.stop()
    else:
        site.edge.link.fault = fault  # type: ignore[assignment]


def is_held(answer: Answer) -> bool:
    """Say whether a visitor was asked to come again in a few seconds."""
    return answer.status == 503 and "Retry-After" in answer.headers


@pytest.mark.room()
@pytest.mark.parametrize("fault", ["killed", *FAULTS])
def test_while_the_service_is_away_passes_count_and_newcomers_keep_their_place(
    warm: Guarded, fault: str
) -> None:
    break_service(warm, fault)
    first = warm.get()
    assert is_held(first)
    assert first.took_s < LIMIT_S
    assert first.headers["Cache-Control"] == "no-store"
    ticket = first.cookies()[warm.ticket_name]
    # What was shown to the service is what the visitor holds: no ghost in the line.
    if fault != "killed":
        assert [each.json["ticket"] for each in warm.asked()] == [ticket]
    # Only the first one waits.
    others = [warm.get(), warm.call(), warm.get(Cookie=f"{warm.ticket_name}={ticket}")]
    assert all(is_held(answer) for answer in others)
    assert max(answer.took_s for answer in others) < AT_ONCE_S
    assert others[2].cookies() == {}
    assert json.loads(others[1].text)["error"] == "service_unavailable"
    shown = warm.showing(warm.seat())
    inside = [warm.get(**shown) for _ in range(5)]
    assert all(answer.of_the_site for answer in inside)
    assert max(answer.took_s for answer in inside) < AT_ONCE_S
    assert len(warm.reached) == 5


@pytest.mark.room()
def test_a_slow_service_makes_nobody_wait_who_has_a_pass(warm: Guarded) -> None:
    warm.edge.link.delay_s = 1.2
    shown = warm.showing(warm.seat())
    with ThreadPoolExecutor(1) as newcomer:
        coming = newcomer.submit(warm.get)
        eventually(warm.asked)
        inside = [warm.get(**shown) for _ in range(3)]
        assert not coming.done()
        assert coming.result().of_the_site
    assert all(answer.of_the_site for answer in inside)
    assert len(warm.reached) == 4


@pytest.mark.room(when_unavailable={"action": "open", "open_limit_s": 3})
def test_a_room_that_opens_meanwhile_does_so_for_a_limited_time(warm: Guarded) -> None:
    break_service(warm, "500")
    began_s = time.monotonic()
    answer = warm.get()
    assert answer.of_the_site
    # The very ticket that was shown to the service, in case it was heard.
    assert answer.cookies()[warm.ticket_name] == warm.asked()[0].json["ticket"]
    assert "Waitroom-Gate" not in warm.reached[0].headers
    eventually(lambda: is_held(warm.get()))
    assert 2.5 < time.monotonic() - began_s < 8
    seen = len(warm.reached)
    assert is_held(warm.get())
    assert len(warm.reached) == seen


@pytest.mark.room(queue_all=True)
def test_those_with_tickets_wait_on_and_go_on_when_the_service_is_back(warm: Guarded) -> None:
    cookie = f"{warm.ticket_name}={warm.get().cookies()[warm.ticket_name]}"
    break_service(warm, "killed")
    eventually(lambda: is_held(warm.get(Cookie=cookie)))
    held = warm.get(Cookie=cookie)
    assert held.cookies() == {}
    assert "keep your place" in held.text
    warm.edge.link.start()
    eventually(lambda: warm.get(Cookie=cookie).status == 302)
    assert warm.get(Cookie=cookie).cookies() == {}
    assert warm.reached == []


@pytest.mark.room()
def test_a_service_that_is_back_seats_newcomers_again(warm: Guarded) -> None:
    break_service(warm, "500")
    cookie = f"{warm.ticket_name}={warm.get().cookies()[warm.ticket_name]}"
    warm.edge.link.fault = ""
    eventually(lambda: warm.get(Cookie=cookie).of_the_site)


@pytest.mark.room(queue_all=True)
def test_the_splash_page_and_sockets_fail_fast(warm: Guarded) -> None:
    break_service(warm, "hang")
    status = f"{warm.splash}/status"
    # Whether it is the service or this page, a probe finds out; then nobody waits any more.
    answers: list[Answer] = []

    def come() -> bool:
        answers.append(warm.get(status))
        return answers[-1].took_s < AT_ONCE_S

    eventually(come)
    assert all(is_held(answer) for answer in answers)
    assert max(answer.took_s for answer in answers) < LIMIT_S
    assert len(answers) <= 4
    assert warm.get(status).took_s < AT_ONCE_S
    began_s = time.monotonic()
    socket = warm.edge.raw(
        f"GET /__waitroom/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {warm.host}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert socket.startswith(b"HTTP/1.1 503")
    assert time.monotonic() - began_s < AT_ONCE_S
    assert warm.reached == []


@pytest.mark.room(queue_all=True)
def test_a_kept_splash_page_outlives_its_service(warm: Guarded) -> None:
    page = warm.get(warm.splash)
    break_service(warm, "killed")
    again = warm.get(warm.splash)
    assert (again.status, again.text) == (200, page.text)


@pytest.mark.room(queue_all=True)
def test_a_worker_that_starts_while_the_service_is_away_knows_its_rooms(
    installation: Installation, own_edge: OwnEdge, guard: Guard
) -> None:
    cache = Cache(installation.background)
    cache.start()
    installation.running.append(cache)
    site = guard(own_edge(cache=cache))
    assert site.get().status == 302
    eventually(lambda: any(b'"routes"' in kept.body for kept in cache.kept.values()))
    site.edge.link.stop()
    site.edge.running.stop()
    stopped_s = time.monotonic()
    # Older than what counts as fresh: only the copy kept for such a day is left.
    eventually(lambda: time.monotonic() - stopped_s > 1.1)
    site.edge.running.start()
    site.edge.origin.reached.clear()
    inside = site.get(**site.showing(site.seat()))
    assert inside.of_the_site
    assert inside.took_s < LIMIT_S
    assert site.reached[0].headers["Waitroom-Gate"] == site.room
    assert site.get("/free").of_the_site
    assert is_held(site.get())
    assert site.paths == ["/shop", "/free"]


@pytest.mark.room(queue_all=True)
def test_a_worker_that_knows_nothing_lets_nobody_past(own_edge: OwnEdge, guard: Guard) -> None:
    site = guard(own_edge())
    site.edge.link.stop()
    assert is_held(site.get())
    assert is_held(site.get("/free"))
    assert is_held(site.get(**site.showing(site.seat())))
    assert site.reached == []
    site.edge.link.start()
    eventually(lambda: site.get("/free").of_the_site)
    assert site.get().status == 302


@pytest.mark.room(queue_all=True)
def test_a_broken_cache_api_is_no_harm(
    installation: Installation, own_edge: OwnEdge, guard: Guard
) -> None:
    cache = Cache(installation.background)
    cache.start()
    installation.running.append(cache)
    cache.broken = True
    site = guard(own_edge(cache=cache))
    assert site.get().status == 302
    assert site.get(site.splash).status == 200
    assert site.get(**site.showing(site.seat())).of_the_site
    assert len(site.reached) == 1


@pytest.mark.room(session_duration_s=40)
def test_renewals_wait_until_the_service_is_back(warm: Guarded) -> None:
    held = warm.get().cookies()[warm.pass_name]
    visitor = warm.edge.tokens.read_pass(held, warm.room, epoch=0, now_ms=0).visitor
    break_service(warm, "500")
    aged = warm.showing(warm.seat(4, visitor=visitor))
    assert warm.get(**aged).of_the_site
    eventually(lambda: warm.edge.link.about(warm.room, "renew") or warm.asked("renew"))
    warm.edge.link.fault = ""
    eventually(lambda: warm.get(**aged).cookies().get(warm.pass_name))
