"""Signing in and out: whoever fits gets in, and every defect looks alike."""

import pytest
from argon2 import PasswordHasher

from tests.accounts.conftest import BACKENDS, CLI, PASSWORD, Clock, Enter
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.digests import digest
from waitroom.accounts.errors import PasswordError, SignInError
from waitroom.accounts.keys import sign_in
from waitroom.accounts.passwords import Passwords
from waitroom.accounts.signins import ABSOLUTE_MS, IDLE_MS, SignIn, csrf_fits, csrf_token
from waitroom.accounts.who import Who
from waitroom.config import Config
from waitroom.room import Store


async def test_the_right_password_signs_in(accounts: Accounts, ada: SignIn) -> None:
    made = await accounts.sign_in("ada", PASSWORD)
    assert made.who == Who("ada", "owner", None)
    found = await accounts.who_of_cookie(made.cookie)
    assert found is not None and found.who == made.who and not found.totp


async def test_a_name_is_the_same_in_any_case_and_with_spaces_around(
    accounts: Accounts, ada: SignIn
) -> None:
    assert (await accounts.sign_in("  Ada ", PASSWORD)).who.name == "ada"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", PASSWORD + "x"),
        ("ada", ""),
        ("ada", "x" * 5_000),
        ("ada", "\ud800" * 12),
        ("ada", "a password that nobody has"),
        ("eve", PASSWORD),
        ("", PASSWORD),
        ("__proto__", PASSWORD),
        ("a" * 100_000, PASSWORD),
        ("ada\n", PASSWORD + "\0"),
        ("\ud800", PASSWORD),
    ],
)
async def test_every_defect_looks_alike(
    accounts: Accounts, ada: SignIn, name: str, password: str
) -> None:
    with pytest.raises(SignInError) as raised:
        await accounts.sign_in(name, password)
    assert raised.value.detail == SignInError().detail


async def test_an_account_whose_link_was_not_used_has_no_password(
    accounts: Accounts, ada: SignIn
) -> None:
    await accounts.invite(CLI, "bob")
    for password in ("", "a password that nobody has"):
        with pytest.raises(SignInError):
            await accounts.sign_in("bob", password)


async def test_each_sign_in_has_a_value_of_its_own(accounts: Accounts, ada: SignIn) -> None:
    again = await accounts.sign_in("ada", PASSWORD)
    assert len({ada.cookie, again.cookie}) == 2
    assert await accounts.who_of_cookie(ada.cookie)


async def test_a_stolen_cookie_is_worth_nothing_after_sign_out(
    accounts: Accounts, ada: SignIn
) -> None:
    await accounts.sign_out(ada.cookie)
    assert await accounts.who_of_cookie(ada.cookie) is None
    await accounts.sign_out(ada.cookie)


async def test_signing_out_leaves_other_sign_ins_alone(accounts: Accounts, ada: SignIn) -> None:
    phone = await accounts.sign_in("ada", PASSWORD)
    await accounts.sign_out(ada.cookie)
    assert await accounts.who_of_cookie(phone.cookie)


@pytest.mark.backends(*BACKENDS)
async def test_signing_out_everywhere_ends_all(accounts: Accounts, ada: SignIn) -> None:
    phone = await accounts.sign_in("ada", PASSWORD)
    await accounts.sign_out_everywhere(ada.who, "ada")
    for cookie in (ada.cookie, phone.cookie):
        assert await accounts.who_of_cookie(cookie) is None
    assert await accounts.sign_in("ada", PASSWORD)


@pytest.mark.backends(*BACKENDS)
async def test_a_sign_in_that_is_not_used_ends(
    accounts: Accounts, ada: SignIn, clock: Clock
) -> None:
    clock.pass_s(IDLE_MS / 1000 - 1)
    assert await accounts.who_of_cookie(ada.cookie)
    clock.pass_s(IDLE_MS / 1000 - 1)
    assert await accounts.who_of_cookie(ada.cookie), "its use was not noted"
    clock.pass_s(IDLE_MS / 1000)
    assert await accounts.who_of_cookie(ada.cookie) is None
    clock.pass_s(-1_000)
    assert await accounts.who_of_cookie(ada.cookie) is None, "it came back"


async def test_what_a_page_does_by_itself_keeps_no_sign_in_alive(
    accounts: Accounts, ada: SignIn, clock: Clock
) -> None:
    clock.pass_s(IDLE_MS / 1000 - 1)
    assert await accounts.who_of_cookie(ada.cookie, touch=False)
    clock.pass_s(1)
    assert await accounts.who_of_cookie(ada.cookie, touch=False) is None


async def test_a_sign_in_ends_after_twelve_hours_however_much_it_is_used(
    accounts: Accounts, ada: SignIn, clock: Clock
) -> None:
    step_s = 20 * 60
    for _ in range(ABSOLUTE_MS // 1000 // step_s - 1):
        clock.pass_s(step_s)
        assert await accounts.who_of_cookie(ada.cookie)
    clock.pass_s(step_s)
    assert await accounts.who_of_cookie(ada.cookie) is None


@pytest.mark.backends(*BACKENDS)
async def test_redis_forgets_a_sign_in_by_itself(
    accounts: Accounts, ada: SignIn, store: Store, clock: Clock
) -> None:
    key = sign_in(digest(ada.cookie))
    assert 0 < await store.redis.pttl(key) <= IDLE_MS
    for _ in range(35):
        clock.pass_s(20 * 60)
        await accounts.who_of_cookie(ada.cookie)
    # The last one is shorter: what is left of twelve hours.
    assert 0 < await store.redis.pttl(key) <= 20 * 60_000


@pytest.mark.backends(*BACKENDS)
async def test_another_password_ends_all_sign_ins_and_begins_a_new_one(
    accounts: Accounts, ada: SignIn
) -> None:
    phone = await accounts.sign_in("ada", PASSWORD)
    made = await accounts.change_password(ada.who, PASSWORD, "another long password")
    for cookie in (ada.cookie, phone.cookie):
        assert await accounts.who_of_cookie(cookie) is None
    assert await accounts.who_of_cookie(made.cookie)
    with pytest.raises(SignInError):
        await accounts.sign_in("ada", PASSWORD)
    assert await accounts.sign_in("ada", "another long password")


async def test_who_does_not_know_the_password_cannot_change_it(
    accounts: Accounts, ada: SignIn
) -> None:
    with pytest.raises(SignInError):
        await accounts.change_password(ada.who, "not the password", "another long password")
    assert await accounts.sign_in("ada", PASSWORD)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "x" * 11,
        "x" * 1_025,
        "é" * 513,
        "ﷺ" * 60,
        "\ud800" * 12,
        "Grace.Hopper",
        "grace.hopper ",
    ],
)
async def test_a_password_that_is_not_good_enough_is_refused(
    accounts: Accounts, enter: Enter, password: str
) -> None:
    made = await enter("grace.hopper")
    with pytest.raises(PasswordError):
        await accounts.change_password(made.who, PASSWORD, password)


@pytest.mark.parametrize("password", ["x" * 12, "x" * 1_024, "пароль из слов", "🔑" * 12])
async def test_a_good_password_is_taken(accounts: Accounts, ada: SignIn, password: str) -> None:
    await accounts.change_password(ada.who, PASSWORD, password)
    assert await accounts.sign_in("ada", password)


async def test_a_character_written_in_two_ways_is_the_same(accounts: Accounts, ada: SignIn) -> None:
    await accounts.change_password(ada.who, PASSWORD, "caf\u00e9 caf\u00e9 caf\u00e9")
    assert await accounts.sign_in("ada", "cafe\u0301 cafe\u0301 cafe\u0301")


async def test_a_password_is_hashed_anew_when_the_parameters_change(
    accounts: Accounts, ada: SignIn, store: Store, config: Config, clock: Clock
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = Accounts(store, config, passwords=Passwords(stronger), now_ms=clock)
    assert await later.sign_in("ada", PASSWORD)
    record = await later._book.get("ada")
    assert record.password.startswith("$argon2id$v=19$m=16,t=2,p=1$")
    assert await later.sign_in("ada", PASSWORD)
    # Nobody's decision: sign-ins go on, and the trail says nothing.
    assert await later.who_of_cookie(ada.cookie)
    assert len(await later.audit(CLI)) == 2


async def test_passwords_are_hashed_with_argon2id_as_rfc_9106_recommends() -> None:
    hashed = await Passwords().hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_csrf_token_fits_its_own_sign_in_only(ada: SignIn) -> None:
    token = csrf_token(ada.cookie)
    assert csrf_fits(ada.cookie, token)
    assert token not in ada.cookie and ada.cookie not in token
    for shown in ("", token[:-1], token + "0", ada.cookie, csrf_token(ada.cookie + "x"), "ü"):
        assert not csrf_fits(ada.cookie, shown)


def test_a_sign_in_hides_its_values(ada: SignIn) -> None:
    assert ada.cookie not in repr(ada) and ada.browser not in repr(ada)
