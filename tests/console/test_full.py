"""A Redis that is full, as visitors, owners and programs meet it."""

from collections.abc import Callable, Iterator

import httpx
import pytest
import redis

from tests.console.conftest import Person
from tests.web.helpers import Site
from waitroom import clock
from waitroom.room import Room


@pytest.fixture
def fill_up(redis_url: str) -> Iterator[Callable[[], None]]:
    """Return what has Redis reach its limit; it has none afterwards."""
    with redis.Redis.from_url(redis_url) as raw:
        yield lambda: raw.config_set("maxmemory", 1)
        raw.config_set("maxmemory", 0)


async def test_newcomers_are_asked_to_come_back_and_owners_can_act(
    ada: Person, site: Site, room: Room, fill_up: Callable[[], None]
) -> None:
    room = await site.services.directory.update("shop", {"total_active_users": 0}, who="test")
    waits = clock.new_visitor()
    await room.enter(waits)
    token = await ada.token()
    fill_up()
    async with httpx.AsyncClient(base_url=site.url) as http:
        refused = await http.post("/__waitroom/shop/enter", headers={"Waitroom-Mode": "token"})
        assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")
        assert "Redis is full" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        assert (await http.get("/__waitroom/shop/board")).json()["waiting"] == 1

    page = await ada.get("/console/rooms/shop")
    assert page.status_code == 200
    stopped = await ada.http.post("/console/rooms/shop/lever/stop", data={"csrf": token})
    assert stopped.status_code == 303
    assert (await site.services.directory.get("shop")).settings.queue_all
    fields = {"address": "https://new.example/", "name": "new", "total_active_users": "5"}
    refused = await ada.http.post("/console/new", data=fields | {"csrf": token})
    assert refused.status_code == 503 and "Redis is full" in refused.text
    assert await site.services.directory.names() == ["shop"]
    assert (await room.figures()).waiting == 1
