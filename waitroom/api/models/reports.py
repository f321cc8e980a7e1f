"""Reports, as the owner API answers them."""

from pydantic import BaseModel, Field


class ReportOut(BaseModel):
    """A finished report."""

    id: str
    who: str = Field(description="Who asked for it.")
    finished_ms: int
    rows: int = Field(description="Visits.")
    visitors: int = Field(description="Different visitors.")
    csv_bytes: int
    html_bytes: int
    mail: str = Field(description="How far its mail is.")
    here: bool = Field(description="Whether this process finds its files.")


class ReportProgress(BaseModel):
    """A report under way."""

    id: str
    who: str
    stage: str = Field(description="What is done; failed when the last try failed.")
    share: float = Field(description="How much of it is done, 0 to 1.")
    error: str | None = Field(description="Why the last try failed.")


class RoomReports(BaseModel):
    """The reports of a room."""

    reports: list[ReportOut] = Field(description="Finished ones, newest first.")
    under_way: ReportProgress | None
