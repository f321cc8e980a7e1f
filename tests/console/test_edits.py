"""Two forms opened at once: the second is told what the first changed, and keeps what was typed."""

import asyncio
import re

from tests.console.conftest import ROOT, Person, Sign
from tests.web.helpers import Site
from waitroom.accounts.accounts import Accounts
from waitroom.alerts import Alerts

PEOPLE, ALERTS, SHOP = "/console/people", "/console/alerts", "/console/rooms/shop/alerts"
HOOK = {"name": "ops", "kind": "webhook", "url": "https://hooks.example.com/x", "on": "1"}
ALL = {"rooms_of": "all", "kinds_of": "all"}


def alerts(site: Site) -> Alerts:
    return Alerts(site.services.store, site.services.config)


async def opened(person: Person, page: str, path: str, of: str) -> dict[str, str]:
    """Open a form; it is not sent with the token of another page."""
    found = await person.open(page, path, of)
    del found["csrf"]
    return found


async def test_the_second_who_changes_an_account_is_told(
    ada: Person, sign: Sign, accounts: Accounts
) -> None:
    grace = await sign("grace")
    await accounts.invite(ROOT, "bo", "viewer")
    path = f"{PEOPLE}/change"
    forms = [await opened(each, PEOPLE, path, 'value="bo"') for each in (ada, grace)]
    won = await ada.post(path, **forms[0], role="operator", rooms="shop")
    assert won.status_code == 303
    lost = await grace.post(path, **forms[1], role="owner", rooms="")
    assert lost.status_code == 409
    assert "Role: changed meanwhile by ada, now operator. Nothing was saved." in lost.text
    assert (await accounts.account(ROOT, "bo")).role == "operator"
    # What was typed stays in the form, which is open; sent again, it is known what it replaces.
    [row] = re.findall(r"<details open>.*?</details>", lost.text, re.S)
    assert re.search(r"<option[^>]*selected[^>]*>owner", row)
    again = await opened(grace, PEOPLE, path, 'value="bo"')
    assert (await grace.post(path, **again, role="owner", rooms="")).status_code == 303
    assert (await accounts.account(ROOT, "bo")).role == "owner"


async def test_forms_sent_at_the_same_moment_do_not_both_count(
    ada: Person, sign: Sign, accounts: Accounts, site: Site
) -> None:
    grace = await sign("grace")
    await accounts.invite(ROOT, "bo", "viewer")
    path, wait = f"{PEOPLE}/change", 'name="kind" value="wait"'
    people = [await opened(each, PEOPLE, path, 'value="bo"') for each in (ada, grace)]
    rules = [await opened(each, ALERTS, f"{ALERTS}/rule", wait) for each in (ada, grace)]
    for forms, where, typed in (
        (people, path, ({"role": "operator", "rooms": ""}, {"role": "owner", "rooms": ""})),
        (rules, f"{ALERTS}/rule", ({"limit": "600"}, {"limit": "900"})),
    ):
        more = {"for_s": "60", "on": "1"} if where != path else {}
        found = await asyncio.gather(
            *(
                each.post(where, **form, **text, **more)
                for each, form, text in zip((ada, grace), forms, typed, strict=True)
            )
        )
        assert sorted(each.status_code for each in found) == [303, 409], where


async def test_the_second_who_changes_a_rule_is_told_and_other_fields_do_not_meet(
    ada: Person, sign: Sign, site: Site
) -> None:
    grace = await sign("grace")
    for page in (ALERTS, SHOP):
        path, of = f"{page}/rule", 'name="kind" value="wait"><input type="hidden" name="seen"'
        forms = [await opened(each, page, path, of) for each in (ada, grace, grace)]
        typed = {"limit": "1800", "for_s": "60", "on": "1"}
        won = await ada.post(path, **forms[0], **typed | {"limit": "600"})
        assert won.status_code == 303
        lost = await grace.post(path, **forms[1], **typed | {"limit": "900"})
        assert lost.status_code == 409
        assert "The limit: changed meanwhile by ada, now 600. Nothing was saved." in lost.text
        assert re.search(r'name="limit" value="900"', lost.text)
        # Another field of the same rule, seen before either.
        other = await grace.post(path, **forms[2], **typed | {"for_s": "90"})
        assert other.status_code == 303
        rules = {each.id: each for each in await alerts(site).rules(ROOT)}
        rule = rules["wait:shop" if page == SHOP else "wait"]
        assert (rule.limit, rule.for_s) == (600, 90)
        if page == ALERTS:
            await alerts(site).delete_rule(ROOT, "wait")


async def test_a_rule_changed_meanwhile_does_not_go_back(ada: Person, site: Site) -> None:
    for page, id_, path in (
        (ALERTS, "wait", f"{ALERTS}/rule/delete"),
        (SHOP, "wait:shop", f"{SHOP}/rule/delete"),
    ):
        kind, _, room = id_.partition(":")
        await alerts(site).save_rule(ROOT, {"kind": kind, "room": room or None, "limit": 600})
        of = f'value="{id_ if page == ALERTS else kind}"'
        form = await opened(ada, page, path, of)
        await alerts(site).save_rule(ROOT, {"kind": kind, "room": room or None, "limit": 700})
        refused = await ada.post(path, **form)
        assert refused.status_code == 412 and "Since then changed: limit." in refused.text
        await ada.post(path, **await opened(ada, page, path, of))
        assert id_ == "wait" or id_ not in [each.id for each in await alerts(site).rules(ROOT)]


async def test_the_second_who_changes_a_channel_is_told(
    ada: Person, sign: Sign, site: Site
) -> None:
    grace = await sign("grace")
    path, page = f"{ALERTS}/channel", f"{ALERTS}?channel=ops"
    assert (await ada.post(path, **HOOK, **ALL)).status_code == 200
    kept = HOOK | ALL | {"url": "", "urgent_anytime": ""}
    forms = [await opened(grace, page, path, "") for _ in range(3)]
    some = {"rooms_of": "some", "rooms": "shop"}
    assert (await ada.post(path, **forms[0] | kept | some)).status_code == 303
    lost = await grace.post(path, **forms[1] | kept | {"rooms_of": "some", "rooms": "other"})
    assert lost.status_code == 409
    assert "Rooms: changed meanwhile by ada, now shop. Nothing was saved." in lost.text
    assert re.search(r'name="rooms" value="other" checked', lost.text)
    assert (await alerts(site).channel(ROOT, "ops")).rooms == ["shop"]
    # What is not shown cannot be compared: whoever changes it has to have seen the newest.
    lost = await grace.post(path, **forms[2] | kept | {"url": "https://hooks.example.com/mine"})
    assert lost.status_code == 412 and "Since then changed: rooms" in lost.text
    form = await opened(grace, page, path, "")
    gone = await opened(grace, ALERTS, f"{path}/delete", "")
    await alerts(site).save_channel(ROOT, {"name": "ops", "on": False})
    assert (await grace.post(f"{path}/delete", **gone)).status_code == 412
    await alerts(site).delete_channel(ROOT, "ops")
    late = await grace.post(path, **form | kept | {"quiet_start": "22:00", "quiet_end": "07:00"})
    assert late.status_code == 404 and "deleted meanwhile" in late.text
    assert await alerts(site).channels(ROOT) == []


async def test_an_account_or_token_changed_meanwhile_is_not_deleted(
    ada: Person, accounts: Accounts
) -> None:
    await accounts.invite(ROOT, "bo", "viewer")
    await accounts.tokens.make(ROOT, "ci", "viewer")
    person = await opened(ada, PEOPLE, f"{PEOPLE}/delete", 'value="bo"')
    token = await opened(ada, "/console/tokens", "/console/tokens/revoke", 'value="ci"')
    await accounts.change(ROOT, "bo", "operator", None)
    await accounts.tokens.revoke(ROOT, "ci")
    await accounts.tokens.make(ROOT, "ci", "owner")
    refused = await ada.post(f"{PEOPLE}/delete", **person)
    assert refused.status_code == 412 and "Since then changed: role." in refused.text
    assert (await ada.post("/console/tokens/revoke", **token)).status_code == 412
    assert [each.name for each in await accounts.tokens.list(ROOT)] == ["ci"]
