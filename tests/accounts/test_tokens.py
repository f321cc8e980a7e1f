"""API tokens: shown once, kept as a digest, and worth what their maker is."""

import re
from typing import Any

import pytest

from tests.accounts.conftest import BACKENDS, CLI, Clock, Enter
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import AccountExistsError, AccountNameError, AccountNotFoundError
from waitroom.accounts.keys import USED
from waitroom.accounts.signins import SignIn
from waitroom.accounts.tokens import USED_EVERY_MS
from waitroom.accounts.who import Role, Who
from waitroom.errors import ForbiddenError
from waitroom.room import Store


async def test_a_token_says_who_it_is(accounts: Accounts, ada: SignIn) -> None:
    made = await accounts.tokens.make(ada.who, "deploy", "operator", rooms=["shop", "fair"])
    assert re.fullmatch(r"wrt_[A-Za-z0-9_-]{43}", made.value)
    assert made.value not in repr(made)
    found = await accounts.who_of_token(made.value)
    assert found == Who("token deploy", "operator", frozenset({"shop", "fair"}))
    assert (made.token.by, made.token.rooms, made.token.counts) == ("ada", ("fair", "shop"), True)


async def test_a_token_of_one_room_opens_no_other(accounts: Accounts, ada: SignIn) -> None:
    made = await accounts.tokens.make(ada.who, "deploy", "owner", rooms=["shop"])
    found = await accounts.who_of_token(made.value)
    assert found is not None
    found.require("owner", "shop")
    for room in ("fair", "sho", "shop2", ""):
        with pytest.raises(ForbiddenError):
            found.require("viewer", room)
    with pytest.raises(ForbiddenError):
        found.require("owner")


async def test_each_value_is_another_one_and_a_name_is_taken_once(
    accounts: Accounts, ada: SignIn
) -> None:
    one = await accounts.tokens.make(ada.who, "one", "viewer")
    two = await accounts.tokens.make(ada.who, "two", "viewer")
    assert one.value != two.value
    with pytest.raises(AccountExistsError):
        await accounts.tokens.make(ada.who, "one", "owner")
    found = await accounts.who_of_token(one.value)
    assert found is not None and found.role == "viewer"


async def test_a_revoked_token_counts_no_more(accounts: Accounts, ada: SignIn) -> None:
    old = await accounts.tokens.make(ada.who, "deploy", "viewer")
    await accounts.tokens.revoke(ada.who, "deploy")
    assert await accounts.who_of_token(old.value) is None
    with pytest.raises(AccountNotFoundError):
        await accounts.tokens.revoke(ada.who, "deploy")
    # Nor when another one has its name.
    new = await accounts.tokens.make(ada.who, "deploy", "viewer")
    assert await accounts.who_of_token(old.value) is None
    assert await accounts.who_of_token(new.value)


@pytest.mark.backends(*BACKENDS)
async def test_a_token_expires(accounts: Accounts, ada: SignIn, clock: Clock) -> None:
    made = await accounts.tokens.make(ada.who, "deploy", "viewer", life_s=60)
    clock.now_ms += 59_999
    assert await accounts.who_of_token(made.value)
    clock.now_ms += 1
    assert await accounts.who_of_token(made.value) is None
    [shown] = await accounts.tokens.list(ada.who)
    assert (shown.expires_ms, shown.counts) == (clock.now_ms, False)


@pytest.mark.backends(*BACKENDS)
async def test_its_last_use_is_written_once_a_minute(
    accounts: Accounts, ada: SignIn, clock: Clock, store: Store
) -> None:
    made = await accounts.tokens.make(ada.who, "deploy", "viewer")
    [shown] = await accounts.tokens.list(ada.who)
    assert shown.used_ms is None
    written: set[Any] = set()
    for _ in range(20):
        await accounts.who_of_token(made.value)
        written.add(await store.redis.hget(USED, "deploy"))
        clock.now_ms += USED_EVERY_MS // 10
    assert len(written) == 2
    [shown] = await accounts.tokens.list(ada.who)
    assert shown.used_ms is not None and shown.used_ms >= clock.now_ms - 2 * USED_EVERY_MS


@pytest.mark.backends(*BACKENDS)
@pytest.mark.parametrize("how", ["demoted", "fewer rooms", "deleted"])
async def test_a_token_ends_when_its_maker_is_no_owner_any_more(
    accounts: Accounts, ada: SignIn, enter: Enter, how: str
) -> None:
    bob = await enter("bob")
    token = await accounts.tokens.make(bob.who, "bobs", "owner")
    kept = await accounts.tokens.make(ada.who, "adas", "owner")
    # What a token makes is its maker's.
    robot = await accounts.who_of_token(token.value)
    assert robot is not None
    child = await accounts.tokens.make(robot, "child", "viewer")
    assert child.token.by == "bob"
    if how == "deleted":
        await accounts.delete(ada.who, "bob")
        await enter("bob")
    else:
        role: Role = "operator" if how == "demoted" else "owner"
        await accounts.change(ada.who, "bob", role, None if how == "demoted" else ["shop"])
    assert await accounts.who_of_token(token.value) is None
    assert await accounts.who_of_token(child.value) is None
    assert await accounts.who_of_token(kept.value)
    counting = {shown.name for shown in await accounts.tokens.list(ada.who) if shown.counts}
    assert counting == {"adas"}


async def test_a_token_made_on_the_command_line_belongs_to_nobody(
    accounts: Accounts, ada: SignIn
) -> None:
    made = await accounts.tokens.make(CLI, "deploy", "viewer")
    assert made.token.by == ""
    assert await accounts.who_of_token(made.value)


@pytest.mark.parametrize("change", ["", "wrt_", "x", "wrong case", "longer", "shorter", "\ud800"])
async def test_an_odd_token_is_nobodys(accounts: Accounts, ada: SignIn, change: str) -> None:
    value = (await accounts.tokens.make(ada.who, "deploy", "viewer")).value
    shown = {
        "wrong case": value.swapcase(),
        "longer": value + "x",
        "shorter": value[:-1],
    }.get(change, change)
    assert await accounts.who_of_token(shown) is None


@pytest.mark.parametrize("name", ["", "a b", "A", "x" * 41, "-x", "ä", "a\n", "token x"])
async def test_a_hostile_name_of_a_token_is_refused(
    accounts: Accounts, ada: SignIn, name: str
) -> None:
    with pytest.raises(AccountNameError):
        await accounts.tokens.make(ada.who, name, "viewer")


async def test_the_trail_tells_of_tokens(accounts: Accounts, ada: SignIn) -> None:
    await accounts.tokens.make(ada.who, "deploy", "operator", rooms=["shop"])
    await accounts.tokens.revoke(CLI, "deploy")
    token = {"role": "operator", "rooms": ["shop"], "expires_ms": None}
    rows = (await accounts.audit(CLI))[:2]
    assert [(row.who, row.about, row.changes) for row in rows] == [
        ("cli root", "token deploy", {"token": [token, None]}),
        ("ada", "token deploy", {"token": [None, token]}),
    ]
