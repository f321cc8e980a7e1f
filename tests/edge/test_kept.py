"""What the Worker keeps: the same bytes for everybody, and never anything of one visitor."""

import gzip
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.edge.background import Cache
from tests.edge.conftest import Installation
from tests.edge.link import Asked
from tests.edge.visitors import Answer, Edge, Guarded, eventually
from waitroom import clock

#: All that the service may learn when it is asked for what everybody gets.
IMPERSONAL = {"host", "accept", "accept-encoding", "accept-language", "content-length"}
_OURS = re.compile(r'(?:src|href)="(/__waitroom/assets/[^"]+)"')


def is_impersonal(asked: Asked) -> bool:
    """Say whether a request tells nothing of the visitor who caused it."""
    return "?" not in asked.path and {name.lower() for name in asked.headers} <= IMPERSONAL


def assets_of(page: Answer) -> list[str]:
    """Return the files that a splash page loads at once."""
    return sorted(set(_OURS.findall(page.text)))


@pytest.mark.room(queue_all=True)
def test_twenty_new_visitors_cost_the_service_one_request_for_each_kept_thing(
    site: Guarded,
) -> None:
    mark = len(site.edge.link.asked)

    def come(number: int) -> tuple[Answer, list[Answer]]:
        own = {"CF_Connecting_IP": f"198.51.100.{number}", "User_Agent": f"visitor {number}"}
        held = site.get(f"/shop/{number}", **own)
        cookie = f"{site.ticket_name}={held.cookies()[site.ticket_name]}"
        page = site.get(held.location, Cookie=cookie, Referer="http://x/", **own)
        files = [site.get(path, Cookie=cookie, **own) for path in assets_of(page)]
        files.append(site.get(f"{site.splash}/board", Cookie=cookie, **own))
        return page, files

    started_s = time.monotonic()
    with ThreadPoolExecutor(20) as visitors:
        seen = list(visitors.map(come, range(20)))
    took_s = time.monotonic() - started_s

    assert {page.status for page, _ in seen} == {200}
    assert len({page.text for page, _ in seen}) == 1
    assert len(assets_of(seen[0][0])) >= 2
    assert {file.status for _, files in seen for file in files} == {200}
    assert not any(answer.cookies() for page, files in seen for answer in (page, *files))
    asked = site.edge.link.since(mark)
    assert all(map(is_impersonal, asked)), [dict(each.headers) for each in asked]
    pages = [each.page for each in asked]
    boards = pages.count(f"{site.splash}/board")
    assert 1 <= boards <= 1 + took_s
    rest = [page for page in pages if page != f"{site.splash}/board"]
    assert len(rest) == len(set(rest))
    assert set(rest) <= {site.splash, *assets_of(seen[0][0])}
    assert site.reached == []


@pytest.mark.room(queue_all=True)
def test_the_page_is_kept_in_each_language_that_is_offered(site: Guarded) -> None:
    mark = len(site.edge.link.asked)
    shown = {"de-AT,de;q=0.9": "de", "ar": "ar", "de": "de", "sv": "en", "tlh,*": "en", "": "en"}
    for accepted, language in shown.items():
        page = site.get(site.splash, Accept_Language=accepted)
        assert f'lang="{language}"' in page.text
        # Browsers ask again each time, as the service says.
        assert "max-age=0" in page.headers["Cache-Control"]
    asked = site.edge.link.since(mark)
    assert sorted(each.headers["Accept-Language"] for each in asked) == ["ar", "de", "en"]


@pytest.mark.room(queue_all=True)
def test_no_visitor_can_poison_what_the_others_get(site: Guarded) -> None:
    mark = len(site.edge.link.asked)
    board = f"{site.splash}/board"
    poison = {
        "X_Forwarded_Host": "evil.example",
        "X_Forwarded_Proto": "ftp",
        "Range": "bytes=0-9",
        "If_None_Match": "*",
        "If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT",
        "Accept_Encoding": "br;q=1, x-evil",
        "Cookie": f"{site.ticket_name}={site.ticket()}; evil=1",
        "Authorization": "Ticket evil",
        "Waitroom_Mode": "token",
    }
    for path in (f"{site.splash}?return_to=/evil&x=%22%3E%3Cscript%3E", f"{board}?x=evil"):
        site.get(path, **poison)
        site.ask("HEAD", path)
        site.ask("POST", path, content=b"evil")
        clean = site.get(path.partition("?")[0])
        assert clean.status == 200
        assert "evil" not in clean.text
        assert len(clean.text) > 20
        assert clean.cookies() == {}
    kept = [each for each in site.edge.link.since(mark) if each.method != "POST"]
    assert all(map(is_impersonal, kept)), [dict(each.headers) for each in kept]


@pytest.mark.room(queue_all=True)
def test_every_visitor_can_read_what_is_kept(site: Guarded) -> None:
    plain = site.raw(site.splash.encode(), extra=b"Accept-Encoding: identity\r\n")
    zipped = site.raw(site.splash.encode(), extra=b"Accept-Encoding: gzip\r\n")
    none = site.raw(site.splash.encode())
    for answer in (plain, zipped, none):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head
        if b"content-encoding: gzip" in head.lower():
            assert answer is zipped
            body = gzip.decompress(_unchunked(head, body))
        assert b"<html" in body
    head = site.edge.raw(
        f"HEAD {site.splash} HTTP/1.1\r\nHost: {site.host}\r\nConnection: close\r\n\r\n".encode()
    )
    assert head.startswith(b"HTTP/1.1 200")
    assert b"<html" not in head


def _unchunked(head: bytes, body: bytes) -> bytes:
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return whole


@pytest.mark.room(queue_all=True)
def test_what_is_personal_is_never_kept(site: Guarded) -> None:
    cookies = [f"{site.ticket_name}={site.ticket(clock.now_us())}" for _ in range(2)]
    for path in ("/status", "?nojs=1&return_to=/", "?return_to=/&%6eojs=1"):
        answers = [site.get(site.splash + path, Cookie=cookie) for cookie in cookies]
        assert [answer.status for answer in answers] == [200, 200], path
        assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}, path
        # Who came second stands second, and is told so.
        assert answers[0].text != answers[1].text, path
    path = f"{site.splash}?return_to=/&nojs=1"
    # Without a ticket the personal page takes a place: two visitors, two tickets.
    tickets = [site.get(path).cookies()[site.ticket_name] for _ in range(2)]
    assert len(set(tickets)) == 2
    assert site.reached == []


@pytest.mark.room()
def test_a_page_that_sets_our_cookie_is_for_no_shared_cache(site: Guarded) -> None:
    site.edge.origin.answers["/shop/public"] = {"Cache-Control": "public, max-age=600"}
    site.edge.origin.answers["/shop/secret"] = {"Cache-Control": "no-store"}
    admitted = site.get("/shop/public")
    assert admitted.cookies()[site.pass_name]
    assert "private" in admitted.headers["Cache-Control"]
    assert "public" not in admitted.headers["Cache-Control"]
    assert site.get("/shop/secret").headers["Cache-Control"] == "no-store"
    # Without a cookie of ours the site's word is left alone.
    shown = site.showing(admitted.cookies()[site.pass_name])
    assert site.get("/shop/public", **shown).headers["Cache-Control"] == "public, max-age=600"


@pytest.mark.room(queue_all=True)
def test_the_cache_api_holds_nothing_of_a_visitor_and_none_can_reach_it(
    site: Guarded, cache: Cache, edge: Edge
) -> None:
    site.get()
    eventually(lambda: cache.kept)
    for put in cache.puts:
        assert "Set-Cookie" not in put.headers
        assert b"waitroom_ticket" not in put.body
    for key, kept in list(cache.kept.items()):
        if b'"routes"' not in kept.body:
            continue
        host, _, path = key.partition("/")
        # Nobody guesses it, and who knows it gets nothing either.
        assert re.search(r"[0-9A-Za-z_-]{20}", key)
        answer = edge.ask("GET", host.partition(":")[0], f"/{path}")
        assert '"routes"' not in answer.text


@pytest.mark.room(queue_all=True)
def test_workers_of_one_data_centre_share_what_they_keep(
    installation: Installation, own_edge: Callable[..., Edge], guard: Callable[[Edge], Guarded]
) -> None:
    shared = Cache(installation.background)
    shared.start()
    installation.running.append(shared)
    first, second = (guard(own_edge(cache=shared)) for _ in range(2))
    page = first.get(first.splash)
    eventually(lambda: any(b"<html" in kept.body for kept in shared.kept.values()))
    again = second.get(second.splash)
    assert (again.status, again.text) == (200, page.text)
    assert again.headers["Content-Type"] == page.headers["Content-Type"]
    assert again.headers["Cache-Control"] == page.headers["Cache-Control"]
    assert "Content-Security-Policy" in again.headers
    assert second.edge.link.since(0) == []
