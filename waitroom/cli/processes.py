"""`waitroom up` and the single processes it consists of: web, worker, clock, demo."""

import asyncio
import sys
from importlib import import_module
from typing import Any

import click

from waitroom.accounts.welcome import welcome
from waitroom.cli.parent import follow_parent
from waitroom.cli.up import run_up
from waitroom.config import Config, load_config
from waitroom.embedded import redis_url
from waitroom.jobs.worker import run_clock, run_slow_worker, run_worker
from waitroom.keyring import with_secrets
from waitroom.logs import configure_logging

port_option = click.option("--port", type=int, help="Port of the web process.")
demo_port_option = click.option("--demo-port", type=int, help="Port of the demo shop.")
# Given by `waitroom up` to its children, so that none outlives it.
parent_option = click.option("--parent", type=int, hidden=True)


@click.command()
@port_option
@demo_port_option
def up(port: int | None, demo_port: int | None) -> None:
    """Run everything: Valkey if no Redis is named, web, worker, clock and a demo shop."""
    config = load_config(port=port, demo_port=demo_port)
    asyncio.run(run_up(config))


@click.command()
@port_option
@parent_option
def web(port: int | None, parent: int | None) -> None:
    """Serve visitors and edges, and admit those who wait."""
    config = _started(parent, port=port)
    # `waitroom up` says it for its children.
    if parent is None and (first := asyncio.run(welcome(config, screen=sys.stdout.isatty()))):
        click.echo(first)
    _serve("waitroom.web.serve", config)


@click.command()
# Given by a worker to its child.
@click.option("--slow", is_flag=True, hidden=True)
@parent_option
def worker(slow: bool, parent: int | None) -> None:
    """Do the jobs: sweep rooms, write the history, send alerts, make reports."""
    run = run_slow_worker if slow else run_worker
    run(_started(parent, secrets=False))


@click.command()
@parent_option
def clock(parent: int | None) -> None:
    """Say when jobs are due."""
    run_clock(_started(parent, secrets=False))


@click.command()
@demo_port_option
@parent_option
def demo(demo_port: int | None, parent: int | None) -> None:
    """Serve the demo shop behind the gate."""
    _serve("waitroom.demo.serve", _started(parent, demo_port=demo_port))


def _started(parent: int | None, *, secrets: bool = True, **overrides: Any) -> Config:
    config = load_config(**overrides)
    configure_logging(config)
    if secrets:
        config = with_secrets(config, create=False)
    if parent is not None:
        follow_parent(parent, config.drain_s)
    return config.model_copy(update={"redis_url": redis_url(config)})


def _serve(module: str, config: Config) -> None:
    # Imported late: the other commands start without the web's libraries. uvloop, because
    # Hypercorn's kept-alive connections are two to three times slower on asyncio's own loop
    # (https://github.com/pgjones/hypercorn/issues/64).
    import_module("uvloop").run(import_module(module).serve(config))
