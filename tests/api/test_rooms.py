"""Rooms over the API: partial change, concurrent edits, hostile values, roles and rooms."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.conftest import EDGE_TOKEN

from .conftest import Ask

PROBLEM = "application/problem+json"
SECRET = "a-header-value-of-16-or-more"


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem of an answer, which has to be one."""
    assert response.headers["Content-Type"] == PROBLEM, response.text
    found: dict[str, Any] = response.json()
    assert (response.status_code, found["status"], found["code"]) == (status, status, code)
    assert found["type"] == f"/api/docs#problem-{code}" and found["title"] and found["detail"]
    return found


async def test_a_room_is_made_changed_in_part_and_deleted(ask: Ask) -> None:
    made = await ask("POST", "/rooms", json={"name": "sale", "title": "Sale"})
    assert (made.status_code, made.headers["Location"]) == (201, "/api/rooms/sale")
    assert made.json()["total_active_users"] == 200
    changed = await ask("PATCH", "/rooms/sale", json={"total_active_users": 5})
    assert (changed.json()["title"], changed.json()["total_active_users"]) == ("Sale", 5)
    assert (await ask("GET", "/rooms/sale")).json() == changed.json()
    rooms = (await ask("GET", "/rooms")).json()["rooms"]
    assert [room["name"] for room in rooms] == ["sale", "shop"]
    gone = await ask("DELETE", "/rooms/sale")
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await ask("GET", "/rooms/sale"), 404, "room_not_found")


async def test_each_lever_switches_what_it_names(ask: Ask) -> None:
    switches = ("queue_all", "draining", "closed", "suspended")
    for lever, on in (
        ("pause", {"queue_all"}),
        ("drain", {"draining"}),
        ("close", {"draining", "closed"}),
        ("drain", {"draining"}),
        ("stop", {"draining", "queue_all"}),
        ("open", set[str]()),
    ):
        room = (await ask("POST", f"/rooms/shop/{lever}")).json()
        assert {name for name in switches if room[name]} == on, lever
    await ask("PATCH", "/rooms/shop", json={"draining": True})
    figures = (await ask("GET", "/rooms/shop/figures")).json()
    assert (figures["state"], figures["wait_low_s"]) == ("draining", None)


async def test_what_is_read_can_be_sent_back_as_it_is(ask: Ask) -> None:
    room = (await ask("GET", "/rooms/shop")).json()
    version = room.pop("version")
    room.pop("name")
    again = await ask("PATCH", "/rooms/shop", json=room, headers={"If-Match": f'"{version}"'})
    assert (again.status_code, again.json()["version"]) == (200, version)


@pytest.mark.parametrize(
    ("changes", "field", "allowed"),
    [
        ({"total_active_users": -1}, "total_active_users", "0 to 10000000"),
        ({"total_active_users": "5"}, "total_active_users", "whole number"),
        ({"total_active_users": True}, "total_active_users", "whole number"),
        ({"total_active_users": 5.5}, "total_active_users", "whole number"),
        ({"total_active_users": 10**30}, "total_active_users", "whole number"),
        ({"closed": "yes"}, "closed", "true or false"),
        ({"closed": 1}, "closed", "true or false"),
        ({"title": "x" * 121}, "title", "at most 120"),
        ({"title": "a\x00b"}, "title", "control characters"),
        ({"message": 5}, "message", "text of at most 500"),
        ({"delivery": "pigeon"}, "delivery", "redirect or inline"),
        ({"seats": 5}, "seats", "no such setting"),
        ({"total_active_user": 5}, "total_active_user", "did you mean total_active_users"),
        ({"routes": [{"path": "/a", "port": 1}]}, "routes.0.port", "there are host, path"),
        ({"routes": [{"path": "//evil"}]}, "routes.0.path", "must be a path"),
        ({"routes": [{"host": "a b"}]}, "routes.0.host", "pattern"),
        ({"bypass": [{"network": "nowhere"}]}, "bypass.0.network", "network"),
        ({"bypass": [{}]}, "bypass", "at least one"),
        ({"theme": "20260101000000-deadbeef"}, "theme", "must be one of"),
        ({"name": "other"}, "name", "no such setting"),
        ({"version": "1-1"}, "version", "no such setting"),
    ],
)
async def test_what_is_not_allowed_is_named_with_what_is(
    ask: Ask, changes: dict[str, Any], field: str, allowed: str
) -> None:
    before = (await ask("GET", "/rooms/shop")).json()
    found = problem(await ask("PATCH", "/rooms/shop", json=changes), 422, "bad_setting")
    assert found["field"] == field and allowed in found["allowed"]
    assert (await ask("GET", "/rooms/shop")).json() == before


async def test_settings_that_contradict_each_other_are_a_conflict(ask: Ask) -> None:
    answer = await ask("PATCH", "/rooms/shop", json={"heartbeat_ttl_s": 700})
    assert problem(answer, 409, "settings_contradict")["field"] == "place_ttl_s"


@pytest.mark.parametrize(
    ("content", "media", "status", "code"),
    [
        (b"{", "application/json", 400, "not_json"),
        (b"", "application/json", 400, "not_json"),
        (b"\xff\xfe", "application/json", 400, "not_json"),
        (b'{"title": NaN}', "application/json", 400, "not_json"),
        (b"[" * 100_000, "application/json", 400, "not_json"),
        (b"[]", "application/json", 422, "not_an_object"),
        (b"null", "application/json", 422, "not_an_object"),
        (b"{}", "text/plain", 415, "not_json"),
        (b"title=x", "application/x-www-form-urlencoded", 415, "not_json"),
        (b" " * 300_000, "application/json", 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    ask: Ask, content: bytes, media: str, status: int, code: str
) -> None:
    answer = await ask("PATCH", "/rooms/shop", content=content, headers={"Content-Type": media})
    problem(answer, status, code)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a" * 41, "assets", "{shop}", "É", "a/b", "-x", "A"]
)
async def test_a_hostile_name_makes_no_room(ask: Ask, name: str) -> None:
    found = problem(await ask("POST", "/rooms", json={"name": name}), 422, "bad_setting")
    assert (found["field"], found["value"]) == ("name", name)
    rooms = (await ask("GET", "/rooms")).json()["rooms"]
    assert [room["name"] for room in rooms] == ["shop"]


@pytest.mark.parametrize("name", [None, 5, [], {}])
async def test_a_name_that_is_no_text_makes_no_room(ask: Ask, name: Any) -> None:
    problem(await ask("POST", "/rooms", json={"name": name}), 422, "bad_field")


async def test_a_room_without_a_name_or_of_a_taken_one_is_not_made(ask: Ask) -> None:
    assert problem(await ask("POST", "/rooms", json={}), 422, "bad_field")["field"] == "name"
    problem(await ask("POST", "/rooms", json={"name": "shop"}), 409, "room_exists")


@pytest.mark.parametrize(
    "path", ["/rooms/%00", "/rooms/..%2f..%2fetc", "/rooms/%7Bshop%7D", "/rooms/" + "a" * 500]
)
async def test_a_hostile_address_finds_no_room(ask: Ask, path: str) -> None:
    answer = await ask("GET", path)
    assert answer.status_code == 404 and answer.headers["Content-Type"] == PROBLEM


async def test_the_second_of_two_editors_is_told_what_the_first_changed(ask: Ask) -> None:
    first = await ask("GET", "/rooms/shop")
    tag = {"If-Match": first.headers["ETag"]}
    won = await ask("PATCH", "/rooms/shop", json={"total_active_users": 50}, headers=tag)
    assert won.status_code == 200
    lost = await ask("PATCH", "/rooms/shop", json={"total_active_users": 60}, headers=tag)
    found = problem(lost, 412, "changed_since")
    [change] = found["changes"]
    assert (change["field"], change["before"], change["value"]) == ("total_active_users", 200, 50)
    assert change["who"] == "token owner-all"
    assert (await ask("GET", "/rooms/shop")).json()["total_active_users"] == 50
    tag = {"If-Match": won.headers["ETag"]}
    again = await ask("PATCH", "/rooms/shop", json={"total_active_users": 60}, headers=tag)
    assert again.json()["total_active_users"] == 60


async def test_of_many_editors_at_once_exactly_one_wins(ask: Ask) -> None:
    tag = {"If-Match": (await ask("GET", "/rooms/shop")).headers["ETag"]}
    found = await asyncio.gather(
        *(
            ask("PATCH", "/rooms/shop", json={"total_active_users": seats}, headers=tag)
            for seats in range(1, 11)
        )
    )
    assert sorted(answer.status_code for answer in found)[0] == 200
    assert {answer.status_code for answer in found if answer.status_code != 200} <= {409, 412}
    assert sum(answer.status_code == 200 for answer in found) == 1


@pytest.mark.parametrize(
    "tag", ['W/"1-1"', "1-1", '"', '"a", "b"', '"\x7f"', '"' + "9" * 900 + '"']
)
async def test_an_etag_that_never_was_is_refused(ask: Ask, tag: str) -> None:
    headers = {"If-Match": tag}
    answer = await ask("PATCH", "/rooms/shop", json={"title": "x"}, headers=headers)
    problem(answer, 412, "changed_since")


CALLS: list[tuple[str, str, Any, str]] = [
    ("GET", "/rooms/shop", None, "viewer"),
    ("GET", "/rooms/shop/figures", None, "viewer"),
    ("GET", "/rooms/shop/history", None, "viewer"),
    ("GET", "/rooms/shop/days", None, "viewer"),
    ("GET", "/rooms/shop/visitors", None, "viewer"),
    ("GET", "/rooms/shop/audit", None, "viewer"),
    ("GET", "/rooms/shop/theme", None, "viewer"),
    ("GET", "/rooms/shop/preview", None, "viewer"),
    ("POST", "/rooms/shop/preview", {"theme": {}}, "viewer"),
    ("PATCH", "/rooms/shop", {"total_active_users": 9}, "operator"),
    ("PUT", "/rooms/shop/message", {"text": "Hi"}, "operator"),
    ("POST", "/rooms/shop/pause", None, "operator"),
    ("POST", "/rooms/shop/open", None, "operator"),
    ("POST", "/rooms/shop/close", None, "operator"),
    ("POST", "/rooms/shop/drain", None, "operator"),
    ("POST", "/rooms/shop/stop", None, "operator"),
    ("POST", "/rooms/shop/open", None, "operator"),
    ("POST", "/rooms/shop/admit", {"n": 1}, "operator"),
    ("PATCH", "/rooms/shop", {"title": "Mine"}, "owner"),
    ("PUT", "/rooms/shop/theme", {}, "owner"),
    ("GET", "/rooms/shop/reports", None, "owner"),
    ("POST", "/rooms/shop/reports", None, "owner"),
    ("POST", "/rooms/shop/end-passes", None, "owner"),
    ("POST", "/rooms", {"name": "new"}, "owner"),
    ("GET", "/tokens", None, "owner"),
    ("POST", "/tokens", {"name": "new", "role": "viewer", "rooms": None}, "owner"),
    ("DELETE", "/tokens/new", None, "owner"),
    ("GET", "/accounts", None, "owner"),
    ("POST", "/accounts", {"name": "new", "role": "viewer", "rooms": None}, "owner"),
    ("PUT", "/accounts/new", {"role": "operator", "rooms": ["shop"]}, "owner"),
    ("DELETE", "/accounts/new", None, "owner"),
    ("DELETE", "/rooms/shop", None, "owner"),
]


async def test_each_role_may_do_its_part_and_no_more(ask: Ask) -> None:
    roles = ["viewer", "operator", "owner"]
    for method, path, body, role in CALLS:
        for less in roles[: roles.index(role)]:
            found = problem(await ask(method, path, json=body, role=less), 403, "forbidden")
            assert found["allowed"] == f"the role {role}", (method, path)
        answer = await ask(method, path, json=body, role=role)
        assert answer.status_code < 300, (method, path, answer.text)


async def test_a_token_of_another_room_may_not_even_look(ask: Ask) -> None:
    await ask("POST", "/rooms", json={"name": "other"})
    for method, path, body, _ in CALLS:
        problem(await ask(method, path, json=body, rooms=("other",)), 403, "forbidden")
    # Nor find out whether there is a room.
    problem(await ask("GET", "/rooms/nowhere", rooms=("other",)), 403, "forbidden")
    rooms = (await ask("GET", "/rooms", rooms=("other",))).json()["rooms"]
    assert [room["name"] for room in rooms] == ["other"]
    assert [
        r["room"] for r in (await ask("GET", "/figures", rooms=("other",))).json()["rooms"]
    ] == ["other"]
    assert (await ask("PATCH", "/rooms/other", json={"title": "x"}, rooms=("other",))).is_success


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrt_" + "A" * 43},
        {"Authorization": f"Bearer {EDGE_TOKEN}"},
        {"Authorization": "Basic YWRhOmFkYQ=="},
        {"Authorization": "Bearer " + "x" * 5_000},
        {"Cookie": "waitroom_console=x"},
    ],
)
async def test_without_a_token_nothing_is_answered(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for method, path, body, _ in CALLS:
        answer = await http.request(method, f"/api{path}", json=body, headers=headers)
        problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_secrets_of_bypass_rules_are_for_owners(ask: Ask) -> None:
    rules = {"bypass": [{"header": "x-monitor", "value": SECRET}]}
    assert SECRET in (await ask("PATCH", "/rooms/shop", json=rules)).text
    for path in ("/rooms", "/rooms/shop", "/rooms/shop/audit"):
        assert SECRET in (await ask("GET", path)).text
        assert SECRET not in (await ask("GET", path, role="operator")).text


async def test_an_unknown_address_and_a_wrong_method_are_problems_too(ask: Ask) -> None:
    problem(await ask("GET", "/nothing"), 404, "not_found")
    problem(await ask("GET", ""), 404, "not_found")
    answer = await ask("PUT", "/rooms/shop", json={})
    problem(answer, 405, "method_not_allowed")
    assert "PATCH" in answer.headers["Allow"]


async def test_edges_get_their_errors_as_before(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/edge/rooms")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"] == "unauthorized"
