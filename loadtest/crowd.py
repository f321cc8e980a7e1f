"""The processes that a run's visitors live in: this one, several here, or more on other machines.

With several, this process is Locust's master and starts workers, which get the plan from it.
"""

import os
import subprocess
import sys
import time
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.crew import Crew, obey_master
from loadtest.line import Line
from loadtest.plan import Plan
from loadtest.ports import free_port
from loadtest.room import RoomTruth
from loadtest.run import Run, TableShape
from loadtest.servers import Servers
from loadtest.shapes import Shape
from loadtest.stand import Stand
from loadtest.visitor import Visitor
from loadtest.world import World

#: What the master tells a worker before anything else.
PLAN = "waitroom_plan"
#: Where a worker finds the keys to stamp tickets with; never sent over the wire.
KEYS = "LOADTEST_SECRET_KEYS"
#: Workers have to be there after so long, seconds.
READY_S = 60.0


def crew_for(plan: Plan, environment: Environment, name: str) -> Crew:
    """Return the visitors' side of one process.

    Args:
        plan: The run.
        environment: Locust's.
        name: Of the process; its chance differs from that of the others.
    """
    keys = tuple(filter(None, os.environ.get(KEYS, "").split(",")))
    world = World(plan, environment, keys=keys, name=name)
    if plan.redis_url is not None:
        world.line = Line(plan.redis_url, plan.room, world.measures, plan.visitors)
    return Crew(world, name)


def start_runner(
    plan: Plan,
    shape: Shape,
    stand: Stand | None,
    *,
    processes: int = 1,
    bind: tuple[str, int] | None = None,
    more: int = 0,
) -> Run:
    """Return a run, ready to be driven.

    Args:
        plan: What to do.
        shape: Its stages.
        stand: The waiting room that was started for it.
        processes: How many Locust processes on this machine.
        bind: Where workers of other machines report; None = none do.
        more: How many of those to wait for.
    """
    if stand is not None:
        os.environ[KEYS] = stand.secret_key
    environment = Environment(
        user_classes=[Visitor], shape_class=TableShape(shape, plan.visitors), host=plan.site
    )
    truth = RoomTruth(plan.redis_url, plan.room) if plan.redis_url else None
    servers = Servers(lambda: stand.pids if stand else {}, () if stand else plan.services)

    def obey(order: str) -> None:
        # Only of our own: nobody else's room is changed.
        if order == "restart" and stand is not None:
            stand.restart_web()
        if order == "open" and stand is not None and truth is not None:
            truth.open_doors()

    alone = processes == 1 and bind is None
    if alone:
        environment.create_local_runner()
        crew = crew_for(plan, environment, "0")
        return Run(plan, shape, environment, crew, truth, servers, obey)
    host, port = bind or ("127.0.0.1", free_port())
    environment.create_master_runner(host, port)
    run = Run(plan, shape, environment, None, truth, servers, obey)
    run.hear_workers()
    own = processes if processes > 1 or not more else 0
    run.children = [_start_worker(port) for _ in range(own)]
    _await_workers(run, own + more)
    run.runner.send_message(PLAN, plan.fields())
    return run


def _start_worker(port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "loadtest", "--worker", f"127.0.0.1:{port}"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def _await_workers(run: Run, count: int) -> None:
    deadline = time.monotonic() + READY_S
    while run.runner.worker_count < count:  # type: ignore[attr-defined]
        if time.monotonic() > deadline:
            run.end_children()
            raise ValueError(f"not all of {count} workers came within {READY_S:.0f} s")
        gevent.sleep(0.1)


def serve(host: str, port: int) -> None:
    """Be a worker of a master, until it has no more need of us.

    Args:
        host: Of the master.
        port: Of the master.
    """
    environment = Environment(user_classes=[Visitor])
    runner = environment.create_worker_runner(host, port)
    assert isinstance(runner, WorkerRunner)

    def begin(environment: Environment, msg: Any) -> None:
        name = str(runner.worker_index)
        obey_master(runner, crew_for(Plan.of(msg.data), environment, name))

    runner.register_message(PLAN, begin)
    runner.greenlet.join()
