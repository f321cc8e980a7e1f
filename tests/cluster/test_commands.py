"""What an operator is told when rooms live on several servers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.servers import Cluster, RedisServer, Sentinel, temporary_folder
from tests.conftest import EDGE_TOKEN, SECRET_KEY
from waitroom.cli import main
from waitroom.cli.doctor import coverage_found
from waitroom.cli.finding import Finding
from waitroom.cli.nodes import merged
from waitroom.room.keys import PROCESSES, ROOMS, Keys

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(
    valkey_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Return a function that runs a command with --json on the rooms of an address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAITROOM_RQ_REDIS_URL", valkey_url)
    monkeypatch.setenv("WAITROOM_SECRET_KEYS", SECRET_KEY)
    monkeypatch.setenv("WAITROOM_EDGE_TOKEN", EDGE_TOKEN)

    def command(url: str, *arguments: str) -> tuple[int, Any]:
        monkeypatch.setenv("WAITROOM_REDIS_URL", url)
        code = main([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return command


def levels(findings: list[dict[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in findings:
        found.setdefault(finding["check"], []).append(finding["level"])
    return found


def test_with_a_master_away_status_and_doctor_tell_of_the_others(
    own_cluster: Cluster, run: Run
) -> None:
    url = own_cluster.url
    names = {own_cluster.node_of(Keys(f"r{i}").settings): f"r{i}" for i in range(30)}
    kept_for = {own_cluster.node_of(key) for key in (ROOMS, PROCESSES)}
    [victim] = [node for node in own_cluster.nodes if node not in kept_for]
    for name in names.values():
        assert run(url, "rooms", "create", name)[0] == 0
    _, well = run(url, "doctor")
    assert levels(well["findings"])["redis"] == levels(well["findings"])["cluster"] == ["ok"]
    victim.kill()
    code, found = run(url, "status")
    assert code == 0
    states = {row["room"]: row["state"] for row in found["rooms"]}
    assert states == {
        name: "unreachable" if node is victim else "open" for node, name in names.items()
    }
    code, found = run(url, "doctor")
    assert code == 1
    assert sorted(levels(found["findings"])["redis"]) == ["error", "ok"]
    [error] = [
        each for each in found["findings"] if (each["check"], each["level"]) == ("redis", "error")
    ]
    assert error["says"].startswith(victim.address) and "others go on" in error["mend"]


def test_doctor_counts_the_sentinels(redis_server: RedisServer, run: Run) -> None:
    redis_server.empty()
    with temporary_folder("sentinel") as folder:
        sentinel = Sentinel(folder)
        sentinel.watch("rooms", redis_server.port)
        sentinel.start()
        try:
            _, found = run(f"redis+sentinel://{sentinel.address},127.0.0.1:1/rooms", "doctor")
        finally:
            sentinel.kill()
    [finding] = [each for each in found["findings"] if each["check"] == "sentinel"]
    assert (finding["level"], finding["says"]) == ("warning", "1 of 2 Sentinels answer")


def test_what_all_servers_say_is_said_once() -> None:
    well, old = Finding("redis", "ok", "Redis 7"), Finding("redis", "error", "too old", "Upgrade.")
    assert [each.says for each in merged(["a", "b"], [[well], [well]])] == [
        "Redis 7 (2 of 2 servers)"
    ]
    assert [each.says for each in merged(["a", "b"], [[old], [well]])] == [
        "a: too old",
        "Redis 7 (1 of 2 servers)",
    ]
    assert [each.says for each in merged(["a", "b"], [[old], [old]])] == [
        "too old (2 of 2 servers)"
    ]
    assert merged([""], [[old, well]]) == [old, well]


def test_a_cluster_that_stops_as_a_whole_is_warned_of() -> None:
    assert coverage_found("no").level == "ok"
    assert coverage_found("yes").level == coverage_found(None).level == "warning"
