"""`waitroom rooms export` and `apply`, and the levers of the command line."""

import io
import json
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from waitroom.accounts.who import Who
from waitroom.control import Control
from waitroom.control.views import RoomView
from waitroom.errors import StoreError

FILE = """
[rooms.shop]
title = "Shop – 50% [off]"
total_active_users = 300
routes = [{ host = "shop.example", path = "/" }, { path = "/tickets" }]
bypass = [{ header = "x-monitor", value = "a-secret-of-16-or-more" }]
when_unavailable = { action = "open", open_limit_s = 60 }

[rooms.tickets]
new_users_per_minute = 60
"""


@pytest.fixture
def run(command: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command about rooms, with nothing on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return partial(command, "rooms")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "rooms.toml"
    found.write_text(FILE)
    return found


def show(run: Run, name: str) -> dict[str, Any]:
    code, out, err = run("show", name, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_apply_shows_the_difference_makes_it_and_then_finds_nothing_to_do(
    run: Run, file: Path
) -> None:
    code, out, _ = run("apply", str(file), "--dry-run")
    assert code == 0
    assert "+ shop\n" in out and "    total_active_users: 200 -> 300\n" in out
    assert "Nothing was changed (--dry-run)." in out
    assert json.loads(run("list", "--json")[1]) == {"rooms": []}
    assert run("apply", str(file))[0] == 0
    found = show(run, "shop")
    assert (found["title"], found["total_active_users"]) == ("Shop – 50% [off]", 300)
    assert found["routes"] == [
        {"host": "shop.example", "path": "/"},
        {"host": "*", "path": "/tickets"},
    ]
    assert run("apply", str(file))[:2] == (0, "Nothing to change.\n")


def test_what_was_exported_applies_to_nothing_and_makes_the_same_rooms_anew(
    run: Run, file: Path, tmp_path: Path
) -> None:
    run("apply", str(file))
    code, out, err = run("export")
    assert code == 0 and "secrets" in err
    assert out.startswith("# Rooms of a Waitroom installation")
    assert set(tomllib.loads(out)["rooms"]) == {"shop", "tickets"}
    copy = tmp_path / "copy.toml"
    copy.write_text(out)
    assert run("apply", str(copy))[1] == "Nothing to change.\n"
    before = show(run, "shop")
    run("delete", "shop", "--yes")
    run("apply", str(copy))
    assert show(run, "shop") == before
    # One room alone, and no note where there is no secret.
    assert run("export", "tickets")[2] == ""


def test_a_setting_that_the_file_leaves_out_has_its_default_but_levers_stay(
    run: Run, file: Path
) -> None:
    run("apply", str(file))
    run("set", "shop", "message=Hello", "queue_all=true", "claim_ttl_s=60")
    run("end-passes", "shop")
    code, out, _ = run("apply", str(file))
    assert (code, out) == (0, "~ shop\n    claim_ttl_s: 60 -> 120\n")
    found = show(run, "shop")
    assert (found["message"], found["queue_all"], found["epoch"]) == ("Hello", True, 1)
    assert found["claim_ttl_s"] == 120
    exported = run("export", "shop")[1]
    assert "message" not in exported.split("[rooms.shop]")[1]
    assert 'message = "Hello"' in run("export", "shop", "--running")[1]
    assert "epoch" not in run("export", "shop", "--running")[1]


def test_rooms_that_the_file_leaves_out_are_deleted_only_when_asked_for(
    run: Run, file: Path
) -> None:
    run("create", "old")
    run("apply", str(file))
    out = run("apply", str(file))[1]
    assert "Not in the file, left as they are: old." in out
    assert "- old" in run("apply", str(file), "--delete", "--dry-run")[1]
    assert show(run, "old")["name"] == "old"
    assert run("apply", str(file), "--delete")[0] == 130  # nobody says yes
    assert show(run, "old")["name"] == "old"
    assert run("apply", str(file), "--delete", "--yes")[0] == 0
    assert run("show", "old")[0] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[rooms.shop]\ntotal_active_users = -1", "shop: total_active_users=-1"),
        ("[rooms.shop]\ntotal_active_users = true", "shop: total_active_users=True"),
        ('[rooms.shop]\ntotal_active_users = "5"', "shop: total_active_users='5'"),
        ("[rooms.shop]\nseats = 5", "there is no such setting"),
        ("[rooms.shop]\nepoch = 0", "epoch does not belong into a file"),
        ("[rooms.shop]\ntitle = 2026-11-23", "title='2026-11-23'"),
        ("[rooms.shop]\nplace_ttl_s = 60\nheartbeat_ttl_s = 90", "place_ttl_s must be at least"),
        ("[rooms.shop]\nbypass = [{}]", "a rule names at least one"),
        ('[rooms."NO WAY"]\n', "name='NO WAY'"),
        ("[room.shop]\n", "there is no room"),
        ("rooms = 1", "rooms must be tables"),
        ("[rooms]\nshop = 1", "shop must be a table"),
        ("[rooms.shop", "is not TOML"),
        ("\x00\x01", "is not TOML"),
    ],
)
def test_nothing_is_changed_when_anything_is_wrong(
    run: Run, tmp_path: Path, text: str, says: str
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(f"[rooms.good]\n{text}" if text.startswith("[rooms.") else text)
    if text.startswith("[rooms."):
        wrong.write_text(f"[rooms.good]\n\n{text}")
    code, out, err = run("apply", str(wrong))
    assert (code, out) == (1, "")
    assert says in err and err.count("\n") == 1
    assert json.loads(run("list", "--json")[1]) == {"rooms": []}


def test_everything_that_is_wrong_is_said_at_once(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[rooms.a]\nclaim_ttl_s = 1\nseats = 1\n[rooms.b]\nclosed = 1\n")
    err = run("apply", str(wrong))[2]
    assert "a: claim_ttl_s=1" in err and "a: seats=1" in err and "b: closed=1" in err


def test_a_plan_can_be_read_by_machines(run: Run, file: Path) -> None:
    plan = json.loads(run("apply", str(file), "--dry-run", "--json")[1])
    assert plan["dry_run"] is True
    assert [(room["room"], room["does"]) for room in plan["rooms"]] == [
        ("shop", "create"),
        ("tickets", "create"),
    ]
    assert plan["rooms"][1]["changes"] == {"new_users_per_minute": [None, 60]}


def test_levers_and_the_trail_work_from_the_command_line(run: Run) -> None:
    run("create", "shop", 'routes=[{"path":"/shop"}]')
    for lever, said in (
        ("pause", "is paused"),
        ("stop", "is stopped"),
        ("close", "is closed"),
        ("drain", "drains"),
        ("open", "is open"),
        ("end-passes", "has no passes any more"),
    ):
        assert run(lever, "shop")[:2] == (0, f"Room shop {said}.\n")
    assert run("message", "shop", "Hello")[0] == 0
    assert show(run, "shop")["message"] == "Hello"
    assert run("message", "shop")[0] == 0
    assert run("admit", "shop", "5")[1] == "0 of 5 were let in: nobody else waits.\n"
    assert run("find", "shop", "nobody")[2].startswith("error [visitor_not_found]")
    trail = json.loads(run("audit", "shop", "--json")[1])
    assert trail["entries"][0]["changes"][0]["what"] == "admit_now"
    assert all(entry["who"].startswith("cli") for entry in trail["entries"])
    assert "queue_all" in run("audit", "shop")[1]
    assert "Room: shop" in run("match", "https://example.com/shop/1")[1]


def test_a_theme_that_is_not_kept_is_found_before_anything_is_changed(
    run: Run, tmp_path: Path
) -> None:
    assert run("create", "shop")[0] == 0
    found = tmp_path / "themes.toml"
    lost = "20260101000000-0123abcd"
    found.write_text(f"[rooms.a]\n[rooms.shop]\ntheme = '{lost}'\n[rooms.z]\ntheme = '{lost}'\n")
    for more in ([], ["--dry-run"]):
        code, _, err = run("apply", str(found), *more)
        assert code != 0
        assert "shop: theme" in err and "z: theme" in err
    assert [room["name"] for room in json.loads(run("list", "--json")[1])["rooms"]] == ["shop"]


def test_a_fault_in_the_middle_says_what_was_done(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tmp_path / "three.toml"
    found.write_text("[rooms.a]\n[rooms.b]\n[rooms.c]\n")
    create = Control.create

    async def fail(self: Control, who: Who, name: str, changes: dict[str, Any]) -> RoomView:
        if name == "b":
            raise StoreError("Redis is away.")
        return await create(self, who, name, changes)

    monkeypatch.setattr(Control, "create", fail)
    code, _, err = run("apply", str(found))
    assert code == 1
    assert "Done before the fault: a. All else is as it was." in err
