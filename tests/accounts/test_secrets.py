"""Nothing that opens a door stands in Redis in clear, in a log or in a message."""

import base64
from typing import Any

import pyotp
import pytest
import structlog

from tests.accounts.conftest import BACKENDS, CLI, PASSWORD, Clock
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.signins import csrf_token
from waitroom.errors import WaitroomError
from waitroom.room import Store

ADDRESS = "198.51.100.77"
NEW_PASSWORD = "another long password"


@pytest.mark.backends(*BACKENDS)
async def test_nothing_secret_is_in_redis_in_clear(
    accounts: Accounts, store: Store, clock: Clock
) -> None:
    secrets, told = await a_day(accounts, clock)
    held = b"\n".join([line async for line in everything(store)])
    assert b"argon2id" in held and b"cli root" in held, "Redis was not read"
    for secret in [*secrets, ADDRESS]:
        for shape in shapes(secret):
            assert shape not in held, "a secret is in Redis"
    for secret in secrets:
        assert not any(secret in line for line in told), "a secret is in a message or a trail"


async def test_nothing_secret_is_in_a_log(accounts: Accounts, clock: Clock, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    with structlog.testing.capture_logs() as entries:
        secrets, _ = await a_day(accounts, clock)
    written = caplog.text + repr(entries)
    assert not any(secret in written for secret in [*secrets, ADDRESS])


def shapes(secret: str) -> list[bytes]:
    """Return what a secret may look like where it should not be."""
    raw = secret.encode()
    found = [raw, base64.b64encode(raw).rstrip(b"="), raw.hex().encode()]
    try:
        # An authenticator's secret, as its bytes.
        found += [base64.b32decode(raw), base64.b32decode(raw).hex().encode()]
    except ValueError:
        pass
    return found


async def a_day(accounts: Accounts, clock: Clock) -> tuple[list[str], list[str]]:
    """Do everything once; return what is secret, and what was said meanwhile."""
    first = await accounts.first_link()
    assert first is not None
    ada = await accounts.accept(first.value, PASSWORD, "ada")
    assert ada is not None
    offer = await accounts.totp.begin(ada.who, PASSWORD)
    phone = pyotp.TOTP(offer.secret)
    confirming = phone.at(clock.now_ms // 1000)
    codes, _ = await accounts.totp.confirm(ada.who, confirming)
    clock.pass_s(60)
    again = await accounts.sign_in("ada", PASSWORD, codes[0], ADDRESS, browser=ada.browser)
    changed = await accounts.change_password(again.who, PASSWORD, NEW_PASSWORD)
    invited = await accounts.invite(ada.who, "bob", "viewer")
    reset = await accounts.reset_link(CLI, "ada")
    token = await accounts.tokens.make(ada.who, "deploy", "owner", life_s=600)
    assert await accounts.who_of_token(token.value)
    told = []
    for work in (
        accounts.sign_in("ada", "a wrong password", codes[1], ADDRESS),
        accounts.sign_in("typed password here", NEW_PASSWORD, "", ADDRESS),
        accounts.sign_in("ada", NEW_PASSWORD, codes[0], ADDRESS),
        accounts.accept(first.value, "short"),
        accounts.accept(reset.value, "ada"),
        accounts.totp.confirm(ada.who, confirming),
        accounts.change_password(ada.who, NEW_PASSWORD, "short"),
    ):
        try:
            await work
        except WaitroomError as e:
            told += [str(e), e.detail, repr(e)]
    assert len(told) == 3 * 7
    told += [repr(await accounts.audit(CLI)), repr(await accounts.accounts(CLI))]
    told += [repr(each) for each in (first, ada, offer, again, changed, invited, reset, token)]
    secrets = [
        *(PASSWORD, NEW_PASSWORD, "a wrong password", "typed password here"),
        *(made.cookie for made in (ada, again, changed)),
        *(csrf_token(made.cookie) for made in (ada, again, changed)),
        *(made.browser for made in (ada, again, changed)),
        *(link.value for link in (first, invited, reset)),
        *(offer.secret, offer.uri, *codes, *(code.replace("-", "") for code in codes)),
        *(token.value, token.value.removeprefix("wrt_")),
    ]
    return secrets, told


async def everything(store: Store) -> Any:
    """Yield all keys of Redis, and all that they hold."""
    more = {"target_nodes": "primaries"} if store.kind == "cluster" else {}
    for key in await store.redis.keys("*", **more):
        yield key
        kind = await store.redis.type(key)
        if kind == b"string":
            yield await store.redis.get(key)
        elif kind == b"set":
            for member in await store.redis.smembers(key):
                yield member
        elif kind == b"hash":
            for name, value in (await store.redis.hgetall(key)).items():
                yield name + b" " + value
        elif kind == b"stream":
            yield repr(await store.redis.xrange(key)).encode()
        else:
            raise AssertionError(f"{key!r} is a {kind!r}")
