"""The gate decides as ``tests/vectors/decisions.json`` says, in every implementation."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from waitroom.errors import SettingError
from waitroom.gate.decide import (
    Decision,
    Enter,
    Forward,
    Known,
    Splash,
    ToService,
    decide,
    entered,
)
from waitroom.gate.rooms import EdgeRoom, Rooms
from waitroom.gate.visit import Visit, merge_headers
from waitroom.room.settings import RoomSettings
from waitroom.tokens import Tokens

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "decisions.json").read_text())
TOKENS: dict[str, str] = VECTORS["tokens"]
NAMES = {token: f"@{name}" for name, token in TOKENS.items()}
# Longest name first: "@pass" also begins "@pass of epoch 4".
_NAME = re.compile("@(" + "|".join(map(re.escape, sorted(TOKENS, key=len, reverse=True))) + ")")


def _filled(text: str) -> str:
    return _NAME.sub(lambda found: TOKENS[found[1]], text)


def _visit(case: dict[str, Any]) -> Visit:
    shown = case["visit"]
    headers = {name: _filled(value) for name, value in shown["headers"].items()}
    return Visit(**shown | {"headers": headers}, now_ms=VECTORS["now_ms"])


def _known(case: dict[str, Any]) -> Known:
    told = VECTORS["rooms"].get(case["rooms"])
    rooms = None if told is None else Rooms(EdgeRoom.model_validate(room) for room in told)
    renewed = {_filled(old): _filled(new) for old, new in case.get("renewed", {}).items()}
    return Known(rooms, case.get("away_since_ms"), renewed)


def _plain(decision: Decision) -> dict[str, Any]:
    """Return a decision in the form of the vectors."""
    match decision:
        case Forward(page=page, reason=reason, room=room, renew=renew, token=token):
            plain = {"kind": "forward", "reason": reason, "room": room, "page": page}
            return plain | {"renew": renew} | ({"pass": token} if token else {})
        case ToService(page=page):
            return {"kind": "service", "page": page}
        case Enter(page=page, room=room, ticket=ticket, splash=splash, lapsed=lapsed):
            plain = {"kind": "enter", "room": room, "page": page, "ticket": ticket}
            plain |= {"pass": lapsed} if lapsed else {}
            return plain | {"answer": splash.answer, "location": splash.location}
    fields = {name: getattr(decision, name) for name in decision.__slots__}
    return {"kind": type(decision).__name__.lower()} | fields


def _expected(case: dict[str, Any]) -> dict[str, Any]:
    tokens = {name: case["expect"].get(name) for name in ("pass", "ticket")}
    named = {name: _filled(value) for name, value in tokens.items() if value is not None}
    return dict(case["expect"]) | named


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_decision_is_the_pinned_one(case: dict[str, Any]) -> None:
    decision = decide(_visit(case), _known(case), Tokens(VECTORS["keys"]))
    assert _plain(decision) == _expected(case)


def test_vectors_use_every_token_and_every_set_of_rooms() -> None:
    text = json.dumps(VECTORS["cases"])
    assert [name for name in TOKENS if f"@{name}" not in text] == []
    used = {case["rooms"] for case in VECTORS["cases"]}
    assert used - {"unknown"} == set(VECTORS["rooms"])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("admitted", "forward"),
        ("suspended", "forward"),
        ("waiting", "splash"),
        ("closed", "splash"),
    ],
)
def test_the_service_has_the_last_word_in_an_open_room(status: Any, kind: str) -> None:
    splash = Splash("shop", "redirect", "/__waitroom/shop?return_to=%2Fshop", issue_ticket=True)
    decision = entered(Enter("/shop", "shop", None, splash), status)
    assert _plain(decision)["kind"] == kind
    if isinstance(decision, Splash):
        # The service has given the ticket; a second one would be a second place.
        assert not decision.issue_ticket
        assert decision.closed == (status == "closed")


def test_no_decision_shows_a_token_when_it_is_printed() -> None:
    for case in VECTORS["cases"]:
        decision = decide(_visit(case), _known(case), Tokens(VECTORS["keys"]))
        printed = repr((_visit(case), decision, _known(case)))
        assert [name for token, name in NAMES.items() if token in printed] == []


def test_headers_sent_twice_are_joined_as_http_says() -> None:
    pairs = [(b"Cookie", b"a=1"), (b"accept", b"x"), (b"cookie", b"a=2"), (b"Accept", b"y")]
    assert merge_headers(pairs) == {"cookie": "a=1; a=2", "accept": "x, y"}
    assert Visit("GET", "", "/", headers=merge_headers(pairs)).cookies("a") == ["1", "2"]


def test_an_edge_reads_every_setting_an_owner_can_make() -> None:
    settings = RoomSettings().changed(
        {
            "routes": [{"host": "a.example", "path": "/x%zz"}, {"path": "/shop"}],
            "bypass": [{"network": "10.0.0.0/8"}, {"header": "x", "value": "y" * 16}],
            "when_unavailable": {"action": "open"},
            "message": "Hello",
        }
    )
    told = settings.model_dump(mode="json") | {"name": "shop", "queueing": True, "new": 1}
    room = EdgeRoom.model_validate(told)
    assert room.when_unavailable.action == "open"
    assert room.routes[1].path == "/shop"


def test_a_bypass_network_with_host_bits_is_refused_when_it_is_set() -> None:
    with pytest.raises(SettingError):
        RoomSettings().changed({"bypass": [{"network": "10.0.0.1/8"}]})
