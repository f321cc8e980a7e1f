import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from waitroom.errors import (
    RoomChangedError,
    RoomExistsError,
    RoomNotFoundError,
    SettingError,
    StoreError,
)
from waitroom.room import Directory, RoomSettings, Store

from .helpers import T0, S, fill, look, meta


async def test_directory_of_an_empty_store_has_no_rooms(directory: Directory) -> None:
    assert await directory.names() == []
    assert await directory.refresh() == []


async def test_room_is_found_after_it_was_made(directory: Directory, store: Store) -> None:
    made = await directory.create("shop", {"total_active_users": 2}, who="ada", now_ms=T0)
    found = await Directory(store).get("shop")
    assert found.settings == made.settings and found.settings.total_active_users == 2
    assert (await meta(store, made))["born_ms"] == str(T0)


async def test_new_rooms_take_the_defaults_of_the_installation(store: Store) -> None:
    directory = Directory(store, RoomSettings(total_active_users=9, session_duration_s=60))
    room = await directory.create("shop", {"session_duration_s": 90}, who="test")
    assert room.settings.total_active_users == 9
    assert room.settings.session_duration_s == 90


async def test_names_are_sorted(directory: Directory) -> None:
    for name in ("b", "c", "a"):
        await directory.create(name, {}, who="test")
    assert await directory.names() == ["a", "b", "c"]
    assert [room.name for room in await directory.refresh()] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["", "Shop", "a b", "a/b", "{a}", "a" * 41, "-a", "assets", "api"])
async def test_name_that_no_room_may_have_is_refused(directory: Directory, name: str) -> None:
    with pytest.raises(SettingError) as refused:
        await directory.create(name, {}, who="test")
    assert refused.value.name == "name"
    assert await directory.names() == []


async def test_second_room_of_one_name_is_refused(directory: Directory) -> None:
    await directory.create("shop", {"total_active_users": 1}, who="test")
    with pytest.raises(RoomExistsError):
        await directory.create("shop", {"total_active_users": 2}, who="test")
    assert (await directory.get("shop")).settings.total_active_users == 1


async def test_of_many_who_make_one_room_at_once_one_does(directory: Directory) -> None:
    made = await asyncio.gather(
        *(directory.create("shop", {"total_active_users": i}, who="test") for i in range(10)),
        return_exceptions=True,
    )
    [winner] = [i for i, found in enumerate(made) if not isinstance(found, RoomExistsError)]
    assert (await directory.get("shop")).settings.total_active_users == winner


async def test_wrong_setting_makes_no_room(directory: Directory) -> None:
    with pytest.raises(SettingError):
        await directory.create("shop", {"total_active_users": -1}, who="test")
    with pytest.raises(RoomNotFoundError):
        await directory.get("shop")


async def test_change_counts_at_the_very_next_tick(directory: Directory) -> None:
    room = await directory.create("shop", {"total_active_users": 0}, who="test", now_ms=T0)
    visitors = await fill(room, 3)
    await directory.update("shop", {"total_active_users": 2}, who="test")
    assert await room.admit(now_ms=T0) == visitors[:2]


async def test_change_is_seen_by_other_processes_after_their_refresh(store: Store) -> None:
    one, other = Directory(store), Directory(store)
    await one.create("shop", {}, who="test")
    [room] = await other.refresh()
    await one.update("shop", {"message": "Soon"}, who="test")
    await other.refresh()
    assert room.settings.message == "Soon"


async def test_wrong_change_changes_nothing(directory: Directory) -> None:
    before = (await directory.create("shop", {}, who="test")).settings
    with pytest.raises(SettingError):
        await directory.update("shop", {"message": "x", "total_active_users": -1}, who="test")
    assert (await directory.get("shop")).settings == before


async def test_change_that_met_another_one_is_made_upon_it(
    directory: Directory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await directory.create("shop", {}, who="test")
    read, met = directory._read, False

    async def read_before_the_other(name: str) -> Any:
        nonlocal met
        found = await read(name)
        if not met:
            met = True
            await Directory(store).update("shop", {"total_active_users": 7}, who="bob")
        return found

    monkeypatch.setattr(directory, "_read", read_before_the_other)
    made = await directory.update("shop", {"total_active_users": 5, "title": "x"}, who="ada")
    assert (made.settings.total_active_users, made.settings.title) == (5, "x")
    rows = await store.redis.xrange(room.keys.audit)
    # From what it really was, not from what was read first.
    assert orjson.loads(rows[-1][1][b"changes"])["total_active_users"] == [7, 5]


async def test_change_that_meets_others_again_and_again_says_so(
    directory: Directory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await directory.create("shop", {}, who="test")
    read, others = directory._read, itertools.count(1)

    async def read_before_the_other(name: str) -> Any:
        found = await read(name)
        await Directory(store).update("shop", {"total_active_users": next(others)}, who="bob")
        return found

    monkeypatch.setattr(directory, "_read", read_before_the_other)
    with pytest.raises(RoomChangedError) as refused:
        await directory.update("shop", {"total_active_users": 500, "title": "x"}, who="ada")
    assert (refused.value.code, refused.value.status) == ("changed_meanwhile", 409)
    assert (await Directory(store).get("shop")).settings.title != "x"


async def test_change_of_a_room_that_was_deleted_meanwhile_brings_back_nothing(
    directory: Directory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await directory.create("shop", {}, who="test")
    read = directory._read

    async def read_before_the_deletion(name: str) -> Any:
        found = await read(name)
        await Directory(store).delete("shop", who="bob")
        return found

    monkeypatch.setattr(directory, "_read", read_before_the_deletion)
    with pytest.raises(RoomNotFoundError):
        await directory.update("shop", {"title": "x"}, who="ada")
    assert await store.redis.exists(*room.keys.all()) == 0


async def test_unknown_room_is_not_found(directory: Directory) -> None:
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: directory.get("shop"),
        lambda: directory.update("shop", {}, who="test"),
        lambda: directory.delete("shop", who="test"),
    ]
    for call in calls:
        with pytest.raises(RoomNotFoundError):
            await call()


async def test_audit_tells_who_changed_what_from_what(directory: Directory, store: Store) -> None:
    room = await directory.create("shop", {}, who="ada")
    await directory.update("shop", {"total_active_users": 5}, who="bob")
    await directory.update("shop", {"total_active_users": 5}, who="cat")
    rows = await store.redis.xrange(room.keys.audit)
    found = [(row[b"who"], orjson.loads(row[b"changes"])) for _, row in rows]
    assert found == [
        (b"ada", {"created": [None, "shop"]}),
        (b"bob", {"total_active_users": [200, 5]}),
    ]


async def test_new_epoch_ends_all_seats_and_keeps_the_line(
    directory: Directory, store: Store
) -> None:
    room = await directory.create("shop", {"total_active_users": 2}, who="test", now_ms=T0)
    visitors = await fill(room, 4)
    await directory.update("shop", {"epoch": 1}, who="test")
    inside = await look(store, room)
    assert not inside.active and not inside.unclaimed and inside.line() == visitors[2:]
    assert await room.admit(now_ms=T0) == visitors[2:]


async def test_deleted_room_leaves_nothing_behind(directory: Directory, store: Store) -> None:
    room = await directory.create("shop", {"total_active_users": 1}, who="test", now_ms=T0)
    await fill(room, 3)
    await room.admit(now_ms=T0)
    await room.board(now_ms=T0)
    await room.sample(now_ms=T0)
    await room.sweep(now_ms=T0 + 60 * S)
    await directory.delete("shop", who="test")
    assert await store.redis.keys("waitroom:{shop}*") == []
    assert await directory.names() == []
    # A deletion is not a loss.
    assert await directory.refresh() == [] and not directory.known


async def test_deletion_by_another_process_is_not_a_loss(store: Store) -> None:
    one, other = Directory(store), Directory(store)
    await one.create("shop", {}, who="test")
    await other.refresh()
    await one.delete("shop", who="test")
    assert await other.refresh() == []
    assert await one.names() == [] and other.lives == 0


async def test_loss_is_noticed_by_whatever_asks_first(directory: Directory, store: Store) -> None:
    await directory.create("shop", {}, who="test")
    await store.redis.flushall()
    await directory.create("other", {}, who="test")
    assert [room.name for room in await directory.refresh()] == ["other", "shop"]


async def test_loss_in_the_middle_of_a_refresh_is_no_deletion(
    directory: Directory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await directory.create("shop", {}, who="test")
    names, lost = directory.names, False

    async def lose_then_read() -> list[str]:
        nonlocal lost
        if not lost:
            lost = True
            await store.redis.flushall()
        return await names()

    monkeypatch.setattr(directory, "names", lose_then_read)
    assert [room.name for room in await directory.refresh()] == ["shop"]


async def test_restore_that_failed_half_way_is_tried_again(
    directory: Directory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        await directory.create(name, {}, who="test")
    await store.redis.flushall()

    async def fail(*_: object, **__: object) -> bool:
        raise StoreError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(directory._scripts, "restore", fail)
        with pytest.raises(StoreError):
            await directory.refresh()
    assert [room.name for room in await directory.refresh()] == ["a", "b"]


async def test_room_that_one_node_of_a_cluster_lost_is_written_back(
    directory: Directory, store: Store
) -> None:
    room = await directory.create("shop", {"total_active_users": 3}, who="test")
    await store.redis.delete(*room.keys.all())
    assert [room.settings.total_active_users for room in await directory.refresh()] == [3]
    assert (await room.board()).state == "recovering"


async def test_store_that_does_not_answer_is_an_error_of_ours(tmp_path: Any) -> None:
    store = Store.connect(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(StoreError) as error:
        await Directory(store).refresh()
    assert str(tmp_path) not in str(error.value)
    await store.close()


async def test_a_room_of_an_older_version_gets_the_settings_it_lacks(
    directory: Directory, store: Store
) -> None:
    room = await directory.create("shop", {"total_active_users": 1}, who="test")
    await store.redis.hdel(room.keys.settings, "claim_ttl_s", "recovery_hold_s")
    [found] = await Directory(store).refresh()
    assert found.settings == room.settings
    assert (await found.enter("ada")).state == "seated"
