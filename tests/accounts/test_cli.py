"""`waitroom owners`: accounts and API tokens from the command line, and the first link."""

import asyncio
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.accounts.conftest import PASSWORD, cheap
from tests.conftest import Processes, Run
from waitroom.accounts.accounts import Accounts
from waitroom.accounts.errors import LinkError
from waitroom.accounts.signins import SignIn
from waitroom.accounts.welcome import console_base, welcome
from waitroom.config import Config
from waitroom.room import Store


@pytest.fixture
def run(command: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command about owners, as root of the machine."""
    monkeypatch.setenv("LOGNAME", "root")
    return partial(command, "owners")


def answer(result: tuple[int, str, str]) -> Any:
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


def accept(config: Config, address: str, name: str = "") -> SignIn | None:
    """Open a link as a browser would, and choose a password."""

    async def open_link() -> SignIn | None:
        assert config.redis_url is not None
        store = Store.connect(config.redis_url)
        try:
            value = address.strip().partition("#")[2]
            return await Accounts(store, config, passwords=cheap()).accept(value, PASSWORD, name)
        finally:
            await store.close()

    return asyncio.run(open_link())


def test_accounts_are_made_listed_changed_and_deleted(run: Run, config: Config) -> None:
    code, link, said = run("invite", "ada")
    assert code == 0 and "within an hour" in said
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/console/welcome#[A-Za-z0-9_-]{43}\n", link)
    made = accept(config, link)
    assert made is not None and made.who.rooms is None
    invited = answer(run("invite", "bob", "--role", "operator", "--room", "shop", "--json"))
    assert invited["name"] == "bob" and invited["link"].startswith("http")
    listed = answer(run("list", "--json"))["accounts"]
    assert [(each["name"], each["role"], each["rooms"], each["active"]) for each in listed] == [
        ("ada", "owner", None, True),
        ("bob", "operator", ["shop"], False),
    ]
    assert "has not used the link" in run("list")[1]
    # What is not said does not become all rooms.
    assert run("role", "bob", "viewer")[:2] == (0, "bob is viewer of shop.\n")
    code, again, _ = run("invite", "bob")
    assert code == 0 and again != invited["link"]
    assert [(each["role"], each["rooms"]) for each in answer(run("list", "--json"))["accounts"]][
        1
    ] == ("viewer", ["shop"])
    assert run("role", "bob", "viewer", "--all-rooms", "--room", "shop")[0] == 2
    assert run("role", "bob", "viewer", "--all-rooms")[:2] == (0, "bob is viewer of all rooms.\n")
    # Only the first one is an owner by itself.
    assert run("invite", "eve")[0] == 2
    assert run("delete", "bob", "--yes")[0] == 0
    rows = answer(run("audit", "--json"))["changes"]
    assert {row["who"] for row in rows} == {"cli root", "ada"}
    assert "viewer" in run("audit")[1]


def test_the_last_owner_stays(run: Run, config: Config) -> None:
    accept(config, run("invite", "ada")[1])
    for command in (("delete", "ada", "--yes"), ("role", "ada", "viewer")):
        code, _, err = run(*command)
        assert code == 1 and err.startswith("error [last_owner]: ")


def test_a_reset_gives_another_password(run: Run, config: Config) -> None:
    accept(config, run("invite", "ada")[1])
    assert "account_exists" in run("invite", "ada")[2]
    assert accept(config, answer(run("reset-password", "ada", "--json"))["link"])
    assert run("reset-password", "nobody")[2].startswith("error [account_not_found]: ")


def test_tokens_are_made_listed_and_revoked(run: Run, config: Config) -> None:
    code, value, said = run("tokens", "make", "deploy", "--role", "operator", "--room", "shop")
    assert code == 0 and value.startswith("wrt_") and "not shown again" in said
    made = answer(run("tokens", "make", "read", "--days", "30", "--json"))
    assert made["value"].startswith("wrt_") and made["role"] == "viewer"
    assert made["expires_ms"] == made["made_ms"] + 30 * 86_400_000
    listed = answer(run("tokens", "list", "--json"))["tokens"]
    assert [(each["name"], each["counts"]) for each in listed] == [("deploy", True), ("read", True)]
    assert "wrt_" not in run("tokens", "list")[1]
    assert run("tokens", "revoke", "deploy")[0] == 0
    assert run("tokens", "revoke", "deploy")[2].startswith("error [account_not_found]: ")


def test_odd_words_are_refused(run: Run) -> None:
    assert run("invite", "a b")[2].startswith("error [bad_name]: ")
    assert run("invite", "ada", "--role", "king")[0] == 2
    assert "There are no accounts" in run("list")[1]
    assert "There are no API tokens" in run("tokens", "list")[1]


async def test_the_first_link_is_said_until_there_is_an_owner(
    accounts: Accounts, config: Config
) -> None:
    said = await welcome(config, screen=True)
    found = re.search(r"http://127\.0\.0\.1:8000/console/welcome#(\S+)", said)
    assert found
    assert await accounts.accept(found[1], PASSWORD, "ada")
    assert await welcome(config, screen=True) == ""
    with pytest.raises(LinkError):
        await accounts.accept(found[1], PASSWORD, "eve")


async def test_no_link_is_made_where_no_person_looks(config: Config, store: Store) -> None:
    assert await welcome(config, screen=False) == ""
    assert await store.redis.keys("*") == []


async def test_nothing_waits_for_a_redis_that_is_away(config: Config) -> None:
    away = config.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    assert await welcome(away, screen=True) == ""


@pytest.mark.parametrize(
    ("changes", "base"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "0.0.0.0", "port": 81}, "http://127.0.0.1:81"),
        ({"host": "::1"}, "http://[::1]:8000"),
        ({"service_url": "https://queue.example.com"}, "https://queue.example.com"),
    ],
)
def test_the_link_leads_to_where_the_console_is(
    config: Config, changes: dict[str, Any], base: str
) -> None:
    assert console_base(config.model_copy(update=changes)) == base


def test_a_web_process_writes_no_link_into_its_log(
    processes: Processes, until: Callable[..., None], free_port: Callable[[], int]
) -> None:
    web = processes.start("web", "--port", str(free_port()))
    until(lambda: "web_starting" in processes.output(web))
    processes.stop(web)
    said = processes.output(web)
    assert "no_owner_yet" in said and "waitroom owners invite NAME" in said
    assert "welcome#" not in said and "Traceback" not in said


def test_a_token_counts_whose_maker_is_a_user_without_a_name(
    run: Run, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert run("tokens", "make", "deploy")[0] == 0
    [token] = answer(run("tokens", "list", "--json"))["tokens"]
    assert token["counts"] and token["by"] == ""
