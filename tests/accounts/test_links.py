"""Links to set a password: one each, once, for an hour."""

import asyncio

import pytest

from tests.accounts.conftest import BACKENDS, CLI, PASSWORD, Clock
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import (
    AccountExistsError,
    AccountNameError,
    AccountNotFoundError,
    LinkError,
    PasswordError,
    SignInError,
)
from waitroom.accounts.links import LIFE_MS
from waitroom.accounts.signins import SignIn
from waitroom.accounts.who import Who
from waitroom.room import Store


async def test_the_first_owner_comes_in_by_a_link(accounts: Accounts) -> None:
    assert not await accounts.has_owner()
    link = await accounts.first_link()
    assert link is not None
    made = await accounts.accept(link.value, PASSWORD, " Ada ")
    assert made is not None and made.who == Who("ada", "owner", None)
    assert await accounts.who_of_cookie(made.cookie)
    assert await accounts.has_owner()


async def test_there_is_no_first_link_once_there_is_an_owner(
    accounts: Accounts, ada: SignIn
) -> None:
    assert await accounts.first_link() is None


async def test_who_was_invited_and_never_came_is_no_owner(accounts: Accounts) -> None:
    await accounts.invite(CLI, "ada")
    assert await accounts.first_link() is not None


@pytest.mark.backends(*BACKENDS)
async def test_a_first_link_is_worth_nothing_once_there_is_an_owner(accounts: Accounts) -> None:
    # Two web processes that start side by side print one each.
    one, other = await accounts.first_link(), await accounts.first_link()
    assert one and other
    results = await asyncio.gather(
        accounts.accept(one.value, PASSWORD, "ada"),
        accounts.accept(other.value, PASSWORD, "eve"),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["LinkError", "SignIn"]
    assert len(await accounts.accounts(CLI)) == 1


async def test_a_first_link_takes_no_name_that_is_there(accounts: Accounts) -> None:
    link = await accounts.first_link()
    assert link is not None
    await accounts.invite(CLI, "ada", "viewer")
    with pytest.raises(AccountExistsError):
        await accounts.accept(link.value, PASSWORD, "ada")
    assert await accounts.accept(link.value, PASSWORD, "grace")


async def test_the_value_stands_where_no_server_sees_it(accounts: Accounts) -> None:
    link = await accounts.invite(CLI, "ada")
    assert link.address("https://q.example/") == (f"https://q.example/console/welcome#{link.value}")
    assert link.value not in repr(link)


async def test_a_link_works_once(accounts: Accounts) -> None:
    link = await accounts.invite(CLI, "ada")
    assert await accounts.accept(link.value, PASSWORD)
    with pytest.raises(LinkError):
        await accounts.accept(link.value, "another long password")
    assert await accounts.sign_in("ada", PASSWORD)


@pytest.mark.backends(*BACKENDS)
async def test_a_link_used_by_two_at_once_works_for_one(accounts: Accounts) -> None:
    link = await accounts.invite(CLI, "ada")
    results = await asyncio.gather(
        *(accounts.accept(link.value, f"password number {n}") for n in range(5)),
        return_exceptions=True,
    )
    assert [type(result) for result in results].count(SignIn) == 1
    assert [type(result) for result in results].count(LinkError) == 4


async def test_a_link_ends_after_an_hour(accounts: Accounts, clock: Clock) -> None:
    link, other = await accounts.invite(CLI, "ada"), await accounts.invite(CLI, "bob")
    clock.now_ms += LIFE_MS - 1
    assert await accounts.accept(link.value, PASSWORD)
    clock.now_ms += 1
    with pytest.raises(LinkError):
        await accounts.accept(other.value, PASSWORD)


async def test_a_newer_link_replaces_the_older_one(accounts: Accounts) -> None:
    old = await accounts.invite(CLI, "ada", "operator", ["shop"])
    new = await accounts.invite(CLI, "ada", "operator", ["shop"])
    with pytest.raises(LinkError):
        await accounts.accept(old.value, PASSWORD)
    made = await accounts.accept(new.value, PASSWORD)
    assert made is not None and made.who == Who("ada", "operator", frozenset({"shop"}))


async def test_a_link_of_a_deleted_account_is_worth_nothing(accounts: Accounts) -> None:
    link = await accounts.invite(CLI, "bob")
    await accounts.delete(CLI, "bob")
    with pytest.raises(LinkError):
        await accounts.accept(link.value, PASSWORD)
    await accounts.invite(CLI, "bob")
    with pytest.raises(LinkError):
        await accounts.accept(link.value, PASSWORD)


@pytest.mark.parametrize("value", ["", "x", "x" * 43, "x" * 10_000, "\ud800", "*", "\0"])
async def test_an_odd_link_is_worth_nothing(accounts: Accounts, value: str) -> None:
    with pytest.raises(LinkError):
        await accounts.accept(value, PASSWORD, "ada")


async def test_a_bad_password_leaves_the_link_as_it_is(accounts: Accounts) -> None:
    link = await accounts.invite(CLI, "grace.hopper")
    for password in ("short", "grace.hopper"):
        with pytest.raises(PasswordError):
            await accounts.accept(link.value, password)
    assert await accounts.accept(link.value, PASSWORD)


@pytest.mark.parametrize(
    "name",
    ["", " ", "-ada", "a da", "cli root", "token x", "a" * 65, "ä", "a\nb", "<b>", "a/b", "*"],
)
async def test_a_hostile_name_is_refused(accounts: Accounts, name: str) -> None:
    link = await accounts.first_link()
    assert link is not None
    for attempt in (accounts.invite(CLI, name), accounts.accept(link.value, PASSWORD, name)):
        with pytest.raises(AccountNameError):
            await attempt
    assert await accounts.accounts(CLI) == []


async def test_an_account_with_a_password_gets_no_second_invitation(
    accounts: Accounts, ada: SignIn
) -> None:
    with pytest.raises(AccountExistsError):
        await accounts.invite(CLI, "ada", "viewer")
    assert (await accounts.account(CLI, "ada")).role == "owner"


async def test_a_reset_counts_once_it_is_used(accounts: Accounts, ada: SignIn) -> None:
    link = await accounts.reset_link(CLI, "ada")
    assert await accounts.who_of_cookie(ada.cookie), "somebody else's link ended a sign-in"
    assert await accounts.sign_in("ada", PASSWORD)
    made = await accounts.accept(link.value, "another long password")
    assert made is not None
    assert await accounts.who_of_cookie(ada.cookie) is None
    assert await accounts.who_of_cookie(made.cookie)
    with pytest.raises(SignInError):
        await accounts.sign_in("ada", PASSWORD)


async def test_changing_the_password_ends_a_link_that_waits(
    accounts: Accounts, ada: SignIn
) -> None:
    link = await accounts.reset_link(CLI, "ada")
    await accounts.change_password(ada.who, PASSWORD, "another long password")
    with pytest.raises(LinkError):
        await accounts.accept(link.value, "a password of a thief")


async def test_nobody_unknown_gets_a_reset(accounts: Accounts) -> None:
    with pytest.raises(AccountNotFoundError):
        await accounts.reset_link(CLI, "nobody")


@pytest.mark.backends(*BACKENDS)
async def test_an_account_takes_the_time_of_redis_when_no_test_gives_one(
    accounts: Accounts, clock: Clock
) -> None:
    accounts._times._now_ms = None
    link = await accounts.invite(CLI, "ada")
    made = await accounts.accept(link.value, PASSWORD)
    assert made is not None
    assert await accounts.who_of_cookie(made.cookie)
    assert await accounts.sign_in("ada", PASSWORD)
    token = await accounts.tokens.make(CLI, "deploy", "viewer", life_s=60)
    assert await accounts.who_of_token(token.value)
    assert made.until_ms > clock.now_ms


async def test_after_a_loss_of_all_data_nobody_gets_in_by_what_they_have(
    accounts: Accounts, store: Store
) -> None:
    unused, first = await accounts.first_link(), await accounts.first_link()
    assert unused and first
    made = await accounts.accept(first.value, PASSWORD, "ada")
    assert made is not None
    token = await accounts.tokens.make(made.who, "ci", "owner")
    reset = await accounts.reset_link(CLI, "ada")
    await store.redis.flushall()
    assert await accounts.who_of_cookie(made.cookie) is None
    assert await accounts.who_of_token(token.value) is None
    with pytest.raises(SignInError):
        await accounts.sign_in("ada", PASSWORD, browser=made.browser)
    # Only who can reach Redis makes a link.
    for value in (unused.value, first.value, reset.value, "", "x" * 43):
        with pytest.raises(LinkError):
            await accounts.accept(value, PASSWORD, "eve")
    assert not await accounts.has_owner()
