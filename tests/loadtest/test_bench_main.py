"""One command for all benchmarks: what it says of parts that are not there, fail or miss."""

import sys
from pathlib import Path
from types import ModuleType

import orjson
import pytest

from loadtest.bench.__main__ import PARTS, main, measure
from loadtest.bench.rows import Row, at_least, at_most


def give(monkeypatch: pytest.MonkeyPatch, part: str, *rows: Row) -> None:
    """Have a part measure these rows."""
    module = ModuleType(part)
    module.measure = lambda small: list(rows)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, f"loadtest.bench.{part}", module)


def run(folder: Path, *options: str) -> int:
    return main(["--only", "engine", "--json", str(folder / "bench.json"), *options])


MET, MISSED = at_least("speed", 0.5, 0.6), at_most("time", 2, 2.1)
LOST = Row("visitors lost", "0", "1", False, always=True)


@pytest.mark.parametrize(
    ("row", "small", "code"),
    [(MET, False, 0), (MISSED, False, 1), (MISSED, True, 0), (LOST, False, 1), (LOST, True, 1)],
)
def test_missed_target_gives_exit_code_one_and_noise_forgives_a_quick_look(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: Row, small: bool, code: int
) -> None:
    give(monkeypatch, "engine", MET, row)
    assert run(tmp_path, *(["--small"] if small else [])) == code


def test_rows_are_shown_as_a_table_and_written_for_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "engine", MET, MISSED)
    run(tmp_path)
    _, met, missed = capsys.readouterr().out.splitlines()
    assert met.split() == ["speed", ">=", "0.5", "0.60", "ok"]
    assert missed.split() == ["time", "<=", "2", "2.10", "missed"]
    found = orjson.loads((tmp_path / "bench.json").read_bytes())["rows"]
    assert [(row["name"], row["figure"], row["ok"]) for row in found] == [
        ("speed", 0.6, True),
        ("time", 2.1, False),
    ]


def test_part_that_is_not_there_is_reported_and_misses_nothing() -> None:
    [row] = measure("nothing_of_this_name", small=True)
    assert (row.ok, row.value) == (True, "not there yet")


def test_part_that_fails_is_reported_and_the_others_still_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = ModuleType("http")
    broken.measure = lambda small: 1 // 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "loadtest.bench.http", broken)
    give(monkeypatch, "live", MET)
    parts = ["--only", "http", "--only", "live"]
    assert main([*parts, "--small", "--json", str(tmp_path / "bench.json")]) == 1
    said = capsys.readouterr()
    assert "failed: ZeroDivisionError" in said.out and "speed" in said.out
    assert "Traceback" in said.err


def test_unknown_part_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path, "--only", "everything")
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert all(part in said for part in PARTS)
