"""Every page: that it is served, holds nothing inline, and says what it is to say."""

import html
import re
from base64 import b64decode

import httpx
import pyotp

from tests.browser.theming import picture
from tests.console.conftest import PASSWORD, Person, Sign
from tests.web.helpers import Site
from waitroom import clock
from waitroom.room.theme_store import read_theme

PAGES = [
    "rooms",
    "new",
    "connect",
    "test?url=https://shop.example.com/a",
    "me",
    "people",
    "tokens",
    "alerts",
    "rooms/shop",
    "rooms/shop?span=day",
    "rooms/shop/settings",
    "rooms/shop/visitors",
    "rooms/shop/visitors?of=seated",
    "rooms/shop/changes",
    "rooms/shop/splash",
    "rooms/shop/splash?words=ar",
    "rooms/shop/reports",
    "rooms/shop/alerts",
]


async def test_no_page_has_anything_inline_and_nobody_keeps_one(ada: Person) -> None:
    for path in PAGES:
        page = await ada.get(f"/console/{path}")
        assert page.status_code == 200, path
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", page.text), path
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page.text))
        assert "<style" not in page.text


async def test_files_are_kept_for_ever_under_their_hash(ada: Person) -> None:
    page = (await ada.get("/console/rooms")).text
    addresses = re.findall(r'"(/console/assets/[0-9a-f]{12}/[^"]+)"', page)
    assert len(addresses) >= 3
    for address in addresses:
        found = await ada.get(address)
        assert found.status_code == 200, address
        assert found.headers["cache-control"].endswith("immutable")
    assert (await ada.get(re.sub("[0-9a-f]{12}", "0" * 12, addresses[0]))).headers[
        "cache-control"
    ] == "no-cache"


async def test_what_was_typed_by_others_is_text(ada: Person, site: Site) -> None:
    nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    changes = {"title": nasty, "message": nasty}
    await site.services.directory.update("shop", changes, who="<b>mallory</b>")
    for path in ("rooms", "rooms/shop", "rooms/shop/settings", "rooms/shop/changes"):
        page = (await ada.get(f"/console/{path}")).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "<b>mallory" not in page
    asked = await ada.get(f"/console/test?url={nasty}")
    assert "<script>alert" not in asked.text


async def test_no_room_yet_teaches_how_to_make_one(ada: Person, site: Site) -> None:
    await site.services.directory.delete("shop", who="test")
    page = (await ada.get("/console/rooms")).text
    assert "Your first waiting room" in page
    assert "/console/new" in page


async def test_missing_room_is_a_page_that_says_so(ada: Person) -> None:
    missing = await ada.get("/console/rooms/nosuch")
    assert missing.status_code == 404
    assert "There is no room" in missing.text


async def test_pasted_address_becomes_a_room(ada: Person, site: Site) -> None:
    fields = {"address": " https://Shop.example.com:8443/Tickets/?day=1#x ", "title": "Show"}
    limits = {"total_active_users": "50", "new_users_per_minute": "", "queue_all": "1"}
    done = await ada.post("/console/new", **fields, **limits)
    assert done.headers["location"].startswith("/console/rooms/tickets")
    made = (await site.services.directory.get("tickets")).settings
    assert [(route.host, route.path) for route in made.routes] == [("shop.example.com", "/Tickets")]
    assert (made.title, made.total_active_users, made.queue_all) == ("Show", 50, True)
    match = await ada.get("/console/test?url=https://shop.example.com/tickets/a")
    assert "tickets" in match.text


async def test_address_that_is_none_is_refused_with_what_was_typed(ada: Person) -> None:
    for address in ("", "javascript:alert(1)", "https://", "http://a b/", "ftp://x.example/"):
        refused = await ada.post("/console/new", address=address, total_active_users="77")
        assert refused.status_code == 422, address
        assert "Paste the address of a page" in refused.text
        assert 'value="77"' in refused.text


async def test_two_rooms_for_one_page_are_told_which_of_them_decides(ada: Person) -> None:
    fields = {"address": "https://shop.example.com/sale", "total_active_users": "5"}
    for name in ("zebra", "aardvark"):
        assert (await ada.post("/console/new", **fields, name=name)).status_code == 303
    behind = (await ada.get("/console/rooms/zebra")).text
    assert "stands in front of shop.example.com/sale as well" in behind
    assert 'href="/console/rooms/aardvark"' in behind
    assert "as well" not in (await ada.get("/console/rooms/aardvark")).text


async def test_new_room_says_what_comes_next_and_only_owners_make_one(
    ada: Person, sign: Sign
) -> None:
    fields = {"address": "https://shop.example.com/sale", "total_active_users": "5"}
    made = await ada.post("/console/new", **fields, name="sale", queue_all="1")
    page = (await ada.get(made.headers["location"])).text
    steps = page.partition("What comes next")[2].partition("</ol>")[0]
    assert "/console/rooms/sale/splash" in steps and "/console/connect" in steps
    assert "What comes next" not in (await ada.get("/console/rooms/sale")).text
    assert "shop.example.com/*" in html.unescape((await ada.get("/console/connect")).text)
    operator = await sign("bob", "operator")
    assert (await operator.get("/console/new")).status_code == 403


async def test_taken_name_is_told_and_the_form_is_kept(ada: Person) -> None:
    fields = {"address": "https://x.example/a", "name": "shop", "total_active_users": "9"}
    refused = await ada.post("/console/new", **fields)
    assert refused.status_code == 409
    assert "https://x.example/a" in refused.text


async def test_visitors_are_found_let_in_and_removed(ada: Person, site: Site) -> None:
    services = site.services
    await services.directory.update("shop", {"total_active_users": 0}, who="test")
    room = await services.directory.get("shop")
    people = [clock.new_visitor() for _ in range(3)]
    for visitor in people:
        await room.enter(visitor)
    page = (await ada.get("/console/rooms/shop/visitors")).text
    assert [page.index(visitor) for visitor in people] == sorted(map(page.index, people))
    found = (await ada.get("/console/rooms/shop/visitors?find=2")).text
    assert people[1] in found
    assert people[0] not in found
    full = await ada.post("/console/rooms/shop/visitors/let-in", visitor=people[2])
    assert full.status_code == 409
    assert "seats" in full.text
    await services.directory.update("shop", {"total_active_users": 1, "queue_all": True}, who="t")
    let_in = await ada.post("/console/rooms/shop/visitors/let-in", visitor=people[2])
    assert let_in.status_code == 303
    assert people[2] in (await ada.get("/console/rooms/shop/visitors?of=seated")).text
    gone = await ada.post("/console/rooms/shop/visitors/remove", visitor=people[0])
    assert gone.status_code == 303
    assert people[0] not in (await ada.get("/console/rooms/shop/visitors")).text
    trail = (await ada.get("/console/rooms/shop/changes")).text
    assert "Removed a visitor" in trail
    assert "Let one visitor in" in trail


async def test_some_are_let_in_now_and_once_only(ada: Person, site: Site) -> None:
    room = await site.services.directory.get("shop")
    await site.services.directory.update("shop", {"queue_all": True}, who="test")
    await room.enter_many([(clock.new_visitor(), 0) for _ in range(5)])
    for _ in range(2):
        done = await ada.post("/console/rooms/shop/admit", n="2", once="same-form")
        assert "2 visitors are let in" in (await ada.get(done.headers["location"])).text
    assert (await room.figures()).waiting == 3


async def test_message_reaches_the_board(ada: Person, site: Site) -> None:
    await ada.post("/console/rooms/shop/say", message="Doors open at eight.")
    room = await site.services.directory.get("shop")
    assert room.settings.message == "Doors open at eight."
    await ada.post("/console/rooms/shop/say", message=" ")
    assert (await site.services.directory.get("shop")).settings.message is None


async def test_second_factor_is_set_up_and_asked_for(ada: Person, site: Site) -> None:
    shown = await ada.post("/console/me/totp", password=PASSWORD)
    assert "<svg" in shown.text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", shown.text)
    assert secret is not None
    code = pyotp.TOTP(secret[1].replace(" ", "")).now()
    done = await ada.post("/console/me/totp/confirm", code=code)
    codes = re.findall(r"<li>([a-z2-7-]{19})</li>", done.text)
    assert len(codes) == 10
    asked = await ada.http.post("/console/sign-in", data={"name": "ada", "password": PASSWORD})
    assert "authenticator" in asked.text
    fields = {"name": "ada", "password": PASSWORD, "code": codes[0]}
    assert (await ada.http.post("/console/sign-in", data=fields)).status_code == 303


async def test_token_is_shown_once_and_revoked(ada: Person) -> None:
    made = await ada.post("/console/tokens/make", name="deploy", role="viewer", days="30", rooms="")
    found = re.search(r"wrt_[A-Za-z0-9_-]{43}", made.text)
    assert found is not None
    listed = (await ada.get("/console/tokens")).text
    assert "deploy" in listed
    assert found[0] not in listed
    asked = {"Authorization": f"Bearer {found[0]}", "Accept": "application/json"}
    assert (await ada.http.get("/api/rooms", headers=asked)).status_code == 200
    assert (await ada.post("/console/tokens/revoke", name="deploy")).status_code == 303
    assert (await ada.http.get("/api/rooms", headers=asked)).status_code == 401


async def test_theme_is_previewed_published_and_taken_back(ada: Person, site: Site) -> None:
    fields = {"light.on": "1", "light.background": "#ffffff", "light.text": "#111111"}
    fields |= {"light.accent": "#0a5a3c", "words": "en", "seen": "", "state": "closed"}
    draft = await ada.post("/console/rooms/shop/splash/preview", **fields)
    assert draft.status_code == 200
    assert "#0a5a3c" in draft.text
    assert "frame-ancestors 'self'" in draft.headers["content-security-policy"]
    pale = await ada.post("/console/rooms/shop/splash", **{**fields, "light.text": "#eeeeee"})
    assert pale.status_code == 422
    assert "contrast" in pale.text
    assert (await ada.post("/console/rooms/shop/splash", **fields)).status_code == 303
    assert (await site.services.directory.get("shop")).settings.theme
    stale = await ada.post("/console/rooms/shop/splash", **{**fields, "top": "<p>Hi</p>"})
    assert stale.status_code == 409
    assert (await ada.post("/console/rooms/shop/splash/version", version="")).status_code == 303
    assert not (await site.services.directory.get("shop")).settings.theme


async def test_a_draft_of_a_look_is_lost_neither_by_a_mistake_nor_for_another_language(
    ada: Person, site: Site
) -> None:
    path = "/console/rooms/shop/splash"

    async def send(page: httpx.Response, **fields: str) -> httpx.Response:
        hidden = re.findall(r'type="hidden" name="(kept|seen)" value="([^"]*)"', page.text)
        return await ada.post(
            path, **{name: html.unescape(held) for name, held in hidden}, **fields
        )

    logo = {"logo": ("logo.png", b64decode(picture()), "image/png")}
    words = {"words": "en", "word.go": "Walk in", "seen": ""}
    data = {"csrf": await ada.token(), "css": "main{color:red}", **words}
    wrong = await ada.http.post(path, data=data, files=logo)
    assert wrong.status_code == 422
    german = await send(wrong, words="en", **{"word.go": "Walk in"}, show="de")
    assert german.status_code == 200
    assert 'name="words" value="de"' in german.text
    # Nothing of it is published yet.
    assert not (await site.services.directory.get("shop")).settings.theme
    done = await send(german, words="de", **{"word.go": "Hereinspaziert"})
    assert done.status_code == 303
    version = (await site.services.directory.get("shop")).settings.theme
    theme = await read_theme(site.services.store, "shop", version)
    assert theme is not None and theme.logo is not None
    assert theme.texts == {"en": {"go": "Walk in"}, "de": {"go": "Hereinspaziert"}}
    # Who began before that is told, however often the form went back and forth.
    late = await send(german, words="de", show="fr")
    assert (await send(late, words="fr")).status_code == 409
    for kept in ("{", "[]", '{"texts": []}', '{"logo": {}}', '{"texts": {"de": 5}}'):
        assert (await ada.post(path, kept=kept, words="en", show="de")).status_code == 200


async def test_channel_is_added_and_its_secret_shown_once(ada: Person) -> None:
    fields = {"name": "ops", "kind": "webhook", "url": "https://hooks.example.com/x", "on": "1"}
    made = await ada.post("/console/alerts/channel", **fields, rooms="")
    assert "whsec_" in made.text
    listed = (await ada.get("/console/alerts")).text
    assert "ops" in listed
    assert "whsec_" not in listed
    bad = await ada.post("/console/alerts/channel", name="x", kind="slack", url="ftp://x")
    assert bad.status_code == 422
    assert "url" in bad.text


async def test_report_is_asked_for(ada: Person) -> None:
    assert (await ada.post("/console/rooms/shop/reports")).status_code == 303
    assert "A report waits for the worker" in (await ada.get("/console/rooms/shop/reports")).text


async def test_room_is_deleted_only_with_its_name_typed(ada: Person, site: Site) -> None:
    assert (await ada.post("/console/rooms/shop/delete", sure="shap")).status_code == 422
    assert await site.services.directory.names() == ["shop"]
    assert (await ada.post("/console/rooms/shop/delete", sure="shop")).status_code == 303
    assert await site.services.directory.names() == []


async def test_logo_is_asked_for_in_formats_that_are_taken(ada: Person) -> None:
    page = (await ada.get("/console/rooms/shop/splash")).text
    assert 'accept="image/png,image/jpeg,image/webp"' in page
    assert "gif" not in page.lower()
