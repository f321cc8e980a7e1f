"""Accounts are made, changed and deleted by owners of all rooms; one of them always stays."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.accounts.conftest import BACKENDS, CLI, PASSWORD, Enter
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import AccountNotFoundError, AccountsFullError, LastOwnerError
from waitroom.accounts.keys import ACCOUNTS, CHIEFS, TOKENS
from waitroom.accounts.scripts import MOST
from waitroom.accounts.signins import SignIn
from waitroom.accounts.who import Role, Who
from waitroom.errors import ForbiddenError, StoreError
from waitroom.room import Store

Work = Callable[[Accounts, Who], Awaitable[Any]]
BUSINESS_OF_OWNERS: dict[str, Work] = {
    "invite": lambda accounts, who: accounts.invite(who, "eve"),
    "reset_link": lambda accounts, who: accounts.reset_link(who, "ada"),
    "accounts": lambda accounts, who: accounts.accounts(who),
    "account": lambda accounts, who: accounts.account(who, "ada"),
    "change": lambda accounts, who: accounts.change(who, "bob", "owner", None),
    "delete": lambda accounts, who: accounts.delete(who, "bob"),
    "sign_out_everywhere": lambda accounts, who: accounts.sign_out_everywhere(who, "ada"),
    "audit": lambda accounts, who: accounts.audit(who),
    "tokens.make": lambda accounts, who: accounts.tokens.make(who, "eve", "owner"),
    "tokens.list": lambda accounts, who: accounts.tokens.list(who),
    "tokens.revoke": lambda accounts, who: accounts.tokens.revoke(who, "deploy"),
}


@pytest.mark.parametrize("name", BUSINESS_OF_OWNERS)
@pytest.mark.parametrize(
    ("role", "rooms"),
    [("viewer", None), ("operator", None), ("owner", frozenset({"shop"})), ("owner", frozenset())],
)
async def test_nobody_but_an_owner_of_all_rooms_touches_accounts_and_tokens(
    accounts: Accounts,
    ada: SignIn,
    enter: Enter,
    name: str,
    role: Role,
    rooms: frozenset[str] | None,
) -> None:
    bob = await enter("bob", role, rooms)
    await accounts.tokens.make(ada.who, "deploy", "viewer")
    rows = await accounts.audit(CLI)
    with pytest.raises(ForbiddenError):
        await BUSINESS_OF_OWNERS[name](accounts, bob.who)
    assert await accounts.audit(CLI) == rows
    assert await accounts.who_of_cookie(ada.cookie)
    # What is asked is not refused to everybody.
    await BUSINESS_OF_OWNERS[name](accounts, ada.who)


@pytest.mark.parametrize(
    ("role", "rooms"),
    [("viewer", None), ("operator", None), ("owner", ["shop"]), ("operator", ["shop", "fair"])],
)
async def test_another_role_counts_at_once_and_ends_sign_ins(
    accounts: Accounts, ada: SignIn, enter: Enter, role: Role, rooms: list[str] | None
) -> None:
    bob = await enter("bob")
    await accounts.change(ada.who, "bob", role, rooms)
    assert await accounts.who_of_cookie(bob.cookie) is None
    again = await accounts.sign_in("bob", PASSWORD)
    assert again.who == Who("bob", role, None if rooms is None else frozenset(rooms))
    assert await accounts.who_of_cookie(ada.cookie)


async def test_a_change_to_what_it_is_already_ends_nothing(accounts: Accounts, ada: SignIn) -> None:
    await accounts.change(CLI, "ada", "owner", None)
    assert await accounts.who_of_cookie(ada.cookie)
    assert len(await accounts.audit(CLI)) == 2


async def test_a_deleted_account_is_signed_out_at_once(
    accounts: Accounts, ada: SignIn, enter: Enter
) -> None:
    bob = await enter("bob")
    await accounts.delete(ada.who, "bob")
    assert await accounts.who_of_cookie(bob.cookie) is None
    # A new one of the same name inherits nothing.
    await enter("bob", "viewer")
    assert await accounts.who_of_cookie(bob.cookie) is None
    assert [account.name for account in await accounts.accounts(CLI)] == ["ada", "bob"]


@pytest.mark.parametrize(("role", "rooms"), [("operator", None), ("owner", ["shop"])])
async def test_the_last_owner_can_be_neither_deleted_nor_demoted(
    accounts: Accounts, ada: SignIn, enter: Enter, role: Role, rooms: list[str] | None
) -> None:
    await enter("bob", "operator")
    await enter("eve", "owner", frozenset({"shop"}))
    await accounts.invite(CLI, "late")
    for work in (
        accounts.delete(ada.who, "ada"),
        accounts.change(CLI, "ada", role, rooms),
    ):
        with pytest.raises(LastOwnerError):
            await work
    assert await accounts.who_of_cookie(ada.cookie)
    await enter("grace")
    await accounts.delete(ada.who, "ada")


@pytest.mark.backends(*BACKENDS)
async def test_owners_who_delete_each_other_at_once_leave_one(
    accounts: Accounts, enter: Enter, store: Store
) -> None:
    names = [f"owner{n}" for n in range(6)]
    signed_in = [await enter(name) for name in names]
    results = await asyncio.gather(
        *(accounts.delete(made.who, name) for made in signed_in[:1] for name in names),
        *(accounts.change(signed_in[1].who, name, "viewer", None) for name in names),
        return_exceptions=True,
    )
    kinds = {type(result) for result in results if isinstance(result, Exception)}
    assert LastOwnerError in kinds
    assert kinds <= {LastOwnerError, AccountNotFoundError}
    owners = [each for each in await accounts.accounts(CLI) if each.role == "owner"]
    assert len(owners) == 1
    assert await store.redis.smembers(CHIEFS) == {owners[0].name.encode()}


@pytest.mark.backends(*BACKENDS)
async def test_changes_made_at_once_are_all_made(accounts: Accounts, ada: SignIn) -> None:
    await accounts.invite(CLI, "bob", "viewer")
    roles: list[Role] = ["operator", "owner", "viewer"]
    await asyncio.gather(*(accounts.change(CLI, "bob", role, None) for role in roles))
    rows = [row.changes["role"] for row in await accounts.audit(CLI) if "role" in row.changes]
    # Each row begins where the one before it ended.
    bobs = [change for change in rows[::-1] if change != [None, "owner"]]
    assert all(one[1] == other[0] for one, other in zip(bobs, bobs[1:], strict=False))


async def test_nobody_unknown_is_changed(accounts: Accounts) -> None:
    for work in (
        accounts.change(CLI, "nobody", "viewer", None),
        accounts.delete(CLI, "nobody"),
        accounts.sign_out_everywhere(CLI, "nobody"),
        accounts.account(CLI, "no\nbody"),
        accounts.tokens.revoke(CLI, "nobody"),
    ):
        with pytest.raises(AccountNotFoundError):
            await work


async def test_accounts_are_shown_without_anything_secret(accounts: Accounts, ada: SignIn) -> None:
    await accounts.invite(CLI, "bob", "operator", ["shop", "fair", "shop"])
    found = {account.name: account for account in await accounts.accounts(ada.who)}
    assert found["ada"].active and found["ada"].last_in_ms == found["ada"].made_ms
    assert not found["bob"].active and found["bob"].last_in_ms is None
    assert found["bob"].rooms == ("fair", "shop")
    assert "argon2" not in repr(found)


async def test_the_trail_says_who_changed_what_from_what(accounts: Accounts, ada: SignIn) -> None:
    await accounts.invite(ada.who, "bob", "viewer", ["shop"])
    await accounts.change(ada.who, "bob", "operator", None)
    await accounts.sign_out_everywhere(ada.who, "ada")
    await accounts.delete(CLI, "bob")
    rows = await accounts.audit(CLI)
    assert [(row.who, row.about, row.changes) for row in rows] == [
        (
            "cli root",
            "bob",
            {"role": ["operator", None], "rooms": ["all", None],
             "recovery_codes": [0, None], "link": ["set", None]},
        ),
        ("ada", "ada", {"sign_ins": ["open", "ended"]}),
        ("ada", "bob", {"role": ["viewer", "operator"], "rooms": [["shop"], "all"]}),
        (
            "ada",
            "bob",
            {"role": [None, "viewer"], "rooms": [None, ["shop"]],
             "recovery_codes": [None, 0], "link": [None, "new"]},
        ),
        ("ada", "ada", {"password": [None, "new"], "link": ["set", None]}),
        (
            "cli root",
            "ada",
            {"role": [None, "owner"], "rooms": [None, "all"],
             "recovery_codes": [None, 0], "link": [None, "new"]},
        ),
    ]  # fmt: skip


@pytest.mark.backends(*BACKENDS)
async def test_the_trail_is_read_page_by_page(accounts: Accounts, ada: SignIn) -> None:
    for n in range(5):
        await accounts.invite(CLI, f"bob{n}")
    everything = await accounts.audit(CLI)
    assert len(everything) == 7
    pages, before = [], ""
    while page := await accounts.audit(CLI, before=before, limit=3):
        pages.append(len(page))
        before = page[-1].id
    assert pages == [3, 3, 1]
    assert everything == sorted(everything, key=lambda row: row.at_ms, reverse=True)


async def test_there_are_not_more_accounts_and_tokens_than_there_may_be(
    accounts: Accounts, ada: SignIn, store: Store
) -> None:
    filler = {f"filler{n}": "{}" for n in range(MOST)}
    await store.redis.hset(ACCOUNTS, mapping=filler)
    await store.redis.hset(TOKENS, mapping=filler)
    for work in (accounts.invite(CLI, "late"), accounts.tokens.make(CLI, "late", "viewer")):
        with pytest.raises(AccountsFullError):
            await work


async def test_a_deletion_that_was_cut_off_is_finished_by_the_next(
    accounts: Accounts, ada: SignIn, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await enter("bob")
    made = await accounts.tokens.make(bob.who, "deploy", "owner")
    with monkeypatch.context() as patch:

        async def away(who: Who, maker: str) -> None:
            raise StoreError("Redis is away.")

        patch.setattr(accounts.tokens, "revoke_of", away)
        with pytest.raises(StoreError):
            await accounts.delete(ada.who, "bob")
    with pytest.raises(AccountNotFoundError):
        await accounts.delete(ada.who, "bob")
    await enter("bob")
    assert await accounts.who_of_token(made.value) is None
