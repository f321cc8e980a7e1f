"""`waitroom alerts`, as it is typed."""

import io
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from waitroom.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Any) -> Run:
    monkeypatch.setenv("WAITROOM_REDIS_URL", redis_url)
    monkeypatch.chdir(tmp_path)

    def type_(*words: str, stdin: Any = None) -> tuple[int, str, str]:
        given = io.TextIOWrapper(io.BytesIO(orjson.dumps(stdin)))
        monkeypatch.setattr(sys, "stdin", given)
        code = main(["alerts", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return type_


def test_channels_are_made_listed_and_deleted_without_showing_a_secret(run: Run) -> None:
    hook = {"name": "pager", "kind": "webhook", "url": "https://hooks.example.com/s3cret"}
    code, out, _ = run("save", stdin=hook)
    assert code == 0 and "pager: webhook to https://hooks.example.com/…" in out
    assert "shown this once: whsec_" in out
    for words in (("list",), ("list", "--json")):
        code, out, _ = run(*words)
        assert code == 0 and "pager" in out and "s3cret" not in out and "whsec_" not in out
    assert run("delete", "pager")[0] == 0
    code, _, err = run("delete", "pager")
    assert (code, err) == (1, "error [channel_not_found]: There is no channel 'pager'.\n")


@pytest.mark.parametrize("stdin", [[], "x", {"name": "a", "kind": "slack", "url": "gopher://x"}])
def test_what_is_no_channel_is_one_line(run: Run, stdin: Any) -> None:
    code, _, err = run("save", stdin=stdin)
    assert code == 1 and err.startswith("error [bad_setting]: ") and err.count("\n") == 1
    assert "gopher" not in err


def test_a_test_says_what_went_wrong(run: Run) -> None:
    run("save", stdin={"name": "a", "kind": "slack", "url": "https://127.0.0.1:1/x"})
    code, _, err = run("test", "a")
    assert code == 1 and "private address: WAITROOM_ALERTS_ALLOW_NETWORKS" in err


def test_rules_are_changed_and_go_back_to_the_default(run: Run) -> None:
    code, _, err = run("rule", "wait", "limit=60", "--room", "shop")
    assert (code, err) == (1, "error [room_not_found]: There is no room 'shop'.\n")
    assert main(["rooms", "create", "shop"]) == 0
    assert "wait:shop" not in run("rules")[1]
    code, out, _ = run("rule", "wait", "limit=60", "urgent=true", "--room", "shop")
    assert code == 0 and orjson.loads(out)["limit"] == 60
    assert "wait:shop" in run("rules")[1]
    assert run("rule", "wait", "--room", "shop", "--default")[0] == 0
    assert "wait:shop" not in run("rules")[1]
    assert run("rule", "wait", "limit=never")[0] == 1


def test_state_and_what_was_given_up_are_shown(run: Run) -> None:
    code, out, _ = run("state")
    assert code == 0 and "Checked        never by nobody" in out
    assert orjson.loads(run("state", "--json")[1])["conditions"] == []
    assert run("dead")[0] == 0 and orjson.loads(run("dead", "--json")[1]) == []
    assert run("resend", "x")[2].startswith("error [alert_not_found]")
