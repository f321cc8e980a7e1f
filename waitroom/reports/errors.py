"""Why a report is not there, or not yet."""

from waitroom.errors import RoomError


class ReportError(RoomError):
    """Something about the report of a room; nothing that it says of visitors was lost."""

    code = "report_failed"


class ReportNotFoundError(ReportError):
    """No such report."""

    code = "report_not_found"
    status = 404

    def __init__(self, room: str, name: str) -> None:
        super().__init__(room, f"The room {room!r} has no report {name[:40]!r}.")


class ReportNotHereError(ReportError):
    """The report was written, but this process does not find its files."""

    code = "report_not_here"
    status = 409

    def __init__(self, room: str, name: str, host: str, folder: str) -> None:
        super().__init__(
            room,
            f"The report {name} of the room {room!r} was written on the host {host!r}, and the "
            f"folder {folder} of this process does not hold it. WAITROOM_REPORTS_DIR must name a "
            "folder that the web processes and the workers share.",
        )


class ReportFolderError(ReportError):
    """The folder of the reports cannot be written; the report is tried again later."""

    code = "report_folder"
    status = 507
