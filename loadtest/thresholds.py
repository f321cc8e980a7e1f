"""What has to be reached: one table, and the verdict on it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from loadtest.bench.rows import Row

#: Stands for every shape that the row does not name.
ANY = "*"


@dataclass(frozen=True, slots=True)
class Threshold:
    """One line of the table.

    Attributes:
        key: The figure's name.
        text: What it is, for people.
        unit: Of the value shown: s, %, B, MB, cores or nothing.
        kind: Whether a small or a large figure is good.
        bounds: Shape -> bound; ``*`` for all others. A shape without one is only informed.
    """

    key: str
    text: str
    unit: Literal["", "s", "%", "B", "MB", "kB", "cores"] = ""
    kind: Literal["most", "least"] = "most"
    bounds: Mapping[str, float] = field(default_factory=dict)


TABLE: tuple[Threshold, ...] = (
    Threshold("visits", "visits"),
    Threshold("admitted", "visitors who were let in"),
    Threshold("admitted_share", "of all visits", "%", "least", {"smoke": 1.0, "drain": 1.0}),
    Threshold("lost", "visitors lost", bounds={ANY: 0}),
    Threshold("disconnects", "sockets lost, not by the visitor", bounds={"smoke": 0, "steady": 0}),
    Threshold("defects", "visitors broken off by defects of ours", bounds={ANY: 0}),
    Threshold("workers_silent", "Locust workers that fell silent", bounds={ANY: 0}),
    Threshold("page_to_ticket_s", "page -> ticket, p99", "s", bounds={"smoke": 2}),
    Threshold("page_to_position_s", "page -> live position, p99", "s", bounds={"smoke": 5}),
    Threshold("meant_to_position_s", "own moment to connect -> live position, p99", "s"),
    Threshold("register_most_s", "arrival -> registered, longest", "s", bounds={"onsale": 180}),
    Threshold("unregistered", "never got a position", bounds={ANY: 0}),
    Threshold(
        "free_to_told_s",
        "seat free -> visitor told, p99",
        "s",
        bounds={"smoke": 2, "steady": 1, "soak": 2},
    ),
    Threshold("told_to_pass_s", "told -> pass in hand, p99", "s", bounds={"smoke": 2}),
    Threshold(
        "stale_first_s",
        "staleness, first 500, p99",
        "s",
        bounds={"smoke": 3, "steady": 2},
    ),
    Threshold(
        "stale_s", "staleness, all, p99", "s", bounds={"onsale": 30, "steady": 30, "soak": 30}
    ),
    Threshold("false_positions", "false positions told", bounds={ANY: 0}),
    Threshold("error_share", "position told, off by, p99", "%", bounds={ANY: 0.03}),
    Threshold("tau", "order: Kendall's tau", "", "least", {ANY: 1.0}),
    Threshold("out_of_order", "order: pairs out of order", bounds={ANY: 0}),
    Threshold("over", "seats over the limit, most", bounds={ANY: 0}),
    Threshold(
        "utilisation",
        "seats taken while people wait",
        "%",
        "least",
        {"smoke": 0.80, "steady": 0.98, "soak": 0.95},
    ),
    Threshold("back_most_s", "socket lost -> registered again, longest", "s", bounds={"storm": 60}),
    Threshold("waiting", "visitors waiting, mean"),
    Threshold("live_most", "sockets, most"),
    Threshold("web_cores", "web processes, CPU", "cores"),
    Threshold("web_cpu_per_1000", "web CPU per 1,000 waiting", "cores"),
    Threshold("web_bytes", "web memory per connected visitor", "kB"),
    Threshold("web_bytes_most", "web process, memory, the largest", "MB"),
    Threshold("valkey_cores", "Redis, CPU", "cores"),
    Threshold("redis_bytes", "Redis memory per waiting visitor", "B"),
    Threshold("redis_ops", "Redis operations a second"),
    Threshold("generator_cores", "this generator, CPU", "cores"),
    Threshold("generator_bytes", "this generator, memory", "MB"),
)


def rows(figures: Mapping[str, float | None], shape: str) -> list[Row]:
    """Return the table of a run, each row with its verdict.

    Args:
        figures: As measured; None = not measured, which misses nothing.
        shape: The shape's name.
    """
    return [_row(line, figures.get(line.key), shape) for line in TABLE]


def missed(found: Sequence[Row]) -> list[str]:
    """Return the names of the rows whose threshold was missed."""
    return [row.name for row in found if not row.ok]


def _row(line: Threshold, figure: float | None, shape: str) -> Row:
    bound = line.bounds.get(shape, line.bounds.get(ANY))
    target = ""
    if bound is not None:
        target = f"{'<=' if line.kind == 'most' else '>='} {_text(bound, line.unit)}"
    if figure is None:
        return Row(line.text, target, "not measured", True)
    ok = bound is None or (figure <= bound if line.kind == "most" else figure >= bound)
    return Row(line.text, target, _text(figure, line.unit), ok, always=True, figure=figure)


def _text(figure: float, unit: str) -> str:
    if unit == "%":
        return f"{figure * 100:.2f} %"
    scale = {"MB": 1e6, "kB": 1e3}.get(unit, 1.0)
    number = f"{figure / scale:,.3g}" if figure / scale < 100 else f"{figure / scale:,.0f}"
    return f"{number} {unit}".rstrip()
