"""What everybody asks for: who takes it, the fast lane or Quart, and that both say the same."""

from typing import Any, cast

import httpx
import pytest

from tests.web.helpers import PAGE, TOKEN_MODE, Site, shown, ticket_cookie, ticket_of
from waitroom.room import Room
from waitroom.web.lane import FAILURE, Lane


class Rest:
    """What stands behind the lane; notes what comes through."""

    def __init__(self) -> None:
        self.extensions: dict[str, Any] = {}
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)


def scope(method: str, path: str, *headers: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    asked = {"type": "http", "http_version": "1.1", "scheme": "http", "method": method}
    return {**asked, "path": path, "headers": list(headers), **more}


@pytest.fixture
def rest() -> Rest:
    return Rest()


@pytest.fixture
async def sent(site: Site, rest: Rest) -> Any:
    """Return a way to send one scope through a lane; it gives what the lane itself answered."""
    lane = Lane(cast(Any, rest), site.services)

    async def send_one(asked: dict[str, Any]) -> list[dict[str, Any]]:
        answered: list[dict[str, Any]] = []

        async def note(message: dict[str, Any]) -> None:
            answered.append(message)

        await lane(asked, None, note)
        return answered

    return send_one


async def test_a_plain_request_does_not_reach_the_framework(
    sent: Any, rest: Rest, full: Room
) -> None:
    length = (b"content-length", b"0")
    start, body = await sent(scope("POST", "/__waitroom/full/enter", length))
    assert (start["status"], rest.scopes) == (200, [])
    headers = dict(start["headers"])
    assert int(headers[b"content-length"]) == len(body["body"])
    ticket = headers[b"set-cookie"].partition(b";")[0]
    again, _ = await sent(scope("GET", "/__waitroom/full/status", (b"cookie", ticket)))
    assert (again["status"], rest.scopes) == (200, [])


CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize(
    "asked",
    [
        scope("GET", "/__waitroom/full/enter"),
        scope("POST", "/__waitroom/full/status"),
        scope("HEAD", "/__waitroom/full/status"),
        scope("POST", "/__waitroom/full/enter/"),
        scope("POST", "/__waitroom/full/x/enter"),
        scope("POST", "/full/enter"),
        scope("POST", "full/enter"),
        scope("POST", "/__waitroom/full"),
        scope("GET", "/__waitroom/full/"),
        scope("GET", "/__waitroom/full", query_string=b"a=b&%6eojs=1"),
        scope("POST", "/__waitroom/full/enter", (b"content-length", b"5")),
        scope("POST", "/__waitroom/full/enter", CHUNKED),
        # There a body needs no header.
        scope("POST", "/__waitroom/full/enter", http_version="2"),
        {"type": "websocket", "path": "/__waitroom/full/enter", "headers": []},
        {"type": "lifespan"},
    ],
    ids=lambda asked: f"{asked['type']} {asked.get('method')} {asked.get('path')}",
)
async def test_everything_else_does(
    sent: Any, rest: Rest, full: Room, asked: dict[str, Any]
) -> None:
    assert await sent(asked) == []
    assert rest.scopes == [asked]
    assert FAILURE not in asked
    assert (await full.figures()).waiting == 0


async def test_what_fails_is_left_to_the_framework_to_show(
    sent: Any, rest: Rest, full: Room
) -> None:
    assert await sent(scope("GET", "/__waitroom/full/status")) == []
    assert await sent(scope("POST", "/__waitroom/nowhere/enter")) == []
    codes = [asked[FAILURE][0].code for asked in rest.scopes]
    assert codes == ["bad_token", "room_not_found"]


async def test_both_ways_give_the_same_answer(http: httpx.AsyncClient, full: Room) -> None:
    ticket = ticket_of(await http.post("/__waitroom/full/enter"), "full")
    for headers in (
        {},
        ticket_cookie(ticket, "full"),
        shown(ticket),
        TOKEN_MODE,
        {"X-Forwarded-Proto": "https"} | ticket_cookie(ticket, "full"),
        {"Authorization": "Basic eDp5"} | ticket_cookie(ticket, "full"),
        shown("forged"),
        PAGE | shown("forged"),
    ):
        quick = await http.post("/__waitroom/full/enter", headers=headers)
        odd = await http.post("/__waitroom/full/enter", headers=headers, content=b"x")
        assert quick.status_code == odd.status_code
        assert _names(quick) == _names(odd)
        if quick.headers["content-type"] == "application/json":
            found = quick.json().keys()
            assert found == odd.json().keys()
        if ticket_cookie(ticket, "full").items() <= headers.items():
            assert quick.json() == odd.json()
            cookies = [each.headers["set-cookie"].partition("; Expires=") for each in (quick, odd)]
            assert cookies[0][0] == cookies[1][0]
            assert ("Secure" in cookies[0][2]) == ("X-Forwarded-Proto" in headers)


@pytest.mark.parametrize("path", ["full", "full?return_to=/caf%C3%A9", "full/board"])
async def test_both_ways_give_the_same_page(http: httpx.AsyncClient, full: Room, path: str) -> None:
    url = f"/__waitroom/{path}"
    tag = (await http.get(url)).headers.get("etag")
    for headers in (
        {},
        {"Accept-Encoding": "identity"},
        {"Accept-Encoding": "br, gzip;q=0"},
        {"Accept-Language": "de-AT,de;q=0.8,en;q=0.1"},
        {"Accept-Language": "x" * 300},
        {"If-None-Match": f'"x", {tag}'},
    ):
        quick = await http.get(url, headers=headers)
        odd = await http.request("GET", url, headers=headers, content=b"x")
        assert quick.status_code == (304 if tag and "If-None-Match" in headers else 200)
        found = [dict(each.headers) for each in (quick, odd)]
        for each in found:
            del each["date"]
        assert found[0] == found[1]
        assert quick.content == odd.content


async def test_hostile_queries_are_refused_both_ways(http: httpx.AsyncClient, full: Room) -> None:
    for query in ("return_to=//x", "return_to=%2F%2Fx", "a=1&return_to=%5Cx", "return_to=/%0a"):
        quick = await http.get(f"/__waitroom/full?{query}")
        odd = await http.request("GET", f"/__waitroom/full?{query}", content=b"x")
        assert quick.status_code == odd.status_code == 400
        assert quick.content == odd.content


async def test_redis_is_asked_once_for_a_request_that_fails(
    http: httpx.AsyncClient, site: Site, full: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def broken(*_: object) -> None:
        nonlocal asked
        asked += 1
        raise ZeroDivisionError

    monkeypatch.setattr(site.services.hub, "room", broken)
    found = await http.post("/__waitroom/full/enter")
    assert (found.status_code, found.json()["error"], asked) == (500, "internal_error", 1)


def _names(answer: httpx.Response) -> list[str]:
    return sorted(answer.headers)
