"""What an edge asks: rooms, a seat or a place for a visitor, renewals in batches."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.conftest import EDGE_TOKEN, SECRET_KEY
from tests.web.helpers import Serve, eventually, no_cookies
from waitroom.clock import new_visitor, now_ms, now_us
from waitroom.errors import ConfigError
from waitroom.gate.gate import Gate
from waitroom.room import Directory, Room, Store
from waitroom.room.contacts import contacts
from waitroom.texts import languages
from waitroom.tokens import CLOCK_SKEW_MS, NOBODY, Pass, Ticket, Tokens
from waitroom.web.edge import EDGE_SETTINGS, RENEW_MAX

TOKENS = Tokens([SECRET_KEY])
BEARER = {"Authorization": f"Bearer {EDGE_TOKEN}"}
VISITOR = "AAAAAAAAAAAAAAAAAAAAAA"


async def ask(http: httpx.AsyncClient, verb: str, **body: Any) -> Any:
    found = await http.post(f"/api/edge/{verb}", json=body, headers=BEARER)
    assert found.status_code == 200, found.text
    return found.json()


NO_BEARER = [
    None,
    "",
    "Bearer",
    "Bearer  x",
    f"Bearer {EDGE_TOKEN}x",
    EDGE_TOKEN,
    "Basic x",
    "Bearer \u00ff",
]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "rooms"), ("POST", "enter"), ("POST", "renew")]
)
async def test_nothing_is_answered_without_the_edge_token(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    for header in NO_BEARER:
        headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
        found = await http.request(method, f"/api/edge/{path}", headers=headers)
        assert (found.status_code, found.json()["error"]) == (401, "unauthorized"), header


async def test_without_an_edge_token_of_its_own_a_process_answers_no_edge(
    serve: Serve, room: Room
) -> None:
    site = await serve(edge_token=None)
    async with httpx.AsyncClient(base_url=site.url) as http:
        for shown in ("None", EDGE_TOKEN):
            headers = {"Authorization": f"Bearer {shown}"}
            assert (await http.get("/api/edge/rooms", headers=headers)).status_code == 401


# -- rooms ----------------------------------------------------------------------------------------


async def rooms(http: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await http.get("/api/edge/rooms", headers=BEARER | headers)


async def names(http: httpx.AsyncClient) -> list[str]:
    found = await rooms(http)
    return [room["name"] for room in found.json()["rooms"]] if found.status_code == 200 else []


async def test_an_edge_hears_of_all_rooms_in_order(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await directory.create(
        "fair",
        {"routes": [{"host": "fair.example", "path": "/tickets"}], "title": "Fair"},
        who="test",
    )
    await eventually(lambda: _same(names(http), ["fair", "shop"]))
    fair, shop = (await rooms(http)).json()["rooms"]
    assert set(fair) == set(shop) == {"name", "queueing", "recovering", *EDGE_SETTINGS}
    assert fair["routes"] == [{"host": "fair.example", "path": "/tickets"}]
    assert (shop["queueing"], shop["epoch"], shop["when_unavailable"]["action"]) == (
        False,
        0,
        "closed",
    )


async def test_edges_of_one_kind_are_told_apart_by_their_names(
    http: httpx.AsyncClient, store: Store
) -> None:
    for named in (
        {"User-Agent": "", "CF-Worker": "one.example.com"},
        {"User-Agent": "", "CF-Worker": "two.example.com"},
        {"User-Agent": "", "CF-Worker": "<b>"},
        {"User-Agent": "Python aiohttp/3"},
    ):
        assert (await http.get("/api/edge/rooms", headers=BEARER | named)).status_code == 200
    gate = Gate(
        service_url=str(http.base_url).rstrip("/"),
        edge_token=EDGE_TOKEN,
        secret_keys=[SECRET_KEY],
        name="shop-eu",
    )
    await gate.start()
    await gate.stop()

    async def names() -> set[str]:
        return {name for name, _ in await contacts(store)}

    expected = {"worker.one.example.com", "worker.two.example.com", "edge", "gate", "shop-eu"}

    async def all_there() -> bool:
        return await names() >= expected

    await eventually(all_there)
    assert await names() == expected


def test_a_name_that_no_gate_may_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="name='a b'"):
        Gate(service_url="http://127.0.0.1:1", edge_token="x", secret_keys=["k" * 32], name="a b")


async def test_an_edge_hears_which_languages_the_splash_page_has(http: httpx.AsyncClient) -> None:
    found = await eventually(lambda: _ready(http))
    assert found["languages"] == sorted(languages())
    assert {"ar", "de", "en", "ja", "zh"} < set(found["languages"])


async def _ready(http: httpx.AsyncClient) -> Any:
    found = await rooms(http)
    return found.json() if found.status_code == 200 else None


async def _same(found: Any, expected: Any) -> bool:
    return bool(await found == expected)


async def test_unchanged_rooms_are_not_sent_again(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await eventually(lambda: _same(names(http), ["shop"]))
    etag = (await rooms(http)).headers["etag"]
    again = await rooms(http, **{"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    await directory.update("shop", {"epoch": 1}, who="test")

    async def changed() -> Any:
        found = await rooms(http, **{"If-None-Match": etag})
        return found if found.status_code == 200 else None

    assert (await eventually(changed)).json()["rooms"][0]["epoch"] == 1


async def test_an_edge_hears_that_a_room_is_queueing(http: httpx.AsyncClient, full: Room) -> None:
    await ask(http, "enter", room="full", ticket=None)

    async def queueing() -> bool:
        found = (await rooms(http)).json()["rooms"]
        return [room["queueing"] for room in found if room["name"] == "full"] == [True]

    await eventually(queueing)


async def test_a_process_that_has_not_read_the_rooms_does_not_say_there_are_none(
    serve: Serve, store: Store, room: Room, directory: Directory
) -> None:
    # Of a type that can't be read: like a Redis that answers with an error.
    await store.redis.rename("waitroom:rooms", "kept")
    await store.redis.set("waitroom:rooms", "no set")
    site = await serve()
    async with httpx.AsyncClient(base_url=site.url, cookies=no_cookies()) as http:
        found = await rooms(http)
        assert (found.status_code, found.json()["error"]) == (503, "store_unavailable")
        assert int(found.headers["retry-after"]) >= 1
        await store.redis.rename("kept", "waitroom:rooms")
        await eventually(lambda: _same(names(http), ["shop"]))


# -- enter ----------------------------------------------------------------------------------------


async def test_an_edge_gets_a_seat_that_is_already_claimed(
    http: httpx.AsyncClient, room: Room
) -> None:
    found = await ask(http, "enter", room="shop", ticket=None)
    assert (found["room"], found["status"]) == ("shop", "admitted")
    granted = TOKENS.read_pass(found["pass"], "shop", epoch=0, now_ms=now_ms())
    # A ticket is given up at the door.
    assert found["ticket"] is None
    # By the skew that edges allow, so that nobody is inside when the seat is somebody else's.
    assert granted.deadline_ms + CLOCK_SKEW_MS == found["deadline_ms"] > now_ms() + 200_000
    figures = await room.figures()
    assert (figures.active, figures.unclaimed, figures.counters["claimed"]) == (1, 0, 1)


async def test_an_edge_gets_a_place_in_a_full_room(http: httpx.AsyncClient, full: Room) -> None:
    found = await ask(http, "enter", room="full", ticket=None)
    assert (found["status"], found["pass"], found["deadline_ms"]) == ("waiting", None, None)
    again = await ask(http, "enter", room="full", ticket=found["ticket"])
    assert again == found
    assert (await full.figures()).waiting == 1


async def test_a_ticket_that_an_edge_issued_keeps_its_place(
    http: httpx.AsyncClient, full: Room
) -> None:
    later = await ask(http, "enter", room="full", ticket=None)
    issued = Ticket("full", VISITOR, (now_ms() - 30_000) * 1000)
    found = await ask(http, "enter", room="full", ticket=TOKENS.sign_ticket(issued))
    assert TOKENS.read_ticket(found["ticket"], "full") == issued
    assert (await full.visitors())[0].visitor == VISITOR
    assert later["status"] == found["status"] == "waiting"


@pytest.mark.parametrize(
    "token", ["", "garbage", "x" * 10_000, TOKENS.sign_ticket(Ticket("shop", VISITOR, 1))]
)
async def test_a_ticket_that_does_not_verify_is_replaced(
    http: httpx.AsyncClient, full: Room, token: str
) -> None:
    found = await ask(http, "enter", room="full", ticket=token)
    assert TOKENS.read_ticket(found["ticket"], "full").visitor != VISITOR


async def test_closed_and_suspended_rooms_say_so(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await directory.create("past", {"closed": True}, who="test")
    await directory.create("free", {"suspended": True}, who="test")
    assert (await ask(http, "enter", room="past"))["status"] == "closed"
    found = await ask(http, "enter", room="free", ticket=None)
    assert (found["status"], found["pass"]) == ("suspended", None)


@pytest.mark.parametrize(
    ("settings", "closed", "draining"),
    [
        ({"draining": True}, True, True),
        ({"closed": True}, True, False),
        ({"closed": True, "draining": True}, True, False),
        ({}, False, False),
    ],
)
async def test_an_edge_hears_whom_a_room_refuses(
    http: httpx.AsyncClient,
    directory: Directory,
    settings: dict[str, bool],
    closed: bool,
    draining: bool,
) -> None:
    # An older edge, which knows no draining, gives no tickets away either.
    await directory.create("past", settings, who="test")
    await eventually(lambda: _same(names(http), ["past", "shop"]))
    past = (await rooms(http)).json()["rooms"][0]
    assert (past["closed"], past["draining"]) == (closed, draining)


async def test_no_edge_gets_a_newcomer_into_a_draining_room(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    sale = await directory.create("sale", {"total_active_users": 2}, who="test")
    before = TOKENS.sign_ticket(Ticket("sale", new_visitor(), now_us()))
    await directory.update("sale", {"draining": True}, who="test")
    late = TOKENS.sign_ticket(Ticket("sale", new_visitor(), now_us()))
    # Its pass ran out a moment ago, and no seat is behind it any more.
    lapsed = TOKENS.sign_pass(Pass("sale", new_visitor(), now_ms() - 60_000, 0))
    for shown in ({}, {"ticket": late}, {"pass": lapsed}, {"ticket": late, "pass": lapsed}):
        found = await ask(http, "enter", room="sale", **shown)
        assert (found["status"], found["ticket"], found["pass"]) == ("closed", None, None)
    assert (await sale.figures()).active == 0
    assert (await ask(http, "enter", room="sale", ticket=before))["status"] == "admitted"


@pytest.mark.parametrize("name", ["nowhere", "", "../x", "{shop}", "SHOP", "x" * 1_000, "shop\n"])
async def test_an_unknown_room_is_named_as_such(http: httpx.AsyncClient, name: str) -> None:
    found = await http.post("/api/edge/enter", json={"room": name}, headers=BEARER)
    assert (found.status_code, found.json()["error"]) == (404, "room_not_found")
    assert len(found.content) < 300


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"room":1}',
        b'{"room":"shop","ticket":1}',
        b"{}",
    ],
)
async def test_an_enter_that_is_no_enter_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    found = await http.post("/api/edge/enter", content=body, headers=BEARER)
    assert (found.status_code, found.json()["error"]) == (400, "bad_request")


# -- renew ----------------------------------------------------------------------------------------


async def test_passes_are_renewed_in_one_batch_in_order(
    http: httpx.AsyncClient, room: Room, directory: Directory
) -> None:
    await directory.create("fair", {}, who="test")
    shop = await ask(http, "enter", room="shop", ticket=None)
    fair = await ask(http, "enter", room="fair", ticket=None)
    gone = await ask(http, "enter", room="shop", ticket=None)
    left = TOKENS.read_pass(gone["pass"], "shop", epoch=0, now_ms=now_ms())
    await room.leave(left.visitor)
    found = await ask(
        http,
        "renew",
        passes=[
            {"room": "fair", "pass": fair["pass"]},
            {"room": "shop", "pass": "garbage"},
            {"room": "shop", "pass": gone["pass"]},
            {"room": "shop", "pass": shop["pass"]},
            {"room": "shop", "pass": fair["pass"]},
            {"room": "nowhere", "pass": shop["pass"]},
            {"room": "shop", "pass": None},
            {"room": "shop"},
        ],
    )
    kept = [text is not None for text in found["passes"]]
    assert kept == [True, False, False, True, False, False, False, False]
    before = TOKENS.read_pass(shop["pass"], "shop", epoch=0, now_ms=now_ms())
    after = TOKENS.read_pass(found["passes"][3], "shop", epoch=0, now_ms=now_ms())
    assert after.visitor == before.visitor
    assert after.deadline_ms >= before.deadline_ms


async def test_a_batch_of_nothing_is_fine_and_too_large_a_batch_is_not(
    http: httpx.AsyncClient,
) -> None:
    assert await ask(http, "renew", passes=[]) == {"passes": []}
    token = TOKENS.sign_pass(Pass("shop", VISITOR, 1, 0))
    full = [{"room": "shop", "pass": token}] * RENEW_MAX
    assert await ask(http, "renew", passes=full) == {"passes": [None] * RENEW_MAX}
    for passes in (full + full[:1], "x", None, [1], [{"pass": token}]):
        found = await http.post("/api/edge/renew", json={"passes": passes}, headers=BEARER)
        assert (found.status_code, found.json()["error"]) == (400, "bad_request")


async def test_a_renewal_brings_back_a_seat_that_redis_lost(
    http: httpx.AsyncClient, room: Room, store: Store
) -> None:
    entered = await ask(http, "enter", room="shop", ticket=None)
    await store.redis.delete(room.keys.active)
    found = await ask(http, "renew", passes=[{"room": "shop", "pass": entered["pass"]}])
    assert found["passes"][0] is not None
    assert (await room.figures()).active == 1


async def test_a_new_epoch_ends_all_passes(
    http: httpx.AsyncClient, room: Room, directory: Directory
) -> None:
    entered = await ask(http, "enter", room="shop", ticket=None)
    await directory.update("shop", {"epoch": 1}, who="test")

    async def ended() -> bool:
        found = await ask(http, "renew", passes=[{"room": "shop", "pass": entered["pass"]}])
        return bool(found["passes"] == [None])

    await eventually(ended)
    again = await ask(http, "enter", room="shop", ticket=entered["ticket"])
    assert TOKENS.read_pass(again["pass"], "shop", epoch=1, now_ms=now_ms()).epoch == 1


async def test_a_pass_that_ran_out_finds_the_seat_that_another_edge_extended(
    http: httpx.AsyncClient, room: Room
) -> None:
    first = await ask(http, "enter", room="shop", ticket=None)
    held = TOKENS.read_pass(first["pass"], "shop", epoch=0, now_ms=now_ms())
    ran_out = Pass("shop", held.visitor, now_ms() - 20_000, 0)
    found = await ask(
        http, "enter", room="shop", ticket=None, **{"pass": TOKENS.sign_pass(ran_out)}
    )
    assert found["status"] == "admitted"
    assert TOKENS.read_pass(found["pass"], "shop", epoch=0, now_ms=now_ms()).visitor == held.visitor
    assert (await room.figures()).active == 1
    # One whose seat is over is of no use.
    await room.leave(held.visitor)
    again = await ask(
        http, "enter", room="shop", ticket=None, **{"pass": TOKENS.sign_pass(ran_out)}
    )
    assert TOKENS.read_pass(again["pass"], "shop", epoch=0, now_ms=now_ms()).visitor != held.visitor


async def _enter_with(http: httpx.AsyncClient, ran_out: Pass, ticket: str | None = None) -> Any:
    shown = {"pass": TOKENS.sign_pass(ran_out)}
    return await ask(http, "enter", room=ran_out.room, ticket=ticket, **shown)


def _visitor_of(granted: str) -> str:
    return TOKENS.read_pass(granted, "shop", epoch=0, now_ms=now_ms()).visitor


async def test_however_many_requests_show_a_pass_that_ran_out_they_get_one_seat(
    http: httpx.AsyncClient, room: Room, store: Store
) -> None:
    ran_out = Pass("shop", VISITOR, now_ms() - 20_000, 0)
    # Its seat is over, and Redis has not yet swept it away.
    await store.redis.zadd("waitroom:{shop}:active", {VISITOR: now_ms() - 1_000})
    found = await asyncio.gather(*(_enter_with(http, ran_out) for _ in range(8)))
    await store.redis.zrem("waitroom:{shop}:active", VISITOR)
    found += await asyncio.gather(*(_enter_with(http, ran_out) for _ in range(8)))
    assert len({_visitor_of(answer["pass"]) for answer in found}) == 1
    assert (await room.figures()).active == 1


async def test_however_many_requests_show_a_pass_that_ran_out_they_get_one_place(
    http: httpx.AsyncClient, full: Room
) -> None:
    ran_out = Pass("full", VISITOR, now_ms() - 20_000, 0)
    found = await asyncio.gather(*(_enter_with(http, ran_out) for _ in range(8)))
    assert len({answer["ticket"] for answer in found}) == 1
    assert (await full.figures()).waiting == 1


async def test_the_pass_that_everybody_had_is_nobodys_seat(
    http: httpx.AsyncClient, room: Room
) -> None:
    ran_out = Pass("shop", NOBODY, now_ms() - 20_000, 0)
    found = [await _enter_with(http, ran_out) for _ in range(2)]
    assert len({_visitor_of(answer["pass"]) for answer in found}) == 2


async def test_a_ticket_counts_beside_a_pass_that_ran_out(
    http: httpx.AsyncClient, full: Room
) -> None:
    held = TOKENS.sign_ticket(Ticket("full", "C" * 22, now_ms() * 1000))
    found = await _enter_with(http, Pass("full", VISITOR, now_ms() - 20_000, 0), held)
    assert found["ticket"] == held
