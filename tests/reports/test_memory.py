"""A report of many visits needs no more memory than one of few: a limit that is enforced."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from waitroom.room import Directory, Store

from .filling import fill

#: What a report may need beside what the process has anyway, MiB. It needs 16 to 19; packed rows
#: alone, held in memory, would be more than 50.
LIMIT_MIB = 32
ROWS = 1_000_000

MAKE = """
import asyncio, re
from pathlib import Path
from waitroom.config import load_config
from waitroom.reports import Reports
from waitroom.room import Directory, Store

def most_mib():
    # Not getrusage: what it says begins with the memory of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

async def main():
    config = load_config()
    store = Store.connect(config.redis_url)
    reports = Reports(store, config)
    await Directory(store).create("few", {}, who="test")
    await reports.start("few", "test")
    assert await reports.make("few", 30.0)
    before = most_mib()
    await reports.start("many", "test")
    report = None
    while report is None:
        report = await reports.make("many", 2.5)
    print(report.rows, most_mib() - before)
    await store.close()

asyncio.run(main())
"""


def test_a_large_report_stays_within_its_memory(redis_url: str, tmp_path: Path) -> None:
    async def create() -> None:
        store = Store.connect(redis_url)
        room = await Directory(store).create("many", {}, who="test")
        # Opened before the visits that are made up.
        await store.redis.unlink(room.keys.audit)
        await store.redis.hset(room.keys.meta, mapping={"born_ms": 1, "version": ""})
        await store.close()

    asyncio.run(create())
    fill(redis_url, "many", ROWS)
    environment = os.environ | {
        "WAITROOM_REDIS_URL": redis_url,
        "WAITROOM_REPORTS_DIR": str(tmp_path / "reports"),
    }
    done = subprocess.run(
        [sys.executable, "-c", MAKE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    rows, grown_mib = done.stdout.splitlines()[-1].split()
    assert int(rows) == ROWS
    assert float(grown_mib) < LIMIT_MIB
    print(f"{rows} rows: {grown_mib} MiB")
