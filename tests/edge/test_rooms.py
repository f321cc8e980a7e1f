"""Which room a request belongs to, and what its owner has set for it."""

import json
import time

import pytest

from tests.edge.visitors import Guarded, eventually

SECRET = "a-secret-of-a-partner-0001"


@pytest.mark.room(
    queue_all=True,
    bypass=[
        {"path": "/shop/health"},
        {"methods": ["OPTIONS", "PUT"], "path": "/shop/api"},
        {"header": "x-partner", "value": SECRET},
        {"network": "203.0.113.0/24"},
        {"network": "2001:db8::/32"},
    ],
)
def test_bypass_rules_let_requests_through_uncounted(site: Guarded) -> None:
    assert site.get("/shop/health/deep").of_the_site
    assert site.ask("PUT", "/shop/api/1").of_the_site
    assert site.get(X_Partner=SECRET).of_the_site
    assert site.get(CF_Connecting_IP="203.0.113.7").of_the_site
    assert site.get(CF_Connecting_IP="2001:db8::1").of_the_site
    assert len(site.reached) == 5
    assert not any("Waitroom-Gate" in each.headers for each in site.reached)
    assert all("Waitroom-Origin" in each.headers for each in site.reached)
    assert site.asked() == []


@pytest.mark.room(
    queue_all=True,
    bypass=[
        {"path": "/shop/health"},
        {"methods": ["PUT"], "path": "/shop/api"},
        {"header": "x-partner", "value": SECRET},
        {"network": "203.0.113.0/24"},
    ],
)
def test_what_only_looks_like_a_bypass_is_held(site: Guarded) -> None:
    held = [
        site.get("/shop/healthy"),
        site.get("/shop/health/../buy"),
        site.get("/shop/health/%2e%2e/buy"),
        site.ask("PUT", "/shop"),
        site.ask("GET", "/shop/api", X_HTTP_Method_Override="PUT"),
        site.get(X_Partner=SECRET[:-1]),
        site.get(X_Partner=f"{SECRET}, {SECRET}"),
        site.get(CF_Connecting_IP="203.0.114.7"),
        site.get(X_Forwarded_For="203.0.113.7", X_Real_IP="203.0.113.7"),
        site.get(CF_Connecting_IP="203.0.113.7, 10.0.0.1"),
    ]
    assert [answer.status in (302, 429) for answer in held] == [True] * len(held)
    assert site.reached == []


@pytest.mark.room("vip-line", path="/shop/vip", suspended=True)
@pytest.mark.room("vip-gold", path="/shop/vip/gold", queue_all=True)
@pytest.mark.room("vip-whole", path="/shop", queue_all=True)
def test_of_several_rooms_on_a_host_the_most_specific_counts(site: Guarded) -> None:
    assert site.get("/other").of_the_site
    assert site.get("/shop/vip/1").of_the_site
    assert site.get("/shop/vip/gold").location.startswith("/__waitroom/vip-gold?")
    assert site.get("/shop/vip2").location.startswith("/__waitroom/vip-whole?")
    assert site.get("/shop").location.startswith("/__waitroom/vip-whole?")
    assert site.get("/shopping").of_the_site
    assert site.paths == ["/other", "/shop/vip/1", "/shopping"]


@pytest.mark.room("twin-left", path="/shop/left", queue_all=True)
@pytest.mark.room("twin-right", path="/shop/right", queue_all=True)
def test_a_pass_of_one_room_opens_no_other_on_the_same_host(site: Guarded) -> None:
    both = "; ".join(
        f"waitroom_pass_{room}={site.seat(room='twin-left')}"
        for room in ("twin-left", "twin-right")
    )
    assert site.get("/shop/left", Cookie=both).of_the_site
    assert site.get("/shop/right", Cookie=both).status == 302
    assert site.paths == ["/shop/left"]


@pytest.mark.room()
def test_a_raised_epoch_ends_all_passes_within_five_seconds(site: Guarded) -> None:
    shown = site.showing(site.get().cookies()[site.pass_name])
    assert site.get(**shown).of_the_site
    site.change(epoch=1, queue_all=True)
    changed_s = time.monotonic()
    eventually(lambda: site.get(**shown).status == 302)
    assert time.monotonic() - changed_s < 5
    seen = len(site.reached)
    assert site.get(**shown).status == 302
    assert len(site.reached) == seen
    assert site.get(**site.showing(site.seat(epoch=1))).of_the_site


@pytest.mark.room(suspended=True, total_active_users=0)
def test_a_suspended_room_lets_everybody_through(site: Guarded) -> None:
    answer = site.get()
    assert (answer.of_the_site, answer.cookies()) == (True, {})
    assert "Waitroom-Gate" not in site.reached[0].headers
    assert site.asked() == []


@pytest.mark.room(closed=True, message="Back on Monday.")
def test_a_closed_room_admits_nobody_and_says_why(site: Guarded) -> None:
    answer = site.get()
    assert (answer.status, answer.cookies()) == (302, {})
    said = site.call()
    assert (said.status, json.loads(said.text)["error"]) == (429, "closed")
    assert "Back on Monday." in said.text
    assert site.reached == []
    # Those who are in already may finish.
    assert site.get(**site.showing(site.seat())).of_the_site


@pytest.mark.room(draining=True, message="Sold out.")
def test_a_draining_room_lets_in_whom_it_knows_and_nobody_else(site: Guarded) -> None:
    answer = site.get()
    assert (answer.status, answer.cookies()) == (302, {})
    said = site.call()
    assert (said.status, json.loads(said.text)["error"]) == (429, "closed")
    assert "Sold out." in said.text
    assert (site.reached, site.asked()) == ([], [])
    place = time.time_ns() // 1_000 - 60_000_000
    known = site.get(Cookie=f"{site.ticket_name}={site.ticket(place)}")
    assert known.of_the_site
    assert site.get(**site.showing(known.cookies()[site.pass_name])).of_the_site
