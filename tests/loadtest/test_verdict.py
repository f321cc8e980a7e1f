"""A broken server must fail the load test: real runs against real servers, broken on purpose."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import redis

from loadtest.stand import Stand
from waitroom.clock import monotonic_s, now_ms
from waitroom.room.keys import Keys

REPOSITORY = Path(__file__).parents[2]
#: Room -> the page of the demo shop that it stands in front of.
PAGES = {
    "good": "/tickets",
    "over": "/buy",
    "order": "/static/shop.js",
    "killed": "/static/shop.css",
}
#: Longest time for all of it, seconds.
PATIENCE_S = 240.0
#: So many are in the line before anything is broken.
ENOUGH = 5


@dataclass
class Runs:
    """Load tests that run beside each other, on rooms of one stand."""

    stand: Stand
    folder: Path
    started: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def raw(self) -> Any:
        return redis.Redis.from_url(self.stand.valkey.url)

    def start(self, room: str, service: str, *more: str) -> None:
        arguments = {
            "--shape": "smoke",
            "--visitors": "24",
            "--arrive": "4",
            "--site": self.stand.site,
            "--service": service,
            "--room": room,
            "--path": PAGES[room],
            "--redis-url": self.stand.valkey.url,
            "--results": str(self.folder / room),
        }
        command = [sys.executable, "-m", "loadtest"]
        with (self.folder / f"{room}.log").open("wb") as log:
            self.started[room] = subprocess.Popen(
                [*command, *(part for pair in arguments.items() for part in pair), *more],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def waiting(self, room: str) -> int:
        return int(self.raw.zcard(Keys(room).waiting))

    def connected(self, service: str) -> int:
        with urlopen(f"{service}/metrics", timeout=PATIENCE_S) as page:
            found = re.search(r"^waitroom_sockets (\S+)$", page.read().decode(), re.MULTILINE)
        assert found is not None
        return int(float(found[1]))

    def over(self, room: str) -> bool:
        return self.started[room].poll() is not None

    def verdict(self, room: str) -> tuple[int, str, dict[str, Any]]:
        """Return exit code, output and what the JSON says."""
        output = (self.folder / f"{room}.log").read_text()
        result = json.loads((self.folder / room / "smoke" / "result.json").read_bytes())
        return self.started[room].returncode, output, result

    def break_what_they_are_about(self) -> None:
        """Break three rooms as soon as people wait there, until all runs are over."""
        deadline = monotonic_s() + PATIENCE_S
        broken: set[str] = set()
        while not all(self.over(room) for room in self.started):
            assert monotonic_s() < deadline, "the runs do not end"
            crowded = {room for room in PAGES if self.waiting(room) >= ENOUGH}
            if "killed" not in broken and self.connected(self.stand.services[1]) < ENOUGH:
                # Nobody would lose a socket yet.
                crowded -= {"killed"}
            if "over" in crowded - broken:
                later = now_ms() + 120_000
                self.raw.zadd(Keys("over").active, {f"{number:022}": later for number in range(50)})
            if "killed" in crowded - broken:
                self.stand.kill("web1")
            broken |= crowded
            if "order" in broken:
                self.last_one_first()
            time.sleep(0.1)

    def last_one_first(self) -> None:
        line = Keys("order").waiting
        head = self.raw.zrange(line, 0, 0, withscores=True)
        last = self.raw.zrange(line, -1, -1)
        if head and last:
            self.raw.zadd(line, {last[0]: head[0][1] - 1}, xx=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Run four load tests at once, and break what three of them are about."""
    stand = Stand(web_processes=2)
    found = Runs(stand, tmp_path_factory.mktemp("results"))
    try:
        stand.start()
        for room, path in PAGES.items():
            settings = {"total_active_users": 4, "routes": [{"host": "*", "path": path}]}
            stand.create_room(room, settings)
        sound, doomed = stand.services
        # Two processes, whose measures have to be put together.
        found.start("good", sound, "--processes", "2", "--hold", "120")
        # These two end when everybody has gone; in the others nobody gets in any more.
        found.start("order", sound, "--hold", "120")
        found.start("over", sound, "--hold", "10")
        found.start("killed", doomed, "--hold", "10")
        found.break_what_they_are_about()
        yield found
    finally:
        for process in found.started.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        stand.stop()


def test_a_room_that_seats_more_than_it_may_fails_the_run(runs: Runs) -> None:
    code, output, result = runs.verdict("over")
    assert code == 1, output
    assert "seats over the limit, most" in result["verdict"]
    assert result["figures"]["over"] >= 46


def test_a_room_that_admits_the_last_one_first_fails_the_run(runs: Runs) -> None:
    code, output, result = runs.verdict("order")
    assert code == 1, output
    assert {"order: pairs out of order", "order: Kendall's tau"} <= set(result["verdict"])


def test_a_web_process_that_dies_and_stays_away_fails_the_run(runs: Runs) -> None:
    code, output, result = runs.verdict("killed")
    assert code == 1, output
    assert {"visitors lost", "sockets lost, not by the visitor"} <= set(result["verdict"])
    assert result["figures"]["disconnects"] >= 1


def test_a_sound_room_loses_nobody(runs: Runs) -> None:
    # How quick it is depends on the machine; what must not happen does not.
    _, output, result = runs.verdict("good")
    figures = result["figures"]
    assert [figures[name] for name in ("lost", "disconnects", "over", "out_of_order")] == [0] * 4
    assert figures["defects"] == figures["unregistered"] == figures["workers_silent"] == 0
    assert figures["visits"] == figures["admitted"] == 24, output
    assert figures["tau"] == 1.0
    assert (runs.folder / "good" / "smoke" / "report.html").stat().st_size > 50_000
    assert "verdict: " in output
