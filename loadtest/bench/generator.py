"""Makes load on one address and measures it: many requests at once, or one after the other.

Requests at once are autocannon's, from `edge/node_modules`. Latency is measured here, because a
difference of a tenth of a millisecond is below autocannon's resolution.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.bench.workerd import ROOT

_AUTOCANNON = ROOT / "edge" / "node_modules" / "autocannon" / "autocannon.js"
#: What a run may take longer than it was asked to, seconds.
_SLACK_S = 60


#: Headers of visitors' requests.
Visitors = Sequence[dict[str, str]]


class LoadError(Exception):
    """The load could not be made, or some requests were not answered as expected."""


def throughput(
    url: str,
    visitors: Visitors,
    *,
    connections: int,
    seconds: int = 0,
    amount: int = 0,
    method: str = "GET",
) -> float:
    """Return requests a second that an address answers with 200.

    Args:
        url: What is asked for.
        visitors: Headers of each visitor; every connection shows them in turn.
        connections: Requests at once.
        seconds: For how long; 0 means until `amount` requests are answered.
        amount: How many requests; 0 means for `seconds`.
        method: Of each request; none has a body.

    Raises:
        LoadError: If a request failed or was answered otherwise.
    """
    until = ["-d", str(seconds)] if seconds else ["-a", str(amount)]
    with tempfile.NamedTemporaryFile("w", suffix=".har") as archive:
        json.dump(_archive(url, visitors, method), archive)
        archive.flush()
        command = [_node(), str(_AUTOCANNON), "-j", "-c", str(connections), *until]
        command += ["--har", archive.name, url]
        limit_s = seconds + _SLACK_S
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    if done.returncode:
        raise LoadError(f"autocannon failed: {done.stderr.strip()[-500:]}")
    said = json.loads(done.stdout)
    bad = said["errors"] + said["timeouts"] + said["non2xx"]
    if bad:
        raise LoadError(f"{bad} of {said['requests']['total']} requests were not answered by 200")
    answered: int = said["2xx"]
    return answered / float(said["duration"])


def added_latency_ms(
    base: tuple[int, str], other: tuple[int, str], visitors: Visitors, *, pairs: int
) -> tuple[float, float]:
    """Return the median latencies of two servers, asked in turns over one connection each.

    Args:
        base: Port and path.
        other: Port and path.
        visitors: Headers of each visitor, shown in turn.
        pairs: How many requests each gets.

    Returns:
        Milliseconds of `base` and of `other`.

    Raises:
        LoadError: If a request was not answered by 200.
    """
    targets = [(_open(port), path) for port, path in (base, other)]
    took_ms: list[list[float]] = [[], []]
    try:
        for number in range(pairs):
            headers = visitors[number % len(visitors)]
            for (wire, path), times in zip(targets, took_ms, strict=True):
                request = _request(path, headers)
                began = time.perf_counter_ns()
                _ask(wire, request)
                times.append((time.perf_counter_ns() - began) / 1e6)
    finally:
        for wire, _ in targets:
            wire.close()
    return median(took_ms[0]), median(took_ms[1])


def _archive(url: str, visitors: Visitors, method: str) -> dict[str, Any]:
    """Return requests in the form that browsers export."""
    entries = [
        {
            "request": {
                "method": method,
                "url": url,
                "headers": [{"name": name, "value": value} for name, value in headers.items()],
            }
        }
        for headers in visitors
    ]
    return {"log": {"entries": entries}}


def _open(port: int) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=10)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def _request(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _ask(wire: socket.socket, request: bytes) -> None:
    wire.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _some(wire)
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise LoadError(f"answered {head[:40]!r}")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    if not length:
        raise LoadError("an answer without its length cannot be read here")
    while len(body) < int(length):
        body += _some(wire)


def _some(wire: socket.socket) -> bytes:
    if chunk := wire.recv(65_536):
        return chunk
    raise LoadError("the connection was closed")


def _node() -> str:
    beside = Path(sys.executable).with_name("node")
    found = str(beside) if beside.exists() else shutil.which("node", path=os.environ.get("PATH"))
    if found is None or not _AUTOCANNON.exists():
        raise LoadError("node or autocannon is missing; `make setup` brings both")
    return found
