"""`waitroom rooms theme`: from a file to what visitors see, and back."""

import json
from base64 import b64decode
from functools import partial
from pathlib import Path

import pytest

from tests.browser.theming import picture
from tests.conftest import Run
from waitroom.cli.theme import EXAMPLE

FILE = 'css = { file = "fair.css" }'


@pytest.fixture
def run(command: Run, tmp_path: Path) -> Run:
    """Return a function that runs a command about rooms, with a room and the files of a theme."""
    (tmp_path / "theme.toml").write_text(EXAMPLE.replace('css = "h2 { font-weight: 700 }"', FILE))
    (tmp_path / "logo.png").write_bytes(b64decode(picture()))
    (tmp_path / "fair.css").write_text("h2 { font-weight: 700 }")
    assert command("rooms", "create", "shop")[0] == 0
    return partial(command, "rooms")


def test_a_theme_is_published_shown_taken_back_and_brought_back(run: Run) -> None:
    assert "no theme" in run("theme", "shop")[1]
    code, out, _ = run("theme", "shop", "--file", "theme.toml", "--json")
    version = json.loads(out)["version"]
    assert code == 0 and version
    shown = json.loads(run("theme", "shop", "--json")[1])
    assert (shown["version"], shown["versions"]) == (version, [version])
    assert shown["theme"]["css"] == "h2 { font-weight: 700 }"
    assert shown["theme"]["logo"]["data"] == picture()
    assert run("theme", "shop", "--clear")[0] == 0
    assert json.loads(run("theme", "shop", "--json")[1])["version"] == ""
    assert "again" in run("theme", "shop", "--use", version)[1]
    assert json.loads(run("show", "shop", "--json")[1])["theme"] == version
    assert version in run("theme", "shop")[1]


def test_the_example_of_the_help_is_a_good_theme(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("theme", "--help")
    assert all(line.strip() in out for line in EXAMPLE.splitlines())
    (tmp_path / "theme.toml").write_text(EXAMPLE)
    assert run("theme", "shop", "--file", "theme.toml")[0] == 0


def test_what_is_wrong_is_one_line_that_names_it(run: Run, tmp_path: Path) -> None:
    for text, word in (
        ("css = 'main{display:none}'", "theme.css"),
        ("logo = 'theme.toml'", "PNG, JPEG or WebP"),
        ("logo = 'missing.png'", "cannot be read"),
        ("css = { file = '.' }", "cannot be read"),
        ("colour = 1", "theme.colour"),
        ("= 5", "is no TOML"),
        ("\x00", "is no TOML"),
    ):
        (tmp_path / "bad.toml").write_text(text)
        code, out, err = run("theme", "shop", "--file", "bad.toml")
        assert (code, out) == (1, "") and word in err and err.count("\n") == 1, text
    assert run("theme", "shop", "--file", "nowhere.toml")[0] == 1
    assert run("theme", "shop", "--use", "20261123131500-0123abcd")[0] == 1
    assert run("theme", "nowhere", "--clear")[0] == 1
    assert run("theme", "shop", "--clear", "--file", "theme.toml")[0] == 2
    assert json.loads(run("theme", "shop", "--json")[1])["version"] == ""
