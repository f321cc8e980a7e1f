"""Pages of alerts: a room's own rules, and channels that are told of some things only."""

import re

import httpx
import pytest

from tests.console.conftest import Person, Sign
from tests.web.helpers import Site
from waitroom.accounts.who import Who
from waitroom.alerts import Alerts, ChannelShown, Rule

OWNER = Who("root", "owner")
RULE = {"kind": "wait", "limit": "600", "for_s": "30", "on": "1"}
HOOK = {"name": "ops", "kind": "webhook", "url": "https://hooks.example.com/x", "on": "1"}
#: What the form sends for a channel that is told of everything.
ALL = {"rooms_of": "all", "kinds_of": "all"}


def alerts(site: Site) -> Alerts:
    return Alerts(site.services.store, site.services.config)


async def rule(site: Site, id_: str = "wait:shop") -> Rule | None:
    return {each.id: each for each in await alerts(site).rules(OWNER)}.get(id_)


async def save_rule(person: Person, where: str, **fields: str) -> httpx.Response:
    """Open a page of rules and save the one of a kind, as it stands there or else."""
    page, path = f"/console/{where}", f"/console/{where}/rule"
    of = f'name="kind" value="{fields["kind"]}"><input type="hidden" name="seen"'
    return await person.post(path, **{**await person.open(page, path, of), **fields})


async def channel(site: Site, name: str = "ops") -> ChannelShown:
    return await alerts(site).channel(OWNER, name)


async def test_room_has_the_general_rule_until_it_gets_its_own(ada: Person, site: Site) -> None:
    await save_rule(ada, "alerts", **RULE | {"limit": "900"})
    page = (await ada.get("/console/rooms/shop/alerts")).text
    assert "900 seconds, for at least 30 seconds" in page and "own rule" not in page

    saved = await save_rule(ada, "rooms/shop/alerts", **RULE)
    assert saved.headers["location"].startswith("/console/rooms/shop/alerts")
    page = (await ada.get("/console/rooms/shop/alerts")).text
    assert "600 seconds, for at least 30 seconds" in page
    assert "(in other rooms: 900 seconds, for at least 30 seconds)" in page
    assert "own rule" in page
    assert "600 seconds, for at least 30 seconds" in (await ada.get("/console/alerts")).text

    await save_rule(ada, "rooms/shop/alerts", kind="wait", limit="600", for_s="30")
    found = await rule(site)
    assert found is not None and not found.on

    await ada.post("/console/rooms/shop/alerts/rule/delete", kind="wait")
    assert await rule(site) is None
    assert "own rule" not in (await ada.get("/console/rooms/shop/alerts")).text


async def test_general_rule_goes_back_to_the_default(ada: Person, site: Site) -> None:
    assert "Back to the default" not in (await ada.get("/console/alerts")).text
    await save_rule(ada, "alerts", **RULE)
    assert "Back to the default" in (await ada.get("/console/alerts")).text
    await ada.post("/console/alerts/rule/delete", rule="wait")
    found = await rule(site, "wait")
    assert found is not None and found.limit == 1_800


@pytest.mark.parametrize("path", ["alerts", "rooms/shop/alerts"])
async def test_refused_rule_names_field_value_and_range_and_stays_in_the_form(
    path: str, ada: Person, site: Site
) -> None:
    refused = await save_rule(ada, path, **RULE | {"limit": "5"})
    assert refused.status_code == 422
    assert "The limit 5: must be 10 to 86400 seconds" in refused.text
    assert re.search(r'name="limit" value="5"[^>]*aria-invalid="true"', refused.text)
    assert refused.text.count('aria-invalid="true"') == 1
    refused = await save_rule(ada, path, **RULE | {"for_s": "86401"})
    assert "For at least 86401: must be a whole number, 0 to 86400" in refused.text
    assert await rule(site) is None


async def test_owner_of_one_room_sets_its_rules_and_no_others(sign: Sign, site: Site) -> None:
    await site.services.directory.create("other", {}, who="test")
    eve = await sign("eve", "owner", ["shop"])
    assert (await save_rule(eve, "rooms/shop/alerts", **RULE)).status_code == 303
    assert (await eve.post("/console/rooms/other/alerts/rule", **RULE)).status_code == 403
    gone = await eve.post("/console/rooms/other/alerts/rule/delete", kind="wait")
    assert gone.status_code == 403
    viewer = await sign("vic", "viewer")
    page = (await viewer.get("/console/rooms/shop/alerts")).text
    assert "600 seconds" in page and "Save for this room" not in page


async def test_a_room_that_is_not_there_has_no_rules(ada: Person, site: Site) -> None:
    assert (await ada.post("/console/rooms/nope/alerts/rule", **RULE)).status_code == 404
    assert await rule(site, "wait:nope") is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rooms_of": "some"}, "Rooms: mark one at least, or choose all"),
        ({"kinds_of": "some"}, "What it is told of: mark one at least, or choose all"),
        ({"rooms": "shop"}, "Rooms: some are marked, but all are chosen"),
        (
            {"rooms_of": "some", "rooms": "shop", "kinds_of": "some", "kinds": "redis_memory"},
            "What it is told of: none of them is about a room",
        ),
        ({"name": "No Good"}, "Name No Good: "),
        ({"url": "ftp://s3cret"}, "Address of the webhook: must be an address"),
        ({"quiet_start": "22:00", "quiet_end": "25:00"}, "Quiet hours 25:00: must be"),
    ],
)
async def test_what_is_marked_is_what_is_chosen(
    fields: dict[str, str], said: str, ada: Person, site: Site
) -> None:
    refused = await ada.post("/console/alerts/channel", **HOOK | ALL | fields)
    assert refused.status_code == 422
    assert said in refused.text
    assert 'aria-invalid="true"' in refused.text and "s3cret" not in refused.text
    assert await alerts(site).channels(OWNER) == []


async def test_channel_is_told_of_some_rooms_and_kinds(ada: Person, site: Site) -> None:
    some = {"rooms_of": "some", "rooms": "shop", "kinds_of": "some", "kinds": "wait"}
    await ada.post("/console/alerts/channel", **HOOK | some)
    found = await channel(site)
    assert (found.rooms, found.kinds) == (["shop"], ["wait"])
    assert "only shop · the wait is long" in (await ada.get("/console/alerts")).text


async def test_channel_is_changed_from_what_it_is(ada: Person, site: Site) -> None:
    quiet = {"quiet_start": "22:00", "quiet_end": "07:00", "quiet_zone": "Europe/Berlin"}
    some = {"rooms_of": "some", "rooms": "shop", "kinds_of": "all"}
    await ada.post("/console/alerts/channel", **HOOK | quiet | some)
    page = (await ada.get("/console/alerts?channel=ops")).text
    for text in ("Change ops", 'value="22:00"', 'value="Europe/Berlin"', 'value="ops"'):
        assert text in page
    assert re.search(r'name="rooms" value="shop" checked', page)
    assert re.search(r'name="rooms_of" value="some" checked', page)
    assert re.search(r'name="kinds_of" value="all" checked', page)
    # One that is made anew does not change it by having its name.
    again = await ada.post("/console/alerts/channel", **HOOK | ALL)
    assert again.status_code == 422 and "Name ops: there is a channel of this name" in again.text
    assert (await channel(site)).rooms == ["shop"]
    kept = await ada.open("/console/alerts?channel=ops", "/console/alerts/channel")
    assert kept["old"] == "ops"
    changed = await ada.post("/console/alerts/channel", **kept | HOOK | ALL | {"url": ""})
    assert changed.status_code == 303
    assert ((await channel(site)).rooms, (await channel(site)).url_set) == (None, True)
    assert (await ada.get("/console/alerts?channel=nobody")).status_code == 404
