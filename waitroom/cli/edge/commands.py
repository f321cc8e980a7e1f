"""The two commands of `waitroom edge`, and what they print."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from waitroom.cli.common import as_json, console, print_json
from waitroom.cli.edge.setup import Worker, write
from waitroom.config import Config, load_config
from waitroom.errors import RequestError, WaitroomError
from waitroom.keyring import FILE_NAME, with_secrets

if TYPE_CHECKING:
    from waitroom.cli.edge.finding import Finding

_MARKS = {"ok": ("✓", "green"), "failed": ("✗", "red"), "unknown": ("?", "yellow")}


@click.group()
def edge() -> None:
    """Set up the edge in front of a site, and look whether it does its work."""


@edge.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("waitroom-edge"))
@click.option("--service-url", help="Where the Worker finds the waiting room, https.")
@click.option(
    "--route",
    "routes",
    multiple=True,
    required=True,
    help="What it guards, such as shop.example.com/*; can be given several times.",
)
@click.option("--name", default="waitroom-edge", show_default=True, help="The Worker's name.")
@click.option("--force", is_flag=True, help="Write into a folder that has files already.")
def init(
    folder: Path, service_url: str | None, routes: tuple[str, ...], name: str, force: bool
) -> None:
    """Make a Worker for Cloudflare, ready to deploy, in FOLDER (./waitroom-edge)."""
    config = load_config()
    address = service_url or config.service_url
    if not address:
        raise RequestError(
            "Say --service-url, or set WAITROOM_SERVICE_URL.", code="bad_service_url"
        )
    worker = Worker.of(name, address, routes)
    files = write(worker, folder, force=force)
    click.echo(f"{len(files)} files are in {folder}.\n")
    click.echo(f"  {worker.name} will stand in front of")
    for route in worker.routes:
        click.echo(f"    {route}")
    click.echo(f"  and ask {worker.service_url} who may enter.\n")
    if worker.partial:
        click.echo(
            "  Cloudflare compares paths letter by letter: /Tickets or /%74ickets would walk past\n"
            "  a route /tickets/*. Better route the whole host, and let the room's own routes say\n"
            "  which pages it guards.\n"
        )
    _print_steps(config, folder, worker)


@edge.command()
@click.argument("url")
@click.option("--room", default="", help="The room that should stand there.")
@click.option("--origin", help="Address of the site behind the edge; must not be reachable.")
@click.option(
    "--without-keys", is_flag=True, help="Do without this installation's keys: passes go unjudged."
)
@as_json
def check(url: str, room: str, origin: str | None, without_keys: bool, json_: bool) -> int:
    """Visit a guarded site at URL as visitors do; exit with 1 if something is wrong."""
    # Imported late: the other commands start without these libraries.
    from waitroom.cli.edge.check import examine

    findings = examine(url, room=room, origin=origin, without_keys=without_keys)
    if json_:
        print_json({"url": url, "findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(findings)
        _print_verdict(findings)
    return int(any(finding.level == "failed" for finding in findings))


def _print_verdict(findings: list["Finding"]) -> None:
    levels = {finding.check: finding.level for finding in findings}
    if "failed" not in levels.values() and levels.get("passes") != "ok":
        click.echo("\nNothing failed, but passes were not judged: this is no all-clear.")


def _print_steps(config: Config, folder: Path, worker: Worker) -> None:
    host, _, path = worker.routes[0].partition("/")
    page = f"https://{host.lstrip('*.')}/{path.rstrip('*')}"
    click.echo("What follows, at Cloudflare:\n")
    for step in (
        f"cd {shlex.quote(str(folder))}",
        "npm ci",
        "npx wrangler login",
        "npx wrangler secret put WAITROOM_SECRET_KEYS",
        "npx wrangler secret put WAITROOM_EDGE_TOKEN",
        "npx wrangler deploy",
        # The check finds this installation's keys and rooms in this folder only.
        f"cd {shlex.quote(str(Path.cwd()))}",
        f"waitroom edge check {page}",
    ):
        click.echo(f"  {step}")
    click.echo(f"\n{_where(config)}")


def _where(config: Config) -> str:
    """Say where the values of the two secrets are, never what they are."""
    names = "WAITROOM_SECRET_KEYS and WAITROOM_EDGE_TOKEN"
    if config.secret_keys and config.edge_token is not None:
        return f"The values of {names} are those in your environment or .env."
    try:
        with_secrets(config, create=False)
    except WaitroomError:
        return (
            f"{names} have no values here yet: start `waitroom up`\n"
            "once, or set them; the waiting room and the Worker need the same ones."
        )
    kept = config.data_dir.resolve() / FILE_NAME
    return f"The values of {names}, made by `waitroom up`, are in\n{kept}"


def print_findings(findings: list["Finding"]) -> None:
    """Print a line for each finding, and below it what to do."""
    out = console()
    for finding in findings:
        mark, colour = _MARKS[finding.level]
        out.print(mark, end=" ", style=colour)
        out.print(f"{finding.check:<9} {finding.level:<8} {_plain(finding.says)}")
        if finding.mend:
            out.print(f"  {'':<9} {'':<8} {finding.mend}", style="dim")


def _plain(text: str) -> str:
    # Parts come from the site; no terminal has to obey them.
    return "".join(char if char.isprintable() else "?" for char in text)
