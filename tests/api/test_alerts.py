"""Alerts over the API: the same door as the console's, for programs."""

from typing import Any

import pytest

from .conftest import Ask

HOOK = {"kind": "webhook", "url": "https://hooks.example.com/s3cret", "quiet": None}


async def test_a_channel_is_made_changed_listed_and_deleted(ask: Ask) -> None:
    made = await ask("PUT", "/alerts/channels/pager", json=HOOK)
    assert made.status_code == 200 and made.json()["new_secret"].startswith("whsec_")
    changed = await ask("PUT", "/alerts/channels/pager", json={"on": False, "rooms": ["shop"]})
    assert changed.json() | {"outcome": 0} == {
        "version": changed.headers["ETag"].strip('"'),
        "name": "pager",
        "kind": "webhook",
        "on": False,
        "address": "https://hooks.example.com/…",
        "url_set": True,
        "secret_set": True,
        "to": [],
        "rooms": ["shop"],
        "kinds": None,
        "quiet": None,
        "urgent_anytime": True,
        "outcome": 0,
        "new_secret": None,
    }
    listed = await ask("GET", "/alerts/channels")
    assert "s3cret" not in listed.text and "whsec_" not in listed.text
    assert (await ask("DELETE", "/alerts/channels/pager")).status_code == 204
    assert (await ask("DELETE", "/alerts/channels/pager")).json()["code"] == "channel_not_found"


async def test_what_is_wrong_is_named_without_secrets(ask: Ask) -> None:
    wrong = await ask("PUT", "/alerts/channels/pager", json=HOOK | {"url": "ftp://s3cret"})
    assert wrong.status_code == 422 and wrong.json()["field"] == "url"
    assert "s3cret" not in wrong.text
    wrong = await ask("PUT", "/alerts/channels/pager", json=HOOK | {"name": "other"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "name")
    wrong = await ask("PUT", "/alerts/rules/earthquake", json={})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "kind")


async def test_a_test_says_what_the_channel_did(ask: Ask) -> None:
    await ask("PUT", "/alerts/channels/pager", json=HOOK | {"url": "https://127.0.0.1:1/"})
    found = await ask("POST", "/alerts/channels/pager/test")
    assert (found.status_code, found.json()["code"]) == (502, "alert_not_delivered")
    assert "WAITROOM_ALERTS_ALLOW_NETWORKS" in found.json()["detail"]
    assert (await ask("POST", "/alerts/channels/pager/test")).status_code == 429


async def test_rules_are_changed_and_go_back(ask: Ask) -> None:
    saved = await ask("PUT", "/alerts/rules/wait:shop", json={"limit": 60})
    assert (saved.json()["room"], saved.json()["limit"]) == ("shop", 60)
    assert (await ask("DELETE", "/alerts/rules/wait:shop")).status_code == 204
    rules = (await ask("GET", "/alerts/rules")).json()["rules"]
    assert "wait" in {rule["kind"] for rule in rules} and not any(rule["room"] for rule in rules)


async def test_rules_of_a_room_say_which_one_holds(ask: Ask) -> None:
    await ask("PUT", "/alerts/rules/wait", json={"limit": 900})
    await ask("PUT", "/alerts/rules/wait:shop", json={"limit": 60}, role="owner", rooms=("shop",))
    rules = (await ask("GET", "/rooms/shop/alerts/rules", role="viewer")).json()["rules"]
    wait = next(each for each in rules if each["rule"]["kind"] == "wait")
    assert (wait["own"], wait["rule"]["limit"], wait["general"]["limit"]) == (True, 60, 900)
    assert (await ask("GET", "/rooms/nope/alerts/rules")).status_code == 404


async def test_viewers_see_what_goes_on_and_nothing_else(ask: Ask) -> None:
    found = await ask("GET", "/alerts", role="viewer", rooms=("shop",))
    assert found.status_code == 200 and found.json()["conditions"] == []
    assert (await ask("GET", "/alerts/told", role="viewer")).json() == {"alerts": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/alerts/channels"),
        ("PUT", "/alerts/channels/pager"),
        ("DELETE", "/alerts/channels/pager"),
        ("POST", "/alerts/channels/pager/test"),
        ("GET", "/alerts/rules"),
        ("PUT", "/alerts/rules/wait"),
        ("DELETE", "/alerts/rules/wait"),
        ("GET", "/alerts/dead"),
        ("POST", "/alerts/dead/x/resend"),
    ],
)
async def test_others_may_not(ask: Ask, method: str, path: str) -> None:
    more: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    for role, rooms in (("operator", None), ("owner", ("shop",))):
        found = await ask(method, path, role=role, rooms=rooms, **more)
        assert (found.status_code, found.json()["code"]) == (403, "forbidden")
