"""The test tool: which room stands in front of a page, which rule decides, and why."""

import pytest

from waitroom.accounts.who import Who
from waitroom.control import Control
from waitroom.errors import RequestError

from .conftest import OWNER, VIEWER


@pytest.fixture(autouse=True)
async def rooms(control: Control) -> None:
    await control.create(OWNER, "all", {"routes": [{"host": "*", "path": "/"}]})
    await control.create(
        OWNER,
        "shop",
        {
            "routes": [{"host": "shop.example", "path": "/"}, {"path": "/tickets"}],
            "bypass": [
                {"path": "/tickets/health"},
                {"network": "10.0.0.0/8", "methods": ["POST"]},
            ],
        },
    )


@pytest.mark.parametrize(
    ("url", "room", "route"),
    [
        ("https://shop.example/", "shop", ("shop.example", "/")),
        ("shop.example", "shop", ("shop.example", "/")),
        ("https://SHOP.example:8443/a?b#c", "shop", ("shop.example", "/")),
        ("https://ada:secret@shop.example/", "shop", ("shop.example", "/")),
        ("https://other.example/tickets", "shop", ("*", "/tickets")),
        ("https://other.example/Tickets/1", "shop", ("*", "/tickets")),
        ("https://other.example/x/../tickets", "shop", ("*", "/tickets")),
        ("https://other.example/ticketshop", "all", ("*", "/")),
        ("http://[::1]/tickets", "shop", ("*", "/tickets")),
        ("https://bücher.example/tickets", "shop", ("*", "/tickets")),
        ("https://other.example/b%C3%BCcher", "all", ("*", "/")),
        ("https://other.example/bücher", "all", ("*", "/")),
    ],
)
async def test_the_most_specific_route_wins(
    control: Control, url: str, room: str, route: tuple[str, str]
) -> None:
    found = await control.match(VIEWER, url)
    assert (found.room, (found.route_host, found.route_path)) == (room, route)
    assert (found.rule, found.outcome) == ("route", "enters")
    assert route[1] in found.why[0] and room in found.why[0]


async def test_it_says_which_routes_were_passed_over(control: Control) -> None:
    found = await control.match(VIEWER, "https://shop.example/tickets")
    assert found.room == "shop"
    assert found.passed_over == ["shop */tickets", "all */"]
    assert any("most specific" in sentence for sentence in found.why)


@pytest.mark.parametrize(
    ("method", "address", "path", "rule", "number"),
    [
        ("GET", "", "/tickets/health", "bypass", 1),
        ("post", "10.1.2.3", "/tickets", "bypass", 2),
        ("GET", "10.1.2.3", "/tickets", "route", None),
        ("POST", "192.0.2.7", "/tickets", "route", None),
    ],
)
async def test_it_says_which_bypass_rule_applies(
    control: Control, method: str, address: str, path: str, rule: str, number: int | None
) -> None:
    url = f"https://x.example{path}"
    found = await control.match(VIEWER, url, method=method, address=address)
    assert (found.rule, found.bypass) == (rule, number)
    assert found.outcome == ("site" if number else "enters")


@pytest.mark.parametrize(
    ("changes", "rule", "outcome", "why"),
    [
        ({"suspended": True}, "suspended", "site", "The room is suspended"),
        ({"closed": True}, "route", "refused", "The room is closed"),
        ({"draining": True}, "route", "refused", "The room drains: newcomers see its message"),
        ({"draining": True, "closed": True}, "route", "refused", "The room is closed"),
        ({"queue_all": True}, "route", "waits", "The room holds everybody"),
    ],
)
async def test_it_says_what_becomes_of_a_visitor(
    control: Control, changes: dict[str, object], rule: str, outcome: str, why: str
) -> None:
    await control.change(OWNER, "shop", changes)
    found = await control.match(VIEWER, "https://shop.example/")
    assert (found.rule, found.outcome) == (rule, outcome)
    assert found.why[-1].startswith(why)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/%2e%2e%2fetc",
        "https://shop.example/a%zz",
        "https://sh op.example/",
        "https://shop.example/a\\b",
        "ftp://shop.example/",
        "https:///x",
        "http://[::1",
        "",
        "   ",
        "javascript:alert(1)",
    ],
)
async def test_what_edges_refuse_is_unclear(control: Control, url: str) -> None:
    found = await control.match(VIEWER, url)
    assert (found.rule, found.outcome, found.room) == ("unclear", "refused", None)
    assert found.why


async def test_pages_of_the_waiting_room_are_its_own(control: Control) -> None:
    found = await control.match(VIEWER, "https://shop.example/__waitroom/shop")
    assert (found.rule, found.outcome) == ("own_page", "service")


async def test_it_says_why_no_room_matches(control: Control) -> None:
    await control.delete(OWNER, "all")
    found = await control.match(VIEWER, "https://other.example/x")
    assert (found.rule, found.room) == ("no_room", None)
    assert "*/tickets (shop)" in found.why[0]
    await control.change(OWNER, "shop", {"routes": [{"host": "shop.example", "path": "/a"}]})
    assert "shop.example" in (await control.match(VIEWER, "https://other.example/a")).why[0]
    await control.delete(OWNER, "shop")
    assert "No room has a route" in (await control.match(VIEWER, "https://x.example/")).why[0]


async def test_a_room_of_somebody_else_is_not_named(control: Control) -> None:
    other = Who("eve", "viewer", frozenset({"all"}))
    found = await control.match(other, "https://shop.example/")
    assert (found.room, found.rule) == (None, "route")
    assert "shop" not in " ".join(found.why + found.passed_over)


async def test_hostile_addresses_are_refused(control: Control) -> None:
    with pytest.raises(RequestError):
        await control.match(VIEWER, "https://x/" + "a" * 5_000)
    with pytest.raises(RequestError):
        await control.match(VIEWER, "https://x/", address="10.0.0.1; DROP")
