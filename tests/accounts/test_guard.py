"""What stands before the views: cookies, CSRF tokens, roles, rooms, API tokens."""

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import pytest
from quart import Blueprint, Quart, Response
from quart.typing import TestClientProtocol as Http
from werkzeug.datastructures import Headers

from tests.accounts.conftest import PASSWORD, Clock, Enter
from waitroom.accounts import guard
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.cookies import address_of
from waitroom.accounts.signins import IDLE_MS, SignIn, csrf_token
from waitroom.console.door import check, form_token, keep, who
from waitroom.errors import WaitroomError

#: As every browser says with every form.
OWN_PAGE = {"Origin": "http://localhost"}


def make_app(accounts: Accounts) -> Quart:
    app = Quart("guarded")
    app.extensions[guard.EXTENSION] = accounts

    @app.errorhandler(WaitroomError)
    async def refuse(error: WaitroomError) -> tuple[dict[str, Any], int]:
        return {"error": error.code, "detail": error.detail}, error.status

    console = Blueprint("console", "console", url_prefix="/console")
    console.before_request(check)

    @console.get("")
    async def rooms() -> str:
        who().require("viewer")
        return f"{who()} {form_token()}"

    @console.get("/figures")
    async def figures() -> str:
        return "figures"

    @console.post("/accounts")
    async def invite() -> str:
        who().require("owner")
        return "invited"

    @console.post("/sign-in")
    async def sign_in() -> Response:
        found = await accounts.sign_in(
            "ada", PASSWORD, "", guard.address(), browser=guard.browser()
        )
        return await keep(Response("", 303, {"Location": "/console"}), found)

    @console.post("/sign-out")
    async def sign_out() -> Response:
        await accounts.sign_out(guard.cookie())
        response = Response("")
        guard.forget(response)
        return response

    @app.get("/api/rooms/<name>")
    async def room(name: str) -> dict[str, str]:
        found = await guard.who_of_bearer()
        found.require("viewer", name)
        return {"room": name, "who": str(found)}

    app.register_blueprint(console)
    return app


@pytest.fixture
async def http(accounts: Accounts) -> AsyncIterator[Http]:
    """Return a browser that keeps no cookies by itself."""
    yield make_app(accounts).test_client(use_cookies=False)


def cookies(sign_in: SignIn) -> dict[str, str]:
    return {"Cookie": f"waitroom_console={sign_in.cookie}"}


def form(sign_in: SignIn) -> dict[str, str]:
    return cookies(sign_in) | OWN_PAGE | {"X-CSRF-Token": csrf_token(sign_in.cookie)}


async def test_a_page_is_shown_to_who_is_signed_in(http: Http, ada: SignIn) -> None:
    answer = await http.get("/console", headers=cookies(ada))
    assert answer.status_code == 200
    assert await answer.get_data(as_text=True) == f"ada {csrf_token(ada.cookie)}"


async def test_cookies_may_come_in_several_headers(http: Http, ada: SignIn) -> None:
    headers = Headers([("Cookie", "other=1"), *cookies(ada).items()])
    assert (await http.get("/console", headers=headers)).status_code == 200


async def test_who_is_not_signed_in_is_shown_the_way(http: Http) -> None:
    answer = await http.get("/console?day=1")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/sign-in?next=/console%3Fday%3D1"
    assert (await http.get("/console/figures")).status_code == 401
    posted = await http.post("/console/accounts")
    assert (posted.status_code, posted.headers["Location"]) == (303, "/console/sign-in")


async def test_a_stolen_cookie_is_worth_nothing_after_sign_out(http: Http, ada: SignIn) -> None:
    answer = await http.post("/console/sign-out", headers=form(ada))
    assert answer.status_code == 200
    assert SimpleCookie(answer.headers["Set-Cookie"])["waitroom_console"]["max-age"] == "0"
    assert (await http.get("/console", headers=cookies(ada))).status_code == 303


async def test_what_a_page_asks_by_itself_does_not_keep_it_signed_in(
    http: Http, ada: SignIn, clock: Clock
) -> None:
    clock.now_ms += IDLE_MS - 1
    for path in ("/console/figures", "/console?again=1"):
        assert (await http.get(path, headers=cookies(ada))).status_code == 200
    clock.now_ms += 1
    assert (await http.get("/console/figures", headers=cookies(ada))).status_code == 401


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": "other"},
        {"X-CSRF-Token": "own", "Sec-Fetch-Site": "cross-site"},
        {"X-CSRF-Token": "own", "Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": "own", "Origin": "https://evil.example"},
        {"X-CSRF-Token": "own", "Origin": "null"},
        {"X-CSRF-Token": "own", "Origin": ""},
        {"X-CSRF-Token": "own", "Origin": "http://["},
    ],
)
async def test_a_form_of_another_site_changes_nothing(
    http: Http, ada: SignIn, enter: Enter, more: dict[str, str]
) -> None:
    tokens = {"own": csrf_token(ada.cookie), "other": csrf_token((await enter("eve")).cookie)}
    headers = {name: tokens.get(value, value) for name, value in more.items()}
    answer = await http.post("/console/accounts", headers=cookies(ada) | OWN_PAGE | headers)
    assert answer.status_code == 403
    assert (await answer.get_json())["error"] == "bad_csrf"


async def test_a_form_of_our_own_is_taken(http: Http, ada: SignIn) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://elsewhere-behind-a-proxy"}
    for headers in (form(ada), form(ada) | own):
        assert (await http.post("/console/accounts", headers=headers)).status_code == 200
    answer = await http.post(
        "/console/accounts", headers=cookies(ada) | OWN_PAGE, form={"csrf": csrf_token(ada.cookie)}
    )
    assert answer.status_code == 200


async def test_a_viewer_changes_nothing(http: Http, ada: SignIn, enter: Enter) -> None:
    eve = await enter("eve", "viewer")
    assert (await http.get("/console", headers=cookies(eve))).status_code == 200
    answer = await http.post("/console/accounts", headers=form(eve))
    assert answer.status_code == 403
    assert (await answer.get_json())["error"] == "forbidden"


async def test_a_token_of_another_room_is_refused(
    http: Http, accounts: Accounts, ada: SignIn
) -> None:
    made = await accounts.tokens.make(ada.who, "deploy", "viewer", rooms=["shop"])
    headers = {"Authorization": f"Bearer {made.value}"}
    answer = await http.get("/api/rooms/shop", headers=headers)
    assert await answer.get_json() == {"room": "shop", "who": "token deploy"}
    assert (await http.get("/api/rooms/fair", headers=headers)).status_code == 403


async def test_the_api_takes_no_cookie_and_the_console_no_token(
    http: Http, accounts: Accounts, ada: SignIn
) -> None:
    made = await accounts.tokens.make(ada.who, "deploy", "owner")
    headers = {"Authorization": f"Bearer {made.value}"}
    assert (await http.get("/api/rooms/shop", headers=form(ada))).status_code == 401
    assert (await http.get("/console", headers=headers)).status_code == 303
    assert (await http.get("/api/rooms/shop", headers=headers)).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic wrt_x", "wrt_x", "Bearer ü"])
async def test_odd_credentials_are_nobodys(http: Http, header: str) -> None:
    answer = await http.get("/api/rooms/shop", headers={"Authorization": header})
    assert answer.status_code == 401


@pytest.mark.parametrize("secure", [True, False])
async def test_cookies_are_for_this_host_and_no_script(
    http: Http, ada: SignIn, secure: bool
) -> None:
    proto = {"X-Forwarded-Proto": "https" if secure else "http"}
    answer = await http.post("/console/sign-in", headers=proto | OWN_PAGE)
    assert answer.headers["Cache-Control"] == "no-store"
    jar: SimpleCookie = SimpleCookie()
    for line in answer.headers.getlist("Set-Cookie"):
        jar.load(line)
    prefix = "__Host-" if secure else ""
    assert set(jar) == {f"{prefix}waitroom_console", f"{prefix}waitroom_browser"}
    for cookie in jar.values():
        assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
        assert bool(cookie["secure"]) == secure and not cookie["domain"]
    assert not jar[f"{prefix}waitroom_console"]["max-age"]
    shown = {"Cookie": f"{prefix}waitroom_console={jar[f'{prefix}waitroom_console'].value}"}
    assert (await http.get("/console", headers=shown | proto)).status_code == 200
    # A page without TLS cannot put one before that of https.
    if secure:
        plain = {"Cookie": shown["Cookie"].removeprefix(prefix)}
        assert (await http.get("/console", headers=plain | proto)).status_code == 303


async def test_a_new_sign_in_ends_the_one_of_this_browser(http: Http, ada: SignIn) -> None:
    answer = await http.post("/console/sign-in", headers=cookies(ada) | OWN_PAGE)
    assert ada.cookie not in str(answer.headers)
    assert (await http.get("/console", headers=cookies(ada))).status_code == 303


async def test_another_site_cannot_sign_anybody_in(http: Http, ada: SignIn) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        answer = await http.post("/console/sign-in", headers=headers)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/console/rooms/shop?day=1", "/console/rooms/shop?day=1"),
        ("/console", "/console"),
        *(
            (value, "/console")
            for value in (
                *(None, "", "/", "/consolex", "//evil.example/console/", "https://evil.example"),
                *("/console/../api", "/\\evil.example", "/console/\\evil", "javascript:alert(1)"),
                *("/console/\n", "/console/ü", "https:/console/", "http://["),
            )
        ),
    ],
)
def test_the_way_on_after_signing_in_is_a_page_of_the_console(value: str | None, path: str) -> None:
    assert guard.next_path(value) == path


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ("", 0, "peer"),
        ("203.0.113.9", 0, "peer"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("made up, 203.0.113.9", 1, "203.0.113.9"),
        ("made up, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("203.0.113.9", 2, "peer"),
        (" , ,", 1, "peer"),
    ],
)
def test_only_what_our_own_proxies_add_is_believed(
    forwarded: str, proxies: int, address: str
) -> None:
    assert address_of("peer", forwarded, proxies) == address
