"""The splash page: the same bytes for everybody of one language; and the page without scripts."""

import gzip
import re
from urllib.parse import quote

import httpx
import pytest

from tests.web.helpers import PAGE, cookie_of, ticket_cookie, ticket_of
from waitroom.room import Directory, Room

FULL = "/__waitroom/full"


async def test_the_page_is_the_same_bytes_for_everybody(http: httpx.AsyncClient) -> None:
    one = await http.get("/__waitroom/shop?return_to=/a", headers=PAGE)
    ticket = ticket_of(await http.post("/__waitroom/shop/enter"))
    other = await http.get("/__waitroom/shop?return_to=/b", headers=PAGE | ticket_cookie(ticket))
    assert one.status_code == other.status_code == 200
    assert one.content == other.content
    assert one.headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in other.headers


async def test_a_shared_cache_may_keep_the_page(http: httpx.AsyncClient) -> None:
    found = await http.get("/__waitroom/shop", headers=PAGE)
    assert "public" in found.headers["cache-control"]
    assert "s-maxage=60" in found.headers["cache-control"]
    assert set(found.headers["vary"].split(", ")) == {"Accept-Encoding", "Accept-Language"}


async def test_an_unchanged_page_is_not_sent_again(http: httpx.AsyncClient) -> None:
    etag = (await http.get("/__waitroom/shop")).headers["etag"]
    for shown in (etag, f'"other", {etag}', etag.removeprefix("W/")):
        again = await http.get("/__waitroom/shop", headers={"If-None-Match": shown})
        assert (again.status_code, again.content) == (304, b""), shown
        assert again.headers["etag"] == etag
    other = await http.get("/__waitroom/shop", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_the_page_comes_zipped_to_those_who_can_read_it(http: httpx.AsyncClient) -> None:
    plain = await http.get("/__waitroom/shop", headers={"Accept-Encoding": "identity"})
    refused = await http.get("/__waitroom/shop", headers={"Accept-Encoding": "gzip;q=0"})
    zipped = await http.get("/__waitroom/shop", headers={"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.content == plain.content
    assert len(gzip.compress(plain.content)) < len(plain.content)


async def test_the_page_runs_nothing_that_is_not_ours(http: httpx.AsyncClient) -> None:
    found = await http.get("/__waitroom/shop", headers=PAGE)
    policy = found.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert found.headers["x-content-type-options"] == "nosniff"
    # A script block is data or has an address; nothing runs inline.
    for attributes in re.findall(r"<script([^>]*)>", found.text):
        assert "src=" in attributes or 'type="application/json"' in attributes
    assert not re.search(r"\son[a-z]+=", found.text)


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("ar-EG", "ar"),
        ("zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7", "zh"),
        ("zh-HK", "zh"),
        ("zh-Hant-MO,en;q=0.5", "zh"),
        ("pt-PT", "pt"),
        ("ja-JP", "ja"),
        ("xx", "en"),
        ("xx,de;q=0.1", "de"),
        ("", "en"),
        ("\"';--", "en"),
    ],
)
async def test_the_page_speaks_the_visitors_language(
    http: httpx.AsyncClient, accepted: str, lang: str
) -> None:
    found = await http.get("/__waitroom/shop", headers=PAGE | {"Accept-Language": accepted})
    assert f'<html lang="{lang}"' in found.text
    assert (' dir="rtl"' in found.text) == (lang == "ar")


async def test_the_page_has_the_status_that_the_room_names(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await directory.create("busy", {"queueing_status_code": 503}, who="test")
    found = await http.get("/__waitroom/busy", headers=PAGE)
    assert found.status_code == 503
    # No 304: it would stand for 200.
    again = await http.get("/__waitroom/busy", headers={"If-None-Match": found.headers["etag"]})
    assert again.status_code == 503


async def test_every_asset_of_the_page_is_there_and_kept_for_ever(http: httpx.AsyncClient) -> None:
    page = (await http.get("/__waitroom/shop", headers=PAGE)).text
    addresses = re.findall(r"/__waitroom/assets/[0-9a-f]+/[a-z0-9._-]+", page)
    assert len(addresses) >= 2
    for address in addresses:
        found = await http.get(address)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]
        assert found.headers["x-content-type-options"] == "nosniff"
        etag = {"If-None-Match": found.headers["etag"]}
        assert (await http.get(address, headers=etag)).status_code == 304


async def test_an_asset_of_an_unknown_version_is_asked_for_again_each_time(
    http: httpx.AsyncClient,
) -> None:
    for version in ("0", "0123456789ab"):
        found = await http.get(f"/__waitroom/assets/{version}/waiting.css")
        assert (found.status_code, found.headers["cache-control"]) == (200, "no-cache")
        assert found.headers["content-type"] == "text/css; charset=utf-8"


async def test_whatever_the_status_a_shared_cache_may_keep_the_page(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await directory.create("busy", {"queueing_status_code": 503}, who="test")
    found = await http.get("/__waitroom/busy?return_to=/x&unsent=1", headers=PAGE)
    assert found.status_code == 503
    assert found.headers["cache-control"].startswith("public, ")
    assert "s-maxage=60" in found.headers["cache-control"]
    assert "set-cookie" not in found.headers
    same = await http.get("/__waitroom/busy", headers=PAGE)
    assert same.content == found.content


async def test_the_board_is_public_and_zipped_for_those_who_can_read_it(
    http: httpx.AsyncClient, full: Room
) -> None:
    await full.enter_many([(f"visitor{i}", 0) for i in range(300)])
    visitor = ticket_cookie(ticket_of(await http.post(f"{FULL}/enter"), "full"), "full")
    zipped = await http.get(f"{FULL}/board", headers={"Accept-Encoding": "gzip"} | visitor)
    plain = await http.get(f"{FULL}/board", headers={"Accept-Encoding": "identity"})
    for found in (zipped, plain):
        assert found.headers["cache-control"] == "public, max-age=1"
        assert found.headers["vary"] == "Accept-Encoding"
        assert "set-cookie" not in found.headers
        assert found.json()["queueing"] is True
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(zipped.headers["content-length"]) < int(plain.headers["content-length"]) / 2


async def test_the_fetch_wrapper_is_small_public_and_kept_for_an_hour(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await http.get("/__waitroom/waitroom-fetch.js", headers={"Accept-Encoding": "gzip"})
    assert found.status_code == 200
    assert found.headers["cache-control"] == "public, max-age=3600"
    assert found.headers["content-type"].startswith("text/javascript")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in found.headers
    size = int(found.headers["content-length"])
    with capsys.disabled():
        print(f"\nwaitroom-fetch.js: {size} bytes gzipped of fewer than 1,000")
    assert size < 1_000
    again = {"If-None-Match": found.headers["etag"]}
    unchanged = await http.get("/__waitroom/waitroom-fetch.js", headers=again)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = await http.head("/__waitroom/waitroom-fetch.js")
    assert (head.status_code, head.content) == (200, b"")


# -- the page without scripts ---------------------------------------------------------------------


async def test_the_plain_page_shows_the_position_and_refreshes_itself(
    http: httpx.AsyncClient, full: Room
) -> None:
    for _ in range(2):
        await http.post(f"{FULL}/enter")
    found = await http.get(f"{FULL}?nojs=1&return_to=/seat%3Frow%3D1", headers=PAGE)
    assert found.status_code == 200
    assert found.headers["cache-control"] == "no-store"
    assert '<p id="position">3</p>' in found.text
    again = "/__waitroom/full?return_to=%2Fseat%3Frow%3D1&amp;nojs=1"
    assert re.search(rf'http-equiv="refresh" content="\d+; url={re.escape(again)}"', found.text)
    assert cookie_of(found, "waitroom_ticket_full")


async def test_the_plain_page_has_room_for_a_long_position(
    http: httpx.AsyncClient, full: Room
) -> None:
    await full.enter_many([(f"visitor{i}", 0) for i in range(999)])
    found = await http.get(f"{FULL}?nojs=1&return_to=/", headers=PAGE)
    assert '<p id="position" data-long>1,000</p>' in found.text


async def test_the_plain_page_keeps_the_place(http: httpx.AsyncClient, full: Room) -> None:
    address = f"{FULL}?nojs=1&return_to=/"
    first = await http.get(address, headers=PAGE)
    await http.get(address, headers=PAGE)
    again = await http.get(address, headers=PAGE | ticket_cookie(ticket_of(first, "full"), "full"))
    assert '<p id="position">1</p>' in again.text
    assert ticket_of(again, "full") == ticket_of(first, "full")


async def test_the_plain_page_finds_return_to_in_the_page_it_was_led_from(
    http: httpx.AsyncClient, full: Room
) -> None:
    wanted = quote("/seat?row=1&x=a b", safe="")
    referer = f"https://shop.example{FULL}?return_to={wanted.replace('%20', '+')}"
    refused = await http.get(f"{FULL}?nojs=1", headers=PAGE | {"Referer": referer})
    assert refused.headers["location"] == f"{FULL}?return_to=%2F&nojs=1"
    referer = f"https://shop.example{FULL}?return_to={quote('/seat?row=1&x=2', safe='')}"
    led = await http.get(f"{FULL}?nojs=1", headers=PAGE | {"Referer": referer})
    assert led.status_code == 303
    assert led.headers["location"] == f"{FULL}?return_to=%2Fseat%3Frow%3D1%26x%3D2&nojs=1"


@pytest.mark.parametrize(
    "referer", ["", "garbage", "https://x/?return_to=//evil.example", "http://[", "https://x/%ff"]
)
async def test_a_referrer_that_names_no_path_leads_to_the_front_page(
    http: httpx.AsyncClient, full: Room, referer: str
) -> None:
    found = await http.get(f"{FULL}?nojs=1", headers=PAGE | {"Referer": referer})
    assert (found.status_code, found.headers["location"]) == (303, f"{FULL}?return_to=%2F&nojs=1")


async def test_the_plain_page_says_that_what_was_sent_is_not_kept(
    http: httpx.AsyncClient, full: Room
) -> None:
    address = f"{FULL}?return_to=%2Fbuy"
    words = "please send it again"
    assert words not in (await http.get(f"{address}&nojs=1", headers=PAGE)).text
    found = await http.get(f"{address}&nojs=1&unsent=1", headers=PAGE)
    assert words in found.text
    # It still says so when it has refreshed itself, and when the splash page has led to it.
    assert f"url={address}&amp;nojs=1&amp;unsent=1" in found.text
    referer = {"Referer": f"https://shop.example{address}&unsent=1"}
    led = await http.get(f"{FULL}?nojs=1", headers=PAGE | referer)
    assert (led.status_code, led.headers["location"]) == (303, f"{address}&nojs=1&unsent=1")


async def test_going_in_keeps_query_and_fragment_of_the_page(http: httpx.AsyncClient) -> None:
    wanted = "/tickets?day=2&seat=a%20b#/row/3?x=1"
    ticket = ticket_of(await http.post("/__waitroom/shop/enter"))
    address = f"/__waitroom/shop/go?return_to={quote(wanted, safe='')}"
    went = await http.get(address, headers=PAGE | ticket_cookie(ticket))
    assert (went.status_code, went.headers["location"]) == (303, wanted)


async def test_going_in_too_early_keeps_query_and_fragment_too(
    http: httpx.AsyncClient, full: Room
) -> None:
    wanted = quote("/tickets?day=2#/row/3", safe="")
    went = await http.get(f"{FULL}/go?return_to={wanted}", headers=PAGE)
    assert (went.status_code, went.headers["location"]) == (303, f"{FULL}?return_to={wanted}")


async def test_the_plain_page_of_an_admitted_visitor_leads_to_the_site(
    http: httpx.AsyncClient,
) -> None:
    found = await http.get("/__waitroom/shop?nojs=1&return_to=/seat", headers=PAGE)
    assert found.status_code == 303
    assert found.headers["location"] == "/__waitroom/shop/go?return_to=%2Fseat"
    ticket = ticket_of(found)
    went = await http.get(found.headers["location"], headers=PAGE | ticket_cookie(ticket))
    assert (went.status_code, went.headers["location"]) == (303, "/seat")


async def test_the_plain_page_shows_what_the_organiser_says_and_runs_none_of_it(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    words = {"title": "<b>Fair</b>", "message": "<script>alert(1)</script>"}
    await directory.create("fair", {"total_active_users": 0, **words}, who="test")
    found = await http.get("/__waitroom/fair?nojs=1&return_to=/", headers=PAGE)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found.text
    assert "<script>" not in found.text and "<b>" not in found.text


async def test_the_plain_page_of_a_closed_room_says_so_and_gives_no_ticket(
    http: httpx.AsyncClient, directory: Directory
) -> None:
    await directory.create("past", {"closed": True, "message": "See you"}, who="test")
    found = await http.get("/__waitroom/past?nojs=1&return_to=/", headers=PAGE)
    assert found.status_code == 200
    assert 'data-phase="closed"' in found.text and "See you" in found.text
    assert "set-cookie" not in found.headers
