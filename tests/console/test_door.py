"""The door: who comes in, and that no form of elsewhere does anything."""

from collections.abc import Callable

import httpx

from tests.console.conftest import PASSWORD, Person, Sign, views
from tests.web.helpers import Site
from waitroom.accounts.accounts import Accounts

Visit = Callable[[], httpx.AsyncClient]
#: Every form there is but those of the door itself.
POSTS = [path for path in views("POST") if path not in ("/console/sign-in", "/console/welcome")]


async def test_first_owner_sets_a_password_and_is_inside(accounts: Accounts, visit: Visit) -> None:
    link = await accounts.first_link()
    assert link is not None
    http = visit()
    form = {"name": "Ada", "password": PASSWORD, "again": PASSWORD}
    done = await http.post("/console/welcome", data={"link": link.value, **form})
    assert done.status_code == 303
    assert "Rooms" in (await http.get(done.headers["location"])).text
    again = await visit().post("/console/welcome", data={"link": link.value, **form})
    assert again.status_code == 410
    assert "This link was used" in again.text


async def test_sign_in_says_how_the_first_owner_comes_in(
    accounts: Accounts, visit: Visit, sign: Sign
) -> None:
    shown = (await visit().get("/console/sign-in")).text
    assert "waitroom owners invite NAME" in shown and "reset-password" not in shown
    await sign()
    shown = (await visit().get("/console/sign-in")).text
    assert "owners invite" not in shown and "waitroom owners reset-password NAME" in shown


async def test_whole_link_can_be_pasted(accounts: Accounts, visit: Visit) -> None:
    link = await accounts.first_link()
    assert link is not None
    form = {"name": "ada", "password": PASSWORD, "again": PASSWORD}
    whole = {"link": link.address("https://q.example.com"), **form}
    assert (await visit().post("/console/welcome", data=whole)).status_code == 303


async def test_two_passwords_that_differ_leave_the_link_as_it_is(
    accounts: Accounts, visit: Visit
) -> None:
    link = await accounts.first_link()
    assert link is not None
    form = {"link": link.value, "name": "ada", "password": PASSWORD, "again": "another one here"}
    refused = await visit().post("/console/welcome", data=form)
    assert refused.status_code == 422
    assert link.value in refused.text
    done = await visit().post("/console/welcome", data={**form, "again": PASSWORD})
    assert done.status_code == 303


async def test_page_leads_to_the_sign_in_and_back(ada: Person, visit: Visit) -> None:
    http = visit()
    shown = await http.get("/console/rooms/shop/settings")
    assert shown.status_code == 303
    form = await http.get(shown.headers["location"])
    assert 'name="next" value="/console/rooms/shop/settings"' in form.text
    fields = {"name": "ada", "password": PASSWORD, "next": "/console/rooms/shop/settings"}
    done = await http.post("/console/sign-in", data=fields)
    assert (done.status_code, done.headers["location"]) == (303, "/console/rooms/shop/settings")
    assert (await http.get("/console/rooms/shop/settings")).status_code == 200


async def test_nobody_is_sent_elsewhere_after_signing_in(ada: Person, visit: Visit) -> None:
    for where in ("https://evil.example/", "//evil.example", "/console/../evil"):
        fields = {"name": "ada", "password": PASSWORD, "next": where}
        done = await visit().post("/console/sign-in", data=fields)
        assert done.headers["location"] == "/console"


async def test_wrong_password_says_nothing_of_which_part(ada: Person, visit: Visit) -> None:
    for name in ("ada", "nobody"):
        fields = {"name": name, "password": "not the right password"}
        refused = await visit().post("/console/sign-in", data=fields)
        assert refused.status_code == 401
        assert "The name, the password or the code is wrong." in refused.text


async def test_cookie_is_worth_nothing_after_signing_out(ada: Person, visit: Visit) -> None:
    cookie = ada.http.cookies["waitroom_console"]
    assert (await ada.post("/console/sign-out")).status_code == 303
    thief = visit()
    thief.cookies.set("waitroom_console", cookie)
    assert (await thief.get("/console/rooms")).status_code == 303
    polled = await thief.get("/console/rooms/shop/figures", headers={"Accept": "*/*"})
    assert polled.status_code == 401


async def test_nobody_sees_or_does_anything_without_a_sign_in(visit: Visit, site: Site) -> None:
    http, before = visit(), (await site.services.directory.get("shop")).settings
    open_ = ("/console/sign-in", "/console/welcome", "/console/assets/x/shop")
    # Nor with a sign-in that was never there.
    for cookie in ("", "x" * 43):
        http.cookies.set("waitroom_console", cookie)
        for method in ("GET", "HEAD", "POST"):
            for path in views("POST" if method == "POST" else "GET"):
                if path in open_:
                    continue
                answer = await http.request(method, path, data={"csrf": "0" * 64})
                if answer.status_code != 401:
                    where = answer.headers["location"]
                    assert (answer.status_code, where[:16]) == (303, "/console/sign-in"), path
                assert "shop" not in answer.text
    assert (await site.services.directory.get("shop")).settings == before


async def test_every_form_needs_its_token(ada: Person, site: Site) -> None:
    for path in POSTS:
        for fields in ({}, {"csrf": "0" * 64}):
            refused = await ada.http.post(path, data=fields)
            assert refused.status_code == 403, path
            assert "out of date" in refused.text
    room = await site.services.directory.get("shop")
    assert not room.settings.queue_all


async def test_form_of_another_site_is_refused_even_before_the_sign_in(
    ada: Person, visit: Visit
) -> None:
    fields = {"name": "ada", "password": PASSWORD}
    http = visit()
    foreign: tuple[dict[str, str], ...] = (
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        # No browser keeps silent; who was made to may not sign somebody else in.
        {"Origin": ""},
    )
    for path in ("/console/sign-in", "/console/welcome"):
        for headers in foreign:
            refused = await http.post(path, data=fields, headers=headers)
            assert refused.status_code == 403, headers
    del http.headers["Origin"]
    assert (await http.post("/console/sign-in", data=fields)).status_code == 403
    done = await http.post("/console/sign-in", data=fields, headers={"Sec-Fetch-Site": "none"})
    assert done.status_code == 303


async def test_viewer_sees_and_changes_nothing(sign: Sign, site: Site) -> None:
    viewer = await sign("vera", "viewer")
    before = (await site.services.directory.get("shop")).settings
    for path in POSTS:
        if "shop" not in path or "preview" in path:
            continue
        fields = {
            "seen": '{"total_active_users":200}',
            "message": "x",
            "n": "1",
            "sure": "shop",
            "visitor": "x" * 22,
        }
        fields["total_active_users"] = "1"
        refused = await viewer.post(path, **fields)
        assert refused.status_code == 403, (path, refused.status_code)
    assert (await site.services.directory.get("shop")).settings == before
    page = (await viewer.get("/console/rooms/shop")).text
    assert "Stop letting in" not in page
    for path in ("/console/people", "/console/tokens"):
        assert (await viewer.get(path)).status_code == 403


async def test_room_of_others_is_neither_shown_nor_changed(sign: Sign, site: Site) -> None:
    await site.services.directory.create("other", {}, who="test")
    guest = await sign("gus", "owner", ["other"])
    listed = (await guest.get("/console/rooms")).text
    assert "other" in listed
    assert "/console/rooms/shop" not in listed
    for path in ("", "/settings", "/visitors", "/changes", "/figures", "/splash", "/charts"):
        assert (await guest.get(f"/console/rooms/shop{path}")).status_code == 403, path
    assert (await guest.post("/console/rooms/shop/lever/stop")).status_code == 403


async def test_operator_moves_the_line_and_nothing_else(sign: Sign, site: Site) -> None:
    operator = await sign("otto", "operator")
    assert (await operator.post("/console/rooms/shop/lever/stop")).status_code == 303
    assert (await site.services.directory.get("shop")).settings.queue_all
    refused = await operator.post("/console/rooms/shop/settings", seen='{"title":""}', title="x")
    assert refused.status_code == 403
    assert (await operator.post("/console/rooms/shop/lever/end-passes")).status_code == 403
