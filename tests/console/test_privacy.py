"""What visitors show of themselves, addresses and tickets, is on no page and in no answer."""

import re
from typing import Any, cast

import httpx
import pytest
from redis.asyncio import Redis

from tests.api.conftest import OWNER
from tests.api.test_matrix import operations
from tests.console.conftest import Person, views
from tests.web.helpers import TOKEN_MODE, Site, no_cookies, shown
from waitroom.accounts.accounts import Accounts
from waitroom.config import Config

#: Addresses that nothing else has (RFC 5737), as a proxy in front tells them.
ADDRESSES = ("198.51.100.23", "203.0.113.77")
AGENT = "Recognisable/7.7"


@pytest.fixture
def config(config: Config) -> Config:
    """Return a configuration that believes the proxy in front."""
    return config.model_copy(update={"trusted_proxies": 1})


async def _come(http: httpx.AsyncClient, address: str) -> dict[str, Any]:
    told = {
        "X-Forwarded-For": address,
        "X-Real-IP": address,
        "CF-Connecting-IP": address,
        "Forwarded": f"for={address}",
        "User-Agent": AGENT,
    }
    answer = await http.post("/__waitroom/shop/enter", headers=told | TOKEN_MODE)
    found: dict[str, Any] = answer.json()
    again = await http.get("/__waitroom/shop/status", headers=told | shown(found["ticket"]))
    assert again.status_code == 200
    return found


async def test_no_page_and_no_answer_shows_an_address_a_ticket_or_a_pass(
    ada: Person, accounts: Accounts, site: Site
) -> None:
    await site.services.directory.update("shop", {"total_active_users": 1}, who="test")
    async with httpx.AsyncClient(base_url=site.url, cookies=no_cookies(), timeout=20) as http:
        seated, waiting = [await _come(http, address) for address in ADDRESSES]
        assert (seated["status"], waiting["status"]) == ("admitted", "waiting")
        secrets = [seated["ticket"], seated["pass"], waiting["ticket"]]
        signs = [part for token in secrets for part in (token, token.rpartition(".")[2])]
        signs += [*ADDRESSES, AGENT]
        room = await site.services.directory.get("shop")
        [seat] = await site.services.store.redis.zrange(room.keys.active, 0, -1)
        [place] = await site.services.store.redis.zrange(room.keys.waiting, 0, -1)
        ids = [seat.decode(), place.decode()]
        made = await accounts.tokens.make(OWNER, "scan", "owner")
        bearer = {"Authorization": f"Bearer {made.value}"}
        bodies = {
            path: (await http.get(f"/api{path}", headers=bearer)).text for path in _answers(ids)
        }
        bodies |= {path: (await ada.get(path)).text for path in _pages(ids)}
        bodies["/metrics"] = (await http.get("/metrics")).text
    assert len(bodies) > 50
    # The scan looked where visitors are.
    seen = [path for path, body in bodies.items() if ids[0] in body or ids[1] in body]
    assert any(path.startswith("/rooms") for path in seen)
    assert any(path.startswith("/console") for path in seen)
    for path, body in bodies.items():
        assert [sign for sign in signs if sign in body] == [], path
    await _kept_nowhere(site.services.store.redis, signs)


def _answers(ids: list[str]) -> list[str]:
    found = [path for method, path in operations() if method == "GET"]
    found += [f"/rooms/shop/visitors/{each}" for each in (*ids, "1")]
    return found + [f"/rooms/shop/visitors?of={of}" for of in ("waiting", "parked", "seated")]


def _pages(ids: list[str]) -> list[str]:
    found = [path for path in views("GET") if not re.search(r"/assets/|sign-out", path)]
    found += [f"/console/rooms/shop/visitors?find={each}" for each in (*ids, "1")]
    return found + [f"/console/rooms/shop/visitors?of={of}" for of in ("parked", "seated")]


async def _kept_nowhere(redis: Redis, signs: list[str]) -> None:
    keys = await redis.keys("*")
    assert len(keys) > 5
    for key in keys:
        kept = f"{key!r} {await _kept(redis, key)}"
        assert [sign for sign in signs if sign in kept] == [], key


async def _kept(redis: Redis, key: Any) -> Any:
    kind = cast(bytes, await redis.type(key)).decode()
    if kind in ("zset", "list"):
        return await redis.zrange(key, 0, -1) if kind == "zset" else await redis.lrange(key, 0, -1)
    if kind == "stream":
        return await redis.xrange(key)
    return await {"string": redis.get, "hash": redis.hgetall, "set": redis.smembers}[kind](key)
