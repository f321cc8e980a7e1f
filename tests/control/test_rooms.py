"""Rooms and settings: who may change what, what the trail says, and edits that meet each other."""

import asyncio
from typing import Any

import pytest

from waitroom.accounts.who import Who
from waitroom.control import Control
from waitroom.errors import (
    ConflictError,
    ForbiddenError,
    RequestError,
    RoomExistsError,
    RoomNotFoundError,
    SettingError,
    VersionError,
)
from waitroom.room import Directory, Room

from .conftest import OPERATOR, OWNER, VIEWER

OTHER = Who("eve", "owner", frozenset({"other"}))
SECRET = "a-header-value-of-16-or-more"
BYPASS = [{"header": "x-monitor", "value": SECRET}]


async def test_a_room_is_made_seen_changed_and_deleted(control: Control) -> None:
    made = await control.create(OWNER, "shop", {"title": "Shop"})
    assert (made.name, made.settings.title) == ("shop", "Shop")
    changed = await control.change(OWNER, "shop", {"total_active_users": 7})
    assert changed.settings.total_active_users == 7
    assert changed.version > made.version
    assert await control.room(VIEWER, "shop") == changed
    assert [room.name for room in await control.rooms(VIEWER)] == ["shop"]
    await control.delete(OWNER, "shop")
    assert await control.rooms(OWNER) == []


async def test_a_room_of_a_taken_or_impossible_name_is_not_made(control: Control) -> None:
    await control.create(OWNER, "shop", {})
    with pytest.raises(RoomExistsError):
        await control.create(OWNER, "shop", {})
    with pytest.raises(SettingError):
        await control.create(OWNER, "<script>", {})


@pytest.mark.parametrize("name", ["nowhere", "NO", "", "../etc", "a" * 41, "{shop}", "\x00"])
async def test_there_is_no_room_of_another_name(control: Control, name: str) -> None:
    with pytest.raises(RoomNotFoundError):
        await control.room(OWNER, name)
    with pytest.raises(RoomNotFoundError):
        await control.change(OWNER, name, {"closed": True})


async def test_the_trail_says_who_changed_what_from_what_to_what(
    control: Control, room: Room
) -> None:
    await control.change(OWNER, "shop", {"total_active_users": 7, "title": "Sale"})
    await control.pause(OPERATOR, "shop")
    page = await control.audit(VIEWER, "shop")
    told = [(e.who, {c.what: (c.before, c.after) for c in e.changes}) for e in page.entries]
    assert told == [
        ("bo", {"queue_all": (False, True)}),
        ("ada", {"total_active_users": (200, 7), "title": ("", "Sale")}),
        ("test", {"created": (None, "shop")}),
    ]
    assert page.next is None
    times = [entry.at_ms for entry in page.entries]
    assert times == sorted(times, reverse=True) and times[0] > 1_700_000_000_000


async def test_the_trail_is_read_page_by_page(control: Control, room: Room) -> None:
    for seats in range(7):
        await control.change(OWNER, "shop", {"total_active_users": seats})
    seen: list[str] = []
    before = None
    while True:
        page = await control.audit(VIEWER, "shop", before=before, count=3)
        seen += [entry.id for entry in page.entries]
        before = page.next
        if before is None:
            break
        assert len(page.entries) == 3
    assert len(seen) == len(set(seen)) == 8
    for wrong in ("+", "1-1 COUNT", "x", "1-", ""):
        with pytest.raises(RequestError):
            await control.audit(VIEWER, "shop", before=wrong)


#: A call, and the least powerful role that may make it.
CALLS: list[tuple[str, tuple[Any, ...], str]] = [
    ("room", ("shop",), "viewer"),
    ("figures", ("shop",), "viewer"),
    ("visitors", ("shop",), "viewer"),
    ("audit", ("shop",), "viewer"),
    ("change", ("shop", {"total_active_users": 5}), "operator"),
    ("change", ("shop", {"message": "Hi", "closed": True}), "operator"),
    ("pause", ("shop",), "operator"),
    ("open", ("shop",), "operator"),
    ("drain", ("shop",), "operator"),
    ("close", ("shop",), "operator"),
    ("stop", ("shop",), "operator"),
    ("message", ("shop", "Hi"), "operator"),
    ("admit_now", ("shop", 1), "operator"),
    ("change", ("shop", {"title": "Mine"}), "owner"),
    ("change", ("shop", {"closed": True, "routes": []}), "owner"),
    ("change", ("shop", {"epoch": 9}), "owner"),
    ("end_passes", ("shop",), "owner"),
    ("delete", ("shop",), "owner"),
    ("create", ("new", {}), "owner"),
]


@pytest.mark.parametrize(("call", "arguments", "role"), CALLS)
async def test_each_role_may_do_its_part_and_no_more(
    control: Control, room: Room, call: str, arguments: tuple[Any, ...], role: str
) -> None:
    roles = ["viewer", "operator", "owner"]
    before = await control.rooms(OWNER)
    for less in roles[: roles.index(role)]:
        with pytest.raises(ForbiddenError):
            await getattr(control, call)(Who("x", less), *arguments)  # type: ignore[arg-type]
    assert await control.rooms(OWNER) == before
    await getattr(control, call)(Who("x", role), *arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("call", "arguments", "role"), CALLS)
async def test_an_owner_of_another_room_may_not_even_look(
    control: Control, room: Room, call: str, arguments: tuple[Any, ...], role: str
) -> None:
    with pytest.raises(ForbiddenError):
        await getattr(control, call)(OTHER, *arguments)
    assert await control.rooms(OTHER) == []
    assert await control.all_figures(OTHER) == []


async def test_levers_put_the_room_into_the_state_they_name(
    control: Control, directory: Directory, room: Room
) -> None:
    async def state() -> str:
        return (await (await directory.get("shop")).board(max_age_ms=0)).state

    await control.pause(OPERATOR, "shop")
    assert await state() == "paused"
    await control.open(OPERATOR, "shop")
    assert await state() == "open"
    await control.close(OPERATOR, "shop")
    assert await state() == "closed"
    await control.open(OPERATOR, "shop")
    await control.change(OPERATOR, "shop", {"suspended": True})
    assert await state() == "suspended"
    await control.stop(OPERATOR, "shop")
    assert await state() == "paused"
    await control.open(OPERATOR, "shop")
    assert await state() == "open"
    for held in ({"queue_all": True}, {"closed": True}, {"suspended": True}):
        await control.change(OPERATOR, "shop", held)
        await control.drain(OPERATOR, "shop")
        assert await state() == "draining"
    await control.pause(OPERATOR, "shop")
    assert await state() == "paused"
    await control.open(OPERATOR, "shop")
    assert await state() == "open"


async def test_ending_all_passes_begins_a_new_epoch(control: Control, room: Room) -> None:
    await room.enter("ada")
    assert (await control.figures(OWNER, "shop")).active == 1
    assert (await control.end_passes(OWNER, "shop")).settings.epoch == 1
    assert (await control.figures(OWNER, "shop")).active == 0
    found = await asyncio.gather(*(control.end_passes(OWNER, "shop") for _ in range(5)))
    # At most once each; those who meet end them together.
    assert 2 <= max(view.settings.epoch for view in found) <= 6


async def test_the_second_editor_is_told_what_changed_and_nothing_is_overwritten(
    control: Control, room: Room
) -> None:
    seen = (await control.room(OWNER, "shop")).settings.model_dump(mode="json")
    await control.change(OWNER, "shop", {"total_active_users": 50}, seen=seen)
    with pytest.raises(ConflictError) as refused:
        await control.change(
            OPERATOR, "shop", {"total_active_users": 60, "message": "Hi"}, seen=seen
        )
    error = refused.value
    assert (error.field, error.value, error.who) == ("total_active_users", 50, "ada")
    assert "50" in error.detail and "ada" in error.detail
    now = (await control.room(OWNER, "shop")).settings
    assert (now.total_active_users, now.message) == (50, None)


async def test_edits_of_other_settings_and_to_the_same_value_do_not_meet(
    control: Control, room: Room
) -> None:
    seen = (await control.room(OWNER, "shop")).settings.model_dump(mode="json")
    await control.change(OWNER, "shop", {"total_active_users": 50}, seen=seen)
    await control.change(OPERATOR, "shop", {"total_active_users": 50}, seen=seen)
    await control.change(OPERATOR, "shop", {"message": "Hi"}, seen=seen)
    now = (await control.room(OWNER, "shop")).settings
    assert (now.total_active_users, now.message) == (50, "Hi")


async def test_of_many_edits_at_once_exactly_one_wins(control: Control, room: Room) -> None:
    seen = (await control.room(OWNER, "shop")).settings.model_dump(mode="json")
    found = await asyncio.gather(
        *(
            control.change(OWNER, "shop", {"total_active_users": seats}, seen=seen)
            for seats in range(1, 21)
        ),
        return_exceptions=True,
    )
    won = [each for each in found if not isinstance(each, BaseException)]
    assert len(won) == 1
    assert all(isinstance(each, ConflictError) for each in found if each is not won[0])
    assert (await control.room(OWNER, "shop")).settings == won[0].settings


async def test_what_was_seen_may_be_written_in_another_way(control: Control, room: Room) -> None:
    seen = {"when_unavailable": "closed", "routes": []}
    await control.change(OWNER, "shop", {"when_unavailable": "open"}, seen=seen)
    with pytest.raises(ConflictError):
        await control.change(
            OWNER,
            "shop",
            {"when_unavailable": "closed"},
            seen={"when_unavailable": {"action": "closed", "open_limit_s": 5}},
        )


async def test_a_stale_version_is_refused_and_says_all_that_changed_since(
    control: Control, room: Room
) -> None:
    version = (await control.room(OWNER, "shop")).version
    await control.change(OWNER, "shop", {"total_active_users": 50})
    await control.message(OPERATOR, "shop", "Hi")
    with pytest.raises(VersionError) as refused:
        await control.change(OWNER, "shop", {"title": "Mine"}, version=version)
    told = [(c["field"], c["before"], c["value"], c["who"]) for c in refused.value.changes]
    assert told == [("total_active_users", 200, 50, "ada"), ("message", None, "Hi", "bo")]
    now = await control.room(OWNER, "shop")
    assert now.settings.title == ""
    assert (
        await control.change(OWNER, "shop", {"title": "Mine"}, version=now.version)
    ).settings.title == "Mine"


async def test_what_is_done_by_hand_changes_no_version(control: Control, room: Room) -> None:
    version = (await control.room(OWNER, "shop")).version
    await control.admit_now(OPERATOR, "shop", 5)
    await control.change(OWNER, "shop", {"title": "Mine"}, version=version)


@pytest.mark.parametrize("version", ["0-0", "", "x", "99999999999999-0", "(1-1", '"', "\x00"])
async def test_a_version_that_never_was_is_refused(
    control: Control, room: Room, version: str
) -> None:
    with pytest.raises(VersionError):
        await control.change(OWNER, "shop", {"title": "Mine"}, version=version)


async def test_secrets_of_bypass_rules_are_shown_to_owners_only(
    control: Control, room: Room
) -> None:
    await control.change(OWNER, "shop", {"bypass": BYPASS})
    for who in (VIEWER, OPERATOR):
        assert SECRET not in repr(await control.room(who, "shop"))
        assert SECRET not in repr(await control.rooms(who))
        assert SECRET not in repr(await control.audit(who, "shop"))
        assert SECRET not in repr(await control.pause(OPERATOR, "shop"))
    assert SECRET in repr(await control.room(OWNER, "shop"))
    assert SECRET in repr(await control.audit(OWNER, "shop"))


async def test_a_room_that_redis_lost_and_got_back_can_be_edited(
    control: Control, directory: Directory, room: Room
) -> None:
    await directory.refresh()
    store = control._store
    await store.redis.flushall()
    await directory.refresh()
    view = await control.room(OWNER, "shop")
    await control.change(OWNER, "shop", {"title": "Back"}, version=view.version)
    assert [entry.who for entry in (await control.audit(OWNER, "shop")).entries] == ["ada"]
