"""Every operation there is, asked by every role: none is forgotten when one is added."""

import re
from typing import Any

import httpx
from quart import Quart

from waitroom import clock
from waitroom.accounts.accounts import Accounts
from waitroom.api.blueprint import PUBLIC, api
from waitroom.config import Config
from waitroom.room import Store

from .conftest import OWNER, Ask
from .test_rooms import problem

#: What a viewer may do beside looking.
VIEWERS = {("POST", "/rooms/shop/preview")}
#: What only an owner may look at.
OWNERS = {
    "/rooms/shop/reports",
    "/rooms/shop/reports/x/csv",
    "/rooms/shop/reports/x/html",
    "/tokens",
    "/accounts",
    "/accounts-audit",
    "/alerts/channels",
    "/alerts/rules",
    "/alerts/dead",
}
OPERATORS = {
    ("PATCH", "/rooms/shop"),
    ("PUT", "/rooms/shop/message"),
    *(("POST", f"/rooms/shop/{verb}") for verb in ("pause", "open", "drain", "close", "stop")),
    ("POST", "/rooms/shop/admit"),
    ("POST", "/rooms/shop/visitors/x/let-in"),
    ("DELETE", "/rooms/shop/visitors/x"),
}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/rooms"): {"name": "new"},
    ("PATCH", "/rooms/shop"): {"total_active_users": 9},
    ("PUT", "/rooms/shop/message"): {"text": "Hi"},
    ("POST", "/rooms/shop/admit"): {"n": 1},
    ("POST", "/rooms/shop/preview"): {"theme": {}},
    ("POST", "/tokens"): {"name": "new", "role": "owner", "rooms": None},
    ("POST", "/accounts"): {"name": "new", "role": "owner", "rooms": None},
    ("PUT", "/accounts/x"): {"role": "owner", "rooms": None},
    ("POST", "/accounts/x/link"): {},
    ("PUT", "/alerts/channels/x"): {"kind": "slack", "url": "https://hooks.example/x"},
    ("PUT", "/alerts/rules/wait"): {"limit": 60},
}


def operations() -> list[tuple[str, str]]:
    app = Quart("test", static_folder=None)
    app.register_blueprint(api)
    found = []
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], PUBLIC, False):
            continue
        path = str(rule).removeprefix("/api").replace("<name>", "shop").replace("<rule>", "wait")
        path = re.sub(r"<[^>]+>", "x", path)
        found += [(method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return sorted(found)


async def test_nobody_does_more_than_the_role_allows(ask: Ask) -> None:
    for method, path in operations():
        body = BODIES.get((method, path), {} if method == "PUT" else None)
        looks = method == "GET" and path not in OWNERS
        refused = [] if looks or (method, path) in VIEWERS else ["viewer"]
        if refused and (method, path) not in OPERATORS:
            refused.append("operator")
        for role in refused:
            answer = await ask(method, path, json=body, role=role)
            assert answer.status_code == 403, (method, path, role, answer.text)
            problem(answer, 403, "forbidden")


async def test_an_owner_of_another_room_does_nothing_in_this_one_nor_in_all(ask: Ask) -> None:
    await ask("POST", "/rooms", json={"name": "other"})
    for method, path in operations():
        if method == "GET" and "/rooms/shop" not in path and path not in OWNERS:
            continue
        body = BODIES.get((method, path), {} if method == "PUT" else None)
        answer = await ask(method, path, json=body, rooms=("other",))
        assert answer.status_code == 403, (method, path, answer.text)


async def test_nothing_is_answered_to_nobody_nor_to_a_token_that_has_ended(
    http: httpx.AsyncClient, store: Store, config: Config
) -> None:
    accounts = Accounts(store, config)
    revoked = await accounts.tokens.make(OWNER, "revoked", "owner")
    await accounts.tokens.revoke(OWNER, "revoked")
    an_hour_ago = Accounts(store, config, now_ms=lambda: clock.now_ms() - 3_600_000)
    expired = await an_hour_ago.tokens.make(OWNER, "expired", "owner", life_s=60)
    shown: list[dict[str, str]] = [{}]
    shown += [{"Authorization": f"Bearer {made.value}"} for made in (revoked, expired)]
    for method, path in operations():
        for headers in shown:
            for each in {method, "HEAD" if method == "GET" else method}:
                answer = await http.request(each, f"/api{path}", headers=headers)
                assert answer.status_code == 401, (each, path, headers)


async def test_a_body_nested_without_end_is_refused(ask: Ask) -> None:
    deep = b'{"title":' + b"[" * 300 + b"]" * 300 + b"}"
    sent = {"content": deep, "headers": {"Content-Type": "application/json"}}
    calls = (("POST", "/rooms"), ("PUT", "/rooms/shop/theme"), ("PUT", "/alerts/channels/x"))
    for method, path in calls:
        problem(await ask(method, path, **sent), 400, "not_json")
