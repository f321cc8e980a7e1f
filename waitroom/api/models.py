"""What the owner API takes and answers, beside the plain data of ``control/views.py``.

Rooms are made from ``RoomSettings``, so a new setting is in the API without a word here.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from waitroom.accounts.account import NAME as ACCOUNT_NAME
from waitroom.accounts.account import Account
from waitroom.accounts.tokens import ApiToken
from waitroom.accounts.trail import TrailRow
from waitroom.accounts.who import Role
from waitroom.api.shapes import ADDRESS
from waitroom.control.exact import settings_model
from waitroom.control.views import Contact, List, RoomFigures, RoomView
from waitroom.room.records import Counted, Day, Minute
from waitroom.room.settings import ROOM_NAME
from waitroom.room.spans import Spans
from waitroom.room.theme import Theme
from waitroom.texts import languages
from waitroom.web.theme_preview import PreviewState

#: The last moment that may be asked for, milliseconds since the epoch.
LAST_MS = 10**14

RoomName = Annotated[str, Field(pattern=rf"^{ROOM_NAME.pattern}$")]
Ms = Annotated[int, Field(ge=0, le=LAST_MS)]


class Strict(BaseModel):
    """A body or query in which unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


RoomChanges = settings_model("RoomChanges", "Settings to change; those that are left out stay.")
NewRoom = settings_model(
    "NewRoom",
    "A room to make; settings that are left out have the defaults of the installation.",
    name=(RoomName, Field(description="1 to 40 of a-z, 0-9, - and _.")),
)
Room = settings_model(
    "Room",
    "A room and its settings.",
    name=(RoomName, ...),
    version=(str, Field(description="Of these settings; also the answer's ETag.")),
)


def room(view: RoomView) -> dict[str, Any]:
    """Return a room as the API shows it."""
    return {
        "name": view.name,
        "version": view.version,
        **view.settings.model_dump(mode="json"),
    }


class Rooms(BaseModel):
    """All rooms that the token may see, sorted by name."""

    rooms: list[Room]  # type: ignore[valid-type]


class AllFigures(BaseModel):
    """All rooms that the token may see, in numbers, sorted by name."""

    rooms: list[RoomFigures]


class Message(Strict):
    """What everybody in the line is told."""

    text: Annotated[str, Field(max_length=500)] | None = Field(
        description="The sentence; null takes it away."
    )


class AdmitNow(Strict):
    """How many to let in."""

    n: int = Field(ge=1, le=100_000, description="How many, at most; never more than free seats.")


class Nothing(Strict):
    """No parameters."""


class SpanQuery(Strict):
    """Which minutes."""

    since_ms: Ms = Field(0, description="From here, ms since the epoch; 0 = an hour before until.")
    until_ms: Ms = Field(0, description="Up to here, ms since the epoch; 0 = now.")
    count: int = Field(1_500, ge=1, le=1_500, description="At most so many minutes.")


class DaysQuery(Strict):
    """Which days."""

    since_ms: Ms = Field(0, description="A moment in the first day; 0 = as far as kept.")
    until_ms: Ms = Field(0, description="A moment in the last day; 0 = now.")


class VisitorsQuery(Strict):
    """Which visitors."""

    of: List = Field("waiting", description="Those in the line, those gone silent, or seated ones.")
    start: int = Field(0, ge=0, le=10**9, description="How many to pass over.")
    count: int = Field(50, ge=1, le=1_000, description="At most so many.")


class AuditQuery(Strict):
    """Which part of the trail."""

    before: str = Field(
        "",
        pattern=r"^([0-9]{1,19}-[0-9]{1,19})?$",
        description="`next` of the page before; empty begins at the newest.",
    )
    count: int = Field(50, ge=1, le=1_000, description="At most so many entries.")


class MatchQuery(Strict):
    """A page, as a visitor asks for it."""

    url: str = Field(
        min_length=1, max_length=4_096, description="Its address, such as https://example.com/shop."
    )
    method: str = Field("GET", pattern=r"^[A-Za-z]{1,16}$", description="The HTTP method.")
    address: str = Field(
        "",
        pattern=f"^{ADDRESS}?$",
        description="The visitor's IP address, for bypass rules; may be empty.",
    )


class Me(BaseModel):
    """Whose token this is."""

    name: str = Field(description="As the audit trail says it.")
    role: Role
    rooms: list[str] | None = Field(description="The rooms it is for; null means all.")


class Spread(BaseModel):
    """How long something took."""

    count: int = Field(description="How often it was measured.")
    mean_ms: float | None
    p50_ms: int | None = Field(description="Half took no longer; at most 7.5 % off.")
    p90_ms: int | None
    p99_ms: int | None

    @classmethod
    def of(cls, spans: Spans) -> "Spread":
        """Return what counted spans say."""
        return cls(
            count=spans.count,
            mean_ms=spans.mean_ms,
            p50_ms=spans.quantile_ms(0.5),
            p90_ms=spans.quantile_ms(0.9),
            p99_ms=spans.quantile_ms(0.99),
        )


class Happened(BaseModel):
    """What happened in some time; exact, not sampled."""

    counts: dict[str, int] = Field(description="How often what happened.")
    arrivals: int
    admitted: int
    left_waiting: int = Field(description="Left the line, or fell silent in it for good.")
    no_shows: int = Field(description="Seats that ended without being used.")
    wait: Spread = Field(description="From arrival to admission.")
    on_site: Spread = Field(description="From the first use of a seat to its end.")
    total: Spread = Field(description="From arrival to the end of the seat.")
    told: int = Field(description="Admitted visitors who had been told a wait.")
    told_right: int = Field(description="Of those, who waited as long as they were told.")
    told_early: int = Field(description="Of those, who waited shorter.")

    @staticmethod
    def fields_of(found: Counted) -> dict[str, Any]:
        """Return the fields above of what was counted."""
        return {
            "counts": found.counts,
            "arrivals": found.arrivals,
            "admitted": found.admitted,
            "left_waiting": found.left_waiting,
            "no_shows": found.no_shows,
            "wait": Spread.of(found.wait),
            "on_site": Spread.of(found.site),
            "total": Spread.of(found.total),
            "told": found.told,
            "told_right": found.told_right,
            "told_early": found.told_early,
        }


class MinuteOut(Happened):
    """One minute."""

    at_ms: int = Field(description="When the sample was taken, ms since the epoch.")
    waiting: int
    parked: int
    active: int
    unclaimed: int
    seats: int
    told_low_s: int | None = Field(description="Shortest wait a newcomer was told then.")
    told_high_s: int | None

    @classmethod
    def of(cls, found: Minute) -> "MinuteOut":
        """Return a minute as the API shows it."""
        low, high = found.told_s or (None, None)
        return cls(
            at_ms=found.at_ms,
            waiting=found.waiting,
            parked=found.parked,
            active=found.active,
            unclaimed=found.unclaimed,
            seats=found.seats,
            told_low_s=low,
            told_high_s=high,
            **cls.fields_of(found),
        )


class DayOut(Happened):
    """One day, in UTC."""

    date: str
    start_ms: int
    samples: int = Field(description="Minutes it is made of; 1440 when none was missed.")
    busy_samples: int = Field(description="Of those, minutes with a line.")
    utilisation: float | None = Field(description="Seats taken while people waited, 0 to 1.")
    most_waiting: int
    most_active: int
    over: bool = Field(description="Whether the day is over; else the figures still grow.")

    @classmethod
    def of(cls, found: Day) -> "DayOut":
        """Return a day as the API shows it."""
        return cls(
            date=found.date,
            start_ms=found.start_ms,
            samples=found.samples,
            busy_samples=found.busy_samples,
            utilisation=found.utilisation,
            most_waiting=found.most_waiting,
            most_active=found.most_active,
            over=found.over,
            **cls.fields_of(found),
        )


class History(BaseModel):
    """Minutes in order."""

    minutes: list[MinuteOut]
    next_since_ms: int | None = Field(description="`since_ms` of what follows; null at the end.")


class Days(BaseModel):
    """Days in order, in UTC."""

    days: list[DayOut]


class Edges(BaseModel):
    """When each edge was last heard of."""

    edges: list[Contact]


class PreviewQuery(Strict):
    """What to look at."""

    state: PreviewState = Field("waiting", description="The state of the page.")
    language: str = Field(
        "en",
        pattern=f"^({'|'.join(sorted(languages()))})$",
        description="One of the languages of the splash page.",
    )


class PreviewBody(PreviewQuery):
    """What to look at, with a theme that is not published."""

    theme: Theme = Field(default_factory=Theme, description="The theme.")


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


RoomNames = Annotated[list[RoomName], Field(max_length=500)]


class AccountChange(Strict):
    """What somebody may do, and where."""

    role: Role = Field(description="What they may do.")
    # Never by silence: all rooms are given to nobody by mistake.
    rooms: RoomNames | None = Field(description="In which rooms; null means all.")


class NewLink(Strict):
    """A link for somebody who is locked out."""

    drop_totp: bool = Field(
        False, description="Take the second factor away at once: phone and codes are lost."
    )


class AccountsAuditQuery(Strict):
    """Which part of the trail of accounts."""

    before: str = Field(
        "",
        pattern=r"^([0-9]{1,19}-[0-9]{1,19})?$",
        description="The id of a row; only older ones are returned. Empty begins at the newest.",
    )
    count: int = Field(50, ge=1, le=500, description="At most so many rows.")


class NewAccount(AccountChange):
    """An account to make."""

    name: str = Field(pattern=f"^{ACCOUNT_NAME.pattern}$", description="Its name.")


class NewApiToken(AccountChange):
    """An API token to make."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$", description="Its name.")
    life_s: Annotated[int, Field(ge=60, le=10 * 366 * 86_400)] | None = Field(
        None, description="How long it counts, seconds; null means until it is revoked."
    )


class TokenMade(BaseModel):
    """An API token that was just made."""

    value: str = Field(description="What a program shows; not shown again.")
    token: ApiToken


class AllTokens(BaseModel):
    """All API tokens."""

    tokens: list[ApiToken]


class AllAccounts(BaseModel):
    """All accounts."""

    accounts: list[Account]


class Invitation(BaseModel):
    """A link by which somebody sets a password."""

    name: str = Field(description="The account.")
    value: str = Field(description="What is pasted in the console; not shown again.")
    until_ms: int = Field(description="Until when it counts, ms since the epoch.")


class AccountsAudit(BaseModel):
    """Who changed what of accounts and API tokens, the newest first."""

    rows: list[TrailRow]
