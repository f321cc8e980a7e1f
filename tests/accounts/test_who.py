"""What each role may, in its rooms and elsewhere."""

import pytest

from waitroom.accounts.who import ROLES, Role, Who
from waitroom.errors import ForbiddenError

SHOP = frozenset({"shop"})
#: Role and rooms -> what may be done in the room shop, in another room, and everywhere.
ALLOWED: dict[tuple[Role, frozenset[str] | None], tuple[str, str, str]] = {
    ("viewer", None): ("v", "v", "v"),
    ("operator", None): ("vo", "vo", "vo"),
    ("owner", None): ("voo", "voo", "voo"),
    ("viewer", SHOP): ("v", "", "v"),
    ("operator", SHOP): ("vo", "", "v"),
    ("owner", SHOP): ("voo", "", "v"),
    ("owner", frozenset()): ("", "", "v"),
}


@pytest.mark.parametrize(("role", "rooms"), ALLOWED)
@pytest.mark.parametrize(("place", "room"), [(0, "shop"), (1, "fair"), (2, None)])
def test_roles_reach_as_far_as_they_should(
    role: Role, rooms: frozenset[str] | None, place: int, room: str | None
) -> None:
    who = Who("ada", role, rooms)
    for n, needed in enumerate(ROLES):
        allowed = n < len(ALLOWED[role, rooms][place])
        assert who.can(needed, room) == allowed
        if allowed:
            who.require(needed, room)
        else:
            with pytest.raises(ForbiddenError) as raised:
                who.require(needed, room)
            assert (raised.value.status, raised.value.code) == (403, "forbidden")
            assert "ada" in raised.value.detail and needed in raised.value.detail


def test_rooms_of_tomorrow_are_seen_by_who_sees_all() -> None:
    assert Who("ada", "viewer").sees("anything")
    assert not Who("ada", "owner", frozenset()).sees("anything")
    assert Who("ada", "viewer", SHOP).sees("shop")


def test_the_trail_calls_somebody_by_name() -> None:
    assert str(Who("token deploy", "viewer")) == "token deploy"
