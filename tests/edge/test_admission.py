"""Who reaches the origin through the Worker, and what the others get instead."""

import json
from collections.abc import Callable

import pytest

from loadtest.ports import free_port
from tests.edge.conftest import Installation
from tests.edge.visitors import Edge, Guarded
from waitroom import clock


@pytest.mark.room()
def test_a_visitor_of_an_open_room_is_seated_in_the_same_request(site: Guarded) -> None:
    answer = site.get("/shop/tickets?day=1&x=%20")
    assert answer.of_the_site
    assert site.paths == ["/shop/tickets?day=1&x=%20"]
    shown = site.reached[0].headers
    assert shown["Waitroom-Gate"] == site.room
    site.edge.tokens.read_origin(shown["Waitroom-Origin"], now_ms=clock.now_ms())
    attributes = answer.attributes(site.pass_name)
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= attributes
    assert not any(each.startswith(("Domain", "Secure")) for each in attributes)
    assert "private" in answer.headers["Cache-Control"]
    assert len(site.asked()) == 1


@pytest.mark.room()
def test_an_admitted_visitor_costs_the_service_nothing_more(site: Guarded) -> None:
    shown = site.showing(site.get().cookies()[site.pass_name])
    mark = len(site.edge.link.asked)
    answers = [site.get(f"/shop/{number}", **shown) for number in range(50)]
    assert all(answer.of_the_site and not answer.cookies() for answer in answers)
    assert site.paths[1:] == [f"/shop/{number}" for number in range(50)]
    assert site.edge.link.since(mark) == []
    # One proof serves many requests: no signature for each.
    assert len({each.headers["Waitroom-Origin"] for each in site.reached}) == 1
    assert {each.headers["Waitroom-Gate"] for each in site.reached} == {site.room}


@pytest.mark.room()
def test_a_form_of_an_admitted_visitor_arrives_whole(site: Guarded) -> None:
    answer = site.ask("POST", "/shop/buy", content=b"kind=x" * 9_000, **site.showing(site.seat()))
    assert answer.of_the_site
    assert (site.reached[0].method, site.reached[0].body) == ("POST", b"kind=x" * 9_000)


@pytest.mark.room()
def test_a_form_that_finds_a_free_seat_arrives_whole_with_the_seat(site: Guarded) -> None:
    answer = site.ask("POST", "/shop/buy", content=b"kind=y" * 9_000)
    assert answer.of_the_site
    assert answer.cookies()[site.pass_name]
    assert (site.reached[0].method, site.reached[0].body) == ("POST", b"kind=y" * 9_000)


@pytest.mark.room()
def test_a_redirect_of_the_site_is_the_visitors_to_follow(site: Guarded) -> None:
    for path in ("/shop/old", "/free"):
        site.edge.origin.statuses[path] = 302
        site.edge.origin.answers[path] = {"Location": "https://elsewhere.example/"}
        for asked in (path, f"/x/..{path}"):
            cookie = f"Cookie: {site.pass_name}={site.seat()}\r\n".encode()
            answer = site.raw(asked.encode(), extra=cookie)
            assert answer.startswith(b"HTTP/1.1 302")
            assert b"https://elsewhere.example/" in answer
    assert site.paths == ["/shop/old", "/shop/old", "/free", "/free"]


@pytest.mark.room()
def test_a_site_that_is_away_is_told_from_a_queue(
    own_edge: Callable[..., Edge], guard: Callable[[Edge], Guarded]
) -> None:
    site = guard(own_edge(origin=f"127.0.0.1:{free_port()}"))
    assert site.get("/free").status == 502
    assert site.get(**site.showing(site.seat())).status == 502


@pytest.mark.room()
def test_the_door_sets_the_pass_and_takes_the_ticket_through_the_worker(site: Guarded) -> None:
    entered = site.ask("POST", f"{site.splash}/enter")
    assert entered.headers["Cache-Control"] == "no-store"
    ticket = entered.cookies()[site.ticket_name]
    door = site.get(
        f"{site.splash}/go?return_to=%2Fshop%2F1", Cookie=f"{site.ticket_name}={ticket}"
    )
    assert (door.status, door.location) == (303, "/shop/1")
    assert set(door.cookies()) == {site.ticket_name, site.pass_name}
    assert site.get(door.location, **site.showing(door.cookies()[site.pass_name])).of_the_site
    assert site.asked() == []


@pytest.mark.room(total_active_users=0)
def test_a_visitor_of_a_full_room_is_led_to_the_splash_page_on_the_same_host(
    site: Guarded,
) -> None:
    answer = site.get("/shop/tickets?day=1&x=%2F")
    assert answer.status == 302
    assert answer.location == f"{site.splash}?return_to=%2Fshop%2Ftickets%3Fday%3D1%26x%3D%252F"
    assert answer.headers["Cache-Control"] == "no-store"
    attributes = answer.attributes(site.ticket_name)
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= attributes
    assert not any(each.startswith(("Domain", "Secure")) for each in attributes)
    # The ticket was made here and shown, so that a lost answer leaves no ghost in the line.
    assert [each.json["ticket"] for each in site.asked()] == [answer.cookies()[site.ticket_name]]
    page = site.get(answer.location)
    assert (page.status, page.cookies()) == (200, {})
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert site.reached == []


@pytest.mark.room(queue_all=True)
def test_a_queueing_room_gives_tickets_stamped_with_the_arrival_and_asks_nobody(
    site: Guarded,
) -> None:
    tickets = []
    for _ in range(5):
        before = clock.now_us()
        token = site.get().cookies()[site.ticket_name]
        tickets.append(site.edge.tokens.read_ticket(token, site.room))
        # Worker time has whole milliseconds.
        assert before - 1_000 <= tickets[-1].place <= clock.now_us() + 1_000
    assert len({ticket.visitor for ticket in tickets}) == 5
    assert site.asked() == []
    assert site.reached == []


@pytest.mark.room(total_active_users=0)
def test_after_one_visitor_waits_the_next_ones_cost_no_call(site: Guarded) -> None:
    assert [site.get().status for _ in range(4)] == [302] * 4
    assert len(site.asked()) == 1
    assert site.reached == []


@pytest.mark.room(queue_all=True)
def test_a_visitor_with_a_ticket_keeps_it(site: Guarded) -> None:
    answer = site.get(Cookie=f"{site.ticket_name}={site.ticket()}")
    assert (answer.status, answer.cookies()) == (302, {})
    assert site.reached == []


@pytest.mark.room()
def test_the_ticket_is_given_up_at_the_door(site: Guarded) -> None:
    answer = site.get(Cookie=f"{site.ticket_name}={site.ticket(clock.now_us())}")
    assert answer.of_the_site
    assert answer.cookies()[site.ticket_name] == ""
    assert answer.cookies()[site.pass_name]


@pytest.mark.room(queue_all=True, delivery="inline", queueing_status_code=503)
def test_the_splash_page_can_be_shown_in_place(site: Guarded) -> None:
    mark = len(site.edge.link.asked)
    answers = [site.get("/shop/tickets?day=1", Accept_Language="de") for _ in range(3)]
    assert {answer.status for answer in answers} == {503}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert f'data-room="{site.room}"' in answers[0].text
    assert 'lang="de"' in answers[0].text
    assert len({answer.cookies()[site.ticket_name] for answer in answers}) == 3
    # Without scripts the page leads to its personal form, which knows the way back.
    assert "return_to=%2Fshop%2Ftickets%3Fday%3D1&amp;nojs=1" in answers[0].text
    assert [each.path for each in site.edge.link.since(mark)] == [site.splash]
    assert site.reached == []


@pytest.mark.room(queue_all=True)
@pytest.mark.parametrize("delivery", ["redirect", "inline"])
def test_a_program_gets_json_and_429(site: Guarded, delivery: str) -> None:
    answer = site.call("/shop/api?x=1")
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    said = json.loads(answer.text)
    assert (said["error"], said["splash"]) == ("queued", site.splash)
    assert site.call(Accept="*/*", **{"Sec-Fetch-Dest": "image"}).status == 429
    assert site.ask("DELETE", "/shop/1").status == 429
    assert site.reached == []


@pytest.mark.room(queue_all=True)
def test_a_form_that_meets_the_queue_comes_back_as_a_get_and_is_told_so(site: Guarded) -> None:
    answer = site.ask("POST", "/shop/buy?kind=x", content=b"card=4111")
    assert answer.status == 303
    assert answer.location == f"{site.splash}?return_to=%2Fshop%2Fbuy%3Fkind%3Dx&unsent=1"
    assert site.reached == []


@pytest.mark.room(queue_all=True)
def test_a_websocket_of_the_site_needs_a_pass(site: Guarded) -> None:
    upgrade = (
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    request = b"GET /shop/live HTTP/1.1\r\nHost: %b\r\nConnection: Upgrade\r\n%b%b\r\n"
    host = site.host.encode()
    assert b"429" in site.edge.raw(request % (host, upgrade, b"")).partition(b"\r\n")[0]
    assert site.reached == []
    cookie = f"Cookie: {site.pass_name}={site.seat()}\r\n".encode()
    assert b"101" in site.edge.raw(request % (host, upgrade, cookie)).partition(b"\r\n")[0]
    assert site.reached[0].headers["Waitroom-Gate"] == site.room


@pytest.mark.room("anywhere", path="/anywhere", queue_all=True)
def test_without_a_binding_the_site_is_found_by_the_address_asked_for(
    installation: Installation, own_edge: Callable[..., Edge], guard: Callable[[Edge], Guarded]
) -> None:
    edge = own_edge(origin="")
    address = installation.origin.address.encode()
    request = b"GET /%b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
    assert b"the site" in edge.raw(request % (b"free/../x?y=1", address))
    assert installation.origin.reached[-1].path == "/x?y=1"
    assert "Waitroom-Origin" in installation.origin.reached[-1].headers
    # And what was held is held here too.
    site = guard(edge)
    site.edge.origin.reached.clear()
    assert site.get("/anywhere").status == 302
    assert site.reached == []


@pytest.mark.room()
def test_a_compressed_page_of_the_site_arrives_whole_with_our_cookie(site: Guarded) -> None:
    own = {"Content-Type": "text/html", "Content-Encoding": "gzip", "Set-Cookie": "own=1; Path=/"}
    site.edge.origin.answers["/shop/zipped"] = own
    answer = site.get("/shop/zipped")
    assert answer.of_the_site
    assert answer.headers["Content-Encoding"] == "gzip"
    assert set(answer.cookies()) == {"own", site.pass_name}


def test_pages_without_a_room_are_forwarded_with_a_proof_and_nothing_else(edge: Edge) -> None:
    mark = len(edge.link.asked)
    answer = edge.ask("GET", "no-room.localhost", "/any?x=1&y=%2F")
    assert (answer.of_the_site, answer.cookies()) == (True, {})
    found = edge.origin.of("no-room.localhost")[-1]
    assert found.path == "/any?x=1&y=%2F"
    assert "Waitroom-Gate" not in found.headers
    assert "Waitroom-Origin" in found.headers
    assert edge.link.since(mark) == []
