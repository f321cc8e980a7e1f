"""What stands around the Worker while it is measured: an origin, a service, and visitors.

The origin is a workerd too, so that it is no slower than what stands in front of it. The service
knows one room and counts what it is asked.
"""

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from loadtest.bench.generator import throughput
from loadtest.bench.workerd import Worker, Workerd, build
from loadtest.ports import free_port
from waitroom import clock
from waitroom.tokens import Pass, Tokens

#: Those who come again and again.
VISITORS = 200
#: Requests at once.
CONNECTIONS = 32
_KEY = "bench-key-of-at-least-32-characters-0001"
_SESSION_S = 3_600
#: What everybody asks for.
PAGE = "/shop/tickets?day=1"
_ROOM = {
    "name": "shop",
    "routes": [{"host": "*", "path": "/shop"}],
    "session_duration_s": _SESSION_S,
    "queueing": True,
}
_FORWARD = """export default {
  fetch(request, env) { return env.ORIGIN.fetch(request); },
};
"""
_ORIGIN = """let passed = 0;
const page = "<!doctype html><title>site</title>" + "<p>the site</p>".repeat(100);
export default {
  fetch(request) {
    if (request.url.endsWith("/count")) return new Response(String(passed));
    if (request.headers.has("waitroom-gate")) passed++;
    return new Response(page, { headers: { "content-type": "text/html" } });
  },
};
"""


@dataclass
class Bench:
    """What runs while it is measured."""

    gate: Workerd
    forward: Workerd
    origin: Workerd
    calls: "Counter[str]"
    #: Headers of those who come again and again.
    visitors: list[dict[str, str]]

    def rates(self, rounds: int, seconds: int) -> tuple[list[float], list[float], list[float]]:
        """Return requests/s of the gate and of the forwarder, and CPU per request as a ratio."""
        found: tuple[list[float], list[float], list[float]] = ([], [], [])
        for number in range(rounds):
            order = [self.gate, self.forward]
            # Whoever comes first may find a cooler machine.
            measured = {
                each: self._rate(each, seconds) for each in (order if number % 2 else order[::-1])
            }
            found[0].append(measured[self.gate][0])
            found[1].append(measured[self.forward][0])
            found[2].append(measured[self.forward][1] / measured[self.gate][1])
        return found

    def passed(self) -> int:
        """Return how many requests have reached the origin as admitted."""
        with urlopen(f"{self.origin.url}/count", timeout=10) as answer:
            return int(answer.read())

    def _rate(self, target: Workerd, seconds: int) -> tuple[float, float]:
        process = psutil.Process(target.pid)
        before = _cpu_s(process)
        rate = throughput(
            target.url + PAGE, self.visitors, connections=CONNECTIONS, seconds=seconds
        )
        return rate, (_cpu_s(process) - before) / (rate * seconds)


def _cpu_s(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def running() -> Iterator[Bench]:
    """Run the two Workers, the origin, and a service that knows one room and counts."""
    calls: Counter[str] = Counter()
    service = _service(calls)
    started: list[Workerd] = []

    def start(code: Path, **more: Any) -> Workerd:
        each = Workerd(Worker(code, **more), folder / f"{len(started)}", free_port())
        each.start()
        started.append(each)
        return each

    with tempfile.TemporaryDirectory(prefix="waitroom-bench-") as name:
        folder = Path(name)
        try:
            origin = start(_written(folder / "origin" / "index.js", _ORIGIN))
            services = {"ORIGIN": f"127.0.0.1:{origin.port}"}
            text = {
                "WAITROOM_SERVICE_URL": f"http://127.0.0.1:{service.server_port}",
                "WAITROOM_SECRET_KEYS": _KEY,
                "WAITROOM_EDGE_TOKEN": "bench-edge-token-of-at-least-32-characters",
            }
            code = _written(folder / "forward" / "index.js", _FORWARD)
            forward = start(code, text=text, services=services)
            gate = start(build(), text=text, services=services)
            yield Bench(gate, forward, origin, calls, [visitor() for _ in range(VISITORS)])
        finally:
            for each in started:
                each.stop()
            service.shutdown()
            service.server_close()


def _written(path: Path, code: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(code)
    return path


def visitor() -> dict[str, str]:
    """Return the headers of a new visitor with a pass, as a browser sends them."""
    deadline_ms = clock.now_ms() + _SESSION_S * 1000
    token = Tokens([_KEY]).sign_pass(Pass("shop", clock.new_visitor(), deadline_ms, 0))
    return {
        "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
        "Accept-Language": "en-GB,en;q=0.9",
        "Cookie": f"theme=dark; consent=yes; waitroom_pass_shop={token}; basket=3",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    }


def _service(calls: "Counter[str]") -> ThreadingHTTPServer:
    rooms = json.dumps({"rooms": [_ROOM], "languages": ["en"]}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            calls[f"{self.command} {self.path.partition('?')[0]}"] += 1
            same = self.headers.get("If-None-Match") == '"1"'
            body = b"" if same else rooms
            self.send_response(304 if same else 200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
