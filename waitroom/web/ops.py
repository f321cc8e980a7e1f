"""What operators and their machines ask: alive, ready, metrics."""

from quart import Blueprint, Response

from waitroom import clock
from waitroom.errors import StoreError
from waitroom.jobs.health import job_health
from waitroom.room.store import store_errors
from waitroom.web.requests import json_response
from waitroom.web.services import services

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
    with store_errors():
        await services().store.redis.ping()
    if not services().ticker.healthy:
        raise StoreError("The last tick did not reach Redis.")
    return json_response({"status": "ok", "rooms": len(services().directory.known)})


@ops.get("/metrics")
async def metrics() -> Response:
    """Return Prometheus' text format; without Redis, what this process knows by itself."""
    found = services()
    rooms = []
    failed = queued = 0
    try:
        started = clock.monotonic_s()
        with store_errors():
            await found.store.redis.ping()
        found.metrics.redis(clock.monotonic_s() - started)
        for name, room in sorted(found.directory.known.items()):
            rooms.append((name, await room.figures()))
        health = await job_health(found.config)
        failed, queued = health.failed, health.queued
    except StoreError as e:
        found.metrics.error(e.code)
    page = found.metrics.page(rooms, sockets=len(found.sockets), failed=failed, queued=queued)
    return Response(page, content_type="text/plain; version=0.0.4; charset=utf-8")
