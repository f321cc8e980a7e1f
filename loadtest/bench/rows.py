"""What a benchmark says: rows of a figure, its target and the verdict, as a table and as JSON.

A figure is a ratio against a floor of the same run wherever it can be: machines are shared and
noisy, and a ratio of neighbours survives that.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson


@dataclass(frozen=True)
class Row:
    """One line of a benchmark's table.

    Attributes:
        name: What was measured.
        target: What to reach, as text; empty for a figure that only informs.
        value: What was reached, as text with its unit.
        ok: Whether the target was met.
        always: Counts on a quick look (``--small``) too, because noise does not touch it.
        figure: The same as a number, for machines; None when there is none.
    """

    name: str
    target: str
    value: str
    ok: bool
    always: bool = False
    figure: float | None = None


def at_least(name: str, least: float, figure: float, about: str = "") -> Row:
    """Return the row of a ratio that should be large.

    Args:
        name: What was measured.
        least: The target.
        figure: What was reached.
        about: Said behind it, such as the absolute numbers.
    """
    value = f"{figure:.2f}" + (f" ({about})" if about else "")
    return Row(name, f">= {least:g}", value, figure >= least, figure=figure)


def at_most(name: str, most: float, figure: float, about: str = "") -> Row:
    """Return the row of a ratio that should be small; like ``at_least``."""
    value = f"{figure:.2f}" + (f" ({about})" if about else "")
    return Row(name, f"<= {most:g}", value, figure <= most, figure=figure)


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows, with a verdict for those that have a target."""
    table = [("", "target", "value", "")]
    table += [
        (row.name, row.target, row.value, ("ok" if row.ok else "missed") if row.target else "")
        for row in rows
    ]
    widths = [max(len(line[column]) for line in table) for column in range(4)]
    for line in table:
        texts = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(texts).rstrip(), flush=True)


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write the rows for machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [asdict(row) for row in rows]
    path.write_bytes(orjson.dumps({"rows": found}, option=orjson.OPT_INDENT_2))


def exit_code(rows: Sequence[Row], *, small: bool) -> int:
    """Return 1 when a target was missed, else 0.

    Args:
        rows: All of them.
        small: A quick look: only what noise does not touch counts.
    """
    return int(any(not row.ok and (row.always or not small) for row in rows))
