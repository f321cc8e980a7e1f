"""The gate under a real server, ASGI and WSGI: what visitors get, and what reached the origin."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import pytest

from waitroom import clock
from waitroom.tokens import OriginProof, Ticket

from .helpers import PAGE, VISITOR, Site, eventually

Opens = Callable[..., Awaitable[Site]]
SPLASH = "/__waitroom/shop?return_to=%2Fshop"


@pytest.fixture(params=["asgi", "wsgi"])
def shell(request: pytest.FixtureRequest) -> str:
    """Let each test run with both."""
    return str(request.param)


async def test_pages_without_a_room_reach_the_origin(site: Site) -> None:
    answer = await site.get("/other?x=1")
    assert (answer.status, answer.text) == (200, "the site")
    assert site.origin.paths == ["/other"]
    assert site.origin.queries == ["x=1"]
    assert site.origin.header("waitroom-gate") == []
    assert answer.cookies() == {}


async def test_a_new_visitor_of_a_queueing_room_gets_a_ticket_stamped_with_the_arrival(
    site: Site,
) -> None:
    await site.queue()
    before = clock.now_us()
    answer = await site.get()
    ticket = site.tokens.read_ticket(answer.cookies()["waitroom_ticket_shop"], "shop")
    assert before <= ticket.place <= clock.now_us()
    assert answer.status == 302
    assert answer.headers["Location"] == SPLASH
    assert answer.headers["Cache-Control"] == "no-store"
    attributes = set(answer.headers["Set-Cookie"].split("; ")[1:])
    assert {"Max-Age=86400", "Path=/", "HttpOnly", "SameSite=Lax"} < attributes
    assert "Secure" not in attributes
    assert site.origin.reached == []
    assert site.service.asked("enter") == []


async def test_two_visitors_never_get_the_same_ticket(site: Site) -> None:
    await site.queue()
    answers = [await site.get() for _ in range(3)]
    tokens = {answer.cookies()["waitroom_ticket_shop"] for answer in answers}
    visitors = {site.tokens.read_ticket(token, "shop").visitor for token in tokens}
    assert len(visitors) == 3


async def test_a_visitor_with_a_ticket_keeps_it(site: Site) -> None:
    await site.queue()
    answer = await site.get(Cookie=f"waitroom_ticket_shop={site.ticket()}")
    assert answer.headers["Location"] == SPLASH
    assert answer.cookies() == {}
    assert site.origin.reached == []


async def test_an_open_room_seats_a_visitor_in_the_same_request(site: Site) -> None:
    deadline_ms = clock.now_ms() + 300_000
    granted = site.seat(300)
    site.service.entered = {
        "status": "admitted",
        "ticket": site.ticket(),
        "pass": granted,
        "deadline_ms": deadline_ms,
    }
    answer = await site.get("/shop/tickets?day=1")
    assert (answer.status, answer.text) == (200, "the site")
    assert answer.cookies() == {"waitroom_pass_shop": granted}
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert site.origin.header("waitroom-gate") == ["shop"]
    (asked,) = site.service.asked("enter")
    ticket = site.tokens.read_ticket(asked["ticket"], "shop")
    assert asked == {"room": "shop", "ticket": asked["ticket"]}
    assert abs(clock.now_us() - ticket.place) < 5_000_000


async def test_a_lapsed_pass_is_shown_without_a_ticket_made_for_it(site: Site) -> None:
    lapsed = site.seat(-20)
    cookie = {"Cookie": f"waitroom_pass_shop={lapsed}"}
    answer = await site.get(**cookie)
    assert site.service.asked("enter") == [{"room": "shop", "ticket": None, "pass": lapsed}]
    assert answer.cookies() == {"waitroom_ticket_shop": site.ticket()}
    # Asking again finds the same place; a ticket would be another one.
    site.service.fault, site.service.faulty = "500", ("enter",)
    failed = await site.get(**cookie)
    assert (failed.status, failed.cookies()) == (503, {})
    assert "You keep your place" not in failed.text


async def test_an_open_room_is_asked_with_the_ticket_shown(site: Site) -> None:
    await site.get(Cookie=f"waitroom_ticket_shop={site.ticket(place=9)}")
    assert site.service.asked("enter") == [{"room": "shop", "ticket": site.ticket(place=9)}]


async def test_the_ticket_is_given_up_at_the_door(site: Site) -> None:
    granted = site.seat(300)
    site.service.entered = {
        "status": "admitted",
        "ticket": None,
        "pass": granted,
        "deadline_ms": clock.now_ms() + 300_000,
    }
    answer = await site.get(Cookie=f"waitroom_ticket_shop={site.ticket(place=9)}")
    assert answer.cookies() == {"waitroom_ticket_shop": "", "waitroom_pass_shop": granted}


async def test_a_visitor_who_has_to_wait_gets_the_ticket_of_the_service(site: Site) -> None:
    answer = await site.get()
    assert answer.headers["Location"] == SPLASH
    assert answer.cookies() == {"waitroom_ticket_shop": site.ticket()}
    assert site.origin.reached == []


async def test_after_one_visitor_waits_the_next_ones_cost_no_call(
    open_site: Opens,
) -> None:
    # Rooms are pulled every two seconds here, so the gate has to know by itself.
    site = await open_site()
    site.service.entered = {"status": "waiting", "ticket": site.ticket()}
    for _ in range(5):
        assert (await site.get()).status == 302
    assert len(site.service.asked("enter")) == 1
    assert site.origin.reached == []


@pytest.mark.parametrize("status", ["closed", "suspended"])
async def test_the_service_closes_or_suspends_a_room_at_once(site: Site, status: str) -> None:
    site.service.entered = {"status": status}
    answer = await site.get()
    assert answer.cookies() == {}
    assert answer.status == (302 if status == "closed" else 200)
    assert len(site.origin.reached) == (status == "suspended")
    if site.origin.reached:
        assert site.origin.header("waitroom-gate") == []


async def test_a_pass_costs_no_call_and_sets_no_cookie(site: Site) -> None:
    await site.queue()
    for _ in range(20):
        answer = await site.get(Cookie=f"waitroom_pass_shop={site.seat()}")
        assert answer.text == "the site"
        assert answer.cookies() == {}
        assert "Cache-Control" not in answer.headers
    assert {verb for verb, _ in site.service.calls} == {"rooms"}
    assert site.origin.header("waitroom-gate") == ["shop"]


@pytest.mark.parametrize("name", ["Waitroom-Gate", "waitroom_gate", "WAITROOM-gate"])
async def test_a_forged_gate_header_does_not_reach_the_origin(site: Site, name: str) -> None:
    await site.get("/other", **{name: "shop"})
    assert site.origin.header("waitroom-gate") == []
    await site.get("/shop", Cookie=f"waitroom_pass_shop={site.seat()}", **{name: "museum"})
    assert site.origin.header("waitroom-gate") == ["shop"]


@pytest.mark.parametrize("name", ["X-Original-URL", "x-rewrite-url", "X_Original_URL"])
async def test_a_visitor_cannot_rename_the_page_that_was_judged(site: Site, name: str) -> None:
    await site.get("/other", **{name: "/shop"})
    assert site.origin.header(name.lower().replace("_", "-")) == []


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "x_forwarded_host"])
async def test_a_visitor_cannot_claim_another_host_than_was_judged(site: Site, name: str) -> None:
    await site.get("/other", Host="shop.example")
    assert site.origin.header("x-forwarded-host") == []
    await site.get("/other", Host="shop.example", **{name: "free.example"})
    assert site.origin.header("x-forwarded-host") == ["shop.example"]


@pytest.mark.parametrize(
    "path",
    [
        "/%73hop",
        "/%73%68%6F%70",
        "//shop",
        "/x/../shop",
        "/x/%2e%2e/shop",
        "/./shop",
        "/shop;x",
        "/shop;x=1/y",
        "/shop%3bx",
        "/SHOP",
        "/shop//x",
        "/shop/",
        "/shop?x=/other",
    ],
)
async def test_no_spelling_of_a_page_walks_past_its_room(site: Site, path: str) -> None:
    await site.queue()
    answer = await site.get(path)
    assert answer.status == 302
    assert answer.headers["Location"].startswith("/__waitroom/shop?return_to=%2F")
    assert not answer.headers["Location"].startswith("/__waitroom/shop?return_to=%2F%2F")
    assert site.origin.reached == []


@pytest.mark.parametrize("path", ["/shop%00", "/x%5cshop", "/x\\shop", "/x/..;/shop"])
async def test_a_path_without_a_clear_meaning_is_refused(site: Site, path: str) -> None:
    answer = await site.get(path, Cookie=f"waitroom_pass_shop={site.seat()}")
    assert answer.status == 400
    assert json.loads(answer.text)["error"] == "bad_path"
    assert site.origin.reached == []


@pytest.mark.parametrize("path", ["/x%2fshop", "/shop%", "/%zz"])
async def test_an_escape_without_a_clear_meaning_is_refused_or_means_what_the_app_sees(
    site: Site, shell: str, path: str
) -> None:
    answer = await site.get(path)
    # WSGI knows only the decoded path; what the app routes on is what was judged.
    assert answer.status == (400 if shell == "asgi" else 200)
    assert site.origin.paths == ([] if shell == "asgi" else [unquote(path)])


@pytest.mark.parametrize(
    "host", ["Shop.Example", "shop.example.", "shop.example:8443", "shop.example.:80"]
)
async def test_no_spelling_of_a_host_walks_past_its_room(site: Site, host: str) -> None:
    await site.queue(routes=[{"host": "shop.example", "path": "/"}])
    answer = await site.get("/x", Host=host)
    assert answer.status == 302
    assert site.origin.reached == []


@pytest.mark.parametrize(
    "claims",
    [
        {"X-Forwarded-For": "10.0.0.1"},
        {"X-Real-IP": "10.0.0.1", "Forwarded": "for=10.0.0.1", "CF-Connecting-IP": "10.0.0.1"},
        {"X-Secret": "of-sixteen-chars"[:-1]},
        {"X-Secret": "of-sixteen-chars, of-sixteen-chars"},
        {"X-Original-URL": "/other", "X-Rewrite-URL": "/other", "X-HTTP-Method-Override": "PUT"},
    ],
    ids=str,
)
async def test_what_a_visitor_claims_bypasses_nothing(site: Site, claims: dict[str, str]) -> None:
    secret = {"header": "x-secret", "value": "of-sixteen-chars"}
    await site.queue(bypass=[{"network": "10.0.0.0/8"}, secret, {"methods": ["PUT"]}])
    assert (await site.get(**claims)).status == 302
    assert site.origin.reached == []
    assert (await site.get(**{"X-Secret": "of-sixteen-chars"})).text == "the site"
    assert (await site.ask("PUT", "/shop", headers=PAGE)).text == "the site"
    assert site.origin.header("waitroom-gate") == []


async def test_the_origin_gets_the_path_that_was_judged(site: Site) -> None:
    await site.queue()
    await site.get("/shop/../free")
    await site.get("//free//a")
    await site.get("/free//a")
    assert site.origin.paths == ["/free", "/free/a", "/free//a"]


async def test_forged_and_foreign_tickets_keep_no_place(site: Site) -> None:
    await site.queue()
    good = site.ticket()
    foreign = site.tokens.sign_ticket(Ticket("museum", VISITOR, 7))
    for token in [good[:-1], good[1:], foreign, site.seat(), f"{good}.{good}", "x" * 5000]:
        answer = await site.get(Cookie=f"waitroom_ticket_shop={token}")
        given = site.tokens.read_ticket(answer.cookies()["waitroom_ticket_shop"], "shop")
        assert given.visitor != VISITOR
    assert site.origin.reached == []


async def test_forged_and_foreign_cookies_open_nothing(site: Site) -> None:
    await site.queue(epoch=2)
    passes = [
        site.seat(epoch=1),
        site.seat(room="museum", epoch=2),
        site.seat(-10, epoch=2),
        site.seat(epoch=2)[:-2] + "AA",
        site.seat(epoch=2)[:-1],
        site.seat(epoch=2)[1:],
        f"{site.seat(epoch=2)}.{site.seat(epoch=2)}",
        site.tokens.sign_origin(OriginProof(clock.now_ms() + 60_000)),
        site.ticket(),
        "x" * 5000,
        "",
    ]
    for token in passes:
        answer = await site.get(Cookie=f"waitroom_pass_shop={token}")
        assert answer.status == 302
    assert site.origin.reached == []


async def test_of_two_cookies_of_one_name_the_good_one_counts(site: Site) -> None:
    await site.queue()
    good, bad = f"waitroom_pass_shop={site.seat()}", "waitroom_pass_shop=forged.forged"
    for cookies in (f"{good}; {bad}", f"{bad}; {good}"):
        assert (await site.get(Cookie=cookies)).text == "the site"
    answer = await site.get(Cookie=f"{bad}; {bad}")
    assert answer.status == 302
    assert len(site.origin.reached) == 2


async def test_a_program_gets_json_and_429(site: Site) -> None:
    await site.queue()
    headers = {"Accept": "application/json"}
    answer = await site.ask("GET", "/shop/api", headers=headers)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    body = json.loads(answer.text)
    assert body["error"] == "queued"
    assert body["splash"] == "/__waitroom/shop"
    assert "waitroom_ticket_shop" in answer.cookies()
    assert site.origin.reached == []


async def test_a_form_that_meets_the_queue_comes_back_as_a_get_and_is_told_so(site: Site) -> None:
    await site.queue()
    answer = await site.ask("POST", "/shop/buy?day=1", headers=PAGE, data=b"seat=1")
    assert answer.status == 303
    location = "/__waitroom/shop?return_to=%2Fshop%2Fbuy%3Fday%3D1&unsent=1"
    assert answer.headers["Location"] == location
    assert site.origin.reached == []


async def test_a_closed_room_says_its_message_to_programs(site: Site) -> None:
    await site.queue(closed=True, message="Back on Monday.")
    answer = await site.ask("GET", "/shop", headers={"Accept": "application/json"})
    assert answer.status == 429
    assert json.loads(answer.text)["detail"] == "Back on Monday."
    assert json.loads(answer.text)["error"] == "closed"
    assert answer.cookies() == {}


async def test_the_splash_page_can_be_shown_in_place(site: Site) -> None:
    await site.queue(delivery="inline", queueing_status_code=202)
    for _ in range(3):
        answer = await site.get("/shop?day=1", **{"Accept-Language": "de-AT,de;q=0.9"})
        assert answer.status == 202
        assert '<html data-room="shop" lang="de">' in answer.text
        personal = "/__waitroom/shop?return_to=%2Fshop%3Fday%3D1&amp;nojs=1"
        assert f'href="{personal}"' in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"] == "default-src 'self'"
        assert "ETag" not in answer.headers
        assert list(answer.cookies()) == ["waitroom_ticket_shop"]
    # One page serves them all, and no cookie of one visitor goes to the service or another.
    assert len(site.service.pages) == 1
    assert "Cookie" not in site.service.pages[0].headers
    assert site.origin.reached == []


@pytest.mark.parametrize("cache", [b"public, max-age=600", b"s-maxage=600", b""])
async def test_an_answer_with_a_cookie_of_ours_is_not_for_shared_caches(
    site: Site, cache: bytes
) -> None:
    site.origin.headers = [(b"Cache-Control", cache)] if cache else []
    site.service.entered |= {"status": "admitted", "pass": site.seat(), "deadline_ms": 0}
    answer = await site.get()
    assert answer.headers.getall("Cache-Control") == ["private, no-cache"]


@pytest.mark.parametrize("cache", [b'private="x", max-age=60', b'a="b, private, c"', b"no-storey"])
async def test_what_only_looks_like_a_directive_keeps_no_cache_off(
    site: Site, cache: bytes
) -> None:
    site.origin.headers = [(b"Cache-Control", cache)]
    site.service.entered |= {"status": "admitted", "pass": site.seat(), "deadline_ms": 0}
    answer = await site.get()
    assert answer.headers.getall("Cache-Control") == ["private, no-cache"]


@pytest.mark.parametrize(
    "name", [b"CDN-Cache-Control", b"cloudflare-cdn-cache-control", b"Surrogate-Control"]
)
@pytest.mark.parametrize("cache", [b"public", b"max-age=0, private"])
async def test_a_cdn_is_told_nothing_else(site: Site, name: bytes, cache: bytes) -> None:
    site.origin.headers = [(b"Cache-Control", cache), (name, b"max-age=600")]
    assert name.decode() in (await site.get("/other")).headers
    site.service.entered |= {"status": "admitted", "pass": site.seat(), "deadline_ms": 0}
    answer = await site.get()
    assert answer.cookies()
    assert name.decode() not in answer.headers


async def test_an_origin_that_forbids_storing_is_left_alone(site: Site) -> None:
    site.origin.headers = [(b"cache-control", b"no-store, max-age=0")]
    site.service.entered |= {"status": "admitted", "pass": site.seat(), "deadline_ms": 0}
    answer = await site.get()
    assert answer.headers.getall("Cache-Control") == ["no-store, max-age=0"]


async def test_a_renewed_pass_is_fetched_in_the_background_and_set_with_the_next_answer(
    site: Site,
) -> None:
    old, new = site.seat(100), site.seat(300)
    site.service.renewed = {old: new}
    first = await site.get(Cookie=f"waitroom_pass_shop={old}")
    assert (first.text, first.cookies()) == ("the site", {})
    await eventually(lambda: site.service.asked("renew"))
    answer = first
    async with asyncio.timeout(5):
        while not answer.cookies():
            answer = await site.get(Cookie=f"waitroom_pass_shop={old}")
    assert answer.cookies() == {"waitroom_pass_shop": new}
    assert site.service.asked("renew") == [{"passes": [{"room": "shop", "pass": old}]}]


async def test_a_seat_that_is_gone_is_asked_for_once(site: Site) -> None:
    old = site.seat(100)
    for _ in range(5):
        answer = await site.get(Cookie=f"waitroom_pass_shop={old}")
        await eventually(lambda: site.service.asked("renew"))
        assert (answer.text, answer.cookies()) == ("the site", {})
    assert len(site.service.asked("renew")) == 1


async def test_a_raised_epoch_ends_all_passes(site: Site) -> None:
    token = site.seat()
    assert (await site.get(Cookie=f"waitroom_pass_shop={token}")).text == "the site"
    await site.queue(epoch=1)
    assert (await site.get(Cookie=f"waitroom_pass_shop={token}")).status == 302
    assert len(site.origin.reached) == 1


async def test_an_unchanged_list_of_rooms_is_not_sent_again(site: Site) -> None:
    await eventually(lambda: len(site.service.etags) >= 4)
    assert site.service.etags[0] == 200
    assert set(site.service.etags[1:]) == {304}
