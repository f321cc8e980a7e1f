"""Takes a finished report to the owner by mail: the summary, and the CSV when it is small."""

from dataclasses import replace

import structlog

from waitroom import mail
from waitroom.clock import now_ms
from waitroom.config import Config
from waitroom.errors import MailError, MailOffError, SettingError
from waitroom.reports.folder import FILES, Folder
from waitroom.reports.rows import iso
from waitroom.reports.states import Mailing, Report
from waitroom.room import RoomSettings

#: A larger CSV is not attached; the mail says where it is. Bytes.
CSV_MAX = 2_000_000
#: How often a mail is tried that the server does not take.
TRIES_MAX = 8

log = structlog.get_logger(__name__)


async def send(config: Config, folder: Folder, settings: RoomSettings, report: Report) -> Report:
    """Send a report's mail if it is due, and return the report with what became of it.

    Args:
        config: Names the mail server.
        folder: The room's reports.
        settings: The room's settings: title and who gets it.
        report: The report.
    """
    at_ms = now_ms()
    mailing = report.mailing
    if mailing.state != "due" or at_ms < mailing.retry_ms:
        return report
    if not settings.report_to:
        return replace(report, mailing=Mailing("none"))
    # Those who have it do not get it once more.
    to = [each for each in settings.report_to if not mailing.left or each in mailing.left]
    if not to:
        return replace(report, mailing=Mailing("sent", mailing.tries))
    try:
        await mail.send(
            config,
            to,
            f"Report of {settings.title or folder.room}: {report.visitors:,} visitors",
            _text(folder.room, settings, report),
            attachments=_files(folder, report),
            key=f"report.{folder.room}.{report.id}",
        )
    except MailOffError as e:
        return replace(report, mailing=Mailing("failed", mailing.tries + 1, 0, e.detail))
    except (MailError, SettingError, OSError) as e:
        detail = e.detail if isinstance(e, MailError | SettingError) else f"{e.strerror}."
        last = mailing.tries + 1 >= TRIES_MAX or getattr(e, "permanent", False)
        log.warning("report_not_mailed", room=folder.room, report=report.id, detail=detail)
        delay_ms = min(3_600, 60 * 2**mailing.tries) * 1000
        return replace(
            report,
            mailing=Mailing(
                "failed" if last else "due",
                mailing.tries + 1,
                at_ms + delay_ms,
                detail,
                getattr(e, "left", None) or mailing.left,
            ),
        )
    return replace(report, mailing=Mailing("sent", mailing.tries + 1))


def _files(folder: Folder, report: Report) -> list[mail.Attachment]:
    path = folder.report(report.id)
    name = f"{folder.room}-{report.id}"
    found = [
        mail.Attachment(f"{name}.html", (path / FILES["html"]).read_bytes(), "text/html"),
    ]
    if report.csv_bytes <= CSV_MAX:
        found.append(mail.Attachment(f"{name}.csv", (path / FILES["csv"]).read_bytes(), "text/csv"))
    return found


def _text(room: str, settings: RoomSettings, report: Report) -> str:
    closed = iso(report.plan.closed_ms or 0)
    size = report.csv_bytes
    where = (
        "The rows, one a visit, are attached as CSV."
        if size <= CSV_MAX
        else f"The CSV has {report.rows:,} rows ({size / 1e6:,.0f} MB), too large for a mail: take "
        f"it from the console, or with `waitroom report {room} --out DIR`."
    )
    return (
        f"The room {room} ({settings.title or 'without a title'}) was closed at {closed}.\n"
        f"{report.visitors:,} visitors came. The attached page shows what happened.\n\n"
        f"{where}\n\n"
        f"What is stored about the visitors is deleted {settings.keep_days} days after the "
        f"closing, unless the room is opened again before.\n"
    )
