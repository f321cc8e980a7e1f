"""The page of one room: its figures, live, its charts, its health, and the levers."""

import secrets
from itertools import pairwise
from typing import Any

import orjson
from quart import Blueprint, Response, request

from waitroom import clock
from waitroom.accounts.who import Who
from waitroom.console.admitted import admitted_note
from waitroom.console.charts import Chart, Series, make_chart
from waitroom.console.door import who
from waitroom.console.health import health_rows
from waitroom.console.pages import fragment, page
from waitroom.console.sentences import texts
from waitroom.control.effects import Now, effect
from waitroom.control.matching import behind
from waitroom.control.views import RoomFigures, RoomView
from waitroom.errors import StoreError
from waitroom.room.records import Minute
from waitroom.web.requests import json_response
from waitroom.web.services import services

#: Span of a chart -> milliseconds.
SPANS = {"hour": 3_600_000, "day": 86_400_000}
#: Points of a chart at most; a day is drawn in steps of this many minutes.
DAY_STEP = 10
MINUTE_MS = 60_000
LIMITS = ("total_active_users", "new_users_per_minute")


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/rooms/<name>", view_func=room)
    console.add_url_rule("/rooms/<name>/figures", view_func=figures)
    console.add_url_rule("/rooms/<name>/charts", view_func=charts)


async def room(name: str) -> Response:
    """Show a room."""
    found = await services().control.room(who(), name)
    span = _span()
    minutes = await _minutes(name, span)
    now = await _figures(found)
    told = await _texts(name, now, minutes)
    health = await services().control.health(who())
    note = admitted_note(request.args.get("admitted", ""))
    return page(
        "room.html",
        notes=[note] if note else [],
        room=found,
        figures=now,
        texts=told,
        span=span,
        charts=history_charts(span, minutes),
        health=health,
        health_rows=health_rows(health),
        effects=_effects(found, now_of(now)),
        seen=seen(found, LIMITS),
        once=secrets.token_hex(12),
        behind=_behind(found),
        made=request.args.get("done") == "made",
    )


async def figures(name: str) -> Response:
    """Return what moves on the page, for pages without a socket."""
    return json_response(await services().console.live.told(who(), name))


async def charts(name: str) -> Response:
    """Return charts and health alone, for the page to refresh itself."""
    span = _span()
    minutes = await _minutes(name, span)
    rows = health_rows(await services().control.health(who()))
    return fragment("_refresh.html", charts=history_charts(span, minutes), health_rows=rows)


def seen(found: RoomView, names: tuple[str, ...] | list[str]) -> str:
    """Return the values of some settings as the forms carry them."""
    values = found.settings.model_dump(mode="json", include=set(names))
    return orjson.dumps(values).decode()


def now_of(figures: RoomFigures) -> Now:
    """Return what effects are computed from."""
    return Now(figures.waiting, figures.active, figures.admitted_per_minute)


async def now_in(asker: Who, name: str) -> Now:
    """Return what effects in a room are computed from; nothing when Redis does not answer."""
    try:
        return now_of(await services().console.live.figures(asker, name))
    except StoreError:
        return Now()


def _effects(found: RoomView, now: Now) -> dict[str, str]:
    drained = found.settings.changed({"draining": True})
    effects = {each: effect(each, found.settings, now) for each in LIMITS}
    return effects | {"draining": effect("draining", drained, now)}


def _behind(found: RoomView) -> dict[str, str]:
    rooms = services().directory.known.values()
    return behind(found.name, found.settings.routes, list(rooms))


async def _figures(found: RoomView) -> RoomFigures:
    try:
        return await services().console.live.figures(who(), found.name)
    except StoreError:
        title = found.settings.title
        return RoomFigures(found.name, title, "unreachable", clock.now_ms())


async def _texts(name: str, now: RoomFigures, minutes: list[Minute]) -> dict[str, str]:
    if now.state == "unreachable":
        return texts(now, None)
    last = minutes[-1] if minutes else None
    fresh = last is not None and clock.now_ms() - last.at_ms < 3 * MINUTE_MS
    arrivals = None
    if last is not None and fresh:
        arrivals = round(last.arrivals / _counted(minutes)[last.at_ms])
    told = await services().console.live.told(who(), name, arrivals)
    found: dict[str, str] = {"arrivals": "–", **told["texts"]}
    return found


def _span() -> str:
    asked = request.args.get("span", "hour")
    return asked if asked in SPANS else "hour"


async def _minutes(name: str, span: str) -> list[Minute]:
    until_ms = clock.now_ms()
    return await services().control.history(who(), name, until_ms - SPANS[span], until_ms)


def history_charts(span: str, minutes: list[Minute]) -> list[Chart]:
    """Return the charts of a room.

    Args:
        span: One of ``SPANS``.
        minutes: Its samples, in order.
    """
    step = 1 if span == "hour" else DAY_STEP
    steps, counted = _steps(minutes, step), _counted(minutes)
    at_ms = [at for at, _ in steps]

    def values(read: Any, *, per_minute: bool) -> list[float | None]:
        found: list[float | None] = []
        for _, part in steps:
            if not part:
                found.append(None)
            elif per_minute:
                long = sum(counted[minute.at_ms] for minute in part)
                found.append(sum(read(minute) for minute in part) / long)
            else:
                found.append(max(read(minute) for minute in part))
        return found

    return [
        make_chart(
            "Waiting and on the site",
            at_ms,
            [
                Series("Waiting", values(lambda minute: minute.waiting, per_minute=False)),
                Series("On the site", values(lambda minute: minute.active, per_minute=False)),
            ],
        ),
        make_chart(
            "Let in and arrivals, a minute",
            at_ms,
            [
                Series("Let in", values(lambda minute: minute.admitted, per_minute=True)),
                Series("Arrivals", values(lambda minute: minute.arrivals, per_minute=True)),
            ],
        ),
    ]


def _counted(minutes: list[Minute]) -> dict[int, float]:
    """Return how many minutes each sample counts: more than one when some were missed before it."""
    counted = dict.fromkeys((minute.at_ms for minute in minutes), 1.0)
    for before, minute in pairwise(minutes):
        counted[minute.at_ms] = (minute.at_ms - before.at_ms) / MINUTE_MS
    return counted


def _steps(minutes: list[Minute], step: int) -> list[tuple[int, list[Minute]]]:
    """Group minutes into steps of equal length; one in which nothing was sampled stays empty."""
    if not minutes:
        return []
    step_ms = step * MINUTE_MS
    grouped: dict[int, list[Minute]] = {}
    for minute in minutes:
        grouped.setdefault(minute.at_ms // step_ms * step_ms, []).append(minute)
    first, last = min(grouped), max(grouped)
    return [(at, grouped.get(at, [])) for at in range(first, last + 1, step_ms)]
