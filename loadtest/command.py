"""The command line: checks what it asks for, starts a stand if no site is named, and runs it."""

import gc
import logging
import os
import platform
import resource
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from loadtest.bench.rows import print_table
from loadtest.crowd import serve, start_runner
from loadtest.figures import figures
from loadtest.guard import TargetError, check_target
from loadtest.habits import read_shares
from loadtest.plan import Plan
from loadtest.progress import Progress
from loadtest.report import write_report
from loadtest.run import Run
from loadtest.shapes import SHAPES, Shape, seats_for, shape_for, time_limit_s
from loadtest.stand import ROOM, Stand, StandError
from loadtest.thresholds import missed, rows

#: Fewer visitors than this go through the gate of the stand for everything, sockets too.
THROUGH_GATE = 300
#: Default folder of the reports.
RESULTS = Path(__file__).parent / "results"

_shapes = "\n".join(f"  {name}: {shape.about}" for name, shape in SHAPES.items())


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise click.UsageError(f"{text}: must be HOST:PORT")
    return host, int(port)


def _habits(_: Any, __: Any, text: str | None) -> dict[str, float] | None:
    try:
        return None if text is None else read_shares(text)
    except ValueError as e:
        raise click.BadParameter(str(e)) from e


@click.command(help=f"Put load on a waiting room and judge it.\n\n\b\nShapes:\n{_shapes}")
@click.option("--shape", "shape_name", type=click.Choice(sorted(SHAPES)), default="smoke")
@click.option("--visitors", type=click.IntRange(1, 1_000_000), help="Visitors at once.")
@click.option("--site", help="Where visitors come; without it, a waiting room is started here.")
@click.option("--i-own-this-site", "owned", multiple=True, help="The site's host, once more.")
@click.option("--room", default=ROOM, show_default=True, help="The room in front of the site.")
@click.option("--path", default="/", show_default=True, help="The page that visitors ask for.")
@click.option("--service", "services", multiple=True, help="A web process; sockets go there then.")
@click.option("--redis-url", help="Where the truth is; without it, that is not measured.")
@click.option("--habits", callback=_habits, help="Shares, as in network=0.05,closes=0.02.")
@click.option("--hold", type=float, help="How long the main stage lasts, seconds.")
@click.option("--arrive", type=float, help="In how much time everybody comes, seconds.")
@click.option("--stay", type=(float, float), help="How long a visitor looks around, seconds.")
@click.option("--seats", type=int, help="Seats of a room started here.")
@click.option("--web-processes", type=click.IntRange(1, 64), default=1, help="Of the stand.")
@click.option("--server", help="WAITROOM_SERVER of the stand.")
@click.option("--through-gate/--direct", default=None, help="Stand: sockets by way of its gate.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, help="Locust processes here.")
@click.option("--master", help="HOST:PORT where workers of other machines report.")
@click.option("--expect-workers", type=int, default=0, help="How many of those to wait for.")
@click.option("--worker", help="HOST:PORT of the master that this process works for.")
@click.option("--time-limit", type=float, help="The run ends after so many seconds.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of all chance.")
def cli(**given: Any) -> None:
    """Carry out what was asked; the exit code is the verdict."""
    logging.basicConfig(level=logging.ERROR)
    _many_files()
    # Ten thousand visitors are half a million objects; looking through all of them stops the rest.
    gc.set_threshold(50_000, 20, 100)
    if given["worker"]:
        serve(*_address(given["worker"]))
        return
    raise SystemExit(_run(given))


def main() -> None:
    """Run the command line."""
    cli(prog_name="python -m loadtest")


def _many_files() -> None:
    # A socket is a file, and the usual limit is 1,024.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _run(given: dict[str, Any]) -> int:
    shape = shape_for(given["shape_name"], hold_s=given["hold"], arrive_s=given["arrive"])
    visitors = given["visitors"] or shape.visitors
    try:
        with ExitStack() as stack:
            progress = stack.enter_context(Progress())
            stand = None
            if given["site"] is None:
                progress.say("starting a waiting room of our own")
                stand = _stand(given, shape, visitors)
                stack.callback(stand.stop)
            plan = _plan(given, shape, visitors, stand)
            run = start_runner(plan, shape, stand, **_crowd(given))
            began = time.time()
            signal.signal(signal.SIGINT, lambda *_: run.stop("by hand"))
            signal.signal(signal.SIGTERM, lambda *_: run.stop("by a signal"))
            run.drive(progress.watch, given["time_limit"] or time_limit_s(shape))
            progress.say(f"the run took {time.time() - began:.0f} s")
    except (TargetError, StandError, ValueError) as e:
        raise click.ClickException(str(e)) from e
    return _judge(run, given["results"] / plan.shape)


def _stand(given: dict[str, Any], shape: Shape, visitors: int) -> Stand:
    seats = given["seats"] or seats_for(shape, visitors)
    stay_s = (given["stay"] or shape.stay_s)[1]
    settings = {
        "total_active_users": seats,
        # Whoever just goes frees the seat a moment later.
        "session_duration_s": max(10, round(stay_s)),
        **shape.room,
    }
    more = {"WAITROOM_SERVER": given["server"]} if given["server"] else {}
    stand = Stand(given["web_processes"], settings, more)
    stand.start()
    return stand


def _plan(given: dict[str, Any], shape: Shape, visitors: int, stand: Stand | None) -> Plan:
    site, services, redis_url = given["site"], tuple(given["services"]), given["redis_url"]
    if stand is not None:
        direct = (
            visitors > THROUGH_GATE
            if given["through_gate"] is None
            else (not given["through_gate"])
        )
        site, redis_url = stand.site, stand.valkey.url
        services = stand.services if direct else ()
    check_target(site, services, given["owned"])
    return Plan(
        shape=given["shape_name"],
        visitors=visitors,
        site=site.rstrip("/"),
        room=given["room"],
        path=given["path"],
        services=services,
        redis_url=redis_url,
        stamped=shape.stamped and stand is not None,
        stay_s=given["stay"] or shape.stay_s,
        leaves=shape.leaves,
        habits=shape.habits if given["habits"] is None else given["habits"],
        again=shape.again,
        seed=given["seed"],
    )


def _crowd(given: dict[str, Any]) -> dict[str, Any]:
    bind = _address(given["master"]) if given["master"] else None
    return {"processes": given["processes"], "bind": bind, "more": given["expect_workers"]}


def _judge(run: Run, folder: Path) -> int:
    found = figures(run)
    table = rows(found, run.plan.shape)
    print_table(table)
    about = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    page = write_report(run, found, table, folder, about)
    print(f"\nreport: {page}")
    if run.stopped:
        print(f"the run was ended {run.stopped}")
    failed = missed(table)
    print("verdict: " + (f"MISSED: {'; '.join(failed)}" if failed else "all thresholds met"))
    return int(bool(failed))
