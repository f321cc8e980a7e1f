"""Themes as web processes show them: seen soon, kept long, each room its own, lost by no loss."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.browser.theming import GOOD, picture, wear
from tests.web.helpers import PAGE, Serve, Site, WebProcess, eventually, no_cookies
from waitroom.errors import RoomChangedError, RoomNotFoundError, SettingError
from waitroom.room import Directory, Keys, Room, Store
from waitroom.room.theme import Theme
from waitroom.room.theme_store import (
    VERSIONS_KEPT,
    check_version,
    new_version,
    publish_theme,
    read_theme,
    theme_versions,
)
from waitroom.web.splash import THEME_HEADER

FULL = "/__waitroom/full"


async def page(http: httpx.AsyncClient, path: str = FULL, **headers: str) -> httpx.Response:
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.get(path, headers=PAGE | shown)


async def shows(http: httpx.AsyncClient, version: str, path: str = FULL) -> httpx.Response:
    """Wait until a process shows a version, and return its page."""

    async def ask() -> httpx.Response | None:
        found = await page(http, path)
        return found if found.headers.get(THEME_HEADER, "") == version else None

    found: httpx.Response = await eventually(ask)
    return found


async def test_the_page_of_a_themed_room_shows_the_theme_and_others_do_not(
    http: httpx.AsyncClient, site: Site, full: Room
) -> None:
    before = await page(http)
    other = await page(http, "/__waitroom/shop")
    assert before.content == other.content
    version = await wear(site, full, GOOD)
    found = await shows(http, version)
    assert f'href="{FULL}/theme/{version}.css"' in found.text
    assert f'src="{FULL}/theme/{version}.png" alt="The Fair"' in found.text
    assert '<a href="https://fair.example/help?a=1&amp;b=2" target="_blank"' in found.text
    assert "Queue like a lady" in found.text and "<p>Good day</p>" in found.text
    assert (await page(http, "/__waitroom/shop")).content == other.content
    german = await page(http, accept_language="de")
    assert "Bitte anstellen" in german.text and "<p>Guten Tag</p>" in german.text


async def test_the_themed_page_is_as_public_and_as_strict_as_any(
    http: httpx.AsyncClient, site: Site, full: Room
) -> None:
    plain = await page(http)
    found = await shows(http, await wear(site, full, GOOD))
    for name in ("cache-control", "vary", "content-security-policy", "referrer-policy"):
        assert found.headers[name] == plain.headers[name]
    assert "unsafe" not in found.headers["content-security-policy"]
    assert "<style" not in found.text and " style=" not in found.text
    assert "set-cookie" not in found.headers
    same = await page(http, f"{FULL}?return_to=/x", cookie="waitroom_ticket_full=x")
    assert same.content == found.content
    again = await page(http, if_none_match=found.headers["etag"])
    assert (again.status_code, again.headers["etag"]) == (304, found.headers["etag"])


async def test_files_of_a_theme_are_kept_for_ever_and_are_what_they_say(
    http: httpx.AsyncClient, site: Site, full: Room
) -> None:
    version = await wear(site, full, GOOD)
    await shows(http, version)
    for ending, kind in (("css", "text/css; charset=utf-8"), ("png", "image/png")):
        found = await http.get(f"{FULL}/theme/{version}.{ending}")
        assert (found.status_code, found.headers["content-type"]) == (200, kind)
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert found.headers["x-content-type-options"] == "nosniff"
        etag = {"If-None-Match": found.headers["etag"]}
        assert (await http.get(str(found.url), headers=etag)).status_code == 304
    assert (
        f'url("{FULL}/theme/{version}.png")' in (await http.get(f"{FULL}/theme/{version}.css")).text
    )


@pytest.mark.parametrize(
    "name",
    ["x", "x.css", "20261123131500-0123abcd.css", "..%2f..%2fwaiting.css", "%00", "a" * 9_000],
)
async def test_files_that_no_theme_has_are_not_there(
    http: httpx.AsyncClient, site: Site, full: Room, name: str
) -> None:
    version = await wear(site, full, {"links": [{"text": "x", "url": "https://x.example"}]})
    await shows(http, version)
    for made_up in (name, f"{version}.js", f"{version}.png", version):
        assert (await http.get(f"{FULL}/theme/{made_up}")).status_code in (404, 414)
    # One room's theme is not another room's.
    assert (await http.get(f"/__waitroom/shop/theme/{version}.css")).status_code == 404
    assert (await http.get(f"/__waitroom/nowhere/theme/{version}.css")).status_code == 404


async def test_other_processes_show_a_change_too(
    start_web: Callable[..., Awaitable[list[WebProcess]]],
    store: Store,
    directory: Directory,
    full: Room,
) -> None:
    processes = await start_web(2)
    async with httpx.AsyncClient(cookies=no_cookies(), timeout=20) as http:
        for raw in (GOOD, GOOD | {"logo": None, "css": ""}, {}):
            theme = Theme.read(raw)
            version = await publish_theme(store, directory, "full", theme, who="test")
            for each in processes:
                found = await shows(http, version, f"{each.url}{FULL}")
                for address in re.findall(rf"{FULL}/theme/[^\"]+", found.text):
                    # Its files come from whichever process is asked.
                    for other in processes:
                        assert (await http.get(f"{other.url}{address}")).status_code == 200


async def test_an_empty_theme_brings_back_the_page_of_before(
    http: httpx.AsyncClient, site: Site, full: Room
) -> None:
    before = await page(http)
    await shows(http, await wear(site, full, GOOD))
    assert await wear(site, full, {}) == ""
    after = await shows(http, "")
    assert after.content == before.content


async def test_an_open_page_still_finds_the_files_of_the_version_before(
    http: httpx.AsyncClient, site: Site, full: Room
) -> None:
    old = await wear(site, full, GOOD)
    new = await wear(site, full, GOOD | {"links": []})
    await shows(http, new)
    for version in (old, new):
        assert (await http.get(f"{FULL}/theme/{version}.css")).status_code == 200


async def test_a_few_versions_are_kept_and_an_earlier_one_can_be_brought_back(
    store: Store, directory: Directory, room: Room
) -> None:
    versions = []
    for number in range(VERSIONS_KEPT + 3):
        theme = Theme.read({"css": f"h2{{margin-top:{number}px}}"})
        versions.append(await publish_theme(store, directory, "shop", theme, who="test"))
    kept = await theme_versions(store, "shop")
    assert len(kept) <= VERSIONS_KEPT and versions[-1] in kept
    earlier = kept[-1]
    check_version(earlier, kept)
    await directory.update("shop", {"theme": earlier}, who="test")
    found = await read_theme(store, "shop", earlier)
    assert found is not None
    # Published anew it is the very same version: nothing changes.
    assert await publish_theme(store, directory, "shop", found, who="test") == earlier
    with pytest.raises(SettingError, match="must be one of"):
        check_version("20261123131500-0123abcd", kept)


async def test_who_edited_an_older_version_is_told_and_changes_nothing(
    store: Store, directory: Directory, room: Room
) -> None:
    first = Theme.read(GOOD)
    seen = await publish_theme(store, directory, "shop", first, who="ada", seen="")
    other = Theme.read(GOOD | {"css": ""})
    with pytest.raises(RoomChangedError):
        await publish_theme(store, directory, "shop", other, who="eve", seen="")
    assert (await directory.get("shop")).settings.theme == seen
    await publish_theme(store, directory, "shop", other, who="eve", seen=seen)


async def test_a_room_that_is_not_there_gets_no_theme(store: Store, directory: Directory) -> None:
    with pytest.raises(RoomNotFoundError):
        await publish_theme(store, directory, "nowhere", Theme.read(GOOD), who="test")
    assert not await store.redis.exists(Keys("nowhere").theme)


async def test_a_deleted_room_takes_its_themes_with_it(
    http: httpx.AsyncClient, site: Site, store: Store, directory: Directory, full: Room
) -> None:
    version = await wear(site, full, GOOD)
    await shows(http, version)
    await site.services.directory.delete("full", who="test")
    await site.services.themes.keep()
    assert not await store.redis.exists(Keys("full").theme)
    await directory.create("full", {"total_active_users": 0}, who="test")
    assert THEME_HEADER not in (await eventually_there(http)).headers


async def eventually_there(http: httpx.AsyncClient) -> httpx.Response:
    async def ask() -> httpx.Response | None:
        found = await page(http)
        return found if found.status_code == 200 else None

    found: httpx.Response = await eventually(ask)
    return found


async def test_a_theme_that_redis_lost_is_written_back(
    http: httpx.AsyncClient, site: Site, store: Store, full: Room
) -> None:
    version = await wear(site, full, GOOD)
    await shows(http, version)
    await store.redis.flushall()
    await eventually(lambda: store.redis.exists(Keys("full").settings))
    await site.services.themes.keep()
    assert await read_theme(store, "full", version) == Theme.read(GOOD)
    assert (await page(http)).headers[THEME_HEADER] == version


async def test_a_process_that_finds_no_theme_shows_the_usual_page_until_it_is_there(
    http: httpx.AsyncClient, site: Site, store: Store, full: Room
) -> None:
    usual = await page(http)
    theme = Theme.read(GOOD)
    version = new_version(theme)
    await site.services.directory.update("full", {"theme": version}, who="test")
    found = await page(http)
    assert (found.status_code, found.content) == (200, usual.content)
    await store.redis.hset(Keys("full").theme, version, theme.to_json())
    await shows(http, version)


@pytest.mark.parametrize(
    "kept", [b"{", b"null", b'{"css": "main{display:none}"}', b'{"later": 1}', b"\xff"]
)
async def test_what_redis_holds_is_checked_again_before_it_is_shown(
    http: httpx.AsyncClient, site: Site, store: Store, full: Room, kept: bytes
) -> None:
    usual = await page(http)
    version = "20261123131500-0123abcd"
    await store.redis.hset(Keys("full").theme, version, kept)
    await site.services.directory.update("full", {"theme": version}, who="test")
    found = await page(http)
    assert (found.status_code, found.content) == (200, usual.content)


async def test_many_visitors_of_a_new_theme_read_it_once(
    http: httpx.AsyncClient, site: Site, store: Store, full: Room
) -> None:
    version = await wear(site, full, GOOD)
    before = (await store.redis.info("commandstats"))["cmdstat_hget"]["calls"]
    found = await asyncio.gather(*(page(http) for _ in range(40)))
    assert {each.headers[THEME_HEADER] for each in found} == {version}
    after = (await store.redis.info("commandstats"))["cmdstat_hget"]["calls"]
    assert after - before <= 5


async def test_the_page_without_scripts_and_the_farewell_are_themed_too(
    http: httpx.AsyncClient, site: Site, full: Room
) -> None:
    version = await wear(site, full, GOOD)
    await shows(http, version)
    words = {"accept_language": "de-CH"}
    plain = await page(http, f"{FULL}?nojs=1&return_to=/", **words)
    left = await http.post(f"{FULL}/leave", headers=PAGE | {"Accept-Language": "de-CH"})
    for found in (plain, left):
        assert found.status_code == 200
        assert f'href="{FULL}/theme/{version}.css"' in found.text
        assert "<p>Guten Tag</p>" in found.text
        assert found.headers["cache-control"] == "no-store"
    assert "Bitte anstellen" in plain.text


async def test_a_new_title_is_on_the_page_like_a_new_theme(
    http: httpx.AsyncClient, site: Site, full: Room
) -> None:
    version = await wear(site, full, GOOD)
    await shows(http, version)
    for title in ("One", "<script>alert(1)</script>"):
        await site.services.directory.update("full", {"title": title}, who="test")
        found = await page(http)
        escaped = title.replace("<", "&lt;").replace(">", "&gt;")
        assert f"<p>Welcome to <b>{escaped}</b></p>" in found.text


async def test_sentences_of_an_owner_cannot_end_the_data_they_stand_in(
    http: httpx.AsyncClient, site: Site, full: Room
) -> None:
    hostile = "</script><script>alert(1)</script><!--"
    raw: dict[str, Any] = {
        "texts": {"en": {"heading_joining": hostile, "heading_waiting": hostile}}
    }
    found = await shows(http, await wear(site, full, raw))
    assert "<script>alert" not in found.text
    assert found.text.count("</script>") == 2
    plain = await page(http, f"{FULL}?nojs=1&return_to=/")
    assert "<script>" not in plain.text and "&lt;script&gt;" in plain.text


async def test_a_logo_may_be_as_large_as_allowed(serve: Serve, full: Room) -> None:
    site = await serve()
    data = picture(2_000, 2_000)
    version = await wear(site, full, {"logo": data})
    async with httpx.AsyncClient(base_url=site.url, cookies=no_cookies()) as http:
        await shows(http, version)
        assert (await http.get(f"{FULL}/theme/{version}.png")).status_code == 200
