"""The gate as WSGI middleware: the outermost layer of the site that it guards.

    app = WSGIGateMiddleware(app, service_url="http://127.0.0.1:8000", edge_token=…, secret_keys=…)

What the gate asks the service runs in one background thread per process (uWSGI runs such threads
with ``enable-threads`` only); a visitor with a pass never waits for it. WebSockets cannot pass
WSGI, so the pages of waiting visitors poll; for live updates let the web server in front hand
``/__waitroom/`` to the service itself. A room whose route names a host guards that host alone, so
an app that answers to any name wants a room for the host ``*``.
"""

from collections.abc import Iterable, Sequence

from waitroom.gate.decide import Refuse, ToService
from waitroom.gate.environs import (
    Environ,
    StartResponse,
    WSGIApp,
    checked_mount,
    forwarded_environ,
    header_pairs,
    is_mounted,
    leaves_mount,
    read_body,
    send_wsgi,
    visit_from_environ,
    with_wsgi_headers,
    without,
)
from waitroom.gate.gate import Gate, Onward, Unsettled
from waitroom.gate.loops import PerProcess, Running
from waitroom.gate.origin import EDGE_NAMES
from waitroom.gate.proxy import BODY_MAX, ask
from waitroom.gate.replies import Reply, json_reply, refuse_reply
from waitroom.gate.visit import Visit


class WSGIGateMiddleware:
    """Guards a WSGI app.

    Args:
        app: The origin.
        service_url: Where the waiting room's web process is.
        edge_token: The installation's ``WAITROOM_EDGE_TOKEN``.
        secret_keys: The installation's signing keys, oldest first.
        name: What the console and alerts call this gate; gates without one share an entry there.
        mount: The ``SCRIPT_NAME`` that the server itself sets, such as ``/shop``. Requests with
            another one, or with one in a header, are refused: gunicorn believes such a header.

    Raises:
        ConfigError: If there is no key, or the mount is not a path in its canonical spelling.
    """

    def __init__(
        self,
        app: WSGIApp,
        *,
        service_url: str,
        edge_token: str,
        secret_keys: Sequence[str],
        name: str = "",
        mount: str = "",
    ) -> None:
        self._app = app
        self._mount = checked_mount(mount)

        def make() -> Gate:
            return Gate(
                service_url=service_url, edge_token=edge_token, secret_keys=secret_keys, name=name
            )

        # What is wrong with the settings shows here and not with the first visitor.
        make()
        self._gates = PerProcess(make)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, or hand it to the origin or to the service."""
        if not is_mounted(environ, self._mount):
            return send_wsgi(environ, start_response, refuse_reply(Refuse(400, "bad_path")))
        running = self._gates.running()
        visit = visit_from_environ(environ)
        outcome = running.lived.at_once(visit)
        if isinstance(outcome, Unsettled):
            outcome = running.run(running.lived.settle(outcome, visit))
        if isinstance(outcome, Onward):
            return self._forward(outcome, environ, start_response)
        if isinstance(outcome, ToService):
            outcome = _proxied(running, outcome, visit, environ)
        return send_wsgi(environ, start_response, outcome)

    def start(self) -> None:
        """Begin to listen to the service now, and not with the first request of this process.

        A process that is asked for the first time while the service is away knows no room, and
        holds everybody, with a pass or without. So call it where the server says that a worker
        is there: gunicorn's ``post_worker_init``, uWSGI's ``@postfork``, or the end of the
        site's own module when each worker loads that by itself. Takes 2 s at most.
        """
        self._gates.running()

    def close(self) -> None:
        """End the background thread of this process; the end of the process does so too."""
        self._gates.stop()

    def _forward(
        self, onward: Onward, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if leaves_mount(environ, onward.page):
            return send_wsgi(environ, start_response, refuse_reply(Refuse(400, "bad_path")))
        dropped = EDGE_NAMES | {name for name, _ in onward.headers}
        told = forwarded_environ(without(environ, dropped), onward.page, onward.headers)
        return self._app(told, with_wsgi_headers(start_response, onward.cookies))


def _proxied(running: Running[Gate], asked: ToService, visit: Visit, environ: Environ) -> Reply:
    if visit.websocket:
        detail = "This site cannot carry WebSockets; ask for 'status' instead."
        return json_reply(501, "no_websocket", detail)
    body = read_body(environ, BODY_MAX)
    pairs = list(header_pairs(environ))
    return running.run(ask(running.lived.service, visit, asked.page, pairs, body))
