"""What a request shows: tickets and passes, in cookies whose attributes keep them safe."""

from http.cookies import Morsel, SimpleCookie

import pytest

from tests.conftest import SECRET_KEY
from waitroom.errors import TokenExpiredError, TokenForgedError, TokenMissingError
from waitroom.identity import (
    cookies,
    pass_cookie,
    pass_cookie_name,
    read_pass,
    read_ticket,
    ticket_cookie,
    ticket_cookie_name,
)
from waitroom.tokens import Pass, Ticket, Tokens

TOKENS = Tokens([SECRET_KEY])
VISITOR = "AAAAAAAAAAAAAAAAAAAAAA"
TICKET = Ticket("shop", VISITOR, 1_800_000_000_000_000)
PASS = Pass("shop", VISITOR, 1_800_000_000_000, 0)
T0 = PASS.deadline_ms - 1_000


def test_each_room_has_cookies_of_its_own() -> None:
    names = {name(room) for name in (ticket_cookie_name, pass_cookie_name) for room in ("a", "b")}
    assert names == {
        "waitroom_ticket_a",
        "waitroom_ticket_b",
        "waitroom_pass_a",
        "waitroom_pass_b",
    }


def test_of_several_tickets_the_first_that_verifies_counts() -> None:
    other = Tokens(["x" * 32]).sign_ticket(TICKET)
    good = TOKENS.sign_ticket(TICKET)
    assert read_ticket(TOKENS, "shop", ["garbage", other, good]) == TICKET


def test_all_cookies_of_one_name_are_looked_at() -> None:
    name = ticket_cookie_name("shop")
    jar = cookies(f"{name}=old; other=1; {name}={TOKENS.sign_ticket(TICKET)}")
    assert read_ticket(TOKENS, "shop", jar.getlist(name)) == TICKET


@pytest.mark.parametrize("header", [None, "", ";;;", "=", "a", "\x00=\xff", "x" * 10_000])
def test_a_broken_cookie_header_holds_no_ticket(header: str | None) -> None:
    shown = cookies(header).getlist(ticket_cookie_name("shop"))
    with pytest.raises(TokenMissingError):
        read_ticket(TOKENS, "shop", shown)


def test_the_first_defect_is_the_one_that_is_named() -> None:
    other_room = TOKENS.sign_ticket(Ticket("fair", VISITOR, 1))
    with pytest.raises(TokenForgedError):
        read_ticket(TOKENS, "shop", [other_room, "garbage"])


def test_a_pass_is_read_past_those_that_do_not_count() -> None:
    ended = TOKENS.sign_pass(Pass("shop", VISITOR, T0 - 10_000, 0))
    good = TOKENS.sign_pass(PASS)
    assert read_pass(TOKENS, "shop", ["", ended, good], epoch=0, now_ms=T0) == PASS


def test_without_a_pass_that_counts_there_is_none() -> None:
    shown = [TOKENS.sign_pass(PASS), TOKENS.sign_ticket(TICKET)]
    assert read_pass(TOKENS, "shop", shown, epoch=1, now_ms=T0) is None
    with pytest.raises(TokenExpiredError):
        TOKENS.read_pass(shown[0], "shop", epoch=1, now_ms=T0)


@pytest.mark.parametrize("kind", ["ticket", "pass"])
def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(kind: str) -> None:
    found = _cookie(kind, "token", secure=True)
    assert (found.value, found["path"]) == ("token", "/")
    assert found["httponly"] and found["secure"]
    assert found["samesite"] == "Lax"
    assert found["domain"] == ""


@pytest.mark.parametrize("kind", ["ticket", "pass"])
def test_a_cookie_on_plain_http_is_not_secure(kind: str) -> None:
    assert not _cookie(kind, "token", secure=False)["secure"]


@pytest.mark.parametrize("kind", ["ticket", "pass"])
def test_an_empty_token_deletes_the_cookie(kind: str) -> None:
    found = _cookie(kind, "", secure=False)
    assert (found.value, found["max-age"]) == ("", "0")


def test_a_browser_keeps_a_pass_one_session_longer_than_the_seat_lasts() -> None:
    # So that a slow reader still shows the pass whose renewal the gate knows.
    assert _cookie("pass", "token", secure=True)["max-age"] == "360"


def _cookie(kind: str, token: str, *, secure: bool) -> Morsel[str]:
    if kind == "ticket":
        value = ticket_cookie("shop", token, secure=secure)
    else:
        value = pass_cookie("shop", token, left_ms=60_000, session_duration_s=300, secure=secure)
    return SimpleCookie(value)[f"waitroom_{kind}_shop"]
