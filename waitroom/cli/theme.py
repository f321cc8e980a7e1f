"""`waitroom rooms theme`: how a room's splash page looks, from a file."""

import tomllib
from base64 import b64encode
from pathlib import Path
from typing import Any

import click

from waitroom.cli.common import acting, as_json, print_json, print_table, with_control
from waitroom.config import Config
from waitroom.control import Control
from waitroom.control.views import ThemeView
from waitroom.errors import ConfigError
from waitroom.room.theme import Theme

#: Largest file read, bytes: more than any theme may hold.
FILE_MAX = 1_000_000

#: A theme as a file; all parts may be left out.
EXAMPLE = """\
logo = "logo.png"                # beside this file; PNG, JPEG or WebP
css = "h2 { font-weight: 700 }"  # or: css = { file = "fair.css" }
[colours.light]                  # [colours.dark] too, if there are any
background = "#fdf6f0"
text = "#2a1215"
accent = "#b00020"
[[links]]
text = "Help"
url = "https://fair.example/help"
[blocks]                         # and below; {{ room.name }}, {{ language }}
top = "<p>Welcome to <b>{{ room.title }}</b></p>"
[texts.en]                       # any sentence of splash/languages/en.json
heading_waiting = "You are next in line"
"""


@click.command("theme", epilog=f"\b\nA theme:\n{EXAMPLE}")
@click.argument("name")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A theme to publish, TOML.")
@click.option("--use", metavar="VERSION", help="Bring back an earlier version.")
@click.option("--clear", is_flag=True, help="Go back to the page as it is by default.")
@as_json
def theme(name: str, file: Path | None, use: str | None, clear: bool, json_: bool) -> None:
    """Show how the splash page of the room NAME looks, or change it.

    Without an option, the versions that are kept are listed; with --json, what visitors see.
    """
    if sum((file is not None, use is not None, clear)) > 1:
        raise click.UsageError("give one of --file, --use and --clear")
    if file is not None or clear:
        version = _publish(name, Theme() if file is None else read_theme_file(file))
        shown = f"theme {version}" if version else "the page as it is by default"
        _report(name, version, f"Visitors of room {name} see {shown}.", json_)
    elif use is not None:
        _bring_back(name, use)
        _report(name, use, f"Visitors of room {name} see theme {use} again.", json_)
    else:
        _show(name, json_)


def read_theme_file(path: Path) -> Theme:
    """Return the theme of a file, with the files that it names.

    Args:
        path: The file, TOML; names in it are relative to its folder.

    Raises:
        ConfigError: If a file cannot be read, or is no TOML.
        SettingError: If something in it is not allowed.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(_read(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path} is no TOML: {e}") from e
    logo = raw.get("logo")
    if isinstance(logo, str):
        logo = raw["logo"] = {"file": logo}
    if isinstance(logo, dict) and isinstance(named := logo.pop("file", None), str):
        logo["data"] = b64encode(_read(path.parent / named)).decode()
    css = raw.get("css")
    if isinstance(css, dict) and set(css) == {"file"} and isinstance(css["file"], str):
        raw["css"] = _read(path.parent / css["file"]).decode(errors="replace")
    return Theme.read(raw)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(FILE_MAX + 1)
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}") from e
    if len(found) > FILE_MAX:
        raise ConfigError(f"{path} is longer than {FILE_MAX:,} bytes")
    return found


def _publish(name: str, made: Theme) -> str:
    async def work(_config: Config, control: Control) -> str:
        return (await control.publish_theme(acting(), name, made)).version

    return with_control(work)


def _bring_back(name: str, version: str) -> None:
    async def work(_config: Config, control: Control) -> None:
        await control.change(acting(), name, {"theme": version})

    with_control(work)


def _show(name: str, json_: bool) -> None:
    async def work(_config: Config, control: Control) -> ThemeView:
        return await control.theme(acting(), name)

    found = with_control(work)
    if json_:
        said = found.theme.model_dump(mode="json", exclude_defaults=True)
        print_json(
            {"room": name, "version": found.version, "versions": found.versions, "theme": said}
        )
    elif not found.versions:
        click.echo(f"Room {name} has no theme; publish one with --file theme.toml.")
    else:
        rows = [(each, "shown" if each == found.version else "") for each in found.versions]
        print_table(f"Themes of room {name}", ("version", ""), rows)


def _report(name: str, version: str, sentence: str, json_: bool) -> None:
    if json_:
        print_json({"room": name, "version": version})
    else:
        click.echo(sentence)
