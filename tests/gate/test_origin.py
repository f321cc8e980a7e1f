"""The edge's word to the origin, and the guards that demand it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waitroom import clock
from waitroom.errors import ConfigError
from waitroom.gate import OriginGuard, WSGIOriginGuard
from waitroom.gate.origin import LIFE_MS, REFRESH_MS, Proofs
from waitroom.tokens import OriginProof, Pass, Ticket, Tokens

from .helpers import KEYS, VISITOR, Origin, Site, WSGIOrigin

Opens = Callable[..., Awaitable[Site]]
#: A proof's own name in other spellings; servers turn them into one.
SPELLINGS = ["Waitroom-Origin", "waitroom_origin", "WAITROOM-ORIGIN", "Waitroom_Origin"]
OTHERS = ["another-key-of-at-least-32-characters-0"]


@pytest.fixture(params=["asgi", "wsgi"])
def shell(request: pytest.FixtureRequest) -> str:
    """Let each test run with both."""
    return str(request.param)


def _proof(left_ms: int = 60_000, keys: list[str] = KEYS) -> str:
    return Tokens(keys).sign_origin(OriginProof(clock.now_ms() + left_ms))


async def unasked() -> Any:
    raise AssertionError("nothing is to be received")


@pytest.fixture
def guarded(shell: str, open_guarded: Any) -> Any:
    """Return a function that asks a guarded origin: path and headers -> status and body."""
    return open_guarded(("/healthz",))


@pytest.fixture
def open_guarded(shell: str) -> Any:
    def build(exempt: tuple[str, ...]) -> Any:
        origin: Any = WSGIOrigin() if shell == "wsgi" else Origin()
        guard: Any = WSGIOriginGuard if shell == "wsgi" else OriginGuard
        app = guard(origin, secret_keys=KEYS, exempt=exempt)
        ask = _ask_wsgi if shell == "wsgi" else _ask_asgi

        async def asked(
            headers: list[tuple[str, str]], path: str = "/x"
        ) -> tuple[int, dict[str, Any]]:
            status, body = await ask(app, headers, path)
            return status, json.loads(body) if status != 200 else {}

        asked.origin = origin  # type: ignore[attr-defined]
        return asked

    return build


async def _ask_asgi(app: Any, headers: list[tuple[str, str]], path: str) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    pairs = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    await app(scope | {"headers": pairs, "query_string": b""}, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def _ask_wsgi(app: Any, headers: list[tuple[str, str]], path: str) -> tuple[int, bytes]:
    told: list[str] = []
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path}
    for name, value in headers:
        # As servers do it.
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    body = b"".join(app(environ, lambda status, headers: told.append(status)))
    return int(told[0].split()[0]), body


async def test_a_request_with_a_proof_reaches_the_app_without_it(guarded: Any) -> None:
    headers = [("Waitroom-Origin", _proof()), ("Waitroom-Gate", "shop")]
    for _ in range(3):
        assert (await guarded(headers))[0] == 200
    assert len(guarded.origin.reached) == 3
    assert guarded.origin.header("waitroom-gate") == ["shop"]
    # An app that shows its headers must not give the proof away.
    assert guarded.origin.header("waitroom-origin") == []


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [""],
        ["x"],
        [_proof(keys=OTHERS)],
        [_proof(-6_000)],
        [_proof(3_600_000)[:-1]],
        [_proof(3_600_000)[1:]],
        [_proof(3_600_000) + "A"],
        ["x" * 9_000],
        [Tokens(KEYS).sign_pass(Pass("shop", VISITOR, clock.now_ms() + 60_000, 0))],
        [Tokens(KEYS).sign_ticket(Ticket("shop", VISITOR, 7))],
        [_proof(3_600_000), _proof(3_600_000)],
        [_proof(3_600_000), "x"],
        ["x", _proof(3_600_000)],
        [f"{_proof(3_600_000)},{_proof(3_600_000)}"],
    ],
    ids=[
        "none",
        "empty",
        "rubbish",
        "of another key",
        "run out",
        "cut short",
        "cut in front",
        "longer",
        "oversized",
        "a pass",
        "a ticket",
        "twice",
        "good and bad",
        "bad and good",
        "joined",
    ],
)
async def test_without_a_good_proof_the_app_is_not_called(guarded: Any, shown: list[str]) -> None:
    status, body = await guarded([("waitroom-origin", text) for text in shown])
    assert (status, body["error"]) == (403, "past_the_edge")
    assert guarded.origin.reached == []


@pytest.mark.parametrize("name", SPELLINGS[1::2])
async def test_a_second_spelling_of_the_name_is_refused(guarded: Any, name: str) -> None:
    status, _ = await guarded([("Waitroom-Origin", _proof()), (name, "x")])
    assert status == 403
    assert guarded.origin.reached == []


async def test_a_proof_is_verified_once_and_not_per_request(
    guarded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, verified = Tokens.read_origin, []

    def counted(self: Tokens, token: str, *, now_ms: int) -> OriginProof:
        verified.append(token)
        return real(self, token, now_ms=now_ms)

    monkeypatch.setattr(Tokens, "read_origin", counted)
    # Two edges take turns; neither makes the guard forget the other.
    edges = [_proof(60_000), _proof(50_000)]
    for _ in range(5):
        for proof in edges:
            assert (await guarded([("Waitroom-Origin", proof)]))[0] == 200
    assert verified == edges


async def test_a_proof_that_counted_runs_out(guarded: Any, monkeypatch: Any) -> None:
    headers = [("Waitroom-Origin", _proof())]
    assert (await guarded(headers))[0] == 200
    real = clock.now_ms
    monkeypatch.setattr(clock, "now_ms", lambda: real() + 66_000)
    assert (await guarded(headers))[0] == 403
    assert len(guarded.origin.reached) == 1


async def test_an_exempt_path_is_let_through_but_claims_nothing(guarded: Any) -> None:
    headers = [("Waitroom-Gate", "shop"), ("waitroom_gate", "shop"), ("Waitroom-Origin", "x")]
    assert (await guarded(headers, "/healthz"))[0] == 200
    assert guarded.origin.header("waitroom-gate") == []
    assert guarded.origin.header("waitroom-origin") == []


@pytest.mark.parametrize(
    "path", ["/healthz/", "/Healthz", "//healthz", "/x/../healthz", "/healthz/../x", "/healthz;x"]
)
async def test_only_the_very_path_is_exempt(guarded: Any, path: str) -> None:
    assert (await guarded([], path))[0] == 403
    assert guarded.origin.reached == []


@pytest.mark.parametrize("path", ["healthz", "//healthz", "/a/../b", "", "/a\\b"])
def test_an_exempt_path_has_to_be_canonical(open_guarded: Any, path: str) -> None:
    with pytest.raises(ConfigError):
        open_guarded((path,))


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"SCRIPT_NAME": "/m", "PATH_INFO": "/healthz"}, 200),
        ({"SCRIPT_NAME": "/m", "PATH_INFO": "/m/healthz"}, 403),
        ({"SCRIPT_NAME": "", "PATH_INFO": "/healthz"}, 400),
        ({"SCRIPT_NAME": "/healthz", "PATH_INFO": ""}, 400),
        ({"SCRIPT_NAME": "/m", "PATH_INFO": "/healthz", "HTTP_SCRIPT_NAME": "/m"}, 400),
        ({"SCRIPT_NAME": "/x", "PATH_INFO": "/a", "HTTP_WAITROOM_ORIGIN": "good"}, 400),
        ({"SCRIPT_NAME": "/m", "PATH_INFO": "/a", "HTTP_WAITROOM_ORIGIN": "good"}, 200),
    ],
)
def test_a_guarded_app_may_be_mounted(environ: dict[str, str], status: int) -> None:
    origin, told = WSGIOrigin(), []
    if "HTTP_WAITROOM_ORIGIN" in environ:
        # Made now: it is good for a minute only.
        environ = environ | {"HTTP_WAITROOM_ORIGIN": _proof()}
    guard = WSGIOriginGuard(origin, secret_keys=KEYS, exempt=["/healthz"], mount="/m")
    b"".join(guard({"REQUEST_METHOD": "GET", **environ}, lambda line, headers: told.append(line)))
    assert int(told[0].split()[0]) == status
    assert len(origin.reached) == (status == 200)


async def test_an_escaped_path_is_not_the_exempt_one() -> None:
    async def unreached(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it must not be reached")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    guard = OriginGuard(unreached, secret_keys=KEYS, exempt=("/healthz",))
    scope = {"type": "http", "path": "/healthz", "raw_path": b"/%68ealthz", "headers": []}
    await guard(scope, unasked, send)
    assert sent[0]["status"] == 403


async def test_a_websocket_past_the_edge_is_refused() -> None:
    async def unreached(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it must not be reached")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    guard = OriginGuard(unreached, secret_keys=KEYS)
    await guard({"type": "websocket", "path": "/", "headers": []}, receive, send)
    assert sent[0]["type"] == "websocket.close"


async def test_the_lifespan_needs_no_proof() -> None:
    seen: list[str] = []

    async def origin(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def send(message: Any) -> None:
        raise AssertionError("the app answers")

    await OriginGuard(origin, secret_keys=KEYS)({"type": "lifespan"}, unasked, send)
    assert seen == ["lifespan"]


def test_one_proof_serves_for_half_a_minute() -> None:
    tokens = Tokens(KEYS)
    proofs = Proofs(tokens)
    first = proofs.token(1_000_000)
    assert proofs.token(1_000_000 + LIFE_MS - REFRESH_MS - 1) == first
    second = proofs.token(1_000_000 + LIFE_MS - REFRESH_MS)
    assert second != first
    assert tokens.read_origin(second, now_ms=1_000_000).deadline_ms == 1_090_000
    # A clock that was set back leaves no proof that is good for hours.
    assert proofs.token(500_000) not in (first, second)


async def test_every_request_that_is_handed_on_carries_one_proof(site: Site) -> None:
    await site.tell(bypass=[{"path": "/shop/free"}])
    smuggled = {name: _proof(50_000) for name in SPELLINGS[:2]}
    cookie = f"waitroom_pass_shop={site.seat()}"
    for path in ("/other", "/shop/free", "/shop"):
        await site.get(path, Cookie=cookie, **smuggled)
        (proof,) = site.origin.header("waitroom-origin")
        assert proof not in smuggled.values()
        left_ms = site.tokens.read_origin(proof, now_ms=clock.now_ms()).deadline_ms - clock.now_ms()
        assert REFRESH_MS - 1_000 < left_ms <= LIFE_MS
    proofs = set()
    for _ in range(20):
        await site.get("/shop", Cookie=cookie)
        proofs.update(site.origin.header("waitroom-origin"))
    assert len(proofs) == 1


async def test_the_service_gets_no_word_that_is_for_the_origin(site: Site) -> None:
    for name in [*SPELLINGS, "Waitroom-Gate", "WAITROOM_gate"]:
        await site.get("/__waitroom/shop/status", **{name: "x"})
    for request in site.service.pages:
        names = {name.lower().replace("_", "-") for name in request.headers}
        assert {"waitroom-origin", "waitroom-gate"} & names == set()


async def test_a_gate_and_a_guard_fit_together(open_site: Opens, shell: str, quick: None) -> None:
    origin: Any = WSGIOrigin() if shell == "wsgi" else Origin()
    guard: Any = WSGIOriginGuard if shell == "wsgi" else OriginGuard
    site = await open_site(guard(origin, secret_keys=KEYS))
    assert (await site.get("/other")).text == "the site"
    assert (await site.get(Cookie=f"waitroom_pass_shop={site.seat()}")).text == "the site"
    await site.queue()
    assert (await site.get()).status == 302
    assert len(origin.reached) == 2
