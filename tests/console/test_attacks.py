"""What somebody tries who is signed in with too little, or not at all."""

import re
from collections.abc import Callable

import httpx
import pytest
import socketio
from socketio.exceptions import ConnectionError as RefusedError

from tests.console.conftest import ROOT, Person, Sign, views
from tests.web.helpers import Site
from waitroom.accounts.accounts import Accounts

#: Forms for everybody: about oneself, or a preview.
OWN = re.compile(r"/console/(?:me/.*|sign-in|sign-out|welcome|rooms/shop/splash/preview)")
#: The same for operators.
LEVERS = re.compile(
    r"/console/rooms/shop/(?:lever/stop|limits|say|admit|visitors/let-in|visitors/remove)"
)
FIELDS = {
    "seen": '{"title":"","total_active_users":200}',
    "title": "x",
    "total_active_users": "1",
    "message": "x",
    "n": "1",
    "sure": "shop",
    "visitor": "x" * 22,
    "address": "https://new.example/",
    "name": "new",
    "role": "owner",
    "rooms": "",
    "days": "30",
    "kind": "wait",
    "limit": "60",
    "for_s": "60",
    "delivery": "x",
    "report": "x",
    "version": "",
}


@pytest.mark.parametrize(
    ("role", "rooms", "may"),
    [
        ("viewer", None, OWN),
        ("operator", None, re.compile(f"{OWN.pattern}|{LEVERS.pattern}")),
        ("owner", ["other"], re.compile(r"/console/(?:me/.*|sign-in|sign-out|welcome)")),
    ],
)
async def test_no_form_does_more_than_the_role_allows(
    sign: Sign, site: Site, role: str, rooms: list[str] | None, may: re.Pattern[str]
) -> None:
    person = await sign("eve", role, rooms)
    token = await person.token()
    for path in views("POST"):
        if may.fullmatch(path):
            continue
        # A settings form that changes limits alone is an operator's, wherever it stands.
        refused = await person.http.post(path, data={"csrf": token, **FIELDS})
        assert refused.status_code == 403, (path, refused.status_code, refused.text[:500])
    assert [each.name for each in await site.services.control.rooms(ROOT)] == ["shop"]


#: Pages that leave out the rooms of others.
COMMON = re.compile(
    r"/console(?:/|/alerts|/assets/.*|/connect|/me|/new/address|/rooms|/rooms\.html|/sign-in"
    r"|/test|/welcome)?"
)
#: Pages that a viewer may not see, of any room.
SECRET = re.compile(r"/console/(?:new|people|tokens|rooms/shop/reports/.*)")


async def test_no_page_shows_more_than_the_role_allows(sign: Sign) -> None:
    guest, viewer = await sign("gus", "owner", ["other"]), await sign("vera", "viewer")
    for path in views("GET"):
        asked = f"{path}?setting=total_active_users&value=1"
        answer = await guest.get(asked)
        assert (answer.status_code == 403) == (COMMON.fullmatch(path) is None), path
        assert ">shop<" not in answer.text
        answer = await viewer.get(asked)
        assert (answer.status_code == 403) == bool(SECRET.fullmatch(path)), path


async def test_rooms_of_an_account_never_become_all_by_silence(
    ada: Person, site: Site, accounts: Accounts
) -> None:
    await site.services.directory.create("gone", {}, who="test")
    await accounts.invite(ROOT, "gus", "viewer", ["gone"])
    await site.services.directory.delete("gone", who="test")
    # The room that is gone is still chosen in the form.
    page = (await ada.get("/console/people")).text
    assert "<option selected>gone</option>" in page
    for path in ("people/change", "people/invite", "tokens/make"):
        refused = await ada.post(f"/console/{path}", name="gus", role="operator")
        assert refused.status_code == 400, path
    assert (await accounts.account(ROOT, "gus")).rooms == ("gone",)
    assert await accounts.tokens.list(ROOT) == []


@pytest.mark.parametrize("number", ["²", "9" * 5_000, "-1", "1e3", "٣٣²"])
async def test_strange_number_is_no_fault(ada: Person, number: str) -> None:
    shown = await ada.http.get("/console/rooms/shop/visitors", params={"start": number})
    assert shown.status_code == 200
    note = await ada.http.get("/console/rooms/shop", params={"admitted": f"{number[:9]}-²-full"})
    assert note.status_code == 200
    fields = {"kind": "wait", "limit": number, "for_s": number, "seen": "{}"}
    assert (await ada.post("/console/alerts/rule", **fields)).status_code == 422


async def test_socket_of_another_site_is_refused(ada: Person, site: Site) -> None:
    cookie = f"waitroom_console={ada.http.cookies['waitroom_console']}"
    for origin in ("https://evil.example", "null", f"{site.url}.evil.example"):
        link = socketio.AsyncClient(reconnection=False)
        with pytest.raises(RefusedError):
            await link.connect(
                site.url,
                headers={"Cookie": cookie, "Origin": origin},
                transports=["websocket"],
                socketio_path="console/socket.io",
            )
        await link.disconnect()


async def test_forwarded_address_is_believed_of_nobody_by_default(
    ada: Person, visit: Callable[[], httpx.AsyncClient]
) -> None:
    statuses = []
    for number in range(7):
        sent = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
        fields = {"name": "ada", "password": "not the right one"}
        statuses.append(await visit().post("/console/sign-in", data=fields, headers=sent))
    assert [each.status_code for each in statuses][-1] == 429


async def test_link_names_the_address_of_the_service_and_not_the_proxys(
    ada: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(site.services.config), "service_url", "https://q.example.com")
    made = await ada.post("/console/people/invite", name="bo", role="viewer", rooms="")
    assert "https://q.example.com/console/welcome#" in made.text
