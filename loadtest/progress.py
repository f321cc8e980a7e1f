"""What is seen while a run is under way: a live table on a terminal, else a line now and then."""

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from loadtest.run import Run

#: Between two lines where there is no terminal, seconds.
LINE_EVERY_S = 5.0


class Progress:
    """Shows a run; a context manager.

    Args:
        console: Where; standard error, so that standard output holds the table alone.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._said_s = 0.0

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, highlight=False)

    def watch(self, run: Run) -> None:
        """Show how it stands; called once a second."""
        facts = _facts(run)
        if self._live is not None:
            self._live.update(_table(run, facts), refresh=True)
        elif time.monotonic() - self._said_s >= LINE_EVERY_S:
            self._said_s = time.monotonic()
            self.say("  ".join(f"{name} {value}" for name, value in facts))


def _facts(run: Run) -> list[tuple[str, str]]:
    measures = run.measures
    at_s = time.time() - run.began_s
    look = run.truth.looks[-1] if run.truth and run.truth.looks else None
    facts = [
        ("time", f"{at_s:.0f}/{run.shape.lasts_s:.0f} s"),
        ("stage", run.stage or "-"),
        ("visits", f"{measures.counts['visits']:,}"),
        ("waiting", f"{measures.total('waiting'):,}"),
        ("sockets", f"{measures.total('live'):,}"),
        ("inside", f"{measures.total('inside'):,}"),
        ("lost", f"{measures.counts['lost']:,}"),
        ("disconnects", f"{measures.counts['disconnects']:,}"),
    ]
    if look is not None:
        facts += [("line", f"{look.waiting:,}"), ("seats", f"{look.active:,}/{look.seats:,}")]
    if run.series.cpu:
        facts.append(("generator", f"{run.series.cpu[-1]:.2f} cores"))
    return facts


def _table(run: Run, facts: list[tuple[str, str]]) -> Table:
    table = Table(title=f"{run.plan.shape}: {run.shape.about}", title_justify="left")
    for name, _ in facts:
        table.add_column(name, justify="right")
    table.add_row(*(value for _, value in facts))
    return table
