"""Charts as the page draws them: lines stretch in SVG, words stand beside it in HTML.

A chart is plain data; ``templates/_chart.html`` draws it. Words stay out of the SVG so that they
keep their size on a phone, and every chart has a table with the same figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

#: The coordinates that lines are drawn in; CSS stretches them.
WIDTH, HEIGHT = 600, 200
#: Most rows of the table beside a chart.
MAX_ROWS = 24


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes:
        label: What it shows.
        values: One for each point of time; None where nothing is known.
    """

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line, ready to draw.

    Attributes:
        label: What it shows.
        path: SVG path data.
        area: Path of what is below it.
    """

    label: str
    path: str
    area: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, ready to draw.

    Attributes:
        title: What it is about.
        summary: The same in a sentence, for those who do not see it.
        lines: One or two.
        scale: Labels of the vertical axis, from the bottom.
        times: Labels of the horizontal axis, as ISO 8601 in UTC with the text shown.
        rows: The table: time and a figure for each line.
        empty: Whether there is nothing to see yet.
    """

    title: str
    summary: str
    lines: list[Line]
    scale: list[str]
    times: list[tuple[str, str]]
    rows: list[tuple[str, str, list[str]]]
    empty: bool


def make_chart(title: str, at_ms: Sequence[int], series: Sequence[Series]) -> Chart:
    """Lay out a chart.

    Args:
        title: What it is about.
        at_ms: The points of time, ascending, milliseconds since the epoch.
        series: One or two lines, each with as many values as there are points.
    """
    known = [value for line in series for value in line.values if value is not None]
    top = nice(max(known, default=0))
    lines = [_line(line, top) for line in series]
    return Chart(
        title=title,
        summary=_summary(title, series),
        lines=lines,
        scale=[_short(top * part / 2) for part in range(3)],
        times=_times(at_ms),
        rows=_rows(at_ms, series),
        empty=len(at_ms) < 2 or not known,
    )


def nice(value: float) -> float:
    """Return the next round number that is at least a value: 1, 2, 4, 5, 8 or 10 times a power."""
    if value <= 2:
        return 2
    power = float(f"1e{len(str(int(value))) - 1}")
    return next(step * power for step in (1, 2, 4, 5, 8, 10, 20) if step * power >= value)


def _line(series: Series, top: float) -> Line:
    step = WIDTH / max(1, len(series.values) - 1)
    points: list[str] = []
    runs: list[list[tuple[float, float]]] = []
    broken = True
    for number, value in enumerate(series.values):
        if value is None:
            broken = True
            continue
        x, y = round(number * step, 1), round(HEIGHT - value / top * HEIGHT, 1)
        if broken:
            runs.append([])
        runs[-1].append((x, y))
        points.append(f"{'M' if broken else 'L'}{x:g} {y:g}")
        broken = False
    areas = (
        f"M{run[0][0]:g} {HEIGHT}"
        + "".join(f"L{x:g} {y:g}" for x, y in run)
        + f"L{run[-1][0]:g} {HEIGHT}Z"
        for run in runs
    )
    return Line(series.label, "".join(points), "".join(areas))


def _times(at_ms: Sequence[int]) -> list[tuple[str, str]]:
    if len(at_ms) < 2:
        return []
    return [_time(at_ms[at]) for at in (0, len(at_ms) // 2, len(at_ms) - 1)]


def _rows(at_ms: Sequence[int], series: Sequence[Series]) -> list[tuple[str, str, list[str]]]:
    """Return the newest points first, thinned out evenly."""
    every = max(1, -(-len(at_ms) // MAX_ROWS))
    found = []
    for at in range(len(at_ms) - 1, -1, -every):
        iso, text = _time(at_ms[at])
        found.append((iso, text, [_cell(line.values[at]) for line in series]))
    return found


def _time(at_ms: int) -> tuple[str, str]:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%H:%M")


def _summary(title: str, series: Sequence[Series]) -> str:
    parts = []
    for line in series:
        known = [value for value in line.values if value is not None]
        if known:
            parts.append(f"{line.label}: {_cell(known[-1])} now, at most {_cell(max(known))}")
    return f"{title}. {'; '.join(parts) or 'Nothing to show yet'}."


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _short(value: float) -> str:
    for limit, sign in ((1_000_000, "M"), (1_000, "k")):
        if value >= 10 * limit or (value >= limit and value % limit == 0):
            return f"{value / limit:g}{sign}"
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
