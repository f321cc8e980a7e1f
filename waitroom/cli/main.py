"""The command line: its group, and how failures look.

Whatever goes wrong on purpose is one line on standard error, `error [code]: detail`, and exit
code 1; a command typed wrongly has the code `usage` and exits with 2.
"""

from collections.abc import Sequence

import click

from waitroom import __version__
from waitroom.cli.alerts import alerts
from waitroom.cli.doctor import doctor
from waitroom.cli.edge import edge
from waitroom.cli.owners import owners
from waitroom.cli.processes import clock, demo, up, web, worker
from waitroom.cli.report import report
from waitroom.cli.rooms import rooms
from waitroom.cli.status import status, visitors
from waitroom.errors import WaitroomError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="waitroom")
def cli() -> None:
    """Run and look after a virtual waiting room.

    Settings of an installation come from the environment and from .env; .env.example explains
    each. Settings of a room are changed with `waitroom rooms set`.
    """


for command in (
    *(up, web, worker, clock, demo, rooms, owners),
    *(status, visitors, doctor, edge, alerts, report),
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What was typed after `waitroom`; the process's own when not given.

    Returns:
        The exit code: 0 done, 1 failed, 2 typed wrongly, 130 broken off.
    """
    try:
        result = cli.main(arguments, prog_name="waitroom", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as e:
        click.echo(e.format_message())
        return 2
    except click.UsageError as e:
        return _fail("usage", e.format_message(), 2)
    except click.ClickException as e:
        return _fail("failed", e.format_message(), 1)
    except WaitroomError as e:
        return _fail(e.code, e.detail, 1)
    except (click.Abort, KeyboardInterrupt):
        return _fail("aborted", "Broken off.", 130)
    return result if isinstance(result, int) else 0


def _fail(code: str, detail: str, exit_code: int) -> int:
    click.echo(f"error [{code}]: {' '.join(detail.split())}", err=True)
    return exit_code
