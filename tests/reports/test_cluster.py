from pathlib import Path

from tests.cluster.servers import Cluster
from waitroom.clock import monotonic_s
from waitroom.config import Config
from waitroom.reports import Reports
from waitroom.reports.forgetting import forget
from waitroom.room import Directory, Store

from .conftest import rows_of


async def test_rooms_on_a_cluster_are_reported_and_forgotten(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.empty()
    store = Store.connect(cluster.url)
    config = Config(_env_file=None, rq_redis_url="redis://x", reports_dir=tmp_path)
    reports, directory = Reports(store, config), Directory(store)
    for name in ("a", "b", "c", "d"):
        room = await directory.create(name, {"total_active_users": 1}, who="test")
        await room.enter_many([(f"v{n}", 0) for n in range(3)])
        await room.leave("v0")
        await reports.tend(await directory.update(name, {"closed": True}, who="test"), 30.0)
        (report,) = await reports.list(name)
        rows = rows_of(await reports.open(name, report.id, "csv"))
        assert [row["outcome"] for row in rows] == ["left_site", "waiting", "waiting"]
        # The line, the ended seat and the row of the journal.
        assert await forget(store, room.keys, until_s=monotonic_s() + 5) == 4
    await store.close()
