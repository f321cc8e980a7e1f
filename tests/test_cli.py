import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EDGE_TOKEN, SECRET_KEY, Processes, Run
from waitroom.cli.doctor import (
    clock_found,
    jobs_found,
    persistence_found,
    policy_found,
    processes_found,
    secrets_found,
    version_found,
)
from waitroom.clock import now_ms
from waitroom.config import Config
from waitroom.jobs import JobHealth


def answer(result: tuple[int, str, str]) -> Any:
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


def test_rooms_can_be_made_changed_shown_listed_and_deleted(command: Run) -> None:
    assert answer(command("rooms", "list", "--json")) == {"rooms": []}
    assert command("rooms", "create", "shop", "title=2026")[:2] == (0, "Room shop is there.\n")
    assert command("rooms", "set", "shop", "total_active_users=2", "message=Hello you")[0] == 0
    shown = answer(command("rooms", "show", "shop", "--json"))
    assert (shown["name"], shown["title"]) == ("shop", "2026")
    assert (shown["total_active_users"], shown["message"]) == (2, "Hello you")
    assert [room["name"] for room in answer(command("rooms", "list", "--json"))["rooms"]] == [
        "shop"
    ]
    assert command("rooms", "delete", "shop", "--yes")[0] == 0
    assert answer(command("rooms", "list", "--json")) == {"rooms": []}


def test_people_get_tables(command: Run) -> None:
    assert "no rooms" in command("rooms", "list")[1]
    command("rooms", "create", "shop", 'routes=[{"host":"*","path":"/tickets"}]')
    assert "*/tickets" in command("rooms", "list")[1]
    assert "heartbeat_ttl_s" in command("rooms", "show", "shop")[1]
    assert "0 of 200" in command("status")[1]
    assert "last heartbeat" in command("visitors", "shop")[1]


def test_new_rooms_start_with_the_defaults_of_the_installation(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAITROOM_TOTAL_ACTIVE_USERS", "7")
    monkeypatch.setenv("WAITROOM_SESSION_DURATION_S", "77")
    made = answer(command("rooms", "create", "shop", "--json"))
    assert (made["total_active_users"], made["session_duration_s"]) == (7, 77)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("rooms", "show", "nowhere"), "room_not_found"),
        (("rooms", "set", "nowhere", "closed=true"), "room_not_found"),
        (("rooms", "delete", "nowhere", "--yes"), "room_not_found"),
        (("visitors", "nowhere"), "room_not_found"),
        (("rooms", "create", "shop"), "room_exists"),
        (("rooms", "create", "No Such Name"), "bad_setting"),
        (("rooms", "set", "shop", "total_active_users=-1"), "bad_setting"),
        (("rooms", "set", "shop", "seats=1"), "bad_setting"),
        (("rooms", "set", "shop", "closed"), "bad_setting"),
    ],
)
def test_a_failure_is_one_line_with_a_code(
    command: Run, arguments: tuple[str, ...], code: str
) -> None:
    command("rooms", "create", "shop")
    exit_code, out, err = command(*arguments)
    assert (exit_code, out) == (1, "")
    assert err.startswith(f"error [{code}]: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("rooms", "set"), ("status", "--xml"), ("visitors", "--count=x")]
)
def test_a_command_typed_wrongly_is_one_line_and_exit_code_2(
    command: Run, arguments: tuple[str, ...]
) -> None:
    exit_code, out, err = command(*arguments)
    assert (exit_code, out) == (2, "")
    assert err.startswith("error [usage]: ")
    assert err.count("\n") == 1


def test_without_redis_the_error_says_what_to_do(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAITROOM_REDIS_URL")
    exit_code, _, err = command("status")
    assert exit_code == 1
    assert err.startswith("error [bad_config]: no Redis to talk to: start `waitroom up`")


def test_a_redis_that_is_away_is_a_store_error(
    command: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WAITROOM_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    exit_code, _, err = command("rooms", "list")
    assert exit_code == 1
    assert err.startswith("error [store_unavailable]: ")


def test_status_tells_rooms_processes_and_jobs(command: Run) -> None:
    command("rooms", "create", "shop", "total_active_users=3")
    found = answer(command("status", "--json"))
    room = found["rooms"][0]
    assert (room["room"], room["state"], room["total_active_users"]) == ("shop", "open", 3)
    assert (room["waiting"], room["parked"], room["active"]) == (0, 0, 0)
    assert found["web"] == []
    assert found["jobs"] == {
        "failed": 0,
        "queued": 0,
        "last_sweep_ms": None,
        "workers": 0,
        "clocks": 0,
    }


def test_a_message_with_brackets_is_shown_as_it_is(command: Run) -> None:
    command("rooms", "create", "shop", "message=[bold]50% [/] off")
    assert "[bold]50% [/] off" in command("rooms", "show", "shop")[1]


def test_web_in_production_does_not_start_without_keys(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAITROOM_ENVIRONMENT", "production")
    exit_code, _, err = command("web")
    assert exit_code == 1
    assert err.startswith("error [bad_config]: WAITROOM_SECRET_KEYS is not set; in production")


def test_doctor_finds_what_is_missing_and_says_how_to_mend_it(command: Run) -> None:
    exit_code, out, _ = command("doctor", "--json")
    assert exit_code == 1
    findings = {finding["check"]: finding for finding in json.loads(out)["findings"]}
    levels = {check: finding["level"] for check, finding in findings.items()}
    assert levels == {
        "secrets": "error",
        "redis": "ok",
        "time": "ok",
        "persistence": "warning",
        "memory": "ok",
        "web": "error",
        "worker": "error",
        "clock": "error",
        "sweep": "warning",
    }
    assert all(finding["mend"] for finding in findings.values() if finding["level"] != "ok")


def test_doctor_without_redis_still_judges_the_rest(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAITROOM_REDIS_URL")
    monkeypatch.setenv("WAITROOM_SECRET_KEYS", SECRET_KEY)
    monkeypatch.setenv("WAITROOM_EDGE_TOKEN", EDGE_TOKEN)
    exit_code, out, _ = command("doctor")
    assert exit_code == 1
    assert "✓ secrets" in out
    assert "✗ redis" in out


def test_doctor_judges_versions() -> None:
    assert version_found({"redis_version": "7.0.15"}).level == "ok"
    assert version_found({"redis_version": "8.2.1"}).level == "ok"
    assert version_found({"redis_version": "6.2.14"}).level == "error"
    valkey = {"redis_version": "7.2.4", "server_name": "valkey"}
    assert version_found(valkey | {"valkey_version": "9.1.2"}).says == "Valkey 9.1.2"
    assert version_found(valkey | {"valkey_version": "7.1.0"}).level == "error"


def test_doctor_judges_clocks() -> None:
    found = [clock_found(ms).level for ms in (0, -999, 1_000, -4_999, 5_000)]
    assert found == ["ok", "ok", "warning", "warning", "error"]


def test_doctor_judges_persistence() -> None:
    assert persistence_found({"aof_enabled": 1}, "").level == "ok"
    broken = {"aof_enabled": 1, "aof_last_write_status": "err"}
    assert persistence_found(broken, "").level == "error"
    assert "Snapshots" in persistence_found({"aof_enabled": 0}, "3600 1").says
    assert persistence_found({"aof_enabled": 0}, None).level == "warning"


def test_doctor_judges_memory_processes_and_jobs() -> None:
    assert policy_found("noeviction").level == "ok"
    assert policy_found("allkeys-lru").level == "error"
    assert policy_found(None).level == "warning"
    assert processes_found([]).level == "error"
    assert processes_found(["web:host:1:x"]).level == "ok"
    well = jobs_found(JobHealth(0, 0, now_ms(), 1, 1))
    assert {finding.level for finding in well} == {"ok"}
    ill = jobs_found(JobHealth(2, 0, now_ms() - 61_000, 0, 0))
    assert [finding.level for finding in ill] == ["error", "error", "warning", "warning"]


def test_doctor_judges_keys() -> None:
    twice = Config(_env_file=None, secret_keys=(SECRET_KEY, SECRET_KEY), edge_token=EDGE_TOKEN)
    assert secrets_found(twice).level == "warning"


def test_the_module_is_the_command(processes: Processes) -> None:
    child = processes.start("--version")
    assert child.wait(10) == 0
    assert processes.output(child).startswith("waitroom, version ")
