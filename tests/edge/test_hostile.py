"""Requests that try to walk past a room, or to speak in the Worker's name."""

from urllib.parse import unquote

import pytest

from tests.edge.visitors import Guarded
from waitroom import clock

#: Each means `/shop` or a page below it, to some server at least.
SPELLINGS = [
    b"/shop",
    b"/shop/",
    b"/shop?x=1",
    b"/shop#x",
    b"/%73hop",
    b"/%73%68%6f%70",
    b"/sho%70/tickets",
    b"//shop",
    b"///shop//tickets",
    b"/x/../shop",
    b"/x/%2e%2e/shop",
    b"/x/.%2E/shop",
    b"/x/%2e./shop",
    b"/./shop",
    b"/%2e/shop",
    b"/../../shop",
    b"/x/y/../../shop",
    b"/shop/x/..",
    b"/shop;x",
    b"/shop;x=1/tickets",
    b"/shop%3bx",
    b"/x/..;/shop",
    b"/x/..%3b/shop",
    b"/;x/shop",
    b"/SHOP",
    b"/sHoP/tickets",
    b"/%53%48%4F%50",
    b"/\\shop",
    b"\\shop",
    b"/x\\..\\shop",
    b"/x/..\\shop",
    b"/shop\\tickets",
    b"/%5cshop",
    b"/%2fshop",
    b"/x/%2e%2e%2fshop",
    b"/x%2f..%2fshop",
    b"/shop%2ftickets",
    b"/shop%00",
    b"/%00/shop",
    b"/shop%0d%0a",
    b"/shop%09",
    b"/sh\top",
    b"/shop%",
    b"/shop%zz",
    b"/shop%7f",
    # Windows drops what stands at the end of a name.
    b"/shop.",
    b"/shop%20",
    b"/shop%20.%20/x",
    b"/SHOP.;x",
    b"/x/..%20/shop",
    b"/%20/shop",
    b"/x/../__waitroom/../shop",
    b"/__waitroom/../shop",
    b"/__waitroom/%2e%2e/shop",
    b"/__waitroom/..%2fshop",
    b"/__waitroom/x/..;/../shop",
]
#: What a request may begin its answer with when it was held.
HELD = (b"HTTP/1.1 302", b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 500")


@pytest.mark.room(queue_all=True)
@pytest.mark.parametrize("path", SPELLINGS, ids=repr)
def test_no_spelling_of_a_page_walks_past_its_room(site: Guarded, path: bytes) -> None:
    answer = site.raw(path)
    assert site.edge.origin.reached == []
    assert answer.startswith(HELD)


@pytest.mark.room(queue_all=True)
def test_no_spelling_of_a_host_walks_past_its_room(site: Guarded) -> None:
    host = site.host.encode()
    spellings = [
        host.upper(),
        host + b".",
        host + b":80",
        host + b".:443",
        host + b":",
        host + b"..",
        b"x@" + host,
        b"x:y@" + host,
        b" " + host + b" ",
        host + b"\\",
        host + b"/",
        host + b"#",
        host + b"?",
        b"%73" + host[1:] if host.startswith(b"s") else b"%" + host[:1].hex().encode() + host[1:],
        host.replace(b"a", "ａ".encode()),
        host + b"\xc2\xad",
    ]
    for spelling in spellings:
        answer = site.raw(b"/shop", spelling)
        assert site.edge.origin.reached == [], spelling
        assert answer.startswith(HELD), spelling


@pytest.mark.room(queue_all=True)
def test_a_host_named_twice_or_in_the_request_line_walks_past_nothing(site: Guarded) -> None:
    host = site.host.encode()
    site.raw(b"/shop", host, b"Host: free.localhost\r\n")
    site.raw(b"/shop", b"free.localhost", b"Host: " + host + b"\r\n")
    assert site.edge.origin.reached == []
    assert site.raw(b"http://free.localhost/shop").startswith(HELD)
    assert site.edge.origin.reached == []
    # Whichever of the two counts to the Worker, it is the one that the origin gets.
    site.raw(b"http://" + host + b"/shop", b"free.localhost")
    site.raw(b"/shop", b"free.localhost", b"X-Forwarded-Host: " + host + b"\r\n")
    site.raw(b"/free", host, b"X-Original-URL: /shop\r\nX-Rewrite-URL: /shop\r\n")
    assert site.paths in ([], ["/free"])


@pytest.mark.room(queue_all=True)
def test_the_origin_gets_the_page_that_was_judged(site: Guarded) -> None:
    cookie = f"Cookie: {site.pass_name}={site.seat()}\r\n".encode()
    asked = [
        b"/x/../shop",
        b"//shop/%74ickets?a=//b/../c",
        b"/x/%2e%2e/shop/",
        b"/SHOP;x",
        b"/f/%C3%A9",
    ]
    for path in asked:
        assert b" 200 " in site.raw(path, extra=cookie)
    assert site.paths == ["/shop", "/shop/%74ickets?a=//b/../c", "/shop/", "/SHOP;x", "/f/%C3%A9"]


@pytest.mark.room(queue_all=True)
def test_nobody_else_speaks_in_the_workers_name(site: Guarded) -> None:
    forged = (
        b"Waitroom-Gate: %b\r\nWAITROOM_GATE: x\r\nwaitroom-gate: y\r\nWaitroom_Origin: z\r\n"
        b"WaitRoom-Origin: forged\r\nWaitroom-origin: twice\r\n" % site.room.encode()
    )
    named = b"Connection: waitroom-origin, waitroom-gate\r\n"
    assert b" 200 " in site.raw(b"/free", extra=forged)
    assert b" 200 " in site.raw(b"/free", extra=forged + named)
    cookie = f"Cookie: {site.pass_name}={site.seat()}\r\n".encode()
    assert b" 200 " in site.raw(b"/shop", extra=cookie + forged)
    for each in site.reached:
        names = [n.lower().replace("_", "-") for n in each.headers if "aitroom" in n.lower()]
        gates = [room for name, room in each.headers.items() if name.lower() == "waitroom-gate"]
        assert names.count("waitroom-origin") == 1
        assert gates == ([site.room] if each.path == "/shop" else [])
        assert names.count("waitroom-gate") == len(gates)
        site.edge.tokens.read_origin(each.headers["Waitroom-Origin"], now_ms=clock.now_ms())
    assert len(site.reached) == 3


@pytest.mark.room(queue_all=True)
def test_the_service_hears_nothing_in_the_workers_name_either(site: Guarded) -> None:
    forged = {
        "Waitroom_Gate": "x",
        "Waitroom_Origin": "y",
        "X_Forwarded_For": "10.0.0.1",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "evil.example",
        "X_Real_IP": "10.0.0.1",
        "Forwarded": "for=10.0.0.1;host=evil.example",
        "CF_Connecting_IP": "198.51.100.9",
    }
    mark = len(site.edge.link.asked)
    assert site.get(f"{site.splash}/status", **forged).status in (200, 401, 404)
    (asked,) = site.edge.link.since(mark)
    shown = {name.lower().replace("_", "-"): value for name, value in asked.headers.items()}
    assert "waitroom-gate" not in shown
    assert "waitroom-origin" not in shown
    assert shown["x-forwarded-for"] == "198.51.100.9"
    assert shown["x-forwarded-proto"] == "http"
    assert shown["x-forwarded-host"].partition(":")[0] == site.host
    assert not any("evil" in value or "10.0.0.1" in value for value in shown.values())
    assert "authorization" not in shown


@pytest.mark.room("whole-site", path="/", queue_all=True)
@pytest.mark.parametrize(
    "path",
    [
        b"//evil.example/",
        b"///evil.example",
        b"/\\evil.example",
        b"/\\/evil.example",
        b"//evil.example/..//x",
        b"/%09/evil.example",
        b"/.//evil.example",
        b"/x/..//evil.example",
        b"http://evil.example//evil.example/",
    ],
    ids=repr,
)
def test_the_way_back_never_leads_to_another_host(site: Guarded, path: bytes) -> None:
    answer = site.raw(path)
    assert site.edge.origin.reached == []
    assert answer.startswith(HELD)
    lines = answer.decode().lower().split("\r\n")
    for location in [line.partition(": ")[2] for line in lines if line.startswith("location: ")]:
        assert location.startswith("/__waitroom/whole-site?return_to=%2f")
        back = unquote(location.partition("return_to=")[2])
        assert not back.startswith(("//", "/\\")), back


@pytest.mark.room()
@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "/%09/evil.example", "/.//evil"],
)
def test_the_door_leads_to_no_other_host(site: Guarded, wanted: str) -> None:
    cookie = f"{site.ticket_name}={site.ticket(clock.now_us())}"
    answer = site.get(f"{site.splash}/go?return_to={wanted}", Cookie=cookie)
    assert answer.status >= 400
    assert "evil" not in answer.location
    assert site.reached == []


@pytest.mark.room(queue_all=True)
def test_paths_of_the_edge_api_are_not_served_to_visitors(site: Guarded) -> None:
    mark = len(site.edge.link.asked)
    for path in (b"/__waitroom/../api/edge/rooms", b"/__waitroom/..%2fapi/edge/rooms"):
        assert b"routes" not in site.raw(path)
    assert site.raw(b"/api/edge/rooms").count(b"the site") in (1, 2)
    assert not any("edge" in each.page for each in site.edge.link.since(mark))
