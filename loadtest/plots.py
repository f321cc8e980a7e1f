"""The plots of a report, as PNG. What there is nothing to say about is left out."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402 - the backend comes first

from loadtest.figures import freed_and_told  # noqa: E402
from loadtest.measures import Journey, quantile  # noqa: E402
from loadtest.staleness import BANDS, quantile_s  # noqa: E402

if TYPE_CHECKING:
    from loadtest.run import Run

#: Fits a page and a phone.
SIZE, DPI = (8.0, 3.4), 110
_BLUE, _ORANGE, _GREEN, _GREY = "#1f5fa8", "#d9731a", "#2c8a4b", "#8a8f98"
#: Latencies are told by stretches of the run, this many.
STRETCHES = 40


def plots(run: "Run") -> dict[str, bytes]:
    """Return the plots, name -> PNG; in the order of the report."""
    made = {
        "line": ("Waiting and seats", _line),
        "rate": ("Admissions", _rate),
        "latency": ("Latencies", _latency),
        "staleness": ("Staleness of the position shown, by position", _staleness),
        "cost": ("CPU", _cost),
    }
    found = {name: _plot(title, draw, run) for name, (title, draw) in made.items()}
    return {name: image for name, image in found.items() if image}


def _plot(title: str, draw: Callable[[Any, "Run"], bool], run: "Run") -> bytes:
    figure, axes = plt.subplots(figsize=SIZE, dpi=DPI, layout="constrained")
    try:
        if not draw(axes, run):
            return b""
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        out = io.BytesIO()
        figure.savefig(out, format="png")
        return out.getvalue()
    finally:
        plt.close(figure)


def _legend(axes: Any) -> None:
    # Above the plot, where it hides nothing.
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=8, frameon=False)


def _line(axes: Any, run: "Run") -> bool:
    series = run.series
    if not series.at_s:
        return False
    times = [at - run.began_s for at in series.at_s]
    axes.plot(times, series.live, color=_GREEN, lw=1, label="sockets that work")
    if run.truth is not None and run.truth.looks:
        looks = run.truth.looks
        moments = [look.at_s - run.began_s for look in looks]
        axes.plot(moments, [look.waiting for look in looks], color=_BLUE, label="in the line")
        seats = axes.twinx()
        seats.plot(moments, [look.active for look in looks], color=_ORANGE, lw=1)
        seats.plot(moments, [look.seats for look in looks], color=_GREY, ls="--", lw=1)
        seats.set_ylabel("seats taken (dashed: the limit)", color=_ORANGE)
        seats.set_ylim(0, max(look.seats for look in looks) * 1.3 or 1)
        seats.spines[["top"]].set_visible(False)
    else:
        axes.plot(times, series.waiting, color=_BLUE, label="see a position")
    for at_s, order in run.orders:
        axes.axvline(at_s - run.began_s, color=_GREY, ls=":")
        axes.annotate(order, (at_s - run.began_s, 0), rotation=90, fontsize=8, color=_GREY)
    axes.set_xlabel("s")
    axes.set_ylabel("visitors", color=_BLUE)
    axes.set_ylim(bottom=0)
    _legend(axes)
    return True


def _rate(axes: Any, run: "Run") -> bool:
    truth = run.truth
    if truth is None or len(truth.looks) < 20:
        return False
    # Over five seconds: seats come free one by one.
    looks = truth.looks[::50] if len(truth.looks) > 200 else truth.looks[::10]
    rates = [
        (after.admitted - before.admitted) / (after.at_s - before.at_s)
        for before, after in pairwise(looks)
    ]
    moments = [look.at_s - run.began_s for look in looks[1:]]
    axes.step(moments, rates, color=_BLUE, where="pre", label="admitted a second")
    stay_s = sum(run.plan.stay_s) / 2
    target = truth.looks[-1].seats / stay_s
    axes.axhline(target, color=_ORANGE, ls="--", label=f"target: seats / {stay_s:g} s of stay")
    # Empty seats are filled at once when a run begins; that burst would flatten all the rest.
    axes.set_ylim(0, min(max([target, *rates]), target * 4) * 1.2)
    axes.set_xlabel("s")
    _legend(axes)
    return True


def _latency(axes: Any, run: "Run") -> bool:
    journeys = run.measures.journeys
    kinds: list[tuple[str, str, list[tuple[float, float]]]] = [
        ("page -> ticket", _GREY, [(each.arrived, each.ticket) for each in journeys]),
        ("own moment -> live position", _BLUE, [_meant(each) for each in journeys]),
        ("told -> pass", _ORANGE, [(each.told, each.passed) for each in journeys]),
    ]
    if run.truth is not None and run.truth.looks:
        seats = freed_and_told(journeys, run.truth.admitted, run.truth.looks)
        kinds.append(("seat free -> told", _GREEN, seats))
    drawn = False
    width_s = max(1.0, (run.ended_s - run.began_s) / STRETCHES)
    for name, color, pairs in kinds:
        moments, half, most = _percentiles(pairs, run.began_s, width_s)
        if moments:
            drawn = True
            axes.plot(moments, half, color=color, ls=":", lw=1)
            axes.plot(moments, most, color=color, marker=".", ms=4, label=name)
    axes.set_yscale("log")
    axes.set_ylabel("s: p99, dotted p50")
    axes.set_xlabel("s")
    if drawn:
        _legend(axes)
    return drawn


def _meant(journey: Journey) -> tuple[float, float]:
    return max(journey.page, journey.planned), journey.position


def _percentiles(
    pairs: Sequence[tuple[float, float]], began_s: float, width_s: float
) -> tuple[list[float], list[float], list[float]]:
    stretches: dict[int, list[float]] = {}
    for begin, end in pairs:
        if begin and end:
            stretch = int((end - began_s) / width_s)
            stretches.setdefault(stretch, []).append(max(0.001, end - begin))
    moments = sorted(stretches)
    half = [quantile(stretches[each], 0.5) or 0.0 for each in moments]
    most = [quantile(stretches[each], 0.99) or 0.0 for each in moments]
    return [(each + 0.5) * width_s for each in moments], half, most


def _staleness(axes: Any, run: "Run") -> bool:
    table: Counter[str] | None = run.measures.tables.get("stale")
    if not table:
        return False
    edges = [0, *BANDS]
    names = [f"{low + 1:,} to {high:,}" for low, high in pairwise(edges)] + [f"> {BANDS[-1]:,}"]
    bands = [band for band in range(len(names)) if any(_band(key) == band for key in table)]
    for offset, (share, color) in enumerate(((0.5, _GREY), (0.99, _BLUE), (1.0, _ORANGE))):
        heights = [quantile_s(table, share, range(band, band + 1)) or 0.0 for band in bands]
        at = [place + (offset - 1) * 0.27 for place in range(len(bands))]
        label = "longest" if share == 1 else f"p{share * 100:.0f}"
        bars = axes.bar(at, heights, width=0.25, color=color, label=label)
        axes.bar_label(bars, fmt="%.1f", fontsize=7)
    axes.set_xticks(range(len(bands)), [names[band] for band in bands])
    axes.set_ylabel("s")
    axes.set_xlabel("position")
    _legend(axes)
    return True


def _band(key: str) -> int:
    return int(key.partition(":")[0])


def _cost(axes: Any, run: "Run") -> bool:
    series = run.series
    axes.plot(
        [at - run.began_s for at in series.at_s], series.cpu, color=_GREY, label="this generator"
    )
    for prefix, color in (("web", _BLUE), ("site", _GREEN), ("valkey", _ORANGE)):
        moments, cores = run.servers.course(prefix)
        if moments:
            axes.plot([at - run.began_s for at in moments], cores, color=color, label=prefix)
    axes.set_ylabel("cores")
    axes.set_xlabel("s")
    axes.set_ylim(bottom=0)
    _legend(axes)
    return bool(series.at_s)
