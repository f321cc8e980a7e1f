"""Edits that meet each other over the API: one wins, the other is told what changed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waitroom.alerts.configured import Configured
from waitroom.alerts.rules import ROOM_KINDS
from waitroom.edits import NEVER
from waitroom.room import Store
from waitroom.room.keys import ROOMS

from .conftest import Ask
from .test_rooms import problem

SLACK = {"kind": "slack", "url": "https://hooks.example.com/s3cret"}
#: What is changed: its address, how it comes to be, bodies of edits, and a field that they change.
CHANGED: list[tuple[str, tuple[str, str, Any], Callable[[int], Any], str]] = [
    (
        "/accounts/bo",
        ("POST", "/accounts", {"name": "bo", "role": "viewer", "rooms": None}),
        lambda n: {"role": "operator", "rooms": [f"room{n}"]},
        "rooms",
    ),
    (
        "/alerts/channels/ops",
        ("PUT", "/alerts/channels/ops", SLACK),
        lambda n: {"rooms": [f"room{n}"]},
        "rooms",
    ),
    (
        "/alerts/rules/wait",
        ("PUT", "/alerts/rules/wait", {"limit": 3_000}),
        lambda n: {"limit": 600 + n},
        "limit",
    ),
    (
        "/alerts/rules/wait:shop",
        ("PUT", "/alerts/rules/wait:shop", {"limit": 3_000}),
        lambda n: {"limit": 600 + n},
        "limit",
    ),
]


async def version(ask: Ask, path: str) -> str:
    """Return the version of something, as the list that it is in says it."""
    where, _, name = path.rpartition("/")
    listed = (await ask("GET", where)).json()
    [found] = [each for each in listed[where.rpartition("/")[2]] if _name(each) == name]
    return f'"{found["version"]}"'


def _name(each: dict[str, Any]) -> str:
    if "name" in each:
        return str(each["name"])
    return f"{each['kind']}:{each['room']}" if each["room"] else str(each["kind"])


@pytest.mark.parametrize(("path", "made", "edit", "field"), CHANGED)
async def test_of_many_editors_at_once_one_wins_and_the_others_are_told(
    ask: Ask, path: str, made: Any, edit: Callable[[int], Any], field: str
) -> None:
    method, where, body = made
    await ask(method, where, json=body)
    tag = {"If-Match": await version(ask, path)}

    def put(n: int) -> Awaitable[Any]:
        return ask("PUT", path, json=edit(n), headers=tag)

    found = await asyncio.gather(*map(put, range(8)))
    [won] = [each for each in found if each.status_code == 200]
    for lost in found:
        if lost is not won:
            told = problem(lost, 412, "changed_since")
            change = next(each for each in told["changes"] if each["field"] == field)
            assert change["value"] == won.json()[field] != change["before"]
            assert change["who"] == "token owner-all"
    assert won.headers["ETag"] == await version(ask, path)
    again = await ask("PUT", path, json=edit(9), headers={"If-Match": won.headers["ETag"]})
    assert again.status_code == 200 and again.json()[field] == edit(9)[field]


@pytest.mark.parametrize(("path", "made", "edit", "field"), CHANGED)
async def test_what_was_changed_since_is_not_deleted(
    ask: Ask, path: str, made: Any, edit: Callable[[int], Any], field: str
) -> None:
    method, where, body = made
    await ask(method, where, json=body)
    tag = {"If-Match": await version(ask, path)}
    assert (await ask("PUT", path, json=edit(1))).status_code == 200
    told = problem(await ask("DELETE", path, headers=tag), 412, "changed_since")
    assert field in [change["field"] for change in told["changes"]]
    tag = {"If-Match": await version(ask, path)}
    assert (await ask("DELETE", path, headers=tag)).status_code == 204


@pytest.mark.parametrize("tag", ['W/"1-1"', "1-1", '"x"', '"9999999999999-0"'])
@pytest.mark.parametrize(("path", "made", "edit", "field"), CHANGED)
async def test_a_version_that_never_was_is_refused(
    ask: Ask, path: str, made: Any, edit: Callable[[int], Any], field: str, tag: str
) -> None:
    method, where, body = made
    await ask(method, where, json=body)
    for verb, more in (("PUT", {"json": edit(1)}), ("DELETE", {})):
        problem(await ask(verb, path, headers={"If-Match": tag}, **more), 412, "changed_since")


async def test_two_who_make_the_same_channel_do_not_overwrite_each_other(ask: Ask) -> None:
    tag = {"If-Match": f'"{NEVER}"'}
    path = "/alerts/channels/ops"
    await ask("GET", "/me")
    bodies = [SLACK | {"rooms": [name]} for name in ("a", "b")]
    found = await asyncio.gather(*(ask("PUT", path, json=each, headers=tag) for each in bodies))
    assert sorted(each.status_code for each in found) == [200, 412]
    [lost] = [each for each in found if each.status_code == 412]
    assert "s3cret" not in lost.text


async def test_an_address_that_is_not_shown_is_not_overwritten_either(ask: Ask) -> None:
    made = await ask("PUT", "/alerts/channels/ops", json=SLACK)
    tag = {"If-Match": made.headers["ETag"]}
    # Of an address only the host is shown: the same before and after.
    other = SLACK | {"url": "https://hooks.example.com/other"}
    assert (await ask("PUT", "/alerts/channels/ops", json=other)).status_code == 200
    lost = await ask("PUT", "/alerts/channels/ops", json=SLACK, headers=tag)
    [change] = problem(lost, 412, "changed_since")["changes"]
    assert (change["field"], change["before"], change["value"]) == ("url", "set", "new")


async def test_two_who_invite_the_same_name_are_told_of_each_other(ask: Ask) -> None:
    await ask("GET", "/me")
    bodies = [{"name": "bo", "role": role, "rooms": None} for role in ("viewer", "operator")]
    found = await asyncio.gather(*(ask("POST", "/accounts", json=each) for each in bodies))
    assert sorted(each.status_code for each in found) == [201, 409]
    [account] = (await ask("GET", "/accounts")).json()["accounts"]
    [lost] = [each for each in found if each.status_code == 409]
    told = problem(lost, 409, "conflict")
    assert (told["field"], told["value"]) == ("role", account["role"])
    assert "by token owner-all" in told["detail"]


async def test_a_token_made_anew_is_not_revoked_for_the_old_one(ask: Ask) -> None:
    body = {"name": "ci", "role": "viewer", "rooms": None}
    old = (await ask("POST", "/tokens", json=body)).json()["token"]["version"]
    await ask("DELETE", "/tokens/ci")
    await ask("POST", "/tokens", json=body)
    late = await ask("DELETE", "/tokens/ci", headers={"If-Match": f'"{old}"'})
    problem(late, 412, "changed_since")
    now = await version(ask, "/tokens/ci")
    assert (await ask("DELETE", "/tokens/ci", headers={"If-Match": now})).status_code == 204


async def test_a_message_does_not_overwrite_another_one(ask: Ask) -> None:
    tag = {"If-Match": (await ask("GET", "/rooms/shop")).headers["ETag"]}
    assert (await ask("PUT", "/rooms/shop/message", json={"text": "Hi"}, headers=tag)).is_success
    late = await ask("PUT", "/rooms/shop/message", json={"text": "Ho"}, headers=tag)
    [change] = problem(late, 412, "changed_since")["changes"]
    assert (change["field"], change["value"]) == ("message", "Hi")


async def test_a_room_that_is_not_there_gets_no_rule(ask: Ask) -> None:
    refused = await ask("PUT", "/alerts/rules/wait:nope", json={"limit": 60})
    problem(refused, 404, "room_not_found")
    assert not any(each["room"] for each in (await ask("GET", "/alerts/rules")).json()["rules"])


async def test_the_rules_of_a_room_go_with_it(ask: Ask) -> None:
    await ask("POST", "/rooms", json={"name": "other"})
    for room in ("shop", "other"):
        for kind in ROOM_KINDS:
            assert (await ask("PUT", f"/alerts/rules/{kind}:{room}", json={})).status_code == 200
    assert (await ask("DELETE", "/rooms/shop")).status_code == 204
    rules = (await ask("GET", "/alerts/rules")).json()["rules"]
    assert {each["room"] for each in rules} == {None, "other"}
    # One of the same name begins with the general rules, and with their versions.
    await ask("POST", "/rooms", json={"name": "shop"})
    found = (await ask("GET", "/rooms/shop/alerts/rules")).json()["rules"]
    assert {(each["own"], each["version"]) for each in found} == {(False, NEVER)}


async def test_a_rule_saved_while_its_room_is_deleted_does_not_stay(
    ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = Configured.change

    async def deleted_just_before(self: Configured, *args: Any, **more: Any) -> bool:
        await store.redis.srem(ROOMS, "shop")
        return await change(self, *args, **more)

    monkeypatch.setattr(Configured, "change", deleted_just_before)
    refused = await ask("PUT", "/alerts/rules/wait:shop", json={"limit": 60})
    problem(refused, 404, "room_not_found")
    assert not any(each["room"] for each in (await ask("GET", "/alerts/rules")).json()["rules"])
