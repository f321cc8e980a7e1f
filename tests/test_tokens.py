"""Tokens are what ``tests/vectors/tokens.json`` says, in every implementation.

The vectors were made with nothing but HMAC and base64, so they pin the format and not only the
code; ``test_format_is_two_hmacs_and_base64url`` makes one that way again.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from waitroom.errors import (
    ConfigError,
    TokenError,
    TokenExpiredError,
    TokenForgedError,
    TokenMalformedError,
)
from waitroom.tokens import MAX_TOKEN_LENGTH, OriginProof, Pass, Ticket, Tokens

VECTORS = json.loads((Path(__file__).parent / "vectors" / "tokens.json").read_text())
ERRORS: dict[str, type[TokenError]] = {
    "malformed": TokenMalformedError,
    "forged": TokenForgedError,
    "expired": TokenExpiredError,
}
KEY = "k" * 32
VISITOR = "AAECAwQFBgcICQoLDA0ODw"


def _named(case: dict[str, Any]) -> str:
    return f"{case['kind']}: {case['name']}"


def _read(case: dict[str, Any]) -> Ticket | Pass | OriginProof:
    tokens = Tokens(case["keys"])
    if case["kind"] == "origin":
        return tokens.read_origin(case["token"], now_ms=case["now_ms"])
    if case["kind"] == "ticket":
        return tokens.read_ticket(case["token"], case["room"])
    return tokens.read_pass(case["token"], case["room"], epoch=case["epoch"], now_ms=case["now_ms"])


@pytest.mark.parametrize("case", VECTORS["sign"], ids=_named)
def test_signing_gives_the_pinned_token(case: dict[str, Any]) -> None:
    tokens = Tokens(case["keys"])
    if case["kind"] == "ticket":
        token = tokens.sign_ticket(Ticket(**case["fields"]))
    elif case["kind"] == "origin":
        token = tokens.sign_origin(OriginProof(**case["fields"]))
    else:
        token = tokens.sign_pass(Pass(**case["fields"]))
    assert token == case["token"]
    assert len(token) <= MAX_TOKEN_LENGTH


@pytest.mark.parametrize("case", VECTORS["read"], ids=_named)
def test_reading_gives_the_pinned_outcome(case: dict[str, Any]) -> None:
    if "fields" in case["expect"]:
        assert asdict(_read(case)) == case["expect"]["fields"]
        return
    with pytest.raises(TokenError) as caught:
        _read(case)
    assert type(caught.value) is ERRORS[case["expect"]["error"]]


def test_all_defects_look_alike_outside_and_hold_no_token() -> None:
    details = set()
    for case in VECTORS["read"]:
        if "error" not in case["expect"]:
            continue
        with pytest.raises(TokenError) as caught:
            _read(case)
        details.add((caught.value.detail, caught.value.code, caught.value.status))
        assert case["token"] == "" or case["token"] not in str(caught.value)
    assert len(details) == 1


def test_format_is_two_hmacs_and_base64url() -> None:
    payload = base64.urlsafe_b64encode(f"shop.{VISITOR}.7".encode()).rstrip(b"=")
    derived = hmac.digest(KEY.encode(), b"waitroom.ticket", hashlib.sha256)
    signature = base64.urlsafe_b64encode(hmac.digest(derived, payload, hashlib.sha256))
    expected = (payload + b"." + signature.rstrip(b"=")).decode()
    assert Tokens([KEY]).sign_ticket(Ticket("shop", VISITOR, 7)) == expected


def test_no_other_spelling_of_a_token_is_accepted() -> None:
    tokens = Tokens([KEY])
    token = tokens.sign_ticket(Ticket("shop", VISITOR, 7))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n\0%"
    for at in range(len(token)):
        for char in alphabet:
            changed = token[:at] + char + token[at + 1 :]
            if changed != token:
                with pytest.raises(TokenError):
                    tokens.read_ticket(changed, "shop")
    for char in alphabet:
        for longer in (char + token, token + char):
            with pytest.raises(TokenError):
                tokens.read_ticket(longer, "shop")


@pytest.mark.parametrize("keys", [[""], ["k" * 31], [KEY, ""], KEY, f"{KEY},{KEY}"])
def test_a_key_that_could_be_guessed_is_refused_at_start(keys: Any) -> None:
    with pytest.raises(ConfigError):
        Tokens(keys)


def test_signing_without_a_key_is_refused_at_start() -> None:
    with pytest.raises(ConfigError):
        Tokens([])
