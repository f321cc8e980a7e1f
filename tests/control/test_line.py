"""A room's visitors for an owner: lists, one of them, in and out, and why not."""

import pytest

from tests.room.helpers import names
from waitroom.control import Control
from waitroom.errors import AdmissionError, RequestError, VisitorNotFoundError
from waitroom.room import Room

from .conftest import OPERATOR, OWNER, VIEWER


async def test_visitors_are_listed_page_by_page_in_each_of_the_lists(
    control: Control, room: Room
) -> None:
    await control.change(OWNER, "shop", {"total_active_users": 2})
    await room.enter_many([(visitor, 0) for visitor in names(7)])
    page = await control.visitors(VIEWER, "shop", start=1, count=3)
    assert [(row.visitor, row.position) for row in page.visitors] == [
        ("v000003", 2),
        ("v000004", 3),
        ("v000005", 4),
    ]
    assert page.total == 5 and all(row.present for row in page.visitors)
    seated = await control.visitors(VIEWER, "shop", of="seated")
    assert {(row.visitor, row.where) for row in seated.visitors} == {
        ("v000000", "admitted"),
        ("v000001", "admitted"),
    }
    await room.claim("v000000")
    assert (await control.visitor(VIEWER, "shop", "v000000")).where == "on_site"
    assert (await control.visitors(VIEWER, "shop", of="parked")).total == 0
    assert (await control.visitors(VIEWER, "shop", start=10**6)).visitors == []
    for start, count in ((-1, 1), (0, 0), (0, 1_001)):
        with pytest.raises(RequestError):
            await control.visitors(VIEWER, "shop", start=start, count=count)


async def test_a_visitor_is_found_by_id_and_by_position(control: Control, room: Room) -> None:
    await control.change(OWNER, "shop", {"total_active_users": 0})
    await room.enter_many([(visitor, 0) for visitor in names(3)])
    assert (await control.visitor(VIEWER, "shop", "2")).visitor == "v000001"
    found = await control.visitor(VIEWER, "shop", "v000002")
    assert (found.position, found.where) == (3, "waiting")
    for nobody in ("4", "0", "nobody", "", "9" * 12, "²", "v000002 "):
        with pytest.raises(VisitorNotFoundError):
            await control.visitor(VIEWER, "shop", nobody)


async def test_who_is_removed_has_nothing_any_more_and_the_trail_says_who_did(
    control: Control, room: Room
) -> None:
    await control.change(OWNER, "shop", {"total_active_users": 1})
    await room.enter_many([(visitor, 0) for visitor in names(3)])
    for visitor in ("v000000", "v000001"):
        await control.remove(OPERATOR, "shop", visitor)
        with pytest.raises(VisitorNotFoundError):
            await control.remove(OPERATOR, "shop", visitor)
        assert (await control.visitor(VIEWER, "shop", visitor)).where == "gone"
    assert (await control.visitor(VIEWER, "shop", "1")).visitor == "v000002"
    page = await control.audit(VIEWER, "shop", count=2)
    told = [(entry.who, entry.changes[0].what, entry.changes[0].after) for entry in page.entries]
    assert told == [("bo", "remove", "v000001"), ("bo", "remove", "v000000")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"closed": True}, "room_closed"),
        ({"suspended": True}, "room_suspended"),
        ({"total_active_users": 0}, "no_free_seat"),
    ],
)
async def test_letting_in_says_why_it_cannot_be(
    control: Control, room: Room, changes: dict[str, object], code: str
) -> None:
    await control.change(OWNER, "shop", {"total_active_users": 0})
    await room.enter("ada")
    await control.change(OWNER, "shop", {"total_active_users": 5} | changes)
    with pytest.raises(AdmissionError) as refused:
        await control.let_in(OPERATOR, "shop", "ada")
    assert refused.value.code == code
    if code != "no_free_seat":
        with pytest.raises(AdmissionError):
            await control.admit_now(OPERATOR, "shop", 1)
    else:
        assert (await control.admit_now(OPERATOR, "shop", 1)).reason == "full"


async def test_figures_tell_who_is_there(control: Control, room: Room) -> None:
    assert (await control.figures(VIEWER, "shop")).state == "open"
    await control.change(OWNER, "shop", {"total_active_users": 1, "new_users_per_minute": 60})
    await room.enter_many([(visitor, 0) for visitor in names(4)])
    await control.message(OPERATOR, "shop", "Hi")  # the board is made anew
    found = await control.figures(VIEWER, "shop")
    assert (found.state, found.waiting, found.present, found.stale) == ("queueing", 3, 3, 0)
    assert (found.active, found.unclaimed, found.target_per_minute) == (1, 1, 60)
    assert [each.room for each in await control.all_figures(VIEWER)] == ["shop"]


async def test_health_says_what_answers_and_what_does_not(control: Control) -> None:
    found = await control.health(VIEWER)
    assert found.redis_ok and found.redis_ms is not None and found.memory_used
    assert (found.web, found.edges, found.workers) == ([], [], 0)
