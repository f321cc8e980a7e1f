"""Settings: all with their meaning, only changes are sent, and edits that meet are shown."""

import html
import re
from typing import Any

import orjson

from tests.console.conftest import Person, Sign
from tests.web.helpers import Site
from waitroom.control.meanings import MEANINGS
from waitroom.room import RoomSettings


async def form_of(person: Person, group: str) -> dict[str, str]:
    """Return the fields of one group as a browser would send them, untouched."""
    page = (await person.get("/console/rooms/shop/settings")).text
    section = re.search(rf'aria-labelledby="{group}">.*?</section>', page, re.DOTALL)
    assert section
    seen = re.search(r'name="seen" value="([^"]*)"', section[0])
    assert seen
    fields = {"seen": html.unescape(seen[1]), "group": group}
    values: dict[str, Any] = orjson.loads(fields["seen"])
    for name, value in values.items():
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            fields[name] = str(value)
        elif value is True:
            fields[name] = "true"
    return fields


def test_every_setting_has_a_meaning() -> None:
    assert set(MEANINGS) == set(RoomSettings.model_fields)
    assert all(len(meaning.text) > 20 for meaning in MEANINGS.values())


async def test_page_shows_every_setting_with_its_meaning_and_range(ada: Person) -> None:
    page = html.unescape((await ada.get("/console/rooms/shop/settings")).text)
    for name in set(RoomSettings.model_fields) - {"epoch", "theme"}:
        assert MEANINGS[name].label in page, name
        assert MEANINGS[name].text in page, name
    assert "0 to 10,000,000." in page


async def test_only_what_was_changed_is_saved(ada: Person, site: Site) -> None:
    form = await form_of(ada, "how-many")
    # Meanwhile somebody changes another setting of the same group.
    await site.services.directory.update("shop", {"new_users_per_minute": 60}, who="bob")
    done = await ada.post("/console/rooms/shop/settings", **form | {"total_active_users": "1,500"})
    assert done.status_code == 303
    settings = (await site.services.directory.get("shop")).settings
    assert (settings.total_active_users, settings.new_users_per_minute) == (1500, 60)


async def test_edits_that_meet_are_shown_with_both_values(ada: Person, site: Site) -> None:
    form = await form_of(ada, "how-many")
    await site.services.directory.update("shop", {"total_active_users": 300}, who="bob")
    mine = form | {"total_active_users": "400"}
    met = await ada.post("/console/rooms/shop/settings", **mine)
    assert met.status_code == 409
    text = re.sub(r"<[^>]+>", "", met.text)
    assert "On the site at once was changed meanwhile by bob" in text
    assert "Theirs: 300. Yours: 400." in text
    assert 'value="400"' in met.text
    assert (await site.services.directory.get("shop")).settings.total_active_users == 300
    # The page now says what they set: saving again is a decision.
    again = re.search(r'name="seen" value="([^"]*)"', met.text)
    assert again
    sure = await ada.post(
        "/console/rooms/shop/settings", **mine | {"seen": html.unescape(again[1])}
    )
    assert sure.status_code == 303
    assert (await site.services.directory.get("shop")).settings.total_active_users == 400


async def test_value_out_of_range_is_refused_beside_its_field(ada: Person, site: Site) -> None:
    form = await form_of(ada, "how-long")
    refused = await ada.post("/console/rooms/shop/settings", **form | {"claim_ttl_s": "5"})
    assert refused.status_code == 422
    assert "10 to 3,600" in refused.text
    assert 'value="5"' in refused.text
    assert (await site.services.directory.get("shop")).settings.claim_ttl_s == 120


async def test_refusal_names_the_line_or_the_rule_and_an_empty_field(ada: Person) -> None:
    form = await form_of(ada, "which-pages")
    lines = form | {"routes": "shop.example.com/a\nshop.example.com/b?c"}
    said = (await ada.post("/console/rooms/shop/settings", **lines)).text
    assert "Line 2: must be a path" in said
    rule = form | {"bypass.1.header": "x-monitor", "bypass.1.value": "short"}
    said = (await ada.post("/console/rooms/shop/settings", **rule)).text
    assert "Rule 1, value: " in said
    effect = "/console/rooms/shop/effect?setting=new_users_per_minute&value=0"
    assert "1 to 10,000,000, or empty" in (await ada.get(effect)).text


async def test_group_that_was_saved_says_so_where_it_stands(ada: Person) -> None:
    form = await form_of(ada, "words")
    done = await ada.post("/console/rooms/shop/settings", **form | {"title": "Autumn sale"})
    assert done.headers["location"].endswith("#words")
    page = (await ada.get(done.headers["location"])).text
    section = page.partition('aria-labelledby="words">')[2].partition("</section>")[0]
    assert page.count("Saved. It counts from now on.") == 1
    assert "Saved. It counts from now on." in section


async def test_pages_and_rules_are_typed_as_people_type_them(ada: Person, site: Site) -> None:
    form = await form_of(ada, "which-pages")
    form["routes"] = "shop.example.com/tickets\r\nhttps://www.example.com/sale\r\n/all\r\n"
    form |= {"bypass.1.path": "/health", "bypass.1.methods": "get, options"}
    assert (await ada.post("/console/rooms/shop/settings", **form)).status_code == 303
    settings = (await site.services.directory.get("shop")).settings
    assert [(route.host, route.path) for route in settings.routes] == [
        ("shop.example.com", "/tickets"),
        ("www.example.com", "/sale"),
        ("*", "/all"),
    ]
    assert [(rule.path, rule.methods) for rule in settings.bypass] == [
        ("/health", ["GET", "OPTIONS"])
    ]
    form = await form_of(ada, "which-pages")
    form["routes"] = "shop.example.com/tickets"
    assert (await ada.post("/console/rooms/shop/settings", **form)).status_code == 303
    assert (await site.services.directory.get("shop")).settings.bypass == []


async def test_secret_of_a_rule_is_shown_to_owners_only(sign: Sign, site: Site) -> None:
    rule = {"header": "x-monitor", "value": "a-secret-of-16-or-more"}
    await site.services.directory.update("shop", {"bypass": [rule]}, who="test")
    viewer = await sign("vera", "viewer")
    assert rule["value"] not in (await viewer.get("/console/rooms/shop/settings")).text
    owner = await sign("olga", "owner")
    assert rule["value"] in (await owner.get("/console/rooms/shop/settings")).text
    assert rule["value"] not in (await viewer.get("/console/rooms/shop/changes")).text


async def test_form_that_does_not_say_what_was_seen_changes_nothing(
    ada: Person, site: Site
) -> None:
    for seen in ("", "[]", "{", "x" * 200_000):
        refused = await ada.post("/console/rooms/shop/settings", seen=seen, title="x")
        assert refused.status_code == 400
    assert (await site.services.directory.get("shop")).settings.title == ""


async def test_effect_of_a_value_is_told_while_it_is_typed(ada: Person) -> None:
    asked = "/console/rooms/shop/effect?setting="
    told = (await ada.get(f"{asked}new_users_per_minute&value=500")).json()
    assert told["effect"] == "10,000 in line would take about 20 min."
    refused = (await ada.get(f"{asked}claim_ttl_s&value=1")).json()
    assert refused["effect"].startswith("Not accepted")
    assert (await ada.get(f"{asked}nosuch&value=1")).status_code == 404
