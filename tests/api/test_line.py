"""The line, what goes on, and what visitors see, over the API."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.conftest import EDGE_TOKEN
from tests.room.helpers import names
from tests.web.helpers import Site
from waitroom.room import Room

from .conftest import Ask
from .test_rooms import problem


async def test_the_line_is_moved_by_hand(ask: Ask, room: Room) -> None:
    await ask("PATCH", "/rooms/shop", json={"total_active_users": 0, "queue_all": True})
    await room.enter_many([(visitor, 0) for visitor in names(10)])
    page = (await ask("GET", "/rooms/shop/visitors?start=2&count=2")).json()
    assert [row["position"] for row in page["visitors"]] == [3, 4] and page["total"] == 10
    assert (await ask("GET", "/rooms/shop/visitors/7")).json()["visitor"] == "v000006"
    refused = await ask("POST", "/rooms/shop/visitors/v000006/let-in")
    problem(refused, 409, "no_free_seat")
    await ask("PATCH", "/rooms/shop", json={"total_active_users": 5})
    found = (await ask("POST", "/rooms/shop/visitors/v000006/let-in")).json()
    assert (found["visitor"], found["where"]) == ("v000006", "admitted")
    admitted = (await ask("POST", "/rooms/shop/admit", json={"n": 3})).json()
    assert admitted == {"admitted": 3, "asked": 3, "reason": None}
    assert (await ask("POST", "/rooms/shop/admit", json={"n": 9})).json()["reason"] == "full"
    assert (await ask("DELETE", "/rooms/shop/visitors/v000006")).status_code == 204
    problem(await ask("DELETE", "/rooms/shop/visitors/v000006"), 404, "visitor_not_found")
    figures = (await ask("GET", "/rooms/shop/figures")).json()
    assert (figures["active"], figures["waiting"]) == (4, 5)
    trail = (await ask("GET", "/rooms/shop/audit?count=3")).json()
    assert [entry["changes"][0]["what"] for entry in trail["entries"]] == [
        "remove",
        "admit_now",
        "admit_now",
    ]
    older = (await ask("GET", f"/rooms/shop/audit?before={trail['next']}")).json()
    assert older["entries"][0]["changes"][0] == {
        "what": "let_in",
        "before": None,
        "after": "v000006",
    }
    assert older["next"] is None


async def test_a_request_with_a_name_may_be_sent_again(ask: Ask, room: Room) -> None:
    await ask("PATCH", "/rooms/shop", json={"queue_all": True})
    await room.enter_many([(visitor, 0) for visitor in names(10)])
    asked: dict[str, Any] = {"json": {"n": 4}, "headers": {"Idempotency-Key": "tuesday"}}
    # Also by several at once: the first answer may be still on its way.
    together = [ask("POST", "/rooms/shop/admit", **asked) for _ in range(4)]
    for answer in [
        *await asyncio.gather(*together),
        await ask("POST", "/rooms/shop/admit", **asked),
    ]:
        assert answer.json()["admitted"] == 4
    assert (await ask("GET", "/rooms/shop/figures")).json()["active"] == 4
    key = {"Idempotency-Key": "x" * 65}
    problem(await ask("POST", "/rooms/shop/admit", json={"n": 4}, headers=key), 422, "bad_field")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/rooms/shop/visitors?count=0", "count"),
        ("/rooms/shop/visitors?count=x", "count"),
        ("/rooms/shop/visitors?start=-1", "start"),
        ("/rooms/shop/visitors?of=all", "of"),
        ("/rooms/shop/visitors?limit=5", "limit"),
        ("/rooms/shop/visitors?count=5&count=6", "count"),
        ("/rooms/shop/audit?before=x", "before"),
        ("/rooms/shop/history?since_ms=-1", "since_ms"),
        ("/rooms/shop/days?until_ms=1e99", "until_ms"),
        ("/match", "url"),
        ("/match?url=x&address=nowhere", "address"),
        ("/rooms/shop/preview?state=dancing", "state"),
        ("/rooms/shop/preview?language=xx", "language"),
    ],
)
async def test_a_parameter_that_is_not_allowed_is_named(ask: Ask, path: str, field: str) -> None:
    found = problem(await ask("GET", path), 422, "bad_field")
    assert found["field"] == field and found["allowed"]


@pytest.mark.parametrize("n", [0, -1, 100_001, "5", True, 1.5, None])
async def test_admitting_takes_a_number(ask: Ask, n: Any) -> None:
    found = problem(await ask("POST", "/rooms/shop/admit", json={"n": n}), 422, "bad_field")
    assert (found["field"], found["allowed"]) == ("n", "must be a whole number, 1 to 100000")


async def test_the_message_is_set_and_taken_away(ask: Ask) -> None:
    text = "<b>50 %</b>\nדלת 🚪"
    answer = await ask("PUT", "/rooms/shop/message", json={"text": text})
    assert answer.json()["message"] == text
    assert (await ask("PUT", "/rooms/shop/message", json={"text": None})).json()["message"] is None
    problem(await ask("PUT", "/rooms/shop/message", json={}), 422, "bad_field")
    for bad in ("a\x07", "a\u202eb", "\u200b"):
        answer = await ask("PUT", "/rooms/shop/message", json={"text": bad})
        assert problem(answer, 422, "bad_setting")["field"] == "message"


async def test_history_and_days_are_answered(ask: Ask, room: Room) -> None:
    await room.enter("ada")
    await room.sample()
    found = (await ask("GET", "/rooms/shop/history")).json()
    assert [minute["arrivals"] for minute in found["minutes"]] == [1]
    assert found["minutes"][0]["active"] == 1 and found["next_since_ms"] is None
    assert (await ask("GET", "/rooms/shop/history?since_ms=5&until_ms=1")).json()["minutes"] == []
    days = (await ask("GET", "/rooms/shop/days")).json()["days"]
    assert [day["admitted"] for day in days] in ([1], [])


async def test_health_tells_of_processes_and_edges(ask: Ask, site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as edge:
        shown = {"Authorization": f"Bearer {EDGE_TOKEN}", "Waitroom-Edge": "berlin"}
        assert (await edge.get("/api/edge/rooms", headers=shown)).status_code == 200
    found = (await ask("GET", "/health")).json()
    assert found["redis_ok"] and found["workers"] == 0
    assert [process["ok"] for process in found["web"]] == [True]
    assert [(edge["name"], edge["ok"]) for edge in found["edges"]] == [("berlin", True)]


async def test_a_token_is_told_what_it_is_for(ask: Ask) -> None:
    assert (await ask("GET", "/me", role="viewer", rooms=("shop",))).json() == {
        "name": "token viewer-shop",
        "role": "viewer",
        "rooms": ["shop"],
    }


async def test_the_test_tool_answers(ask: Ask) -> None:
    await ask("PATCH", "/rooms/shop", json={"routes": [{"path": "/shop"}]})
    found = (await ask("GET", "/match?url=https://example.com/shop/1")).json()
    assert (found["room"], found["route_path"]) == ("shop", "/shop")


async def test_a_look_is_previewed_published_and_taken_back(ask: Ask) -> None:
    theme = {"css": "h1 { letter-spacing: 0.1em }", "texts": {"en": {"leave": "Let me go"}}}
    body = {"theme": theme, "state": "paused", "language": "en"}
    page = await ask("POST", "/rooms/shop/preview", json=body)
    assert page.status_code == 200, page.text
    assert page.headers["Content-Type"].startswith("text/html")
    assert "letter-spacing" in page.text and "Let me go" in page.text
    assert "'unsafe" not in page.headers["Content-Security-Policy"]
    assert "letter-spacing" not in (await ask("GET", "/rooms/shop/preview")).text
    before = await ask("GET", "/rooms/shop/theme")
    made = await ask(
        "PUT", "/rooms/shop/theme", json=theme, headers={"If-Match": before.headers["ETag"]}
    )
    assert made.json()["theme"]["css"] == theme["css"]
    assert "letter-spacing" in (await ask("GET", "/rooms/shop/preview")).text
    late = await ask(
        "PUT", "/rooms/shop/theme", json={}, headers={"If-Match": before.headers["ETag"]}
    )
    problem(late, 412, "changed_since")
    taken_back = await ask("PATCH", "/rooms/shop", json={"theme": ""})
    assert taken_back.json()["theme"] == ""
    again = await ask("PATCH", "/rooms/shop", json={"theme": made.json()["version"]})
    assert again.json()["theme"] == made.json()["version"]


@pytest.mark.parametrize(
    "theme",
    [
        {"css": "@import url(https://evil.example/x.css);"},
        {"css": "body { background: url(https://evil.example/x.png) }"},
        {"blocks": {"top": "<script>alert(1)</script>"}},
        {"blocks": {"top": "{{ config }}"}},
        {"colour": "red"},
        {"css": 5},
        {"links": [{"text": "x", "url": "javascript:alert(1)"}]},
    ],
)
async def test_a_hostile_look_is_refused(ask: Ask, theme: dict[str, Any]) -> None:
    for method, path, body in (
        ("PUT", "/rooms/shop/theme", theme),
        ("POST", "/rooms/shop/preview", {"theme": theme}),
    ):
        found = problem(await ask(method, path, json=body), 422, "bad_setting")
        assert found["field"].startswith("theme") and found["allowed"]


async def test_reports_are_asked_for_and_listed(ask: Ask) -> None:
    assert (await ask("GET", "/rooms/shop/reports")).json() == {"reports": [], "under_way": None}
    asked = await ask("POST", "/rooms/shop/reports")
    assert (asked.status_code, asked.json()["stage"]) == (202, "queued")
    listed = (await ask("GET", "/rooms/shop/reports")).json()
    assert listed["under_way"]["id"] == asked.json()["id"]
    for path in ("20260101T000000Z/csv", "20260101T000000Z/html", "..%2f..%2fetc/csv"):
        answer = await ask("GET", f"/rooms/shop/reports/{path}")
        assert answer.status_code == 404
    problem(await ask("DELETE", "/rooms/shop/reports/20260101T000000Z"), 404, "report_not_found")


async def test_the_page_about_the_api_needs_no_token_no_script_and_no_other_host(
    http: httpx.AsyncClient,
) -> None:
    page = await http.get("/api/docs")
    assert page.status_code == 200 and "<script" not in page.text
    assert "style=" not in page.text and "https://" not in page.text.replace(
        "https://example.com", ""
    )
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "/api/rooms/{name}/admit" in page.text
    assert 'id="problem-changed_since"' in page.text and 'id="shape-RoomChanges"' in page.text
    assert (await http.get("/api/docs.css")).headers["Content-Type"].startswith("text/css")
    document = (await http.get("/api/openapi.json")).json()
    operations = [each for path in document["paths"].values() for each in path.values()]
    names_ = [each["operationId"] for each in operations]
    assert len(names_) == len(set(names_))
    for each in operations:
        assert each["summary"] and f'id="{each["operationId"]}"' in page.text
    for name, schema in document["components"]["schemas"].items():
        assert f'id="shape-{name}"' in page.text, name
        assert "Attributes" not in schema.get("description", "")
