"""The reports of a room: ask for one, see how far it is, fetch it, delete it."""

from typing import Any

from quart import Blueprint, Response, request

from waitroom.console.door import who
from waitroom.console.pages import go, page
from waitroom.reports import Reports
from waitroom.reports.summary import headers
from waitroom.web.requests import attachment
from waitroom.web.services import services

_STAGES = {
    "queued": "waits for the worker",
    "reading": "reads the visits",
    "writing": "writes the rows",
    "counting": "counts",
    "failed": "could not be written",
}


def add_to(console: Blueprint) -> None:
    """Add these views to the console."""
    console.add_url_rule("/rooms/<name>/reports", view_func=reports)
    console.add_url_rule("/rooms/<name>/reports", view_func=ask_report, methods=["POST"])
    console.add_url_rule("/rooms/<name>/reports/<report>.csv", view_func=report_csv)
    console.add_url_rule("/rooms/<name>/reports/<report>.html", view_func=report_html)
    console.add_url_rule("/rooms/<name>/reports/delete", view_func=delete_report, methods=["POST"])


async def reports(name: str) -> Response:
    """List the reports."""
    room = await services().control.room(who(), name)
    may = who().can("owner", name)
    found = await _all().list(name) if may else []
    under_way = await _all().progress(name) if may else None
    return page(
        "reports.html",
        room=room,
        may=may,
        reports=[_row(report) for report in found],
        progress={
            "stage": _STAGES[under_way.stage],
            "share": round(under_way.share * 100),
            "error": under_way.error,
        }
        if under_way
        else None,
    )


async def ask_report(name: str) -> Response:
    """Ask for a report of the room as it is now."""
    who().require("owner", name)
    await _all().start(name, str(who()))
    return go("reports", name=name, done="asked")


async def report_csv(name: str, report: str) -> Response:
    """Send the rows of a report."""
    who().require("owner", name)
    path = await _all().open(name, report, "csv")
    return await attachment(path, f"{name}-{report}.csv", "text/csv")


async def report_html(name: str, report: str) -> Response:
    """Show the summary of a report."""
    who().require("owner", name)
    html = (await _all().open(name, report, "html")).read_bytes()
    return Response(html, 200, headers(html))


async def delete_report(name: str) -> Response:
    """Delete a report."""
    who().require("owner", name)
    await _all().delete(name, (await request.form).get("report", ""), str(who()))
    return go("reports", name=name, done="deleted")


def _all() -> Reports:
    return Reports(services().store, services().config)


def _row(report: Any) -> dict[str, Any]:
    return {
        "id": report.id,
        "who": report.plan.who,
        "finished_ms": report.finished_ms,
        "visitors": report.visitors,
        "rows": report.rows,
        "megabytes": report.csv_bytes / 1_000_000,
        "here": report.here,
        "host": report.host,
        "mail": report.mailing.state,
    }
