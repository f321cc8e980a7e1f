"""The headers of the scripts say what their bodies do, as those of the engine's."""

import inspect
import re
from importlib.resources import files

import pytest

from tests.accounts.conftest import BACKENDS
from tests.room.test_scripts import assigned, numbered
from waitroom.accounts import keys
from waitroom.accounts.scripts import VERBS, Scripts, source
from waitroom.errors import StoreError
from waitroom.room import Store
from waitroom.room.loading import FLAGS

FOLDER = files("waitroom.accounts") / "scripts"


def split(verb: str) -> tuple[str, str]:
    header, body = source(verb).split("]]\n", 1)
    return header, body


def test_every_script_has_a_wrapper() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{verb}.lua" for verb in VERBS}
    for verb in VERBS:
        assert f"scripts/{verb}.lua" in (inspect.getdoc(getattr(Scripts, verb)) or "")


@pytest.mark.parametrize("verb", VERBS)
def test_header_and_body_name_the_same_arguments_and_use_them(verb: str) -> None:
    header, body = split(verb)
    for array in ("KEYS", "ARGV"):
        declared = {number: name for number, (name, _) in numbered(header, array).items()}
        assert declared == assigned(body, array)
        assert list(declared) == list(range(1, len(declared) + 1))
        assert len(re.findall(rf"{array}\[\d+\]", body)) == len(declared)
        for name in declared.values():
            assert len(re.findall(rf"\b{name}\b", body)) > 1, f"{verb} never uses {name}"


@pytest.mark.parametrize("verb", VERBS)
def test_header_says_what_comes_back_what_it_costs_and_who_calls(verb: str) -> None:
    header, body = split(verb)
    assert FLAGS.sub("", header).startswith(f"--[[\n{verb}: ")
    assert re.search(r"^RETURNS +\S", header, re.M)
    assert "COST     O(1)" in header
    assert f"CALLER   accounts/scripts.py {verb}()" in header
    assert len([line for line in body.splitlines() if line.strip()]) <= 60
    assert not re.search(r"KEYS'|SCAN|\bwhile\b|\brepeat\b|HGETALL|SMEMBERS", body)


def test_all_keys_share_a_hash_tag_that_no_room_has() -> None:
    named = [value for name, value in vars(keys).items() if name.isupper() and name[0] != "_"]
    named += [keys.sign_in("x"), keys.link("x"), keys.attempts("x")]
    assert len(set(named)) == len(named)
    assert {key.split("}")[0] for key in named} == {"waitroom:accounts:{@"}


@pytest.mark.backends(*BACKENDS)
async def test_what_is_of_a_wrong_type_is_an_error_of_the_store(store: Store) -> None:
    await store.redis.set(keys.ACCOUNTS, "no hash")
    with pytest.raises(StoreError):
        await Scripts(store).write("ada", b"", b"{}", chief=True)
