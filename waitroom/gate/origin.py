"""What an edge says to the origin, and the guard that demands to hear it.

Each request that an edge hands on carries ``Waitroom-Origin``, a proof that is good for a
minute. An origin that can be reached past its edge lets only those requests in:

    app = OriginGuard(app, secret_keys=[…])            # ASGI
    app = WSGIOriginGuard(app, secret_keys=[…])        # WSGI

What a visitor sends under these names is dropped, in any spelling. The guard takes the proof
off too, so that an app which shows its headers gives no proof away.
"""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from waitroom import clock
from waitroom.errors import ConfigError, TokenError
from waitroom.gate.decide import Refuse
from waitroom.gate.environs import (
    Environ,
    StartResponse,
    WSGIApp,
    checked_mount,
    header_pairs,
    is_mounted,
    send_wsgi,
    without,
)
from waitroom.gate.paths import PathError, canonical_path
from waitroom.gate.replies import Reply, json_reply, refuse_reply
from waitroom.gate.scopes import App, Receive, Scope, Send, plain_bytes, send_reply
from waitroom.tokens import CLOCK_SKEW_MS, OriginProof, Tokens

#: Says which room's gate was passed.
GATE = "waitroom-gate"
#: Proves that the request came through an edge.
ORIGIN = "waitroom-origin"
#: The host that was judged, where a visitor claims one.
FORWARDED_HOST = "x-forwarded-host"
#: What no visitor may say, in the form of ``plain_name``: what only an edge says, and the names
#: by which some origins (IIS, Symfony) serve another page than the one that was judged.
EDGE_NAMES = frozenset({GATE, ORIGIN, "x-original-url", "x-rewrite-url"})
_ORIGIN = ORIGIN.encode()
_EDGE_NAMES = frozenset(name.encode() for name in EDGE_NAMES)
#: How long a proof is good, milliseconds.
LIFE_MS = 60_000
#: A proof with less than this left is replaced, milliseconds.
REFRESH_MS = 30_000
#: Most proofs a guard remembers; each edge has one at a time.
REMEMBERED_MAX = 256


class Proofs:
    """The proof that an edge shows, signed anew twice a minute and not per request.

    Args:
        tokens: The keys.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._current = ("", 0)

    def token(self, now_ms: int) -> str:
        """Return a proof that is good for at least ``REFRESH_MS``."""
        token, deadline_ms = self._current
        # A clock that was set back must not leave a proof that is good for hours.
        if not REFRESH_MS < deadline_ms - now_ms <= LIFE_MS:
            deadline_ms = now_ms + LIFE_MS
            token = self._tokens.sign_origin(OriginProof(deadline_ms))
            self._current = (token, deadline_ms)
        return token


class _Demand:
    """What both guards demand of a request."""

    def __init__(self, secret_keys: Sequence[str], exempt: Iterable[str]) -> None:
        self._tokens = Tokens(secret_keys)
        self._exempt = frozenset(exempt)
        self._good: dict[str, int] = {}
        for path in self._exempt:
            _check_exempt(path)

    def proved(self, shown: Sequence[str]) -> bool:
        """Say whether exactly one proof was shown, and is good."""
        if len(shown) != 1:
            return False
        now_ms = clock.now_ms()
        if self._good.get(shown[0], 0) > now_ms:
            return True
        try:
            proof = self._tokens.read_origin(shown[0], now_ms=now_ms)
        except TokenError:
            return False
        if len(self._good) >= REMEMBERED_MAX:
            self._good.clear()
        self._good[shown[0]] = proof.deadline_ms + CLOCK_SKEW_MS
        return True

    def exempts(self, path: str) -> bool:
        """Say whether a path needs no proof."""
        return path in self._exempt


class OriginGuard:
    """Refuses what did not come through an edge, in front of an ASGI app.

    Args:
        app: The origin.
        secret_keys: The installation's signing keys, oldest first.
        exempt: Paths, exactly so spelled, that need no proof, such as a health check.

    Raises:
        ConfigError: If there is no key, or a path is not in its canonical spelling.
    """

    def __init__(self, app: App, *, secret_keys: Sequence[str], exempt: Iterable[str] = ()) -> None:
        self._app = app
        self._demand = _Demand(secret_keys, exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the app, or answer 403."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        # Another spelling of the name counts as a second header, so the request is refused.
        shown = [value for name, value in scope["headers"] if plain_bytes(name) == _ORIGIN]
        dropped = frozenset({_ORIGIN})
        if not self._demand.proved([value.decode("latin-1") for value in shown]):
            if not (self._demand.exempts(scope["path"]) and _plainly_spelled(scope)):
                return await send_reply(scope, receive, send, _refusal())
            dropped = _EDGE_NAMES
        kept = [pair for pair in scope["headers"] if plain_bytes(pair[0]) not in dropped]
        return await self._app({**scope, "headers": kept}, receive, send)


class WSGIOriginGuard:
    """Refuses what did not come through an edge, in front of a WSGI app.

    Args:
        app: The origin.
        secret_keys: The installation's signing keys, oldest first.
        exempt: Paths, exactly so spelled and below the mount, that need no proof, such as a
            health check.
        mount: As for ``WSGIGateMiddleware``.

    Raises:
        ConfigError: If there is no key, or a path is not in its canonical spelling.
    """

    def __init__(
        self,
        app: WSGIApp,
        *,
        secret_keys: Sequence[str],
        exempt: Iterable[str] = (),
        mount: str = "",
    ) -> None:
        self._app = app
        self._mount = checked_mount(mount)
        self._demand = _Demand(secret_keys, exempt)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Hand the request to the app, or answer 403."""
        if not is_mounted(environ, self._mount):
            return send_wsgi(environ, start_response, refuse_reply(Refuse(400, "bad_path")))
        dropped = frozenset({ORIGIN})
        shown = [text for name, text in header_pairs(environ) if name == ORIGIN]
        if not self._demand.proved(shown):
            if not self._demand.exempts(environ.get("PATH_INFO", "")):
                return send_wsgi(environ, start_response, _refusal())
            dropped = EDGE_NAMES
        return self._app(without(environ, dropped), start_response)


def _check_exempt(path: str) -> None:
    try:
        if canonical_path(quote(path)).page == quote(path):
            return
    except PathError:
        pass
    raise ConfigError(f"exempt: {path!r} is not a path in its canonical spelling")


def _plainly_spelled(scope: Scope) -> bool:
    """Say whether the path came over the wire as the app sees it; apps look at either."""
    raw = scope.get("raw_path")
    path = scope["path"]
    return not raw or raw.partition(b"?")[0] in (path.encode(), quote(path).encode())


def _refusal() -> Reply:
    detail = "This address answers only requests that came through the waiting room's edge."
    return json_reply(403, "past_the_edge", detail)
