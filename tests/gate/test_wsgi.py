"""The gate as WSGI middleware: environs, cookies, threads and processes."""

import json
import sys
import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from waitroom import clock
from waitroom.errors import ConfigError
from waitroom.gate import WSGIGateMiddleware
from waitroom.gate.environs import read_body
from waitroom.gate.rooms import EdgeRoom, Rooms
from waitroom.gate.service import Service
from waitroom.tokens import Pass, Tokens

from .helpers import EDGE_TOKEN, KEYS, VISITOR

ROOM = {"name": "shop", "routes": [{"host": "*", "path": "/shop"}], "queueing": True}


class Called:
    """A gate called as a server calls it, and an app that notes what reached it."""

    def __init__(self) -> None:
        self.reached: list[dict[str, Any]] = []
        self.headers: list[tuple[str, str]] = [("Content-Type", "text/plain")]
        self.gate = WSGIGateMiddleware(
            validator(self._app),
            service_url="http://127.0.0.1:9",
            edge_token=EDGE_TOKEN,
            secret_keys=KEYS,
        )
        self.status = ""
        self.told: list[tuple[str, str]] = []
        self.tell(ROOM)

    def tell(self, *rooms: dict[str, Any]) -> None:
        """Let the gate know these rooms."""
        service = self.gate._gates.running().lived.service
        service._rooms = Rooms(EdgeRoom.model_validate(room) for room in rooms)
        service.breaker.away_since_ms = None

    def ask(self, path: str, *, mount: str = "", **extra: Any) -> bytes:
        """Ask for a page, checked against PEP 3333 on both sides of the gate."""
        self.gate._mount = mount
        environ: dict[str, Any] = {"SCRIPT_NAME": mount, "PATH_INFO": path, "QUERY_STRING": ""}
        environ |= {"HTTP_ACCEPT": "text/html", "REMOTE_ADDR": "203.0.113.1"} | extra
        setup_testing_defaults(environ)

        def start_response(status: str, headers: list[tuple[str, str]], exc: Any = None) -> Any:
            self.status, self.told = status, headers
            return lambda data: None

        answer = validator(self.gate)(environ, start_response)
        try:
            return b"".join(answer)
        finally:
            answer.close()  # type: ignore[attr-defined]

    def cookies(self) -> list[str]:
        return [value for name, value in self.told if name.lower() == "set-cookie"]

    def _app(self, environ: Any, start_response: Any) -> Any:
        self.reached.append(environ)
        start_response("200 OK", self.headers)
        return [b"the site"]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Iterator[Called]:
    async def nothing(self: Service) -> None:
        """The test says what the gate knows."""

    monkeypatch.setattr(Service, "_pull", nothing)
    found = Called()
    yield found
    found.gate.close()


def _seat(left_s: int = 200) -> str:
    deadline_ms = clock.now_ms() + left_s * 1000
    return "waitroom_pass_shop=" + Tokens(KEYS).sign_pass(Pass("shop", VISITOR, deadline_ms, 0))


def test_a_held_visitor_and_an_admitted_one(called: Called) -> None:
    assert called.ask("/shop") == b""
    assert called.status == "302 Found"
    assert ("location", "/__waitroom/shop?return_to=%2Fshop") in called.told
    assert called.reached == []
    assert called.ask("/shop", HTTP_COOKIE=_seat()) == b"the site"
    assert called.reached[0]["HTTP_WAITROOM_GATE"] == "shop"


def test_cookies_are_secure_on_https(called: Called) -> None:
    called.ask("/shop")
    assert "; Secure" not in called.cookies()[0]
    called.ask("/shop", **{"wsgi.url_scheme": "https"})
    assert "; Secure" in called.cookies()[0]


def test_the_whole_path_counts_where_the_app_is_mounted(called: Called) -> None:
    called.ask("", mount="/shop")
    assert called.status == "302 Found"
    called.ask("/p", mount="/shop")
    assert ("location", "/__waitroom/shop?return_to=%2Fshop%2Fp") in called.told
    called.ask("/hop", mount="/s")
    called.ask("/shop", mount="/x")
    assert called.status == "200 OK"
    assert [(e["SCRIPT_NAME"], e["PATH_INFO"]) for e in called.reached] == [
        ("/s", "/hop"),
        ("/x", "/shop"),
    ]


@pytest.mark.parametrize(
    "claimed",
    [
        {"SCRIPT_NAME": "/x"},
        {"SCRIPT_NAME": "/m/"},
        {"SCRIPT_NAME": "/x", "HTTP_SCRIPT_NAME": "/x"},
        {"HTTP_SCRIPT_NAME": ""},
        {"HTTP_Script-Name": "/m"},
    ],
)
@pytest.mark.parametrize("mount", ["", "/m"])
def test_a_mount_that_is_not_the_servers_own_is_refused(
    called: Called, mount: str, claimed: dict[str, str]
) -> None:
    for path in ("/shop", "/free", "/__waitroom/shop"):
        called.ask(path, mount=mount, HTTP_COOKIE=_seat(), **claimed)
        assert called.status == "400 Bad Request"
    assert called.reached == []


@pytest.mark.parametrize("mount", ["/", "m", "/m/", "/a/../m", "//m", "/a\\m"])
def test_a_mount_has_to_be_canonical(mount: str) -> None:
    with pytest.raises(ConfigError):
        WSGIGateMiddleware(
            lambda e, s: [], service_url="http://x", edge_token="x", secret_keys=KEYS, mount=mount
        )


@pytest.mark.parametrize("path", ["/../shop", "/../../shop", "/a/../../shopping", "/.."])
def test_a_path_that_leaves_the_mount_is_refused_or_held(called: Called, path: str) -> None:
    called.ask(path, mount="/x", HTTP_COOKIE=_seat())
    assert called.status == "400 Bad Request"
    assert called.reached == []


def test_the_app_gets_the_path_that_was_judged(called: Called) -> None:
    raw = {"REQUEST_URI": "/a/../b%20c?x=1", "RAW_URI": "/a/../b%20c?x=1"}
    called.ask("/a/../b c", QUERY_STRING="x=1", **raw)
    called.ask("/a/../b/\xc3\xbc", mount="/m", REQUEST_URI="/elsewhere")
    called.ask("//b")
    first, second, third = called.reached
    assert (first["PATH_INFO"], first["QUERY_STRING"]) == ("/b c", "x=1")
    assert first["REQUEST_URI"] == first["RAW_URI"] == "/b%20c?x=1"
    assert (second["SCRIPT_NAME"], second["PATH_INFO"]) == ("/m", "/b/\xc3\xbc")
    assert second["REQUEST_URI"] == "/m/b/%C3%BC"
    assert "RAW_URI" not in second
    assert third["PATH_INFO"] == "/b"


@pytest.mark.parametrize("path", ["/a\x00", "/a\nb", "/a\\b", "*", "/x/..;/shop"])
def test_a_path_without_a_clear_meaning_is_refused(called: Called, path: str) -> None:
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path}
    started: list[str] = []
    b"".join(called.gate(environ, lambda status, headers: started.append(status)))
    assert started == ["400 Bad Request"]
    assert called.reached == []


@pytest.mark.parametrize(
    "key",
    [
        "HTTP_WAITROOM_GATE",
        "HTTP_WAITROOM_ORIGIN",
        "HTTP_waitroom_gate",
        "HTTP_WAITROOM-ORIGIN",
        "HTTP_X_ORIGINAL_URL",
        "HTTP_X_REWRITE_URL",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X-FORWARDED-HOST",
    ],
)
def test_what_only_the_edge_may_say_is_dropped(called: Called, key: str) -> None:
    for path, cookie in (("/other", ""), ("/shop", _seat())):
        called.ask(path, HTTP_COOKIE=cookie, **{key: "forged"})
        assert "forged" not in str(called.reached[-1])
        assert called.reached[-1]["HTTP_WAITROOM_ORIGIN"]


def test_an_answer_with_a_cookie_of_ours_is_not_for_shared_caches(called: Called) -> None:
    old, new = _seat(100).partition("=")[2], _seat(300).partition("=")[2]
    running = called.gate._gates.running()
    running.lived.service.renewals.ask("shop", old, clock.now_ms() + 60_000)
    running.lived.service.renewals.settle([("shop", old)], [new])
    called.headers += [("Cache-Control", "public, max-age=600"), ("Set-Cookie", "own=1")]
    called.ask("/shop", HTTP_COOKIE=f"waitroom_pass_shop={old}")
    assert [value for name, value in called.told if name.lower() == "cache-control"] == [
        "private, no-cache"
    ]
    own, ours = called.cookies()
    assert own == "own=1"
    assert ours.startswith(f"waitroom_pass_shop={new};")


def test_an_app_may_start_its_answer_again_after_an_error(called: Called) -> None:
    told: list[Any] = []

    def failing(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oops", [], sys.exc_info())
        return [b""]

    called.gate._app = failing
    old, new = _seat(100).partition("=")[2], _seat(300).partition("=")[2]
    called.gate._gates.running().lived.service.renewals.settle([("shop", old)], [new])
    environ: dict[str, Any] = {"PATH_INFO": "/shop", "HTTP_COOKIE": f"waitroom_pass_shop={old}"}
    setup_testing_defaults(environ)
    called.gate(environ, lambda *args: told.append(args))
    assert [args[0] for args in told] == ["200 OK", "500 Oops"]
    assert [len(args) for args in told] == [2, 3]
    assert "waitroom_pass_shop" in str(told[1][1])


def test_websockets_below_the_waiting_room_are_refused_so_that_pages_poll(called: Called) -> None:
    body = called.ask("/__waitroom/socket.io/", HTTP_UPGRADE="WebSocket", HTTP_CONNECTION="Upgrade")
    assert called.status == "501 Not Implemented"
    assert json.loads(body)["error"] == "no_websocket"


def test_a_form_is_no_websocket_whatever_it_claims(called: Called) -> None:
    called.ask("/shop", REQUEST_METHOD="POST", HTTP_UPGRADE="websocket", CONTENT_LENGTH="0")
    assert called.status == "303 See Other"
    called.ask("/__waitroom/x/enter", REQUEST_METHOD="POST", HTTP_UPGRADE="websocket")
    assert called.status == "503 Service Unavailable"


def test_a_websocket_to_the_site_needs_a_pass(called: Called) -> None:
    called.ask("/shop/live", HTTP_UPGRADE="websocket")
    assert called.status == "429 Too Many Requests"
    assert called.reached == []
    called.ask("/shop/live", HTTP_UPGRADE="websocket", HTTP_COOKIE=_seat())
    assert called.status == "200 OK"


def test_an_admitted_visitor_does_not_wait_for_what_the_gate_does_beside(called: Called) -> None:
    running, busy = called.gate._gates.running(), threading.Event()
    running._loop.call_soon_threadsafe(busy.wait)
    answered = threading.Thread(target=lambda: called.ask("/shop", HTTP_COOKIE=_seat()))
    held = threading.Thread(target=lambda: called.ask("/shop"))
    try:
        for thread in (answered, held):
            thread.start()
            thread.join(5)
            assert not thread.is_alive()
    finally:
        busy.set()
    assert len(called.reached) == 1


def test_wrong_settings_show_at_once() -> None:
    with pytest.raises(ConfigError):
        WSGIGateMiddleware(lambda e, s: [], service_url="http://x", edge_token="x", secret_keys=[])


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, b""),
        ({"CONTENT_LENGTH": ""}, b""),
        ({"CONTENT_LENGTH": "0"}, b""),
        ({"CONTENT_LENGTH": "3"}, b"abc"),
        ({"CONTENT_LENGTH": "6"}, b"abcdef"),
        ({"CONTENT_LENGTH": "7"}, None),
        ({"CONTENT_LENGTH": "11"}, None),
        ({"CONTENT_LENGTH": "9" * 500}, None),
        ({"CONTENT_LENGTH": "-1"}, b""),
        ({"CONTENT_LENGTH": "x"}, b""),
        ({"wsgi.input_terminated": True}, b"abcdef"),
    ],
)
def test_a_body_is_read_as_far_as_it_may_be(environ: dict[str, Any], expected: Any) -> None:
    assert read_body(environ | {"wsgi.input": BytesIO(b"abcdef")}, 10) == expected


def test_a_body_without_length_is_not_read_further_than_it_may_be() -> None:
    environ = {"wsgi.input_terminated": True, "wsgi.input": BytesIO(b"x" * 50)}
    assert read_body(environ, 10) is None
