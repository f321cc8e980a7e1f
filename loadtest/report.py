"""The report of a run: one HTML page with everything in it, PNGs beside it, JSON for machines."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from jinja2 import Environment, FileSystemLoader

from loadtest.bench.rows import Row
from loadtest.plots import plots
from loadtest.thresholds import missed

if TYPE_CHECKING:
    from loadtest.run import Run

_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)


def write_report(
    run: "Run", figures: Mapping[str, float | None], table: Sequence[Row], folder: Path, about: str
) -> Path:
    """Write the report of a run that has ended.

    Args:
        run: The run.
        figures: As ``figures.py`` found them.
        table: The verdict's rows.
        folder: Where; made if missing, files of an earlier run are replaced.
        about: The machine, in a few words.

    Returns:
        The HTML page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    images = plots(run)
    for name, image in images.items():
        (folder / f"{name}.png").write_bytes(image)
    facts = _facts(run, about)
    requests = _requests(run)
    data = {
        "facts": facts,
        "verdict": missed(table),
        "rows": [asdict(row) for row in table],
        "figures": dict(figures),
        "counts": dict(sorted(run.measures.counts.items())),
        "requests": requests,
        "failures": _failures(run),
        "series": asdict(run.series),
    }
    (folder / "result.json").write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    page = folder / "report.html"
    page.write_text(
        _PAGES.get_template("report.html").render(
            facts=facts,
            about=run.shape.about,
            missed=missed(table),
            rows=table,
            images={name: base64.b64encode(image).decode() for name, image in images.items()},
            requests=requests,
            failures=data["failures"],
            counts=data["counts"],
            lost=_lost(run),
            stages=run.shape.stages,
        )
    )
    return page


def _facts(run: "Run", about: str) -> dict[str, str]:
    plan = run.plan
    began = datetime.fromtimestamp(run.began_s, UTC)
    habits = ", ".join(f"{name} {share:.0%}" for name, share in plan.habits.items())
    return {
        "shape": plan.shape,
        "visitors": f"{plan.visitors:,}",
        "site": plan.site,
        "room": plan.room,
        "began": f"{began:%Y-%m-%d %H:%M:%S} UTC",
        "took": f"{run.ended_s - run.began_s:.0f} s",
        "ended": run.stopped or "as planned",
        "machine": about,
        "habits": habits or "everybody just waits",
        "tickets": "stamped by the generator, which plays the edge" if plan.stamped else "by gate",
        "sockets": "straight to the web processes" if plan.services else "by way of the site",
        "truth": "from Redis" if run.truth else "not asked",
    }


def _requests(run: "Run") -> list[dict[str, Any]]:
    """Return what Locust noted of requests, in ms."""
    found = []
    for entry in sorted(run.environment.stats.entries.values(), key=lambda each: each.name):
        row: dict[str, Any] = {
            "kind": entry.method,
            "name": entry.name,
            "count": entry.num_requests,
            "failed": entry.num_failures,
        }
        for share in (0.5, 0.95, 0.99, 1.0):
            row[f"p{share * 100:g}"] = entry.get_response_time_percentile(share)
        found.append(row)
    return found


def _failures(run: "Run") -> list[dict[str, Any]]:
    """Return why requests failed, as Locust noted it."""
    found = sorted(run.environment.stats.errors.values(), key=lambda each: -each.occurrences)
    return [
        {
            "kind": each.method,
            "name": each.name,
            "why": str(each.error).removeprefix("Exception('").removesuffix("')"),
            "count": each.occurrences,
        }
        for each in found
    ]


def _lost(run: "Run") -> dict[str, int]:
    found: dict[str, int] = {}
    for journey in run.measures.journeys:
        if journey.lost:
            found[journey.lost] = found.get(journey.lost, 0) + 1
    return found
