"""The visitors of one process, as the run sees them: what they report, what they are ordered."""

import time
from typing import Any

import gevent
import psutil
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.line import SETTLED_S
from loadtest.measures import Journey
from loadtest.visitor import Visitor
from loadtest.world import World

#: Messages between the processes, beside Locust's own.
ORDER, FINAL = "waitroom_order", "waitroom_final"


def own_cost(process: psutil.Process) -> dict[str, int]:
    """Return what a process of the generator has spent: CPU in ms, memory in bytes."""
    used = process.cpu_times()
    return {"cpu_ms": round((used.user + used.system) * 1000), "rss": process.memory_info().rss}


class Crew:
    """The visitors of one process.

    Args:
        world: What they share.
        name: Of the process.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self._name = name
        Visitor.world = world
        self._line = gevent.spawn(world.line.run) if world.line else None
        self._process = psutil.Process()

    def report(self) -> dict[str, Any]:
        """Return what has come since the last report."""
        world = self.world
        if world.line is not None:
            world.line.report()
        world.measures.now[self._name] = dict(world.gauges) | own_cost(self._process)
        return world.measures.take()

    def obey(self, order: str) -> None:
        """Do what a stage orders."""
        if order == "drop":
            for visit in list(self.world.visits):
                visit.drop()

    def finish(self) -> None:
        """End all visits as far as the measures go."""
        if self._line is not None:
            self._line.kill()
        lost = _lost_in_redis(self.world)
        out_of_touch = {id(v.journey) for v in self.world.visits if not v.in_touch}

        def judge(journey: Journey) -> None:
            if journey.lost:
                return
            if journey.visitor in lost:
                journey.lost = lost[journey.visitor]
            elif id(journey) in out_of_touch:
                journey.lost = "out of touch at the end"

        self.world.measures.freeze(judge)


def _lost_in_redis(world: World) -> dict[str, str]:
    """Return how those who wait stand otherwise in Redis than they should."""
    if world.line is None:
        return {}
    settled_s = time.time() - SETTLED_S
    waiting = [
        visit.journey
        for visit in world.visits
        if visit.state == "waiting" and 0 < visit.journey.registered < settled_s
    ]
    found: dict[str, str] = {}
    try:
        for start in range(0, len(waiting), 500):
            part = waiting[start : start + 500]
            places = world.line.places([journey.visitor for journey in part])
            for journey, place in zip(part, places, strict=True):
                if place is None:
                    found[journey.visitor] = "not in Redis"
                elif place not in (0, journey.place):
                    found[journey.visitor] = "another place in Redis"
    except OSError:
        world.measures.count("samples_failed")
    return found


def obey_master(runner: WorkerRunner, crew: Crew) -> None:
    """Let a crew do what a master says, and tell it what was measured."""

    def report(client_id: str, data: dict[str, Any]) -> None:
        data["waitroom"] = crew.report()

    def order(environment: Environment, msg: Any) -> None:
        crew.obey(msg.data["order"])

    def final(environment: Environment, msg: Any) -> None:
        crew.finish()
        runner.send_message(FINAL, {"waitroom": crew.report()})

    events: Any = runner.environment.events
    events.report_to_master.add_listener(report)
    runner.register_message(ORDER, order)
    runner.register_message(FINAL, final)
