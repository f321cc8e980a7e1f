"""Charts as SVG, drawn here so that the summary needs no script and no other file.

Colours and fonts come from the summary's style sheet by class; every chart has a title and a
sentence that says what it shows, for those who do not see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 28
#: Points of a curve; more of them are thinner than a pixel.
POINTS_MAX = 720


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve of a chart.

    Attributes:
        name: What the key calls it.
        kind: Class in the style sheet: ``a``, ``b`` or ``limit``.
        values: One a step.
        filled: Whether the area below it is coloured.
    """

    name: str
    kind: str
    values: Sequence[float]
    filled: bool = False


def over_time(title: str, says: str, starts_ms: Sequence[int], curves: Sequence[Curve]) -> Markup:
    """Return a chart of curves over time.

    Args:
        title: What it is about.
        says: What it shows, as a sentence.
        starts_ms: When each step begins, ms since the epoch; as many as each curve has values.
        curves: What to draw, the last one on top.
    """
    starts, drawn = _thinned(starts_ms, curves)
    top = nice(max((max(curve.values, default=0) for curve in drawn), default=0))
    parts = [_grid(top), _times(starts)]
    for curve in drawn:
        points = _points(curve.values, top)
        if curve.filled and points:
            floor = HEIGHT - BOTTOM
            first, last = points[0].split(",")[0], points[-1].split(",")[0]
            parts.append(
                Markup('<polygon class="area {}" points="{},{} {} {},{}"/>').format(
                    curve.kind, first, floor, " ".join(points), last, floor
                )
            )
        parts.append(
            Markup('<polyline class="curve {}" points="{}"/>').format(curve.kind, " ".join(points))
        )
    return _figure(title, says, parts, [(curve.name, curve.kind) for curve in curves])


def bars(title: str, says: str, labels: Sequence[str], values: Sequence[int]) -> Markup:
    """Return a chart of bars.

    Args:
        title: What it is about.
        says: What it shows, as a sentence.
        labels: What stands under each bar.
        values: How high each is.
    """
    top = nice(max(values, default=0))
    parts = [_grid(top)]
    each = (WIDTH - LEFT - RIGHT) / max(1, len(values))
    for i, (label, value) in enumerate(zip(labels, values, strict=True)):
        high = (HEIGHT - TOP - BOTTOM) * value / top
        x = LEFT + i * each
        parts.append(
            Markup(
                '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
            ).format(x + each * 0.1, HEIGHT - BOTTOM - high, each * 0.8, high)
        )
        parts.append(
            Markup('<text class="label mid few" x="{:.1f}" y="{}">{}</text>').format(
                x + each / 2, HEIGHT - 8, label
            )
        )
    return _figure(title, says, parts, [])


def nice(most: float) -> float:
    """Return the end of an axis: at least as large, its quarters round numbers; 4 for none."""
    power = 1
    while True:
        for end in (4, 6, 8, 10, 12, 16, 20, 24, 32):
            if end * power >= most:
                return end * power
        power *= 10


def _figure(
    title: str, says: str, parts: Sequence[Markup], key: Sequence[tuple[str, str]]
) -> Markup:
    legend = Markup("").join(
        Markup('<span class="key {}">{}</span>').format(kind, name) for name, kind in key
    )
    return Markup(
        '<figure><figcaption>{} {}</figcaption><svg viewBox="0 0 {} {}" role="img" '
        'aria-label="{}">{}</svg></figure>'
    ).format(title, legend, WIDTH, HEIGHT, says, Markup("").join(parts))


def _grid(top: float) -> Markup:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text class="label end" x="{}" y="{:.1f}">{}</text>'
            ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, _amount(top * share))
        )
    return Markup("").join(parts)


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:g}"


def _times(starts_ms: Sequence[int]) -> Markup:
    if not starts_ms:
        return Markup("")
    long = starts_ms[-1] - starts_ms[0] > 2 * 86_400_000
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        step = round(share * (len(starts_ms) - 1))
        at = starts_ms[step]
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / max(1, len(starts_ms) - 1)
        side = "start" if share == 0 else "end" if share == 1 else "mid"
        text = datetime.fromtimestamp(at / 1000, UTC).strftime("%d %b %H:%M" if long else "%H:%M")
        parts.append(
            Markup('<text class="label {}" x="{:.1f}" y="{}">{}</text>').format(
                side, x, HEIGHT - 8, text
            )
        )
        if len(starts_ms) == 1:
            break
    return Markup("").join(parts)


def _points(values: Sequence[float], top: float) -> list[str]:
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    # A single step is drawn as a level line.
    shown = list(values) * 2 if len(values) == 1 else values
    return [
        f"{LEFT + wide * i / (len(shown) - 1):.1f},{HEIGHT - BOTTOM - high * value / top:.1f}"
        for i, value in enumerate(shown)
    ]


def _thinned(
    starts_ms: Sequence[int], curves: Sequence[Curve]
) -> tuple[Sequence[int], Sequence[Curve]]:
    """Take means of neighbours until a curve has no more points than the chart has pixels."""
    by = -(-len(starts_ms) // POINTS_MAX)
    if by <= 1:
        return starts_ms, curves
    return starts_ms[::by], [
        Curve(
            curve.name,
            curve.kind,
            [
                sum(part := curve.values[i : i + by]) / len(part)
                for i in range(0, len(curve.values), by)
            ],
            curve.filled,
        )
        for curve in curves
    ]
