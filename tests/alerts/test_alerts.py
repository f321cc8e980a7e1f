"""The owner's door: who may, what is refused, and that no secret ever comes out."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tests.alerts.conftest import NOW_MS, OWNER
from waitroom.accounts.who import Who
from waitroom.alerts import KINDS, Alerts, Quiet, Rule
from waitroom.alerts.alert import Delivery
from waitroom.alerts.alerts import CHANNELS_MAX
from waitroom.alerts.book import Book
from waitroom.alerts.channels import shown_url
from waitroom.alerts.configured import Configured
from waitroom.alerts.errors import ChannelNotFoundError, ChannelOffError
from waitroom.alerts.state import State
from waitroom.alerts.texts import make_test
from waitroom.edits import NEVER
from waitroom.errors import ForbiddenError, SettingError, VersionError
from waitroom.room import Room

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="
HOOK = {
    "name": "hook",
    "kind": "webhook",
    "url": "https://bob:hunter2@hooks.example.com:8443/s3cret/path?token=hunter3",
    "secret": SECRET,
}
SLACK = {"name": "slack", "kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/XXXX"}
MAIL = {"name": "mail", "kind": "mail", "to": ["ada@example.com"]}


async def test_secrets_go_in_and_never_come_out(alerts: Alerts, book: Book) -> None:
    for fields in (HOOK, SLACK, MAIL):
        shown = await alerts.save_channel(OWNER, fields)
        assert shown.new_secret is None
    shown = await alerts.channel(OWNER, "hook")
    assert (shown.address, shown.url_set, shown.secret_set) == (
        *("https://hooks.example.com:8443/…", True, True),
    )
    found = [each.model_dump(mode="json") for each in await alerts.channels(OWNER)]
    text = orjson.dumps([found, await alerts.changes(OWNER)]).decode()
    text += repr(await book.configured.channels())
    for secret in ("hunter2", "hunter3", "s3cret", SECRET[10:], "XXXX", "services"):
        assert secret not in text


async def test_a_secret_that_is_not_sent_again_stays(alerts: Alerts, book: Book) -> None:
    await alerts.save_channel(OWNER, HOOK)
    before = await book.configured.channel("hook")
    # What a form sends back, in which secrets are empty.
    fields = {"name": "hook", "kind": "webhook", "url": "", "secret": None, "on": False}
    shown = await alerts.save_channel(OWNER, fields | {"rooms": ["shop"]})
    assert (shown.on, shown.rooms, shown.new_secret) == (False, ["shop"], None)
    after = await book.configured.channel("hook")
    assert before and after and (after.url, after.secret) == (before.url, before.secret)


async def test_a_webhook_without_a_secret_gets_one_shown_once(alerts: Alerts, book: Book) -> None:
    fields = {name: value for name, value in HOOK.items() if name != "secret"}
    made = (await alerts.save_channel(OWNER, fields)).new_secret
    assert made and made.startswith("whsec_")
    channel = await book.configured.channel("hook")
    assert channel and len(channel.signing_key() or b"") == 32
    assert (await alerts.save_channel(OWNER, fields)).new_secret is None
    assert (await alerts.channel(OWNER, "hook")).new_secret is None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (HOOK | {"url": "ftp://x"}, "url"),
        (HOOK | {"url": "https://"}, "url"),
        (HOOK | {"url": "https://h:99999/"}, "url"),
        (HOOK | {"url": "https://h/\r\nX: y"}, "url"),
        (HOOK | {"url": "https://h\\@evil/"}, "url"),
        (HOOK | {"url": "https://h/" + "x" * 3000}, "url"),
        (HOOK | {"url": "file:///etc/passwd"}, "url"),
        (HOOK | {"url": ["https://h/"]}, "url"),
        (HOOK | {"secret": "short"}, "secret"),
        (HOOK | {"secret": "whsec_!!!!!!!!!!!!!!!!!!!"}, "secret"),
        (HOOK | {"name": "Über <b>"}, "name"),
        (HOOK | {"name": ""}, "name"),
        (HOOK | {"kind": "pigeon"}, "kind"),
        (HOOK | {"to": ["ada@example.com"]}, "to"),
        (HOOK | {"rooms": ["no such {room}"]}, "rooms.0"),
        (HOOK | {"rooms": []}, "rooms"),
        (HOOK | {"kinds": ["earthquake"]}, "kinds.0"),
        (HOOK | {"surprise": 1}, "surprise"),
        (HOOK | {"quiet": {"start": "25:00", "end": "07:00"}}, "quiet.start"),
        (HOOK | {"quiet": {"start": "22:00", "end": "22:00"}}, "quiet"),
        (HOOK | {"quiet": {"start": "22:00", "end": "07:00", "zone": "Mars/Base"}}, "quiet.zone"),
        (HOOK | {"quiet": {"start": "22:00", "end": "07:00", "zone": "../passwd"}}, "quiet.zone"),
        (SLACK | {"url": ""}, "url"),
        (SLACK | {"secret": SECRET}, "secret"),
        (MAIL | {"to": []}, "to"),
        (MAIL | {"to": ["ada@example.com\r\nBcc: eve@example.com"]}, "to.0"),
        (MAIL | {"to": ["Ada <ada@example.com>"]}, "to.0"),
        (MAIL | {"to": ["ada@example.com"] * 21}, "to"),
        (MAIL | {"url": "https://h/"}, "url"),
    ],
)
async def test_a_channel_that_cannot_be_is_refused_with_its_field(
    alerts: Alerts, fields: dict[str, Any], name: str
) -> None:
    with pytest.raises(SettingError) as refused:
        await alerts.save_channel(OWNER, fields)
    assert refused.value.name == name and refused.value.allowed
    if name in ("url", "secret") and fields.get(name):
        assert refused.value.value == "(hidden)" and repr(fields[name]) not in str(refused.value)
    assert await alerts.channels(OWNER) == []


async def test_there_are_so_many_channels_and_no_more(alerts: Alerts) -> None:
    for i in range(CHANNELS_MAX):
        await alerts.save_channel(OWNER, MAIL | {"name": f"mail{i}"})
    with pytest.raises(SettingError, match="20 channels"):
        await alerts.save_channel(OWNER, MAIL | {"name": "one-more"})
    await alerts.save_channel(OWNER, MAIL | {"name": "mail7", "on": False})


async def test_the_rules_hold_without_any_saved(alerts: Alerts, room: Room) -> None:
    assert [rule.id for rule in await alerts.rules(OWNER)] == list(KINDS)
    await alerts.save_rule(OWNER, {"kind": "wait", "room": "shop", "limit": 60})
    await alerts.save_rule(OWNER, {"kind": "wait", "limit": 90})
    found = {rule.id: rule for rule in await alerts.rules(OWNER)}
    assert list(found)[:4] == ["queueing", "wait", "wait:shop", "low_use"]
    assert (found["wait"].limit, found["wait:shop"].limit, found["wait"].clear_s) == (90, 60, 120)
    await alerts.save_rule(OWNER, {"kind": "wait", "room": "shop", "urgent": True})
    assert {r.id: r for r in await alerts.rules(OWNER)}["wait:shop"].limit == 60
    assert await alerts.delete_rule(OWNER, "wait") and not await alerts.delete_rule(OWNER, "wait")
    assert {rule.id: rule for rule in await alerts.rules(OWNER)}["wait"].limit == 1800


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"kind": "earthquake"}, "kind"),
        ({}, "kind"),
        ({"kind": "wait", "limit": 0}, "limit"),
        ({"kind": "wait", "limit": None}, "limit"),
        ({"kind": "low_use", "limit": 101}, "limit"),
        ({"kind": "queueing", "limit": 5}, "limit"),
        ({"kind": "redis_memory", "room": "shop"}, "room"),
        ({"kind": "wait", "room": "a/b"}, "room"),
        ({"kind": "wait", "for_s": -1}, "for_s"),
        ({"kind": "wait", "for_s": "soon"}, "for_s"),
        ({"kind": "wait", "colour": "red"}, "colour"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_with_its_field(
    alerts: Alerts, fields: dict[str, Any], name: str
) -> None:
    with pytest.raises(SettingError) as refused:
        await alerts.save_rule(OWNER, fields)
    assert refused.value.name == name and refused.value.allowed


@pytest.mark.parametrize(
    "who",
    [
        Who("vic", "viewer"),
        Who("olga", "operator"),
        Who("shop owner", "owner", frozenset({"shop"})),
    ],
    ids=str,
)
async def test_only_owners_of_all_rooms_may_change_or_see_channels(
    alerts: Alerts, who: Who
) -> None:
    tries = [
        alerts.channels(who),
        alerts.channel(who, "hook"),
        alerts.save_channel(who, HOOK),
        alerts.delete_channel(who, "hook"),
        alerts.send_test(who, "hook"),
        alerts.rules(who),
        alerts.save_rule(who, {"kind": "wait"}),
        alerts.delete_rule(who, "wait"),
        alerts.waiting(who),
        alerts.dead_letters(who),
        alerts.resend(who, "x"),
        alerts.forget_edge(who, "x"),
        alerts.changes(who),
    ]
    for each in tries:
        with pytest.raises(ForbiddenError):
            await each


async def test_everybody_sees_the_state_of_their_own_rooms_and_of_the_installation(
    alerts: Alerts, book: Book
) -> None:
    for id_, kind, room in (
        ("queueing:shop", "queueing", "shop"),
        ("queueing:other", "queueing", "other"),
        ("worker_silent", "worker_silent", None),
    ):
        state = State.model_validate(
            {"phase": "firing", "since_ms": 1, "turned_ms": 1, "seen_ms": 1}
            | {"kind": kind, "room": room, "urgent": room is None}
        )
        await book.tell(id_, "", state)
    seen = await alerts.state(Who("vic", "viewer", frozenset({"shop"})))
    assert [each.id for each in seen.conditions] == ["worker_silent", "queueing:shop"]
    assert len((await alerts.state(Who("vic", "viewer"))).conditions) == 3


async def test_owner_of_a_room_sets_its_rules_and_no_others(alerts: Alerts, room: Room) -> None:
    await alerts.save_rule(OWNER, {"kind": "wait", "limit": 900, "clear_s": 7})
    who = Who("shop owner", "owner", frozenset({"shop"}))
    saved = await alerts.save_rule(who, {"kind": "wait", "room": "shop", "limit": 60})
    # What is left out is as in the general rule.
    assert (saved.limit, saved.clear_s) == (60, 7)
    shown = {each.rule.kind: each for each in await alerts.room_rules(who, "shop")}
    assert list(shown) == ["queueing", "wait", "low_use", "report_failed"]
    assert (shown["wait"].own, shown["wait"].rule, shown["wait"].general.limit) == (
        *(True, Rule.model_validate(saved.model_dump(exclude={"version"})), 900),
    )
    assert not shown["low_use"].own
    for refused in (
        alerts.save_rule(who, {"kind": "wait", "room": "other"}),
        alerts.delete_rule(who, "wait:other"),
        alerts.room_rules(who, "other"),
        alerts.save_rule(Who("olga", "operator"), {"kind": "wait", "room": "shop"}),
    ):
        with pytest.raises(ForbiddenError):
            await refused
    assert await alerts.delete_rule(who, "wait:shop")


async def test_what_is_given_up_stays_while_its_channel_takes_nothing(
    alerts: Alerts, book: Book
) -> None:
    await alerts.save_channel(OWNER, MAIL)
    letter = Delivery(channel="mail", alert=make_test("mail", NOW_MS), due_ms=1)
    await book.tell("x", "", None, letter.alert, [letter])
    await book.settle(letter.id, letter.model_copy(update={"dead_ms": NOW_MS}))
    await alerts.save_channel(OWNER, MAIL | {"on": False})
    with pytest.raises(ChannelOffError):
        await alerts.resend(OWNER, letter.id)
    await alerts.delete_channel(OWNER, "mail")
    with pytest.raises(ChannelNotFoundError):
        await alerts.resend(OWNER, letter.id)
    assert [each.id for each in await alerts.dead_letters(OWNER)] == [letter.id]
    await alerts.save_channel(OWNER, MAIL)
    await alerts.resend(OWNER, letter.id)
    assert await alerts.dead_letters(OWNER) == []


async def test_what_is_not_there_is_said(alerts: Alerts) -> None:
    for call in (alerts.channel, alerts.delete_channel, alerts.send_test):
        with pytest.raises(ChannelNotFoundError):
            await call(OWNER, "nobody")


async def test_changes_say_who(alerts: Alerts) -> None:
    await alerts.save_channel(OWNER, MAIL)
    await alerts.save_rule(Who("bob", "owner"), {"kind": "wait"})
    await alerts.delete_channel(OWNER, "mail")
    assert [(row["who"], row["what"]) for row in await alerts.changes(OWNER)] == [
        ("ada", "channel mail deleted"),
        ("bob", "rule wait saved"),
        ("ada", "channel mail made"),
    ]


async def test_a_channel_for_a_room_is_told_of_nothing_else(alerts: Alerts, book: Book) -> None:
    await alerts.save_channel(OWNER, MAIL | {"rooms": ["shop"]})
    channel = await book.configured.channel("mail")
    assert channel and channel.wants("wait", "shop")
    assert not channel.wants("wait", "other") and not channel.wants("worker_silent", None)
    await alerts.save_channel(OWNER, MAIL | {"rooms": None, "kinds": ["wait"]})
    channel = await book.configured.channel("mail")
    assert channel and channel.wants("wait", "other") and not channel.wants("queueing", "other")


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-23T20:59:59", None),
        ("2026-11-23T21:00:00", "2026-11-24T06:00:00"),
        ("2026-11-24T03:00:00", "2026-11-24T06:00:00"),
        ("2026-11-24T05:59:59", "2026-11-24T06:00:00"),
        ("2026-11-24T06:00:00", None),
        # The clocks go forward in the night to 29 March: the morning comes an hour earlier.
        ("2026-03-28T22:00:00", "2026-03-29T05:00:00"),
        # And back in the night to 25 October.
        ("2026-10-24T22:00:00", "2026-10-25T06:00:00"),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall(at: str, until: str | None) -> None:
    quiet = Quiet(start="22:00", end="07:00", zone="Europe/Berlin")
    expected = until and _ms(until)
    assert quiet.until_ms(_ms(at)) == expected


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-10-25T00:10:00", "2026-10-25T00:30:00"),
        ("2026-10-25T01:10:00", "2026-10-25T01:30:00"),
    ],
)
def test_quiet_hours_that_end_in_the_hour_that_comes_twice(at: str, until: str) -> None:
    quiet = Quiet(start="22:00", end="02:30", zone="Europe/Berlin")
    assert quiet.until_ms(_ms(at)) == _ms(until)


def test_quiet_hours_within_a_day() -> None:
    quiet = Quiet(start="11:30", end="12:30")
    assert quiet.until_ms(NOW_MS) == NOW_MS + 1_800_000
    assert quiet.until_ms(NOW_MS + 1_800_000) is None


def test_of_an_address_only_scheme_and_host_are_shown() -> None:
    assert shown_url("https://u:p@[::1]:8/a?b#c") == "https://[::1]:8/…"
    assert shown_url("https://h?token=x") == "https://h/…"
    assert shown_url("https://h") == "https://h"


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("version", [None, NEVER])
@pytest.mark.parametrize("about", ["channel", "rule"])
async def test_two_who_have_read_the_same_do_not_both_write(
    alerts: Alerts, book: Book, monkeypatch: pytest.MonkeyPatch, about: str, version: str | None
) -> None:
    change, both, tried = Configured.change, asyncio.Barrier(2), []

    async def together(self: Configured, *args: Any, **more: Any) -> bool:
        tried.append(more["who"])
        if len(tried) <= 2:
            await both.wait()
        return await change(self, *args, **more)

    monkeypatch.setattr(Configured, "change", together)

    async def save(who: str, field: str, value: int) -> object:
        if about == "rule":
            fields = {"kind": "wait", field: value}
            return await alerts.save_rule(Who(who, "owner"), fields, version=version)
        fields = MAIL | ({"on": False} if field == "limit" else {"urgent_anytime": False})
        return await alerts.save_channel(Who(who, "owner"), fields, version=version)

    found = await asyncio.gather(
        save("ada", "limit", 90), save("eve", "for_s", 7), return_exceptions=True
    )
    late = [each for each in found if isinstance(each, BaseException)]
    if version is None:
        # Each changes another field; the later one reads again, and both stay.
        assert not late and len(tried) == 3
        if about == "rule":
            rule = await book.configured.rule("wait")
            assert rule and (rule.limit, rule.for_s) == (90, 7)
        else:
            channel = await book.configured.channel("mail")
            assert channel and (channel.on, channel.urgent_anytime) == (False, False)
    else:
        assert len(tried) == 2
        [error] = late
        assert isinstance(error, VersionError)
        assert {each["who"] for each in error.changes} == {"ada", "eve"} - {
            who for who, each in zip(("ada", "eve"), found, strict=True) if each is error
        }
