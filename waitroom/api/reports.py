"""Reports: ask for one, watch it, fetch it, delete it. Owners of the room only."""

from dataclasses import asdict

from quart import Response

from waitroom.accounts.guard import who
from waitroom.api.asking import answer, control, no_content
from waitroom.api.blueprint import api, describe
from waitroom.api.models.reports import ReportOut, ReportProgress, RoomReports
from waitroom.reports import Reports
from waitroom.reports.states import Progress, Report
from waitroom.reports.summary import headers
from waitroom.web.requests import attachment
from waitroom.web.services import services

_ABOUT = "Reports"


@api.get("/rooms/<name>/reports")
@describe(_ABOUT, answers=RoomReports, refuses=(404,))
async def list_reports(name: str) -> Response:
    """List the reports of a room, newest first, and the one under way."""
    found = await _reports(name)
    under_way = await found.progress(name)
    reports = [_report(each) for each in await found.list(name)]
    return answer(
        RoomReports(reports=reports, under_way=_progress(under_way) if under_way else None)
    )


@api.post("/rooms/<name>/reports")
@describe(_ABOUT, answers=ReportProgress, status=202, refuses=(404,))
async def start_report(name: str) -> Response:
    """Ask for a report.

    Of the room as it is now, from its last opening on; or find the one under way. The worker
    writes it.
    """
    found = await _reports(name)
    return answer(_progress(await found.start(name, str(who()))), 202)


@api.get("/rooms/<name>/reports/<report>/csv")
@describe(_ABOUT, media="text/csv", refuses=(404, 409))
async def report_rows(name: str, report: str) -> Response:
    """Fetch the rows of a report, one a visit."""
    path = await (await _reports(name)).open(name, report, "csv")
    return await attachment(path, f"{name}-{report}.csv", "text/csv")


@api.get("/rooms/<name>/reports/<report>/html")
@describe(_ABOUT, media="text/html", refuses=(404, 409))
async def report_summary(name: str, report: str) -> Response:
    """Fetch the summary of a report, one page with charts."""
    html = (await (await _reports(name)).open(name, report, "html")).read_bytes()
    return Response(html, 200, headers(html))


@api.delete("/rooms/<name>/reports/<report>")
@describe(_ABOUT, status=204, refuses=(404, 409))
async def delete_report(name: str, report: str) -> Response:
    """Delete a finished report."""
    await (await _reports(name)).delete(name, report, str(who()))
    return no_content()


async def _reports(name: str) -> Reports:
    who().require("owner", name)
    await control().room(who(), name)
    return Reports(services().store, services().config)


def _report(found: Report) -> ReportOut:
    return ReportOut(
        id=found.id,
        who=found.plan.who,
        finished_ms=found.finished_ms,
        rows=found.rows,
        visitors=found.visitors,
        csv_bytes=found.csv_bytes,
        html_bytes=found.html_bytes,
        mail=asdict(found.mailing)["state"],
        here=found.here,
    )


def _progress(found: Progress) -> ReportProgress:
    return ReportProgress(
        id=found.plan.id,
        who=found.plan.who,
        stage=found.stage,
        share=found.share,
        error=found.error or None,
    )
