"""One run under Locust: its environment, its runners, the orders of its stages, its end.

A run in one process has everything. With several, each worker runs visitors and knows the truth
about the positions that they see; the first process knows the truth about the room and merges.
"""

import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gevent
import psutil
from locust import LoadTestShape
from locust.env import Environment
from locust.runners import MasterRunner, Runner

from loadtest.children import await_end
from loadtest.crew import FINAL, ORDER, Crew, own_cost
from loadtest.measures import Measures
from loadtest.plan import Plan
from loadtest.room import RoomTruth
from loadtest.servers import Servers
from loadtest.shapes import HOLD, Shape, stage_at, target

#: The generator's CPU is told over so many seconds.
CPU_S = 8
#: The last parts of all workers have to be here after so long, seconds.
FINAL_S = 60.0


class TableShape(LoadTestShape):
    """A table of stages, for Locust."""

    abstract = True

    def __init__(self, shape: Shape, visitors: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._shape = shape
        self._visitors = visitors

    def tick(self) -> tuple[int, float] | None:
        """Return how many visitors there should be now. The end is said elsewhere."""
        at_s = time.perf_counter() - self.start_time
        at_s = min(at_s, self._shape.lasts_s - 0.001)
        return target(self._shape, self._visitors, at_s)


@dataclass(slots=True)
class Series:
    """What the generator itself was seen doing, once a second.

    Attributes:
        at_s: Moments.
        live: Sockets that work.
        waiting: Visitors who see a position.
        inside: Visitors on the site.
        cpu: Share of one core that the generator's processes used.
    """

    at_s: list[float] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    inside: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


class Run:
    """The whole run, seen from the process that has the say.

    Args:
        plan: What to do.
        shape: Its stages.
        environment: Locust's, with a runner that is local or a master.
        crew: The visitors of this process; None in a master.
        truth: Knows the room; None = not measured.
        servers: What the servers spend.
        obey: Does what a stage orders, beyond the visitors.
    """

    def __init__(
        self,
        plan: Plan,
        shape: Shape,
        environment: Environment,
        crew: Crew | None,
        truth: RoomTruth | None,
        servers: Servers,
        obey: Callable[[str], None],
    ) -> None:
        self.plan, self.shape = plan, shape
        self.environment = environment
        self.truth, self.servers = truth, servers
        self.measures = Measures()
        self.series = Series()
        self.began_s = self.ended_s = 0.0
        #: From when on the way of a seat is judged.
        self.settled_s = 0.0
        self.stage = ""
        #: Why it ended before its time; empty when it did not.
        self.stopped = ""
        self.orders: list[tuple[float, str]] = []
        #: Workers that were started here.
        self.children: list[subprocess.Popen[bytes]] = []
        self._crew = crew
        self._obey = obey
        self._final = 0
        self._cpu: deque[tuple[float, int]] = deque(maxlen=CPU_S)
        self._process = psutil.Process()

    @property
    def runner(self) -> Runner:
        """Locust's runner."""
        runner = self.environment.runner
        assert runner is not None
        return runner

    def drive(self, watch: Callable[["Run"], None], limit_s: float) -> None:
        """Run all stages, then collect what was measured.

        Args:
            watch: Called once a second; shows the progress.
            limit_s: After so long it ends, whatever it is doing.
        """
        if self.truth is not None:
            self.truth.start()
        self.servers.start()
        self.began_s = time.time()
        self.runner.start_shape()
        try:
            self._follow(watch, limit_s)
            self._collect()
        finally:
            self.ended_s = time.time()
            if self.truth is not None:
                self.truth.stop()
            self.servers.stop()
            self.runner.quit()
            self.end_children()

    def stop(self, why: str) -> None:
        """End it soon, with a report of what there was; may be called by a signal."""
        self.stopped = self.stopped or why

    def end_children(self) -> None:
        """End the workers that were started here."""
        for child in self.children:
            await_end(child, 5)

    def over(self) -> bool:
        """Whether the shape may end before its time: everybody has come and gone."""
        if self.shape.until != "gone" or self.stage != HOLD:
            return False
        return self.measures.counts["visits"] > 0 and not self.measures.total("here")

    @property
    def arrived_s(self) -> float:
        """When everybody had come, as planned: costs are those of the time after it."""
        return self.began_s + self.shape.stages[0].lasts_s

    def _follow(self, watch: Callable[["Run"], None], limit_s: float) -> None:
        number = -1
        while True:
            gevent.sleep(1.0)
            at_s = time.time() - self.began_s
            if self._crew is not None:
                self.measures.add(self._crew.report())
            self._note_series()
            watch(self)
            if at_s > limit_s:
                self.stop("by the time limit")
            if self.stopped:
                return
            found = stage_at(self.shape, at_s)
            if found is None or self.over():
                return
            if found[0] != number:
                number, stage = found
                self.stage = stage.name
                if stage.order:
                    self._order(stage.order)
                if stage.name == HOLD and self.shape.settles:
                    self._settle()

    def _settle(self) -> None:
        """Judge from now on what suffers while thousands arrive, and is no fault then."""
        self.settled_s = time.time()
        self.measures.tables.pop("stale", None)

    def _order(self, order: str) -> None:
        self.orders.append((time.time(), order))
        if self._crew is not None:
            self._crew.obey(order)
        elif isinstance(self.runner, MasterRunner):
            self.runner.send_message(ORDER, {"order": order})
        gevent.spawn(self._obey, order)

    def _note_series(self) -> None:
        now, measures, series = time.time(), self.measures, self.series
        if self._crew is None:
            measures.now["master"] = own_cost(self._process)
        series.at_s.append(now)
        series.live.append(measures.total("live"))
        series.waiting.append(measures.total("waiting"))
        series.inside.append(measures.total("inside"))
        # Workers report every three seconds, so a shorter stretch would say nothing.
        self._cpu.append((now, measures.total("cpu_ms")))
        (before_s, before_ms), (_, cpu_ms) = self._cpu[0], self._cpu[-1]
        share = (cpu_ms - before_ms) / 1000 / (now - before_s) if now > before_s else 0.0
        series.cpu.append(max(0.0, share))

    def _collect(self) -> None:
        if self._crew is not None:
            self._crew.finish()
            self.measures.add(self._crew.report())
            return
        runner = self.runner
        assert isinstance(runner, MasterRunner)
        workers = runner.worker_count
        runner.send_message(FINAL, {})
        deadline = time.monotonic() + FINAL_S
        while self._final < workers and time.monotonic() < deadline:
            gevent.sleep(0.1)
        if self._final < workers:
            self.measures.counts["workers_silent"] = workers - self._final

    def hear_workers(self) -> None:
        """Merge what the workers report; for a master, before they connect."""

        def report(client_id: str, data: dict[str, Any]) -> None:
            if "waitroom" in data:
                self.measures.add(data["waitroom"])

        def final(environment: Environment, msg: Any) -> None:
            self.measures.add(msg.data["waitroom"])
            self._final += 1

        events: Any = self.environment.events
        events.worker_report.add_listener(report)
        self.runner.register_message(FINAL, final)
