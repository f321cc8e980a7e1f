"""What operators and their machines ask: alive, ready, metrics."""

import asyncio

from quart import Blueprint, Response

from waitroom import clock
from waitroom.errors import StoppingError, StoreError
from waitroom.jobs.health import job_health
from waitroom.room import Figures, Room
from waitroom.room.store import store_errors
from waitroom.web.requests import json_response
from waitroom.web.services import services

#: Rooms whose figures are read at once.
AT_ONCE = 50

ops = Blueprint("ops", __name__)


@ops.get("/")
async def root() -> Response:
    """Say what this is; visitors come by the site that it guards."""
    return json_response({"service": "waitroom", "see": ["/healthz", "/readyz", "/metrics"]})


@ops.get("/healthz")
async def healthz() -> Response:
    """Answer while the process runs; says nothing of Redis, so that nobody restarts us for it."""
    return json_response({"status": "ok"})


@ops.get("/readyz")
async def readyz() -> Response:
    """Answer 200 when visitors can be served: Redis answers and the rooms were read."""
    if services().drain.begun:
        raise StoppingError("This process is about to stop.")
    with store_errors():
        await services().store.redis.ping()
    if not services().ticker.healthy:
        raise StoreError("The last tick did not reach Redis.")
    return json_response({"status": "ok", "rooms": len(services().directory.known)})


@ops.get("/metrics")
async def metrics() -> Response:
    """Return Prometheus' text format; without Redis, what this process knows by itself."""
    found = services()
    rooms: list[tuple[str, Figures]] = []
    failed = queued = 0
    try:
        started = clock.monotonic_s()
        with store_errors():
            await found.store.redis.ping()
        found.metrics.redis(clock.monotonic_s() - started)
        known = sorted(found.directory.known.items())
        for start in range(0, len(known), AT_ONCE):
            rooms += await _figures(known[start : start + AT_ONCE])
        health = await job_health(found.config)
        failed, queued = health.failed, health.queued
    except StoreError as e:
        found.metrics.error(e.code)
    page = found.metrics.page(rooms, sockets=len(found.sockets), failed=failed, queued=queued)
    return Response(page, content_type="text/plain; version=0.0.4; charset=utf-8")


async def _figures(rooms: list[tuple[str, Room]]) -> list[tuple[str, Figures]]:
    """Read some rooms' figures, each by itself: on a Cluster a node may be away with its own."""
    told = await asyncio.gather(*(room.figures() for _, room in rooms), return_exceptions=True)
    found = []
    for (name, _), figures in zip(rooms, told, strict=True):
        if isinstance(figures, Figures):
            found.append((name, figures))
        elif isinstance(figures, StoreError):
            services().metrics.error(figures.code)
        else:
            raise figures
    return found
