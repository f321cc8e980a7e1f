"""What operators and their machines ask: alive, ready, metrics."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.web.helpers import Page, Serve, Site, eventually
from waitroom.room import COUNTERS, Directory, Room
from waitroom.web import metrics

VISITOR_ID = re.compile(r"[A-Za-z0-9_-]{22}")


async def samples(http: httpx.AsyncClient) -> dict[tuple[str, tuple[Any, ...]], float]:
    """Return all samples by name and labels."""
    found = await http.get("/metrics")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(found.text)
        for sample in family.samples
    }


def of(room: str) -> tuple[Any, ...]:
    return (("room", room),)


async def ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/readyz")).status_code == 200


async def test_a_process_that_reads_its_rooms_is_alive_and_ready(http: httpx.AsyncClient) -> None:
    await eventually(lambda: ready(http))
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert (await http.get("/readyz")).json() == {"status": "ok", "rooms": 1}


async def test_every_figure_that_operators_need_is_there(
    http: httpx.AsyncClient, full: Room, open_page: Any
) -> None:
    await eventually(lambda: ready(http))
    for room in ("shop", "full"):
        await http.post(f"/__waitroom/{room}/enter")
    await http.get("/__waitroom/shop/status")
    page: Page = await open_page()
    found = await samples(http)
    await page.close()
    for name in ("waiting", "parked", "active", "unclaimed"):
        assert (f"waitroom_{name}", of("full")) in found
    for name in COUNTERS:
        total = "parkings" if name == "parked" else name
        assert (f"waitroom_{total}_total", of("full")) in found
    assert found["waitroom_waiting", of("full")] == 1
    assert found["waitroom_active", of("shop")] == 1
    assert found["waitroom_admitted_total", of("shop")] == 1
    assert found["waitroom_tick_seconds_count", ()] >= 1
    assert found["waitroom_redis_seconds_count", ()] == 1
    assert found["waitroom_sockets", ()] == 1
    assert found["waitroom_errors_total", (("code", "bad_token"),)] == 1
    assert ("waitroom_jobs_failed", ()) in found and ("waitroom_jobs_queued", ()) in found
    # By these the load test sees what a server costs that is not on its own machine.
    assert found["process_cpu_seconds_total", ()] > 0
    assert found["process_resident_memory_bytes", ()] > 1_000_000


async def test_labels_come_from_owners_and_from_our_own_list_only(
    http: httpx.AsyncClient, room: Room
) -> None:
    for hostile in ("nowhere", 'x"}', "../y", "shop%0A"):
        await http.get(
            f"/__waitroom/{hostile}/status", headers={"Cookie": "waitroom_ticket_shop=z"}
        )
        await http.post(f"/__waitroom/{hostile}/enter")
        await http.request("PROPFIND", f"/{hostile}")
    found = await samples(http)
    assert {labels for name, labels in found if name == "waitroom_waiting"} == {of("shop")}
    codes = {dict(labels)["code"] for name, labels in found if name == "waitroom_errors_total"}
    assert codes <= {"room_not_found", "not_found", "method_not_allowed", "bad_token"}
    assert not any(VISITOR_ID.fullmatch(value) for _, labels in found for _, value in labels)


async def test_rooms_beyond_the_limit_are_left_out(
    http: httpx.AsyncClient, directory: Directory, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MAX_ROOMS", 2)
    for name in ("a", "b", "c"):
        await directory.create(name, {}, who="test")
    await site.services.directory.refresh()
    found = await samples(http)
    assert {labels for name, labels in found if name == "waitroom_waiting"} == {of("a"), of("b")}


async def test_without_redis_a_process_is_alive_not_ready_and_still_measured(
    serve: Serve, tmp_path: Path
) -> None:
    site = await serve(redis_url=f"unix://{tmp_path}/none.sock")
    async with httpx.AsyncClient(base_url=site.url) as http:
        assert (await http.get("/healthz")).status_code == 200
        refused = await http.get("/readyz")
        assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        found = await samples(http)
    assert found["waitroom_errors_total", (("code", "store_unavailable"),)] >= 1
    assert ("waitroom_tick_seconds_count", ()) in found
