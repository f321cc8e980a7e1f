"""Imports go one way (design, section 10): base modules, room, gate, then live, web and jobs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import waitroom

ROOT = Path(waitroom.__file__).parent
#: Which parts each part may import, beside base modules: those that import no part themselves.
BELOW: dict[str, set[str]] = {
    "room": set(),
    "gate": {"room"},
    "accounts": {"room"},
    "reports": {"room"},
    "alerts": {"room", "accounts", "reports"},
    "jobs": {"room", "reports", "alerts"},
    "live": {"room", "gate"},
    "control": {"room", "accounts", "alerts", "gate", "jobs", "reports"},
    "web": {"room", "accounts", "alerts", "gate", "live", "jobs", "control"},
    "api": {"alerts", "room", "accounts", "control", "reports", "web"},
    "console": {"room", "accounts", "alerts", "control", "live", "reports", "web"},
    "demo": {"room", "gate", "web"},
}
#: These put all parts of a web process together.
WIRING = {"web/app.py", "web/services.py"}
#: These have to be base modules, whatever else is one.
BASE = {"errors", "config", "clock", "tokens", "embedded"}
FOREIGN_TO_THE_ENGINE = {
    "quart", "socketio", "engineio", "rq", "hypercorn", "aiohttp", "click", "werkzeug", "jinja2",
}  # fmt: skip


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ("waitroom", *path.relative_to(ROOT).parent.parts)
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            # `from waitroom import clock` names a module, too.
            if module == "waitroom":
                yield from (f"waitroom.{name.name}" for name in node.names)


def part(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


FILES = sorted(ROOT.rglob("*.py"))


def ours(path: Path) -> set[str]:
    """Return the parts and base modules that a file imports."""
    names = (module.split(".") for module in imported(path))
    return {name[1] for name in names if name[0] == "waitroom" and len(name) > 1}


def reachable(name: str) -> set[str]:
    """Return what a module beside the parts imports, directly or not."""
    found, new = set[str](), {name}
    while new:
        found |= new
        new = {
            below
            for above in new
            if (ROOT / f"{above}.py").exists()
            for below in ours(ROOT / f"{above}.py")
        } - found
    return found - {name}


@pytest.mark.parametrize("name", sorted(BASE))
def test_base_module_imports_only_base_modules(name: str) -> None:
    assert not reachable(name) & set(BELOW)


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if part(path) in BELOW and str(path.relative_to(ROOT)) not in WIRING],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_imports_go_only_down(path: Path) -> None:
    own = part(path)
    for name in ours(path) - {own} - BELOW[own]:
        assert (ROOT / f"{name}.py").exists(), f"imports {name}, which stands above"
        assert not reachable(name) & (set(BELOW) - BELOW[own]), f"imports {name}, which wires"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "room").rglob("*.py")), ids=lambda path: str(path.name)
)
def test_engine_knows_no_web_and_no_worker(path: Path) -> None:
    assert not {module.split(".")[0] for module in imported(path)} & FOREIGN_TO_THE_ENGINE


def test_nothing_outside_the_engine_looks_into_its_scripts_or_spells_its_keys() -> None:
    for path in FILES:
        if part(path) == "room":
            continue
        modules = set(imported(path))
        assert "waitroom.room.scripts" not in modules, path
        text = path.read_text()
        assert not re.search(r"waitroom:(\{|rooms|life|processes)", text), path
