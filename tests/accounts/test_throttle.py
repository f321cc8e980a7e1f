"""Who tries passwords is held up; the owner whose password it is comes in all the same."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from tests.accounts.conftest import BACKENDS, CLI, PASSWORD, Clock, Enter
from tests.web.helpers import eventually_true
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import BusyError, SignInError, ThrottledError
from waitroom.accounts.passwords import AT_ONCE, WAITING_MAX, Passwords
from waitroom.accounts.signins import SignIn
from waitroom.accounts.throttle import (
    ADDRESS_FREE,
    ADDRESS_LIFE_MS,
    FREE,
    network,
)
from waitroom.room import Store

Guess = Callable[..., Awaitable[int]]


@pytest.fixture
def guess(accounts: Accounts) -> Guess:
    """Return a way to try a wrong password; it returns the seconds to wait, 0 if it was tried."""

    async def attempt(name: str = "ada", address: str = "198.51.100.7", **more: Any) -> int:
        try:
            await accounts.sign_in(name, "not the password", "", address, **more)
        except SignInError:
            return 0
        except ThrottledError as e:
            return e.retry_after_s
        raise AssertionError("a wrong password signed in")

    return attempt


@pytest.mark.backends(*BACKENDS)
@pytest.mark.parametrize("name", ["ada", "nobody"])
async def test_delays_grow_whether_the_account_is_there_or_not(
    ada: SignIn, guess: Guess, clock: Clock, name: str
) -> None:
    waits = []
    for n in range(FREE + 12):
        while wait_s := await guess(name, f"198.51.100.{n}"):
            waits.append(wait_s)
            clock.pass_s(wait_s)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_a_thousand_addresses_try_no_more_than_one(
    ada: SignIn, guess: Guess, clock: Clock
) -> None:
    tried = 0
    for n in range(1_000):
        tried += not await guess("ada", f"10.0.{n // 256}.{n % 256}")
        clock.pass_s(1)
    assert tried <= 20


@pytest.mark.backends(*BACKENDS)
async def test_attempts_made_at_once_are_counted_too(ada: SignIn, guess: Guess) -> None:
    waits = await asyncio.gather(*(guess() for _ in range(30)))
    assert waits.count(0) == FREE + 1


async def test_the_right_password_has_to_wait_as_well(
    accounts: Accounts, ada: SignIn, guess: Guess, clock: Clock
) -> None:
    while not await guess():
        pass
    with pytest.raises(ThrottledError):
        await accounts.sign_in("ada", PASSWORD)
    clock.pass_s(1)
    assert await accounts.sign_in("ada", PASSWORD)


async def test_who_knocks_while_waiting_does_not_wait_longer(
    ada: SignIn, guess: Guess, clock: Clock
) -> None:
    while not (wait_s := await guess()):
        pass
    for _ in range(50):
        assert await guess() == wait_s
    clock.pass_s(wait_s)
    assert await guess() == 0


async def test_signing_in_starts_the_count_anew(
    accounts: Accounts, ada: SignIn, guess: Guess
) -> None:
    for _ in range(4):
        for n in range(FREE - 1):
            assert await guess("ada", f"198.51.100.{n}") == 0
        await accounts.sign_in("ada", PASSWORD)


async def test_a_known_browser_comes_in_while_an_attacker_keeps_the_name_busy(
    accounts: Accounts, ada: SignIn, guess: Guess, clock: Clock
) -> None:
    for n in range(200):
        await guess("ada", f"198.51.100.{n}")
        clock.pass_s(10)
    with pytest.raises(ThrottledError):
        await accounts.sign_in("ada", PASSWORD, "", "203.0.113.1")
    made = await accounts.sign_in("ada", PASSWORD, "", "203.0.113.1", browser=ada.browser)
    assert await accounts.sign_in("ada", PASSWORD, "", "203.0.113.1", browser=made.browser)


async def test_a_known_browser_comes_in_from_an_address_that_is_held_up(
    accounts: Accounts, ada: SignIn, guess: Guess, clock: Clock
) -> None:
    for n in range(60):
        await guess(f"name{n}")
    with pytest.raises(ThrottledError):
        await accounts.sign_in("ada", PASSWORD, "", "198.51.100.7")
    assert await accounts.sign_in("ada", PASSWORD, "", "198.51.100.7", browser=ada.browser)


async def test_a_known_browser_gets_no_further_than_a_stranger(
    ada: SignIn, guess: Guess, clock: Clock
) -> None:
    waits = [await guess("ada", f"198.51.100.{n}", browser=ada.browser) for n in range(40)]
    assert waits.count(0) == FREE + 1


async def test_a_browser_is_known_for_its_own_name_and_half_a_year(
    accounts: Accounts, ada: SignIn, guess: Guess, enter: Enter, clock: Clock
) -> None:
    bob = await enter("bob")
    while not await guess("ada"):
        pass
    forged = [bob.browser, ada.browser.replace(".", ".x", 1), "x", "x" * 10_000, "\ud800", "."]
    for browser in forged:
        assert await guess("ada", "203.0.113.1", browser=browser) > 0, browser
    assert await guess("ada", "203.0.113.1", browser=ada.browser) == 0
    clock.pass_s(181 * 86_400)
    assert accounts._browsers.read(ada.browser, "ada", clock.now_ms) == ""


async def test_who_is_locked_out_comes_in_by_a_link(
    accounts: Accounts, ada: SignIn, guess: Guess
) -> None:
    while not await guess():
        pass
    link = await accounts.reset_link(CLI, "ada")
    made = await accounts.accept(link.value, "another long password")
    assert made is not None
    # From then on this browser is known.
    assert await accounts.sign_in("ada", "another long password", "", browser=made.browser)


async def test_one_address_that_tries_many_names_is_held_up(
    accounts: Accounts, ada: SignIn, guess: Guess
) -> None:
    waits = [await guess(f"name{n}") for n in range(60)]
    assert waits.count(0) == ADDRESS_FREE + 1
    assert await accounts.sign_in("ada", PASSWORD, "", "203.0.113.1")


@pytest.mark.backends(*BACKENDS)
async def test_an_account_of_ones_own_buys_no_attempts_on_others(
    accounts: Accounts, enter: Enter, ada: SignIn, guess: Guess
) -> None:
    await enter("eve", "viewer")
    tried = 0
    for n in range(60):
        tried += not await guess(f"name{n}")
        try:
            await accounts.sign_in("eve", PASSWORD, "", "198.51.100.7")
        except ThrottledError:
            break
    assert tried == ADDRESS_FREE + 1


async def test_a_whole_office_signs_in_from_one_address(accounts: Accounts, enter: Enter) -> None:
    for n in range(2 * ADDRESS_FREE):
        await enter(f"person{n}", "viewer")
        assert await accounts.sign_in(f"person{n}", PASSWORD, "", "203.0.113.1")


async def test_passwords_asked_for_again_are_throttled_too(accounts: Accounts, ada: SignIn) -> None:
    for _ in range(FREE + 1):
        with pytest.raises(SignInError):
            await accounts.change_password(ada.who, "not the password", "another long password")
    for work in (
        accounts.change_password(ada.who, PASSWORD, "another long password"),
        accounts.totp.begin(ada.who, PASSWORD),
        accounts.totp.remove(ada.who, PASSWORD),
    ):
        with pytest.raises(ThrottledError):
            await work
    # A thief of the cookie keeps nobody from signing in.
    assert await accounts.sign_in("ada", PASSWORD)


async def test_codes_are_throttled_like_passwords(
    accounts: Accounts, ada: SignIn, clock: Clock
) -> None:
    offer = await accounts.totp.begin(ada.who, PASSWORD)
    await accounts.totp.confirm(ada.who, pyotp.TOTP(offer.secret).at(clock.now_ms // 1000))
    tried = 0
    for n in range(30):
        try:
            await accounts.sign_in("ada", PASSWORD, f"{n:06}")
        except SignInError:
            tried += 1
        except ThrottledError:
            pass
    assert tried == FREE + 1


@pytest.mark.backends(*BACKENDS)
async def test_addresses_are_kept_as_keyed_digests_and_no_longer_than_a_day(
    ada: SignIn, guess: Guess, store: Store, clock: Clock
) -> None:
    address = "198.51.100.7"
    await guess("typed-into-the-wrong-field", address)
    keys = await all_keys(store)
    assert not any(address in key or "typed-into" in key for key in keys)
    lives = {key: await store.redis.pttl(key) for key in keys if ":attempts:" in key}
    assert len(lives) == 2 and all(0 < life_ms <= ADDRESS_LIFE_MS for life_ms in lives.values())
    # The address is what is kept longer; more attempts do not keep it for longer still.
    kept = max(lives, key=lambda key: lives[key])
    await store.redis.pexpire(kept, 5_000)
    await guess("another", address)
    assert await store.redis.pttl(kept) <= 5_000


async def all_keys(store: Store) -> list[str]:
    if store.kind != "cluster":
        return [key.decode() for key in await store.redis.keys("*")]
    found = await store.redis.keys("*", target_nodes="primaries")
    return [key.decode() for key in found]


async def test_a_clock_that_is_set_back_locks_nobody_out(
    accounts: Accounts, ada: SignIn, guess: Guess, clock: Clock
) -> None:
    while not await guess():
        pass
    clock.pass_s(-86_400)
    assert await accounts.sign_in("ada", PASSWORD)


class Counting(PasswordHasher):
    """Counts what is verified, and with what it costs."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1, hash_len=4, salt_len=8)
        self.costs: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        """Verify, and note the parameters."""
        self.costs.append(str(hash).rsplit("$", 2)[0])
        return super().verify(hash, password)


async def test_an_unknown_name_costs_the_same_hash_as_a_known_one(
    accounts: Accounts, ada: SignIn
) -> None:
    hasher = Counting()
    accounts._passwords = Passwords(hasher)
    await accounts.invite(CLI, "invited")
    costs = set()
    for name, password in [
        ("ada", "not the password"),
        ("nobody", "not the password"),
        ("no such\nname", "not the password"),
        ("invited", "not the password"),
        ("ada", "x" * 5_000),
        ("nobody", "x" * 5_000),
        ("ada", PASSWORD),
    ]:
        hasher.costs.clear()
        try:
            await accounts.sign_in(name, password, "", name)
        except SignInError:
            pass
        costs.add(tuple(hasher.costs))
    assert costs == {("$argon2id$v=19$m=8,t=1,p=1",)}


async def test_passwords_are_hashed_off_the_event_loop_and_few_at_once() -> None:
    release = threading.Event()
    inside: list[str] = []

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            inside.append(threading.current_thread().name)
            assert release.wait(30)
            return super().hash(password, salt=salt)

    passwords = Passwords(Slow.from_parameters(CHEAPEST))
    tasks = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(AT_ONCE + WAITING_MAX)]
    await eventually_true(lambda: len(inside) == AT_ONCE)
    with pytest.raises(BusyError):
        await passwords.hash(PASSWORD)
    with pytest.raises(BusyError):
        await passwords.verify("", PASSWORD)
    assert len(inside) == AT_ONCE and all(name.startswith("argon2") for name in inside)
    # One that was given up leaves its place only when its turn has come.
    tasks[-1].cancel()
    release.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(each, str) for each in done) >= AT_ONCE + WAITING_MAX - 1
    assert await passwords.hash(PASSWORD)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 1_000, "x" * 64),
    ],
)
def test_what_one_person_has_of_addresses_counts_as_one(address: str, counted: str) -> None:
    assert network(address) == counted
