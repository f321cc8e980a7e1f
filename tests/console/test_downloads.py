"""Reports as they are fetched, by the console and by the API: kept by nobody, and harmless."""

import pytest

from tests.console.conftest import Person, Sign
from tests.web.helpers import Site
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.who import Who
from waitroom.reports import Reports


@pytest.fixture
async def report(site: Site) -> str:
    """Return the id of a report of the room `shop`."""
    reports = Reports(site.services.store, site.services.config)
    await reports.start("shop", "test")
    made = None
    while made is None:
        made = await reports.make("shop", 30.0)
    return made.id


async def test_nobody_keeps_a_report_and_none_runs_anything(
    ada: Person, accounts: Accounts, report: str
) -> None:
    token = (await accounts.tokens.make(Who("cli root", "owner"), "ci", "owner")).value
    bearer = {"Authorization": f"Bearer {token}"}
    for address in (f"/console/rooms/shop/reports/{report}.", f"/api/rooms/shop/reports/{report}/"):
        csv = await ada.http.get(f"{address}csv", headers=bearer)
        html = await ada.http.get(f"{address}html", headers=bearer)
        for found in (csv, html):
            assert found.status_code == 200
            assert found.headers["cache-control"] == "private, no-store"
            assert found.headers["x-content-type-options"] == "nosniff"
            policy = found.headers["content-security-policy"]
            # An origin of its own, so not even a mistake in it could use the console's cookie.
            assert "default-src 'none'" in policy and "sandbox" in policy
            assert "script-src" not in policy and "allow-" not in policy
        assert csv.headers["content-type"] == "text/csv; charset=utf-8"
        saved = f"attachment; filename=shop-{report}.csv"
        assert csv.headers["content-disposition"] == saved


async def test_a_report_of_one_room_is_not_found_in_another(
    sign: Sign, site: Site, report: str
) -> None:
    await site.services.directory.create("other", {}, who="test")
    guest = await sign("gus", "owner", ["other"])
    for kind in ("csv", "html"):
        assert (await guest.get(f"/console/rooms/shop/reports/{report}.{kind}")).status_code == 403
        for name in (report, "..%2Fshop%2F" + report, "../shop/" + report):
            found = await guest.get(f"/console/rooms/other/reports/{name}.{kind}")
            assert found.status_code in (403, 404)
            assert "shop" not in found.headers.get("content-disposition", "")
    await guest.post("/console/rooms/other/reports/delete", report=report)
    reports = Reports(site.services.store, site.services.config)
    assert [each.id for each in await reports.list("shop")] == [report]
