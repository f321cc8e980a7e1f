"""The second factor: a code counts once, for a minute and a half; a recovery code once."""

import asyncio
from collections.abc import Awaitable, Callable
from xml.etree import ElementTree

import pyotp
import pytest
from pydantic import SecretStr

from tests.accounts.conftest import BACKENDS, CLI, PASSWORD, Clock, cheap
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import CodeNeededError, SecondFactorError, SignInError
from waitroom.accounts.signins import SignIn
from waitroom.config import Config
from waitroom.room import Store

Factor = Callable[[], Awaitable[tuple[pyotp.TOTP, list[str]]]]


@pytest.fixture
def factor(accounts: Accounts, ada: SignIn, clock: Clock) -> Factor:
    """Return a way to give ada a second factor; it returns her authenticator and her codes."""

    async def make() -> tuple[pyotp.TOTP, list[str]]:
        offer = await accounts.totp.begin(ada.who, PASSWORD)
        phone = pyotp.TOTP(offer.secret)
        codes, _ = await accounts.totp.confirm(ada.who, phone.at(clock.now_ms // 1000))
        clock.pass_s(60)
        return phone, codes

    return make


async def test_an_account_with_a_second_factor_asks_for_its_code(
    accounts: Accounts, factor: Factor, clock: Clock
) -> None:
    phone, _ = await factor()
    for code in ("", "  "):
        with pytest.raises(CodeNeededError):
            await accounts.sign_in("ada", PASSWORD, code)
    made = await accounts.sign_in("ada", PASSWORD, phone.at(clock.now_ms // 1000))
    found = await accounts.who_of_cookie(made.cookie)
    assert found is not None and found.totp


async def test_it_is_not_said_that_there_is_one_to_who_does_not_know_the_password(
    accounts: Accounts, factor: Factor, clock: Clock
) -> None:
    phone, codes = await factor()
    for code in ("", phone.at(clock.now_ms // 1000), codes[0]):
        with pytest.raises(SignInError):
            await accounts.sign_in("ada", "not the password", code)
    # And the codes were not used up by that.
    assert await accounts.sign_in("ada", PASSWORD, codes[0])


async def test_a_code_is_refused_when_it_is_played_again(
    accounts: Accounts, factor: Factor, clock: Clock
) -> None:
    phone, _ = await factor()
    code = phone.at(clock.now_ms // 1000)
    assert await accounts.sign_in("ada", PASSWORD, code)
    for _ in range(3):
        with pytest.raises(SignInError):
            await accounts.sign_in("ada", PASSWORD, code)
        clock.pass_s(15)


@pytest.mark.backends(*BACKENDS)
async def test_a_code_shown_by_two_at_once_lets_one_in(
    accounts: Accounts, factor: Factor, clock: Clock
) -> None:
    phone, codes = await factor()
    for code in (phone.at(clock.now_ms // 1000), codes[0]):
        results = await asyncio.gather(
            *(accounts.sign_in("ada", PASSWORD, code) for _ in range(3)), return_exceptions=True
        )
        kinds = sorted(type(result).__name__ for result in results)
        assert kinds == ["SignIn", "SignInError", "SignInError"]
        clock.pass_s(300)


async def test_the_code_that_confirmed_it_does_not_sign_in(
    accounts: Accounts, ada: SignIn, clock: Clock
) -> None:
    offer = await accounts.totp.begin(ada.who, PASSWORD)
    code = pyotp.TOTP(offer.secret).at(clock.now_ms // 1000)
    await accounts.totp.confirm(ada.who, code)
    with pytest.raises(SignInError):
        await accounts.sign_in("ada", PASSWORD, code)


async def test_an_older_code_is_refused_after_a_newer_one(
    accounts: Accounts, factor: Factor, clock: Clock
) -> None:
    phone, _ = await factor()
    now_s = clock.now_ms // 1000
    assert await accounts.sign_in("ada", PASSWORD, phone.at(now_s + 30))
    for at_s in (now_s, now_s - 30):
        with pytest.raises(SignInError):
            await accounts.sign_in("ada", PASSWORD, phone.at(at_s))


async def test_a_password_that_was_changed_meanwhile_signs_nobody_in(
    accounts: Accounts, factor: Factor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, codes = await factor()
    verify = accounts._passwords.verify

    async def slow(hashed: str, password: str, *, known: bool = False) -> bool:
        fits = await verify(hashed, password, known=known)
        link = await accounts.reset_link(CLI, "ada")
        monkeypatch.undo()
        await accounts.accept(link.value, "another long password")
        return fits

    monkeypatch.setattr(accounts._passwords, "verify", slow)
    with pytest.raises(SignInError):
        await accounts.sign_in("ada", PASSWORD, codes[0])


@pytest.mark.parametrize(("ahead_s", "fits"), [(-60, False), (-30, True), (30, True), (60, False)])
async def test_a_phone_may_be_half_a_minute_off(
    accounts: Accounts, factor: Factor, clock: Clock, ahead_s: int, fits: bool
) -> None:
    phone, _ = await factor()
    clock.pass_s(600)
    code = phone.at(clock.now_ms // 1000 + ahead_s)
    if fits:
        assert await accounts.sign_in("ada", PASSWORD, code)
    else:
        with pytest.raises(SignInError):
            await accounts.sign_in("ada", PASSWORD, code)


@pytest.mark.backends(*BACKENDS)
async def test_each_recovery_code_signs_in_once(
    accounts: Accounts, factor: Factor, clock: Clock
) -> None:
    _, codes = await factor()
    assert len(set(codes)) == 10
    for typed in (codes[0], codes[1].replace("-", " ").upper(), f" {codes[2].replace('-', '')} "):
        assert await accounts.sign_in("ada", PASSWORD, typed)
        with pytest.raises(SignInError):
            await accounts.sign_in("ada", PASSWORD, typed)
    assert (await accounts.account(CLI, "ada")).recovery_left == 7
    [row, *_] = await accounts.audit(CLI)
    assert (row.who, row.changes) == ("ada", {"recovery_codes": [8, 7]})


@pytest.mark.parametrize("code", ["0", "00000", "1234567", "x" * 10_000, "١٢٣٤٥٦", "\ud800", "-"])
async def test_an_odd_code_does_not_fit(accounts: Accounts, factor: Factor, code: str) -> None:
    await factor()
    with pytest.raises(SignInError):
        await accounts.sign_in("ada", PASSWORD, code)


async def test_it_counts_only_once_it_was_confirmed(accounts: Accounts, ada: SignIn) -> None:
    await accounts.totp.begin(ada.who, PASSWORD)
    assert await accounts.sign_in("ada", PASSWORD)
    with pytest.raises(SecondFactorError):
        await accounts.totp.confirm(ada.who, "000000x")
    assert await accounts.sign_in("ada", PASSWORD)


async def test_a_wrong_code_ends_the_offer_so_that_nobody_finds_one_by_trying(
    accounts: Accounts, ada: SignIn, clock: Clock
) -> None:
    offer = await accounts.totp.begin(ada.who, PASSWORD)
    code = pyotp.TOTP(offer.secret).at(clock.now_ms // 1000)
    for typed in ("000000" if code != "000000" else "000001", code):
        with pytest.raises(SecondFactorError):
            await accounts.totp.confirm(ada.who, typed)
    assert await accounts.sign_in("ada", PASSWORD)


@pytest.mark.backends(*BACKENDS)
async def test_whoever_is_signed_in_elsewhere_is_out_when_it_changes(
    accounts: Accounts, ada: SignIn, clock: Clock
) -> None:
    thief = await accounts.sign_in("ada", PASSWORD)

    async def only(own: SignIn, *others: SignIn) -> None:
        assert await accounts.who_of_cookie(own.cookie)
        for other in others:
            assert await accounts.who_of_cookie(other.cookie) is None

    offer = await accounts.totp.begin(ada.who, PASSWORD)
    await accounts.who_of_cookie(thief.cookie)
    codes, on = await accounts.totp.confirm(
        ada.who, pyotp.TOTP(offer.secret).at(clock.now_ms // 1000)
    )
    await only(on, ada, thief)
    thief = await accounts.sign_in("ada", PASSWORD, codes[0])
    # A code that was used ends nobody else's sign-in.
    assert await accounts.who_of_cookie(on.cookie)
    offer = await accounts.totp.begin(ada.who, PASSWORD)
    _, anew = await accounts.totp.confirm(
        ada.who, pyotp.TOTP(offer.secret).at(clock.now_ms // 1000)
    )
    await only(anew, on, thief)
    [row, *_] = await accounts.audit(CLI)
    assert row.changes == {"totp": ["set", "new"], "recovery_codes": [9, 10]}
    off = await accounts.totp.remove(ada.who, PASSWORD)
    await only(off, anew)
    [row, *_] = await accounts.audit(CLI)
    assert row.changes == {"totp": ["set", None], "recovery_codes": [10, 0]}
    thief = await accounts.sign_in("ada", PASSWORD)
    changed = await accounts.change_password(ada.who, PASSWORD, f"{PASSWORD} too")
    await only(changed, off, thief)


async def test_nothing_is_confirmed_that_was_not_begun(
    accounts: Accounts, ada: SignIn, factor: Factor, clock: Clock
) -> None:
    phone, _ = await factor()
    with pytest.raises(SecondFactorError):
        await accounts.totp.confirm(ada.who, phone.at(clock.now_ms // 1000))


async def test_it_is_begun_and_removed_by_who_knows_the_password(
    accounts: Accounts, ada: SignIn, factor: Factor, clock: Clock
) -> None:
    phone, _ = await factor()
    for work in (accounts.totp.begin, accounts.totp.remove):
        with pytest.raises(SignInError):
            await work(ada.who, "not the password")
    with pytest.raises(CodeNeededError):
        await accounts.sign_in("ada", PASSWORD)
    # A new one that is not confirmed leaves the one there is as it was.
    await accounts.totp.begin(ada.who, PASSWORD)
    assert await accounts.sign_in("ada", PASSWORD, phone.at(clock.now_ms // 1000))
    await accounts.totp.remove(ada.who, PASSWORD)
    assert await accounts.sign_in("ada", PASSWORD)
    assert (await accounts.account(CLI, "ada")).recovery_left == 0


async def test_a_reset_asks_for_the_code_all_the_same(
    accounts: Accounts, factor: Factor, clock: Clock
) -> None:
    phone, _ = await factor()
    link = await accounts.reset_link(CLI, "ada")
    assert await accounts.accept(link.value, "another long password") is None
    with pytest.raises(CodeNeededError):
        await accounts.sign_in("ada", "another long password")
    assert await accounts.sign_in("ada", "another long password", phone.at(clock.now_ms // 1000))


async def test_who_lost_phone_and_codes_gets_a_reset_without_it(
    accounts: Accounts, factor: Factor, clock: Clock
) -> None:
    phone, _ = await factor()
    thief = await accounts.sign_in("ada", PASSWORD, phone.at(clock.now_ms // 1000))
    assert await accounts.who_of_cookie(thief.cookie)
    link = await accounts.reset_link(CLI, "ada", drop_totp=True)
    # Whoever has the lost phone is out at once, and not when the link is used.
    assert await accounts.who_of_cookie(thief.cookie) is None
    assert await accounts.accept(link.value, "another long password")


async def test_it_goes_on_while_its_key_verifies_and_recovery_codes_after_that(
    accounts: Accounts, factor: Factor, store: Store, config: Config, clock: Clock
) -> None:
    phone, codes = await factor()
    old, new = config.secret_keys[0], SecretStr("test-key-of-at-least-32-characters-0002")

    def with_keys(*keys: SecretStr) -> Accounts:
        changed = config.model_copy(update={"secret_keys": keys})
        return Accounts(store, changed, passwords=cheap(), now_ms=clock)

    for rotated in (with_keys(new, old), with_keys(old, new)):
        clock.pass_s(60)
        assert await rotated.sign_in("ada", PASSWORD, phone.at(clock.now_ms // 1000))
    retired = with_keys(new)
    clock.pass_s(60)
    with pytest.raises(SignInError):
        await retired.sign_in("ada", PASSWORD, phone.at(clock.now_ms // 1000))
    assert await retired.sign_in("ada", PASSWORD, codes[0])


async def test_authenticators_can_read_it(accounts: Accounts, ada: SignIn) -> None:
    offer = await accounts.totp.begin(ada.who, PASSWORD)
    read = pyotp.parse_uri(offer.uri)
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.issuer, read.name) == (offer.secret, "Waitroom", "ada")
    assert len(read.byte_secret()) == 20
    picture = ElementTree.fromstring(offer.svg)
    assert picture.tag == "svg" and picture.get("viewBox")
    # Nothing that a strict Content-Security-Policy would refuse in a page.
    assert "style" not in offer.svg and "script" not in offer.svg
    assert offer.secret not in repr(offer)
