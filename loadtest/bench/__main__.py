"""How far the engine, HTTP and live updates are from their floors, in one table: `make bench`.

Each part starts servers of its own on the loopback, in a temporary folder, measures ours and the
floor in turns, and ends them. The rows are written to `loadtest/results/bench.json` too. The Worker
has a benchmark of its own, `make bench-edge`.

Options:
    --small       A quick look: a shorter line, fewer rounds; what noise touches misses nothing.
    --only PART   One of engine, http, live; may be given again.
    --json PATH   Where the rows go; default `loadtest/results/bench.json`.

Exit code 1 when a target was missed or a part failed.
"""

import argparse
import importlib
import sys
import traceback
from pathlib import Path

from loadtest.bench.rows import Row, exit_code, print_table, write_json

#: Modules of this package, each with ``measure(small) -> list[Row]``.
PARTS = ("engine", "http", "live")
RESULTS = Path(__file__).parents[1] / "results" / "bench.json"


def measure(part: str, *, small: bool) -> list[Row]:
    """Return the rows of one part; a row that says why when there are none.

    Args:
        part: One of ``PARTS``.
        small: A quick look.
    """
    name = f"loadtest.bench.{part}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as e:
        if e.name != name:
            raise
        return [Row(part, "", "not there yet", True)]
    try:
        rows: list[Row] = module.measure(small)
    except Exception as e:
        # What the other parts measured is not thrown away.
        traceback.print_exc()
        return [Row(part, "to end", f"failed: {type(e).__name__}: {e}", False, always=True)]
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, write the rows, and return the exit code."""
    parser = argparse.ArgumentParser(prog="loadtest.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--json", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    rows: list[Row] = []
    for part in given.only or PARTS:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        rows += measure(part, small=given.small)
    print_table(rows)
    write_json(rows, given.json)
    return exit_code(rows, small=given.small)


if __name__ == "__main__":
    sys.exit(main())
