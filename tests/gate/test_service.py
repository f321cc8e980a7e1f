"""A service that answers slowly, with rubbish, with errors, or not at all."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from waitroom import clock
from waitroom.errors import ConfigError
from waitroom.gate import kept
from waitroom.gate import service as service_module
from waitroom.gate.renewals import BATCH_MAX, Renewals
from waitroom.gate.service import Service
from waitroom.tokens import Pass, Tokens

from .helpers import EDGE_TOKEN, KEYS, PAGE, VISITOR, Site, eventually

Opens = Callable[..., Awaitable[Site]]
FAULTS = ["500", "garbage", "empty", "unauthorized", "long", "hang", "lost"]


@pytest.fixture(params=["asgi", "wsgi"])
def shell(request: pytest.FixtureRequest) -> str:
    """Let each test run with both."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "TIME_LIMIT_S", 0.2)
    monkeypatch.setattr(kept, "TIME_LIMIT_S", 0.2)


async def _asked(site: Site, verb: str, times: int) -> None:
    await eventually(lambda: len(site.service.asked(verb)) >= times)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_faulty_service_holds_new_visitors_and_keeps_their_arrival(
    open_site: Opens, fault: str
) -> None:
    site = await open_site()
    site.service.fault = fault
    answer = await site.get()
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "You keep your place" in answer.text
    ticket = answer.cookies()["waitroom_ticket_shop"]
    assert clock.now_us() - site.tokens.read_ticket(ticket, "shop").place < 5_000_000
    # The very ticket that the service was shown: a lost answer leaves no second place.
    assert [asked["ticket"] for asked in site.service.asked("enter")] == [ticket]
    again = await site.get(Cookie=f"waitroom_ticket_shop={ticket}")
    assert again.status == 503
    assert again.cookies() == {}
    assert site.origin.reached == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_visitor_whose_answer_was_lost_comes_back_as_the_same_visitor(
    open_site: Opens, quick: None, fault: str
) -> None:
    site = await open_site()
    site.service.fault, site.service.faulty = fault, ("enter",)
    first = await site.get()
    ticket = first.cookies()["waitroom_ticket_shop"]
    site.service.fault = ""
    site.service.entered = {"status": "waiting", "ticket": ticket}
    answer = first
    async with asyncio.timeout(5):
        while answer.status == 503:
            answer = await site.get(Cookie=f"waitroom_ticket_shop={ticket}")
    assert (answer.status, answer.cookies()) == (302, {})
    # Whatever the service noted at the first question, it is one visitor with one place.
    assert {asked["ticket"] for asked in site.service.asked("enter")} == {ticket}
    assert len(site.service.asked("enter")) >= 2
    assert site.origin.reached == []


async def test_a_room_that_was_deleted_holds_nobody(site: Site) -> None:
    site.service.faulty, site.service.fault = ("enter",), "deleted"
    answer = await site.get()
    assert (answer.status, answer.text, answer.cookies()) == (200, "the site", {})
    assert site.link.breaker.away_since_ms is None


@pytest.mark.parametrize("fault", ["hang", "500", "garbage", "lost"])
async def test_a_service_that_lets_nobody_in_is_away_though_it_names_its_rooms(
    site: Site, fault: str
) -> None:
    site.service.faulty, site.service.fault = ("enter",), fault
    assert (await site.get()).status == 503
    for probes in range(1, 4):
        await _asked(site, "probe", probes)
        assert (await site.get()).status == 503
    # Only the first visitor was asked about, and the rooms are not out of date.
    assert len(site.service.asked("enter")) == 1
    await site.tell(suspended=True)
    assert (await site.get()).text == "the site"
    site.service.fault = ""
    await eventually(lambda: site.link.breaker.away_since_ms is None)
    assert site.link.breaker.reachable


async def test_nobody_is_asked_for_while_visitors_are_let_in(site: Site) -> None:
    site.service.fault = "500"
    await eventually(lambda: site.link.breaker.away_since_ms is not None)
    site.service.fault = ""
    await eventually(lambda: site.link.breaker.away_since_ms is None)
    assert (await site.get()).status == 302
    assert site.service.asked("probe") == []


async def test_a_room_with_the_name_of_the_probe_loses_no_seat_to_it(site: Site) -> None:
    named = {"name": service_module.PROBE_ROOM, "routes": [{"host": "*", "path": "/probe"}]}
    site.service.rooms = [*site.service.rooms, named]
    seen = len(site.service.etags)
    await eventually(lambda: len(site.service.etags) >= seen + 2)
    site.service.faulty, site.service.fault = ("enter",), "500"
    assert (await site.get()).status == 503
    await eventually(lambda: site.link.breaker.away_since_ms is None)
    assert site.service.asked("probe") == []


async def test_a_closed_room_gives_no_ticket_when_the_answer_is_lost(site: Site) -> None:
    await site.tell(closed=True)
    site.service.faulty, site.service.fault = ("enter",), "500"
    lapsed = site.seat(-60)
    answer = await site.get(Cookie=f"waitroom_pass_shop={lapsed}")
    assert (answer.status, answer.cookies()) == (503, {})
    assert "You keep your place" not in answer.text
    assert len(site.service.asked("enter")) == 1


async def test_a_service_that_names_no_ticket_leaves_the_visitor_the_one_it_was_shown(
    site: Site,
) -> None:
    site.service.entered = {"status": "waiting"}
    answer = await site.get()
    (asked,) = site.service.asked("enter")
    assert answer.cookies() == {"waitroom_ticket_shop": asked["ticket"]}


async def test_only_the_first_visitor_waits_for_a_silent_service(open_site: Opens) -> None:
    site = await open_site()
    site.service.fault = "hang"
    await asyncio.gather(*(site.get() for _ in range(5)))
    asked = len(site.service.asked("enter"))
    for _ in range(50):
        assert (await site.get()).status == 503
    assert len(site.service.asked("enter")) == asked


async def test_a_visitor_with_a_pass_notices_nothing(open_site: Opens, quick: None) -> None:
    site = await open_site()
    await site.service.stop()
    await site.get()
    for _ in range(10):
        answer = await site.get(Cookie=f"waitroom_pass_shop={site.seat()}")
        assert (answer.status, answer.text) == (200, "the site")


async def test_a_program_is_told_to_come_again(open_site: Opens) -> None:
    site = await open_site()
    site.service.fault = "500"
    answer = await site.ask("GET", "/shop", headers={"Accept": "application/json"})
    assert answer.status == 503
    assert json.loads(answer.text)["error"] == "service_unavailable"
    assert int(answer.headers["Retry-After"]) > 0


async def test_the_gate_recovers_by_itself(site: Site) -> None:
    site.service.fault = "500"
    assert (await site.get()).status == 503
    site.service.fault = ""
    seen = len(site.service.etags)
    await eventually(lambda: len(site.service.etags) > seen + 1)
    assert (await site.get()).status == 302


async def test_a_restarted_service_is_found_again(site: Site) -> None:
    await site.service.stop()
    assert (await site.get()).status == 503
    await site.service.start()
    seen = len(site.service.etags)
    await eventually(lambda: len(site.service.etags) > seen + 1)
    assert (await site.get()).status == 302


async def test_a_room_may_open_while_the_service_is_away(site: Site) -> None:
    await site.tell(when_unavailable={"action": "open", "open_limit_s": 600})
    site.service.fault = "500"
    answer = await site.get()
    assert (answer.status, answer.text) == (200, "the site")
    # It was shown to the service, which may have noted it before it failed.
    (asked,) = site.service.asked("enter")
    assert answer.cookies() == {"waitroom_ticket_shop": asked["ticket"]}
    assert site.origin.header("waitroom-gate") == []
    assert len(site.origin.header("waitroom-origin")) == 1
    # Now that the service is known to be away nothing is asked, so there is nothing to keep.
    assert (await site.get()).cookies() == {}


async def test_an_open_room_is_held_once_its_limit_is_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.tell(when_unavailable={"action": "open", "open_limit_s": 60})
    site.service.fault = "500"
    assert (await site.get()).status == 200
    real = clock.now_ms
    monkeypatch.setattr(clock, "now_ms", lambda: real() + 60_001)
    # Further failures are the same absence, not a new one.
    calls = len(site.service.calls)
    await eventually(lambda: len(site.service.calls) > calls + 2)
    assert (await site.get()).status == 503
    assert len(site.origin.reached) == 1


async def test_a_service_that_flickers_does_not_start_the_limit_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.tell(when_unavailable={"action": "open", "open_limit_s": 8})
    site.service.faulty = ("enter",)
    site.service.fault = "500"
    assert (await site.get()).status == 200
    site.service.fault = ""
    await eventually(lambda: site.link.breaker.away_since_ms is None)
    site.service.fault = "500"
    real = clock.now_ms
    monkeypatch.setattr(clock, "now_ms", lambda: real() + 8_001)
    assert (await site.get()).status == 503


async def test_rubbish_leaves_the_last_good_rooms_in_use(site: Site) -> None:
    site.service.fault = "garbage"
    calls = len(site.service.calls)
    await eventually(lambda: len(site.service.calls) > calls + 2)
    answer = await site.get(Cookie=f"waitroom_pass_shop={site.seat()}")
    assert answer.text == "the site"
    assert (await site.get()).status == 503
    assert (await site.get("/other")).text == "the site"


async def test_before_the_service_was_heard_everything_is_held(
    open_site: Opens, quick: None
) -> None:
    site = await open_site(with_service=False)
    for path in ("/shop", "/other"):
        answer = await site.get(path, Cookie=f"waitroom_pass_shop={site.seat()}")
        assert answer.status == 503
        assert answer.cookies() == {}
    assert site.origin.reached == []
    await site.service.start()
    await eventually(lambda: len(site.service.etags) >= 2)
    assert (await site.get("/other")).text == "the site"


async def test_a_visitor_who_comes_while_gate_and_service_start_waits_for_the_first_word(
    open_site: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the visitor's own request brings a pull about.
    monkeypatch.setattr(service_module, "FIRST_PROBES", 0)
    monkeypatch.setattr(service_module, "PROBE_S", 3_600)
    monkeypatch.setattr(service_module, "FIRST_WORD_S", 30)
    site = await open_site(with_service=False)
    await site.service.start()
    answer = await site.get("/other")
    assert (answer.status, answer.text) == (200, "the site")


async def test_an_enter_answer_that_would_break_a_cookie_is_not_used(site: Site) -> None:
    site.service.entered = {"status": "waiting", "ticket": "x; Domain=evil.example\r\nX: y"}
    answer = await site.get()
    assert answer.status == 503
    assert "evil" not in str(answer.headers)


async def test_a_splash_page_that_cannot_be_fetched_is_a_calm_page(site: Site) -> None:
    await site.tell(queueing=True, delivery="inline")
    site.service.faulty = ("page",)
    for fault in ("500", "hang"):
        site.service.fault = fault
        answer = await site.get()
        assert answer.status == 503
        assert "One moment" in answer.text
        assert "waitroom_ticket_shop" in answer.cookies()
    assert site.origin.reached == []


@pytest.mark.parametrize("fault", ["500", "lost"])
async def test_renewals_are_kept_while_the_service_is_away(site: Site, fault: str) -> None:
    old, new = site.seat(100), site.seat(300)
    site.service.renewed = {old: new}
    site.service.faulty = ("renew",)
    site.service.fault = fault
    cookie = {"Cookie": f"waitroom_pass_shop={old}"}
    await site.get(**cookie)
    await eventually(lambda: len(site.service.asked("renew")) >= 2)
    site.service.fault = ""
    async with asyncio.timeout(5):
        while not (answer := await site.get(**cookie)).cookies():
            pass
    assert answer.cookies() == {"waitroom_pass_shop": new}


async def test_renewals_that_are_refused_are_not_sent_for_ever(site: Site) -> None:
    site.service.faulty = ("renew",)
    site.service.fault = "unauthorized"
    await site.get(Cookie=f"waitroom_pass_shop={site.seat(100)}")
    await eventually(lambda: site.service.asked("renew"))
    seen = len(site.service.etags)
    await eventually(lambda: len(site.service.etags) > seen + 5)
    assert len(site.service.asked("renew")) == 1


async def test_renewals_outlive_a_mistake_of_ours(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(now_ms: int) -> None:
        raise ValueError("a mistake")

    with monkeypatch.context() as patched:
        patched.setattr(site.link.renewals, "forget", broken)
        await eventually(lambda: "a mistake" in caplog.text)
    await site.get(Cookie=f"waitroom_pass_shop={site.seat(100)}")
    await eventually(lambda: site.service.asked("renew"))


async def test_no_token_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    ticket = site.ticket()
    site.service.entered = {"status": "admitted", "ticket": ticket, "pass": "bad token"}
    for fault in ["", *FAULTS[:4]]:
        site.service.fault = fault
        await site.get(Cookie=f"waitroom_ticket_shop={ticket}")
    assert "away" in caplog.text
    assert ticket not in caplog.text
    assert "bad token" not in caplog.text


async def test_keys_that_differ_from_the_services_are_said_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    held = Pass("shop", VISITOR, clock.now_ms() + 60_000, 0)
    for key, times in ((KEYS[-1], 0), ("another-key-of-at-least-32-characters", 1)):
        given = Tokens([key]).sign_pass(held)
        site.service.entered = {"status": "admitted", "pass": given, "deadline_ms": 1}
        for _ in range(2):
            await site.get()
        assert caplog.text.count("WAITROOM_SECRET_KEYS") == times


async def test_visitors_cookies_stay_apart_on_the_way_to_the_service(site: Site) -> None:
    for name in ("one", "two"):
        await site.ask("GET", "/__waitroom/shop/status", headers=PAGE | {"Cookie": f"who={name}"})
    seen = [request.headers["Cookie"] for request in site.service.pages]
    assert seen == ["who=one", "who=two"]


def test_renewals_come_in_batches_and_each_pass_once() -> None:
    renewals = Renewals()
    for number in range(BATCH_MAX + 1):
        renewals.ask("shop", str(number), 1000)
        renewals.ask("shop", str(number), 1000)
    first, second, third = renewals.take(), renewals.take(), renewals.take()
    assert (len(first), second, third) == (BATCH_MAX, [("shop", str(BATCH_MAX))], [])
    renewals.put_back(first)
    assert renewals.take() == first
    renewals.settle(second, ["new"])
    assert dict(renewals.renewed) == {str(BATCH_MAX): "new"}
    renewals.forget(999)
    assert len(renewals.renewed) == 1
    renewals.forget(1000)
    assert len(renewals.renewed) == 0


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://a", "http://a/b", "http://u:p@a"])
def test_an_address_that_cannot_be_the_services_is_refused_at_start(url: str) -> None:
    with pytest.raises(ConfigError, match="service_url"):
        Service(url, EDGE_TOKEN)


def test_an_empty_edge_token_is_refused_at_start() -> None:
    with pytest.raises(ConfigError, match="edge_token"):
        Service("http://127.0.0.1:8000", "")
