"""`waitroom edge init`: what is written, what is refused, and that no secret is among it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import EDGE_TOKEN, SECRET_KEY
from waitroom.cli import main
from waitroom.cli.edge import setup
from waitroom.cli.edge.setup import Worker, filled_in
from waitroom.errors import ConfigError, RequestError

CHECKOUT = Path(__file__).resolve().parents[2]
URL = "https://waiting.example.com"
GIVEN = ("--service-url", URL, "--route", "shop.example.com/*")

Init = Callable[..., tuple[int, str, str]]


@pytest.fixture
def init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Init:
    """Return a function that runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(("edge", "init", *arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return run


def settings(folder: Path) -> Any:
    """Return `wrangler.jsonc` without its comments."""
    text = (folder / "wrangler.jsonc").read_text()
    return orjson.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))


def test_it_makes_a_worker_of_this_installation(init: Init, tmp_path: Path) -> None:
    code, out, err = init(*GIVEN, "--route", "www.example.com/tickets/*", "--name", "gate")
    assert (code, err) == (0, "")
    folder = tmp_path / "waitroom-edge"
    found = settings(folder)
    assert found["name"] == "gate"
    assert found["vars"] == {"WAITROOM_SERVICE_URL": URL}
    assert found["routes"] == [
        "shop.example.com/*",
        "www.example.com/tickets/*",
        "www.example.com/__waitroom/*",
    ]
    assert "//" in (folder / "wrangler.jsonc").read_text().replace("https://", "")
    for step in ("npm ci", "secret put WAITROOM_SECRET_KEYS", "secret put WAITROOM_EDGE_TOKEN"):
        assert step in out
    assert "waitroom edge check https://shop.example.com/\n" in out


def test_all_that_a_deployment_needs_is_there_and_nothing_else(init: Init, tmp_path: Path) -> None:
    assert init(*GIVEN, "here")[0] == 0
    folder = tmp_path / "here"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"package.json", "package-lock.json", "tsconfig.json", "wrangler.jsonc"} < files
    sources = {path.name for path in (CHECKOUT / "edge" / "src").glob("*.ts")}
    tests = {name for name in sources if name.endswith(".test.ts")} | {"testing.ts"}
    assert {f"src/{name}" for name in sources - tests} <= files
    assert not [name for name in files if re.search(r"node_modules|dist|test|examples", name)]
    assert not [name for name in files if Path(name).name.startswith(".") and name != ".gitignore"]
    assert not [path for path in folder.rglob("*") if path.is_symlink()]
    assert (folder / "src/away.html").read_text() == (
        CHECKOUT / "waitroom/gate/away.html"
    ).read_text()


def test_wrangler_takes_what_was_written(init: Init, tmp_path: Path) -> None:
    assert init(*GIVEN, "here")[0] == 0
    folder = tmp_path / "here"
    (folder / "node_modules").symlink_to(CHECKOUT / "edge/node_modules")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["npx", "wrangler", "deploy", "--dry-run", "--outdir", "dist"],
        cwd=folder,
        env=os.environ | {"PATH": path, "WRANGLER_SEND_METRICS": "false", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert URL in done.stdout
    assert (folder / "dist/index.js").is_file()


@pytest.mark.parametrize("where", ["environment", "keyring", "nowhere"])
def test_it_says_where_the_secrets_are_and_shows_none(
    init: Init, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "environment":
        monkeypatch.setenv("WAITROOM_SECRET_KEYS", SECRET_KEY)
        monkeypatch.setenv("WAITROOM_EDGE_TOKEN", EDGE_TOKEN)
    elif where == "keyring":
        (tmp_path / ".waitroom").mkdir()
        text = f"WAITROOM_SECRET_KEYS={SECRET_KEY}\nWAITROOM_EDGE_TOKEN={EDGE_TOKEN}\n"
        (tmp_path / ".waitroom/secrets.env").write_text(text)
    code, out, _ = init(*GIVEN, "here")
    said = {
        "environment": "those in your environment or .env",
        "keyring": str(tmp_path / ".waitroom/secrets.env"),
        "nowhere": "have no values here yet",
    }
    assert (code, said[where] in out) == (0, True)
    files = (path.read_bytes() for path in (tmp_path / "here").rglob("*") if path.is_file())
    everything = b"".join([*files, out.encode()])
    assert SECRET_KEY.encode() not in everything
    assert EDGE_TOKEN.encode() not in everything


def test_the_service_is_taken_from_the_settings_where_none_is_said(
    init: Init, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = init("--route", "shop.example.com/*")
    assert (code, err[:21]) == (1, "error [bad_service_ur")
    monkeypatch.setenv("WAITROOM_SERVICE_URL", URL)
    assert init("--route", "shop.example.com/*")[0] == 0
    assert settings(tmp_path / "waitroom-edge")["vars"] == {"WAITROOM_SERVICE_URL": URL}


def test_a_part_of_a_host_is_taken_with_a_warning(init: Init) -> None:
    assert "letter by letter" not in init(*GIVEN, "one")[1]
    out = init("--service-url", URL, "--route", "shop.example.com/tickets/*", "two")[1]
    assert "letter by letter" in out


def test_a_folder_with_files_is_left_alone_unless_forced(init: Init, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    (folder / "wrangler.jsonc").write_text("mine")
    code, out, err = init(*GIVEN, "here")
    assert (code, out) == (1, "")
    assert err.startswith("error [folder_in_use]: here has files; --force ")
    assert sorted(path.name for path in folder.iterdir()) == ["mine.txt", "wrangler.jsonc"]
    assert init(*GIVEN, "here", "--force")[0] == 0
    assert (folder / "mine.txt").read_text() == "mine"
    assert settings(folder)["name"] == "waitroom-edge"


def test_the_sources_themselves_are_never_written_over(init: Init) -> None:
    before = (CHECKOUT / "edge/wrangler.jsonc").read_text()
    for folder in (CHECKOUT / "edge", CHECKOUT / "edge/src/mine"):
        _, _, err = init(*GIVEN, str(folder), "--force")
        assert err.startswith("error [folder_in_use]: ")
    assert (CHECKOUT / "edge/wrangler.jsonc").read_text() == before


def test_a_file_is_no_folder(init: Init, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("mine")
    assert init(*GIVEN, "here", "--force")[2].startswith("error [bad_folder]: ")
    assert init(*GIVEN, "here/below")[2].startswith("error [bad_folder]: ")


def test_missing_sources_are_said(
    init: Init, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "__file__", str(tmp_path / "waitroom/cli/edge/setup.py"))
    code, _, err = init(*GIVEN)
    assert (code, err) == (
        1,
        "error [bad_config]: the Worker's sources are missing: install Waitroom again\n",
    )
    assert not (tmp_path / "waitroom-edge").exists()


def test_an_installed_package_brings_the_sources_with_it(
    init: Init, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages/waitroom"
    leave = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(CHECKOUT / "edge", package / "_edge", ignore=leave)
    monkeypatch.setattr(setup, "__file__", str(package / "cli/edge/setup.py"))
    assert setup.sources() == package / "_edge"
    assert init(*GIVEN)[0] == 0


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (URL, URL),
        (f"{URL}/", URL),
        ("https://waiting.example.com:8443", "https://waiting.example.com:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_a_service_url_is_scheme_and_host(url: str, kept: str) -> None:
    assert Worker.of("gate", url, ["shop.example.com/*"]).service_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "waiting.example.com",
        "http://waiting.example.com",
        "http://127.0.0.1.example.com",
        "https://",
        "https://waiting.example.com/waitroom",
        "https://waiting.example.com?x=1",
        "https://waiting.example.com/?",
        "https://waiting.example.com#x",
        "https://waiting.example.com:99999",
        'https://waiting.example.com"\n',
        "https://user:hunter2@waiting.example.com",
        "redis://waiting.example.com",
        "https://[waiting",
    ],
)
def test_a_bad_service_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(RequestError) as refused:
        Worker.of("gate", url, ["shop.example.com/*"])
    assert refused.value.code == "bad_service_url"
    assert "hunter2" not in refused.value.detail


@pytest.mark.parametrize(
    ("route", "kept"),
    [
        ("shop.example.com/*", ["shop.example.com/*"]),
        ("*.Example.com/*", ["*.example.com/*"]),
        ("*example.com/*", ["*example.com/*"]),
        ("a.example/B*", ["a.example/B*", "a.example/__waitroom/*"]),
        ("a.example/", ["a.example/", "a.example/__waitroom/*"]),
        ("a.example/__waitroom/*", ["a.example/__waitroom/*"]),
    ],
)
def test_routes_let_the_splash_page_through_as_well(route: str, kept: list[str]) -> None:
    service = "https://waiting.example.net"
    assert list(Worker.of("gate", service, [route]).routes) == kept


@pytest.mark.parametrize(
    "route",
    [
        "",
        "shop.example.com",
        "https://shop.example.com/*",
        "shop.example.com:443/*",
        "shop.example.com/*x",
        "shop.*.com/*",
        "shop.example.com/a?b=1",
        "shop.example.com/ä*",
        "shop.example.com/a b",
        '"shop.example.com/*',
        "shop..example.com/*",
        "localhost/*",
        "*/*",
    ],
)
def test_a_bad_route_is_refused(route: str) -> None:
    with pytest.raises(RequestError) as refused:
        Worker.of("gate", URL, ["ok.example.com/*", route])
    assert refused.value.code == "bad_route"


@pytest.mark.parametrize(
    ("service", "route"),
    [
        ("https://shop.example.com", "shop.example.com/*"),
        ("https://SHOP.example.com.:8443/", "Shop.example.com/*"),
        ("https://shop.example.com", "shop.example.com/tickets/*"),
        ("https://waiting.example.com", "*.example.com/*"),
        ("https://waiting.example.com", "*example.com/*"),
        ("https://example.com", "*example.com/*"),
    ],
)
def test_a_waiting_room_behind_its_own_worker_is_refused(
    init: Init, tmp_path: Path, service: str, route: str
) -> None:
    code, _, err = init("--service-url", service, "--route", "other.example/*", "--route", route)
    assert (code, err[:26]) == (1, "error [service_on_route]: ")
    assert "would ask itself" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("service", "route"),
    [
        ("https://waiting.example.com", "shop.example.com/*"),
        ("https://example.com", "*.example.com/*"),
        ("https://waiting.example.net", "*example.com/*"),
        ("http://127.0.0.1:8000", "*.example.com/*"),
    ],
)
def test_a_waiting_room_on_a_host_of_its_own_is_taken(service: str, route: str) -> None:
    assert Worker.of("gate", service, [route]).routes == (route,)


def test_the_printed_steps_lead_back_before_the_check(init: Init, tmp_path: Path) -> None:
    out = init(*GIVEN, "a folder")[1]
    steps = [line.strip() for line in out.splitlines() if line.startswith("  ")]
    check = steps.index("waitroom edge check https://shop.example.com/")
    assert steps[check - 1] == f"cd {shlex.quote(str(tmp_path))}"
    assert "cd 'a folder'" in steps


@pytest.mark.parametrize("name", ["", "Gate", "a b", "-a", "a-", "a" * 64, 'a"'])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(RequestError) as refused:
        Worker.of(name, URL, ["shop.example.com/*"])
    assert refused.value.code == "bad_name"


def test_without_a_route_the_command_is_typed_wrongly(init: Init) -> None:
    code, _, err = init("--service-url", URL)
    assert (code, err[:14]) == (2, "error [usage]:")


def test_a_route_may_hold_what_json_has_to_escape() -> None:
    worker = Worker.of("gate", URL, ['shop.example.com/"\\1\\g<0>*'])
    shipped = (CHECKOUT / "edge/wrangler.jsonc").read_text()
    text = re.sub(r"^\s*//.*$", "", filled_in(shipped, worker), flags=re.M)
    assert orjson.loads(text)["routes"][0] == 'shop.example.com/"\\1\\g<0>*'


def test_a_shipped_file_without_the_places_is_a_defect_that_is_said() -> None:
    worker = Worker.of("gate", URL, ["shop.example.com/*"])
    for text in ("{}", '{\n"name": "a",\n"name": "b"\n}'):
        with pytest.raises(ConfigError, match='has no place for "name"'):
            filled_in(text, worker)
