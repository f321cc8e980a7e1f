"""The one-page summary of a report: HTML with charts, complete in itself, without a script.

It says in its head, and ``headers`` says for whoever serves it, that nothing but its one style
sheet counts: not even a mistake in it could run or load anything.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

import waitroom
from waitroom.reports.charts import Curve, bars, over_time
from waitroom.reports.figures import Figures
from waitroom.reports.folder import FILES
from waitroom.reports.spread import SHARES
from waitroom.reports.timeline import MINUTE_MS

OUTCOME_NAMES = {
    "ended": "served until the seat ran out",
    "left_site": "served, gave the seat up",
    "no_show": "admitted, never came in",
    "left_line": "left the line",
    "lapsed": "fell silent in the line",
    "waiting": "still in the line",
    "on_site": "still on the site",
    "other": "ended otherwise",
}
#: What stands under the bars of ``Figures.wait_bars``.
WAIT_LABELS = (
    *("1 s", "10 s", "30 s", "1 min", "2 min", "5 min"),
    *("10 min", "20 min", "30 min", "1 h", "2 h", "more"),
)
_STYLE_IN_HTML = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class About:
    """What the rows of a report do not say.

    Attributes:
        room: The room's name.
        title: What visitors saw.
        closed_ms: When it was closed, ms since the epoch; None if it is open.
        made_ms: When the report was made, likewise.
        seats: Moment in ms and ``total_active_users`` from then on, in order; at least one.
        told: Admitted visitors who were told a wait when they arrived.
        told_right: Of those, who waited as long as they were told.
        told_early: Of those, who waited shorter.
        busy: Seats taken, of so many, in all samples in which people waited, added up.
    """

    room: str
    title: str
    closed_ms: int | None
    made_ms: int
    seats: Sequence[tuple[int, int]]
    told: int = 0
    told_right: int = 0
    told_early: int = 0
    busy: tuple[int, int] = (0, 0)


def render(figures: Figures, about: About) -> str:
    """Return the summary as HTML.

    Args:
        figures: What the rows add up to.
        about: What they do not say.
    """
    timeline = figures.timeline
    seats = _seats(figures, about)
    return _template().render(
        policy=policy(_style().encode()),
        style=Markup(_style()),
        title=about.title or about.room,
        room=about.room,
        since=_time(timeline.since_ms),
        until=_time(timeline.until_ms),
        closed=_time(about.closed_ms) if about.closed_ms else "",
        totals=_totals(figures),
        spans=_spans(figures),
        outcomes=_outcomes(figures),
        flow=_flow(figures),
        line=_line(figures),
        seats=_site(figures, seats),
        waits=_waits(figures.wait_bars),
        utilisation=utilisation(figures, seats, about.busy),
        announced=announced(about),
        version=waitroom.__version__,
        made=_time(about.made_ms),
        csv=FILES["csv"],
    )


def policy(style: bytes) -> str:
    """Return the content security policy of a page with one style sheet and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def headers(html: bytes) -> dict[str, str]:
    """Return the headers with which a summary is to be served, of this version or another.

    Args:
        html: The summary.
    """
    found = _STYLE_IN_HTML.search(html)
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            f"{policy(found[1] if found else b'')}; frame-ancestors 'none'; sandbox"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store",
    }


def duration(ms: float | None) -> str:
    """Return a span for a person; a dash for none."""
    if ms is None:
        return "–"
    if ms < 10_000:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def utilisation(figures: Figures, seats: Sequence[int], busy: tuple[int, int] = (0, 0)) -> str:
    """Return how much of the seats was used, as sentences.

    Args:
        figures: What the rows add up to.
        seats: How many there were, each step.
        busy: See ``About``.
    """
    timeline = figures.timeline
    used = timeline.site.totals_ms(timeline.step_ms)
    offered = [n * long for n, long in zip(seats, timeline.lengths_ms(), strict=True)]
    if not sum(offered):
        return "There were no seats."
    text = f"Of the time of all seats {_share(sum(used), sum(offered))} was used."
    if busy[1]:
        # As a day's utilisation: a step in which people waited for a part of it says little.
        text += f" While people waited, by one look a minute, {_share(*busy)} of them were taken."
    return text


def announced(about: About) -> str:
    """Return how right the announced waits were, as a sentence."""
    if not about.told:
        return "Nobody who was admitted had been told a wait."
    late = about.told - about.told_right - about.told_early
    return (
        f"{about.told:,} visitors were told how long they would wait and were admitted: "
        f"{_share(about.told_right, about.told)} waited so long, "
        f"{_share(about.told_early, about.told)} shorter, {_share(late, about.told)} longer."
    )


def _totals(figures: Figures) -> list[tuple[str, str]]:
    served = figures.claimed
    gone = figures.outcomes["left_line"] + figures.outcomes["lapsed"]
    found = [
        (figures.visitors, "visitors"),
        (figures.admitted, "admitted"),
        (served, "came in"),
        (gone, "gave up waiting"),
        (figures.outcomes["no_show"], "never came in"),
    ]
    return [(f"{number:,}", name) for number, name in found]


def _spans(figures: Figures) -> list[tuple[str, list[str]]]:
    named = (
        ("From asking to being admitted", figures.wait),
        ("On the site, from coming in to the end", figures.on_site),
        ("In total, from asking to the end", figures.total),
        ("In the line, of those who gave up", figures.gave_up),
    )
    return [
        (
            name,
            [
                f"{spread.count:,}",
                *(duration(spread.quantile_ms(share)) for share in SHARES),
                duration(spread.mean_ms),
                duration(spread.max_ms if spread.count else None),
            ],
        )
        for name, spread in named
    ]


def _outcomes(figures: Figures) -> list[tuple[str, str, str]]:
    counts, rows = figures.outcomes, figures.outcomes.total()
    return [
        (text, f"{counts[name]:,}", _share(counts[name], rows))
        for name, text in OUTCOME_NAMES.items()
        if counts[name]
    ]


def _flow(figures: Figures) -> Markup:
    timeline = figures.timeline
    minutes = [max(1.0, long / MINUTE_MS) for long in timeline.lengths_ms()]
    came, let_in = (
        [n / long for n, long in zip(counts, minutes, strict=True)]
        for counts in (timeline.arrived, timeline.admitted)
    )
    return over_time(
        "Visitors a minute",
        f"Arrivals a minute, at most {max(came, default=0):,.0f}, and admissions a minute, at most "
        f"{max(let_in, default=0):,.0f}.",
        timeline.starts_ms(),
        [Curve("arrived", "a", came), Curve("admitted", "b", let_in)],
    )


def _line(figures: Figures) -> Markup:
    waiting = figures.timeline.mean_line()
    return over_time(
        "In the line",
        f"Visitors in the line, at most {max(waiting, default=0):,.0f}.",
        figures.timeline.starts_ms(),
        [Curve("waiting", "a", waiting, filled=True)],
    )


def _site(figures: Figures, seats: Sequence[int]) -> Markup:
    taken = figures.timeline.mean_site()
    return over_time(
        "Seats taken",
        f"Seats taken, at most {max(taken, default=0):,.0f}, of up to {max(seats, default=0):,}.",
        figures.timeline.starts_ms(),
        [Curve("taken", "a", taken, filled=True), Curve("seats there were", "limit", seats)],
    )


def _waits(values: Sequence[int]) -> Markup:
    return bars(
        "How many were admitted after how long (up to)",
        "Admitted visitors by how long they waited: "
        + ", ".join(f"{label} {n:,}" for label, n in zip(WAIT_LABELS, values, strict=True) if n),
        WAIT_LABELS,
        values,
    )


def _seats(figures: Figures, about: About) -> list[int]:
    found, at = [], 0
    for start_ms in figures.timeline.starts_ms():
        while at + 1 < len(about.seats) and about.seats[at + 1][0] <= start_ms:
            at += 1
        found.append(about.seats[at][1])
    return found


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


@cache
def _style() -> str:
    return (files("waitroom.reports") / "summary.css").read_text()


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string((files("waitroom.reports") / "summary.html").read_text())
