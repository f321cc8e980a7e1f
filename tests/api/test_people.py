"""Accounts and API tokens over the API."""

from tests.accounts.conftest import PASSWORD, cheap
from waitroom.accounts.accounts import Accounts
from waitroom.config import Config
from waitroom.room import Store

from .conftest import Ask
from .test_rooms import problem


async def test_a_token_is_made_used_and_revoked(ask: Ask) -> None:
    made = await ask("POST", "/tokens", json={"name": "ci", "role": "operator", "rooms": ["shop"]})
    assert made.status_code == 201
    shown = {"Authorization": f"Bearer {made.json()['value']}"}
    me = (await ask("GET", "/me", headers=shown)).json()
    assert me == {"name": "token ci", "role": "operator", "rooms": ["shop"]}
    listed = await ask("GET", "/tokens")
    assert "ci" in [token["name"] for token in listed.json()["tokens"]]
    assert made.json()["value"] not in listed.text
    problem(
        await ask("POST", "/tokens", json={"name": "ci", "role": "viewer", "rooms": None}),
        409,
        "account_exists",
    )
    assert (await ask("DELETE", "/tokens/ci")).status_code == 204
    problem(await ask("GET", "/me", headers=shown), 401, "unauthorized")
    problem(await ask("DELETE", "/tokens/ci"), 404, "account_not_found")


async def test_an_owner_of_some_rooms_makes_no_token(ask: Ask) -> None:
    body = {"name": "ci", "role": "owner", "rooms": None}
    problem(await ask("POST", "/tokens", json=body, rooms=("shop",)), 403, "forbidden")


async def test_an_account_is_invited_changed_and_deleted(ask: Ask) -> None:
    made = await ask("POST", "/accounts", json={"name": "bo", "role": "viewer", "rooms": None})
    assert (made.status_code, made.json()["name"]) == (201, "bo")
    changed = await ask("PUT", "/accounts/bo", json={"role": "operator", "rooms": ["shop"]})
    assert (changed.json()["role"], changed.json()["rooms"]) == ("operator", ["shop"])
    listed = await ask("GET", "/accounts")
    assert [account["name"] for account in listed.json()["accounts"]] == ["bo"]
    assert made.json()["value"] not in listed.text
    assert (await ask("DELETE", "/accounts/bo")).status_code == 204
    problem(await ask("DELETE", "/accounts/bo"), 404, "account_not_found")
    for wrong in ({"name": "Bo", "role": "viewer"}, {"name": "bo", "role": "king"}, {"name": "bo"}):
        problem(await ask("POST", "/accounts", json={"rooms": None} | wrong), 422, "bad_field")


async def test_rooms_that_are_not_said_do_not_become_all(ask: Ask) -> None:
    made = {"name": "bo", "role": "viewer", "rooms": ["shop"]}
    assert (await ask("POST", "/accounts", json=made)).status_code == 201
    body = {"name": "new", "role": "operator"}
    for method, path, wrong in (
        ("PUT", "/accounts/bo", {"role": "operator"}),
        ("POST", "/accounts", body),
        ("POST", "/tokens", body),
    ):
        found = problem(await ask(method, path, json=wrong), 422, "bad_field")
        assert found["field"] == "rooms"
    [account] = (await ask("GET", "/accounts")).json()["accounts"]
    assert (account["role"], account["rooms"]) == ("viewer", ["shop"])


async def test_somebody_locked_out_gets_a_link_and_the_trail_says_so(
    ask: Ask, store: Store, config: Config
) -> None:
    accounts = Accounts(store, config, passwords=cheap())
    invited = (
        await ask("POST", "/accounts", json={"name": "bo", "role": "viewer", "rooms": None})
    ).json()
    assert await accounts.accept(invited["value"], PASSWORD)
    again = await ask("POST", "/accounts/bo/link", json={"drop_totp": True})
    assert (again.status_code, again.json()["name"]) == (201, "bo")
    trail = await ask("GET", "/accounts-audit?count=2")
    assert again.json()["value"] not in trail.text
    rows = trail.json()["rows"]
    assert (rows[0]["who"], rows[0]["about"]) == ("token owner-all", "bo")
    assert rows[0]["changes"] == {"link": [None, "new"]}
    older = (await ask("GET", f"/accounts-audit?before={rows[0]['id']}&count=1")).json()["rows"]
    assert older == rows[1:]
    assert await accounts.accept(again.json()["value"], f"{PASSWORD} too")
    problem(await ask("POST", "/accounts/nobody/link", json={}), 404, "account_not_found")
